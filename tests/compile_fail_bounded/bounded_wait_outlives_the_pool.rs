//~ E0505 cannot move out of `pool` because it is borrowed
pub fn outlive() {
    let pool: ebbtide::BoundedPool<String> = ebbtide::BoundedPool::new(1);
    let wait = pool.get_async();
    drop(pool); //~ remove
    drop(wait);
}
