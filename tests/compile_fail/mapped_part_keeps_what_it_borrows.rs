//~ E0505 cannot move out of `text` because it is borrowed
use ebbtide::{Guard, MappedGuard, Pool};

static POOL: Pool<Vec<u8>> = Pool::new();

pub fn outlive() {
    let mut text = String::new();
    let borrowed = &mut text;
    let mapped = Guard::map(POOL.get(), move |_| Box::leak(Box::new(borrowed)));
    let mapped = MappedGuard::map(mapped, |borrowed| &mut **borrowed);
    drop(text); //~ remove
    drop(mapped);
}
