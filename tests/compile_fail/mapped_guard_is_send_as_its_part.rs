//~ E0277 cannot be sent between threads safely
use ebbtide::{MappedGuard, Pooled};
use std::fmt::Display;

fn is_send<T: Send>() {}

pub fn check() {
    is_send::<MappedGuard<Pooled<'static, u8>, dyn Display + Send>>();
    is_send::<MappedGuard<Pooled<'static, u8>, dyn Display>>(); //~ remove
}
