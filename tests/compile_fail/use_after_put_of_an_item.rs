//~ E0382 borrow of moved value: `item`
pub fn put(pool: &ebbtide::Pool<String>) {
    let mut item = String::new();
    pool.put(item); //~ remove
    item.push('a');
}
