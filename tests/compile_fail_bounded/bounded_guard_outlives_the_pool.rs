//~ E0505 cannot move out of `pool` because it is borrowed
pub fn outlive() {
    let pool: ebbtide::BoundedPool<String> = ebbtide::BoundedPool::new(1);
    let guard = pool.get();
    drop(pool); //~ remove
    drop(guard);
}
