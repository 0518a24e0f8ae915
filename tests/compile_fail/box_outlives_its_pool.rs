//~ E0505 cannot move out of `pool` because it is borrowed
use ebbtide::BoxPool;

pub fn outlive() {
    let pool: BoxPool<String> = BoxPool::new();
    let name = pool.insert(String::new());
    drop(pool); //~ remove
    drop(name);
}
