//~ E0277 `Rc<u8>` cannot be shared between threads safely
use std::rc::Rc; //~ instead: use std::sync::Arc as Rc;

pub fn send() {
    let captured = Rc::new(1_u8);
    let pool = ebbtide::Pool::with(move || *captured);
    let guard = pool.get();
    std::thread::scope(|scope| {
        scope.spawn(move || drop(guard));
    });
}
