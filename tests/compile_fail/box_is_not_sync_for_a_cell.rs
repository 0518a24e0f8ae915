//~ E0277 cannot be shared between threads safely
use ebbtide::PooledBox;

fn is_send<T: Send>() {}
fn is_sync<T: Sync>() {}

pub fn check() {
    is_send::<PooledBox<std::cell::Cell<u8>>>();
    is_sync::<PooledBox<std::cell::Cell<u8>>>(); //~ remove
}
