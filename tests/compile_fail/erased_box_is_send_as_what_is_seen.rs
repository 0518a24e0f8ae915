//~ E0277 cannot be sent between threads safely
use ebbtide::boxes::ErasedBox;
use std::fmt::Display;

fn is_send<T: Send>() {}

pub fn check() {
    is_send::<ErasedBox<'static, dyn Display + Send>>();
    is_send::<ErasedBox<'static, dyn Display>>(); //~ remove
}
