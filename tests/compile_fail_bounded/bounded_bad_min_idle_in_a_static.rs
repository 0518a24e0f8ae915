//~ E0080 min_idle must be at most capacity
use ebbtide::{BoundedPool, DefaultRecycle, bounded::Settings};

pub static POOL: BoundedPool<String> = BoundedPool::with_settings(
    DefaultRecycle,
    Settings::new(3).min_idle(4), //~ instead: Settings::new(3).min_idle(3),
);
