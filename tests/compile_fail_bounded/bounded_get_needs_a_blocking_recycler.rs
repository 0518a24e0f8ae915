//~ E0599 the method `get` exists for reference `&BoundedPool<u8, Tasks>`, but its trait bounds were not satisfied
use ebbtide::bounded::Manage;

pub struct Tasks;

impl Manage<u8> for Tasks {
    type Error = std::io::Error;

    async fn create(&self) -> std::io::Result<u8> {
        Ok(0)
    }
}

pub fn get(pool: &ebbtide::BoundedPool<u8, Tasks>) {
    drop(pool.get()); //~ instead: drop(pool.get_async());
}
