//~ E0277 MutexGuard<'_, u8>` cannot be sent between threads safely
use std::sync::{Mutex, MutexGuard};

static LOCK: Mutex<u8> = Mutex::new(1);

pub type Item = MutexGuard<'static, u8>; //~ instead: pub type Item = &'static Mutex<u8>;

pub fn make(lock: fn() -> Item) {
    drop(ebbtide::Pool::with(lock));
}
