//~ E0597 `text` does not live long enough
pub fn borrow() {
    let text = String::from("short");
    let settings = ebbtide::bounded::Settings::new(1); //~ instead: let settings = ebbtide::bounded::Settings::new(1).manual();
    let pool = ebbtide::BoundedPool::with_settings(Vec::<&str>::new, settings);
    pool.get().unwrap().push(&text);
}
