//~ E0505 cannot move out of `pool` because it is borrowed
pub fn move_it() -> ebbtide::Pool<String> {
    let pool: ebbtide::Pool<String> = ebbtide::Pool::new();
    let guard = pool.get(); //~ remove
    let moved = pool;
    drop(guard); //~ remove
    moved
}
