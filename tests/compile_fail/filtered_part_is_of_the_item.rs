//~ error lifetime may not live long enough
use ebbtide::{Guard, MappedGuard, Pool, Pooled};

pub fn first<'a>(pool: &'a Pool<Vec<u8>>, other: &'a mut u8) -> Option<MappedGuard<Pooled<'a, Vec<u8>>, u8>> {
    Guard::filter_map(pool.get(), |_| Some(other)).ok() //~ instead: let _ = other; Guard::filter_map(pool.get(), |bytes| bytes.first_mut()).ok()
}
