//~ E0275 overflow evaluating the requirement
use ebbtide::Clear;

#[derive(Clear, Default)]
pub enum Tree<T> {
    #[default]
    Leaf,
    Fork(Box<Fork<T>>),
}

#[derive(Clear)]
pub struct Fork<T> {
    pub values: Vec<T>,
    //~ instead: #[clear(skip)]
    pub branches: [Tree<T>; 2],
}

pub fn check(tree: &mut Tree<u8>) {
    Clear::clear(tree);
}
