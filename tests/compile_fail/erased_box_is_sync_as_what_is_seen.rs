//~ E0277 cannot be shared between threads safely
use ebbtide::boxes::ErasedBox;
use std::fmt::Display;

fn is_sync<T: Sync>() {}

pub fn check() {
    is_sync::<ErasedBox<'static, dyn Display + Sync>>();
    is_sync::<ErasedBox<'static, dyn Display + Send>>(); //~ remove
}
