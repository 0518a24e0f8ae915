//~ E0080 smallest must be a power of two from 64 to 1073741824
use ebbtide::{BufferPool, buffers::Settings};

pub static POOL: BufferPool = BufferPool::with_settings(
    Settings::new().smallest(1000), //~ instead: Settings::new().smallest(1024),
);
