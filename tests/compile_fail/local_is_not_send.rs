//~ E0277 cannot be sent between threads safely
use ebbtide::Local;

pub fn check() {
    fn is_send<T: Send>() {}
    is_send::<Local<'static, String>>(); //~ remove
    is_send::<ebbtide::Pool<String>>();
    let _: Option<Local<'static, String>> = None;
}
