//~ E0505 cannot move out of `pool` because it is borrowed
pub fn outlive() {
    let pool: ebbtide::Pool<String> = ebbtide::Pool::new();
    let guard = pool.get();
    drop(pool); //~ remove
    drop(guard);
}
