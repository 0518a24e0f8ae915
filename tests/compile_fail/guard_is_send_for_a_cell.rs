//~ ok
use std::cell::Cell;

pub fn send(pool: &std::sync::Arc<ebbtide::Pool<Cell<u8>, fn() -> Cell<u8>>>) {
    let (guard, owned) = (pool.get(), pool.get_owned());
    std::thread::scope(|scope| {
        scope.spawn(move || guard.set(1));
    });
    std::thread::spawn(move || owned.set(1));
}
