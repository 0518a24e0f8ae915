//~ ok
use std::marker::PhantomData;
use std::sync::MutexGuard;

// `Sync` and not `Send`.
pub struct Unmoved(pub PhantomData<MutexGuard<'static, ()>>);

impl ebbtide::Recycle<u8> for Unmoved {
    fn create(&self) -> u8 {
        0
    }

    fn recycle(&self, _: &mut u8) -> bool {
        true
    }
}

pub fn send(pool: &ebbtide::Pool<u8, Unmoved>) {
    let guard = pool.get();
    std::thread::scope(|scope| {
        scope.spawn(move || drop(guard));
    });
}
