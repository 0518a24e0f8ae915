//~ E0505 cannot move out of `pool` because it is borrowed
use ebbtide::{Pool, Pooled};

pub fn outlive() {
    let pool: Pool<String> = Pool::new();
    let name = Pooled::map(pool.get(), |name| name.as_mut_str());
    drop(pool); //~ remove
    drop(name);
}
