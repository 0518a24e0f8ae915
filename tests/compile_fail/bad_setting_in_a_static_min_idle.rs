//~ E0080 min_idle must be at most max_idle
use ebbtide::{DefaultRecycle, Pool, Settings};

pub static POOL: Pool<String> = Pool::with_settings(
    DefaultRecycle,
    Settings::new().max_idle(10).min_idle(11), //~ instead: Settings::new().max_idle(11).min_idle(11),
);
