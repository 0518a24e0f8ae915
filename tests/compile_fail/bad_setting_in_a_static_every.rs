//~ E0080 every must be at least 1 ms
use ebbtide::{DefaultRecycle, Pool, Settings};

pub static POOL: Pool<String> = Pool::with_settings(
    DefaultRecycle,
    Settings::new().every(std::time::Duration::ZERO), //~ instead: Settings::new().every(std::time::Duration::from_millis(1)),
);
