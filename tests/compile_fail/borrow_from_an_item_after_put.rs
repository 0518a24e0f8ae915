//~ E0505 cannot move out of `guard` because it is borrowed
pub fn keep(pool: &ebbtide::Pool<String>) -> usize {
    let guard = pool.get();
    let text: &str = &guard;
    drop(guard); //~ remove
    text.len()
}
