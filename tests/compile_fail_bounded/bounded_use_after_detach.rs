//~ E0382 borrow of moved value: `guard`
pub fn detach(pool: &ebbtide::BoundedPool<String>) -> Option<String> {
    let mut guard = pool.try_get()?;
    let item = ebbtide::bounded::Pooled::detach(guard);
    guard.push('a'); //~ remove
    Some(item)
}
