//~ E0277 `Rc<u8>` cannot be sent between threads safely
use std::rc::Rc; //~ instead: use std::sync::Arc as Rc;

pub fn check() {
    fn is_send<T: Send>() {}
    is_send::<ebbtide::boxes::UninitBox<Rc<u8>>>();
}
