//~ E0277 note: `Pool::new` clears its items; `Pool::with` hands them on as they were left
#[derive(Default)]
pub struct Item;

//~ instead: impl ebbtide::Clear for Item { fn clear(&mut self) {} }

pub fn make() -> ebbtide::Pool<Item> {
    <ebbtide::Pool<Item> as Default>::default()
}
