//~ error lifetime may not live long enough
use ebbtide::{Guard, MappedGuard, Pool, Pooled};

pub fn map<'a>(pool: &'a Pool<Vec<u8>>, other: &'a mut u8) -> MappedGuard<Pooled<'a, Vec<u8>>, u8> {
    Guard::map(pool.get(), |_| other) //~ instead: let _ = other; Guard::map(pool.get(), |bytes| &mut bytes[0])
}
