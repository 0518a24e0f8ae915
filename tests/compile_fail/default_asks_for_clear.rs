//~ E0277 the trait bound `Item: Clear` is not satisfied
#[derive(Default)]
pub struct Item;

//~ instead: impl ebbtide::Clear for Item { fn clear(&mut self) {} }

pub fn make() -> ebbtide::Pool<Item> {
    <ebbtide::Pool<Item> as Default>::default()
}
