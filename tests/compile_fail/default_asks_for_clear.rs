//~ E0277 note: `Pool::new` clears its items; `Pool::with` does not clear them
#[derive(Default)]
pub struct Item;

//~ instead: impl ebbtide::Clear for Item { fn clear(&mut self) {} }

pub fn make() -> ebbtide::Pool<Item> {
    <ebbtide::Pool<Item> as Default>::default()
}
