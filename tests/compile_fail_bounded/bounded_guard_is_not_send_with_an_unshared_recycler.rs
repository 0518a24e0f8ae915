//~ E0277 `Cell<u8>` cannot be shared between threads safely
use std::cell::Cell;

pub struct Unshared(pub Cell<u8>); //~ instead: pub struct Unshared(pub std::sync::Mutex<Cell<u8>>);

impl ebbtide::Recycle<u8> for Unshared {
    fn create(&self) -> u8 {
        0
    }

    fn recycle(&self, _: &mut u8) -> bool {
        true
    }
}

pub fn send(pool: &ebbtide::BoundedPool<u8, Unshared>) {
    let guard = pool.get();
    std::thread::scope(|scope| {
        scope.spawn(move || drop(guard));
    });
}
