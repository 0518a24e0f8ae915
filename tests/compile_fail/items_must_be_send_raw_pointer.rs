//~ E0277 `*mut u8` cannot be sent between threads safely
pub fn make(
    create: fn() -> *mut u8, //~ instead: create: fn() -> usize,
) {
    drop(ebbtide::Pool::with(create));
}
