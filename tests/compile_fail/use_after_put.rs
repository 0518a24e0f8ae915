//~ E0382 borrow of moved value: `guard`
pub fn put(pool: &ebbtide::Pool<String>) {
    let mut guard = pool.get();
    drop(guard); //~ remove
    guard.push('a');
}
