//~ E0599 no method named `clone` found for struct
pub fn copy(pool: &ebbtide::Pool<Item>) {
    let guard = pool.get();
    let _twin = guard.clone(); //~ instead: let _twin = &guard;
}

#[derive(Default)]
pub struct Item;

impl ebbtide::Clear for Item {
    fn clear(&mut self) {}
}
