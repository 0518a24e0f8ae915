//~ E0599 `Rc<u8>: Send`
use std::rc::Rc; //~ instead: use std::sync::Arc as Rc;

pub fn take(pool: &ebbtide::Pool<Rc<u8>, fn() -> Rc<u8>>) {
    drop(pool.get());
}
