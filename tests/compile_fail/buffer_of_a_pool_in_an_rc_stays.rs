//~ E0277 `Rc<BufferPool>` cannot be sent between threads safely
use ebbtide::BufferPool;
use ebbtide::buffers::PooledBuffer;

fn send<T: Send>() {}

pub fn sent() {
    send::<PooledBuffer<std::rc::Rc<BufferPool>>>(); //~ instead: send::<PooledBuffer<std::sync::Arc<BufferPool>>>();
}
