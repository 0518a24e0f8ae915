//~ E0277 cannot be sent between threads safely
use ebbtide::{BoxPool, PooledBox};

fn is_send<T: Send>() {}
fn is_sync<T: Sync>() {}

pub fn check() {
    is_send::<PooledBox<u8>>();
    is_sync::<BoxPool<std::rc::Rc<u8>>>();
    is_send::<PooledBox<std::rc::Rc<u8>>>(); //~ remove
}
