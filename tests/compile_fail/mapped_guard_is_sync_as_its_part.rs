//~ E0277 cannot be shared between threads safely
use ebbtide::{MappedGuard, Pooled};
use std::cell::Cell;

fn is_sync<T: Sync>() {}

pub fn check() {
    is_sync::<MappedGuard<Pooled<'static, Cell<u8>>, u8>>();
    is_sync::<MappedGuard<Pooled<'static, Cell<u8>>, Cell<u8>>>(); //~ remove
}
