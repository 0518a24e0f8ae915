//~ E0277 cannot be shared between threads safely
use ebbtide::Local;

pub fn check() {
    fn is_sync<T: Sync>() {}
    is_sync::<Local<'static, String>>(); //~ remove
    is_sync::<ebbtide::Pool<String>>();
    let _: Option<Local<'static, String>> = None;
}
