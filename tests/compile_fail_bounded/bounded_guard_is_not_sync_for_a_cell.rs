//~ E0277 `Cell<u8>` cannot be shared between threads safely
use std::cell::Cell;

pub fn share(pool: &ebbtide::BoundedPool<Cell<u8>, fn() -> Cell<u8>>) {
    let guard = pool.get().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| guard.set(1)); //~ instead: scope.spawn(move || guard.set(1));
    });
}
