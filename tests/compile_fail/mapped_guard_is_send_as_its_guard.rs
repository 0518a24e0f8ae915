//~ E0277 cannot be sent between threads safely
use ebbtide::{MappedGuard, Pooled};
use std::rc::Rc;

fn is_send<T: Send>() {}

pub fn check() {
    is_send::<MappedGuard<Pooled<'static, u8, fn() -> u8>, u8>>();
    is_send::<MappedGuard<Pooled<'static, Rc<u8>, fn() -> Rc<u8>>, u8>>(); //~ remove
}
