//~ E0382 use of moved value: `guard`
pub fn put(pool: &ebbtide::Pool<String>) {
    let guard = pool.get();
    drop(guard);
    drop(guard); //~ remove
}
