//~ E0505 cannot move out of `pool` because it is borrowed
pub fn outlive() {
    let pool = ebbtide::BufferPool::new();
    let buffer = pool.get(1024);
    drop(pool); //~ remove
    drop(buffer);
}
