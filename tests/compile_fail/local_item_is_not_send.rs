//~ E0277 between threads safely
use ebbtide::LocalPooled;

pub fn check() {
    fn is_send<T: Send>() {}
    is_send::<LocalPooled<'static, String>>(); //~ instead: is_send::<ebbtide::Pooled<'static, String>>();
    let _: Option<LocalPooled<'static, String>> = None;
}
