//~ E0382 borrow of moved value: `guard`
pub fn detach(pool: &ebbtide::Pool<String>) -> String {
    let mut guard = pool.get();
    let item = ebbtide::Pooled::detach(guard);
    guard.push('a'); //~ remove
    item
}
