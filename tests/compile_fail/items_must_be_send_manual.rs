//~ E0277 `Rc<u8>` cannot be sent between threads safely
use std::rc::Rc; //~ instead: use std::sync::Arc as Rc;

pub fn make() {
    let settings = ebbtide::Settings::new().manual();
    let _pool = ebbtide::Pool::with_settings(|| Rc::new(1_u8), settings);
}
