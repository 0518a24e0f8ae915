//~ E0277 `*mut u8` cannot be sent between threads safely
pub fn hold(
    _: &ebbtide::Pool<*mut u8, fn() -> *mut u8>, //~ instead: _: &ebbtide::Pool<usize, fn() -> usize>,
) {
}
