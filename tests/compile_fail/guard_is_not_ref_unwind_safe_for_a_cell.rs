//~ E0277 may contain interior mutability and a reference may not be safely
pub type Item = std::cell::Cell<u8>; //~ instead: pub type Item = u8;

pub fn check() {
    fn is_ref_unwind_safe<T: std::panic::RefUnwindSafe>() {}
    is_ref_unwind_safe::<ebbtide::OwnedPooled<Item, fn() -> Item>>();
}
