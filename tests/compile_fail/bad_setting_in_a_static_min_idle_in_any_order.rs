//~ E0080 min_idle must be at most max_idle
use ebbtide::{DefaultRecycle, Pool, Settings};

pub static POOL: Pool<String> = Pool::with_settings(
    DefaultRecycle,
    Settings::new().min_idle(11).max_idle(10), //~ instead: Settings::new().min_idle(10).max_idle(10),
);
