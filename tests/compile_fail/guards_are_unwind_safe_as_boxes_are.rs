//~ ok
use std::panic::{RefUnwindSafe, UnwindSafe};

pub type Create = Box<dyn Fn() -> u8 + Send + Sync>;

pub fn check() {
    fn is_unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
    is_unwind_safe::<ebbtide::Pooled<'static, u8, Create>>();
    is_unwind_safe::<ebbtide::OwnedPooled<u8, Create>>();
    is_unwind_safe::<ebbtide::buffers::PooledBuffer>();
}
