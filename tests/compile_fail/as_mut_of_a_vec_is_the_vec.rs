//~ ok
use ebbtide::{BufferPool, Pool};

pub fn append(pool: &Pool<Vec<u8>>, buffers: &BufferPool) -> usize {
    let (mut guard, mut buffer) = (pool.get(), buffers.get(1));
    guard.as_mut().push(1);
    buffer.as_mut().push(1);
    let slices: [&mut [u8]; 2] = [guard.as_mut(), buffer.as_mut()];
    slices[0][0] = 2;
    guard.as_ref().len() + buffer.as_ref().len()
}
