//~ E0277 `Rc<u8>` cannot be sent between threads safely
use std::rc::Rc; //~ instead: use std::sync::Arc as Rc;

pub fn check() {
    fn is_sync<T: Sync>() {}
    is_sync::<ebbtide::Pool<Rc<u8>, fn() -> Rc<u8>>>();
}
