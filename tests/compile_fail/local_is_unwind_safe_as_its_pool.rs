//~ E0277 may not be safely transferred across an unwind boundary
pub type Item = &'static mut u8; //~ instead: pub type Item = Box<u8>;

pub fn check() {
    fn is_unwind_safe<T: std::panic::UnwindSafe>() {}
    is_unwind_safe::<&ebbtide::Local<'static, Item, fn() -> Item>>();
}
