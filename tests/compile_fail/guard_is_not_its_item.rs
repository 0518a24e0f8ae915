//~ E0308 mismatched types
use ebbtide::{Pool, Pooled};

pub fn take(pool: &Pool<Vec<u8>>) -> Vec<u8> {
    let guard = pool.get();
    guard //~ instead: Pooled::detach(guard)
}
