//~ error lifetime may not live long enough
use ebbtide::{BoxPool, PooledBox, boxes::ErasedBox};

pub fn erase<'a>(pool: &'a BoxPool<u8>, other: &'a mut u8) -> ErasedBox<'a, u8> {
    PooledBox::erase(pool.insert(1), |_| other) //~ instead: let _ = other; PooledBox::erase(pool.insert(1), |number| number)
}
