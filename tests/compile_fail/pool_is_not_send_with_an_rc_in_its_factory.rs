//~ E0277 `Rc<u8>` cannot be sent between threads safely
use std::rc::Rc; //~ instead: use std::sync::Arc as Rc;

pub fn send() {
    let captured = Rc::new(1_u8);
    let pool = ebbtide::Pool::with(move || *captured);
    std::thread::spawn(move || drop(pool));
}
