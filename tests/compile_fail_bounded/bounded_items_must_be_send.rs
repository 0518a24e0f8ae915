//~ E0277 `Rc<u8>` cannot be sent between threads safely
use std::rc::Rc; //~ instead: use std::sync::Arc as Rc;

pub fn make() {
    let _pool = ebbtide::BoundedPool::with(|| Rc::new(1_u8), 1);
}
