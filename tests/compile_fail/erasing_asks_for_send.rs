//~ E0277 cannot be sent between threads safely
use ebbtide::{BoxPool, PooledBox};

pub fn erase(pool: &'static BoxPool<(std::rc::Rc<u8>, u8)>) { //~ instead: pub fn erase(pool: &'static BoxPool<(Box<u8>, u8)>) {
    let boxed = pool.insert((Default::default(), 7));
    drop(PooledBox::erase(boxed, |(_, number)| number));
}
