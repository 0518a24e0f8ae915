//~ E0277 MutexGuard<'static, ()>` cannot be sent between threads safely
use std::marker::PhantomData;
use std::sync::MutexGuard;

// `Sync` and not `Send`.
pub struct Unmoved(pub PhantomData<MutexGuard<'static, ()>>); //~ instead: pub struct Unmoved(pub PhantomData<Option<MutexGuard<'static, ()>>>); unsafe impl Send for Unmoved {}

impl ebbtide::Recycle<u8> for Unmoved {
    fn create(&self) -> u8 {
        0
    }

    fn recycle(&self, _: &mut u8) -> bool {
        true
    }
}

pub fn send(pool: std::sync::Arc<ebbtide::Pool<u8, Unmoved>>) {
    let guard = pool.get_owned();
    std::thread::spawn(move || drop(guard));
}
