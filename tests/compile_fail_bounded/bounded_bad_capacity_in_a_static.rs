//~ E0080 capacity must be from 1 to 2147483647
pub static POOL: ebbtide::BoundedPool<String> =
    ebbtide::BoundedPool::new(0); //~ instead: ebbtide::BoundedPool::new(1);
