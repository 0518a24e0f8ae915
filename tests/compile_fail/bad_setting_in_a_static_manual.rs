//~ E0080 private_slots must be from 0 to 4096
use ebbtide::{DefaultRecycle, Pool, Settings};

pub static POOL: Pool<String> = Pool::with_settings(
    DefaultRecycle,
    Settings::new().private_slots(4097).manual(), //~ instead: Settings::new().private_slots(0).manual(),
);
