//~ error lifetime may not live long enough
use ebbtide::Pool;

pub fn outlive(pool: &'static Pool<String>) {
    let item = pool.with_local(|local| local.get()); //~ instead: let item = pool.with_local(|local| local.get().len());
    let _ = item;
}
