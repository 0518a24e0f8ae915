//~ E0597 `pool` does not live long enough
pub fn outlive() {
    let guard;
    let pool: ebbtide::Pool<String> = ebbtide::Pool::new(); //~ instead: static POOL: ebbtide::Pool<String> = ebbtide::Pool::new(); let pool = &POOL;
    guard = pool.get();
    drop(guard);
    let _last = pool.get();
    let _guard: ebbtide::Pooled<'static, String, ebbtide::DefaultRecycle> = pool.get();
}
