//~ E0597 `text` does not live long enough
pub fn borrow() {
    let text = String::from("short");
    let settings = ebbtide::Settings::new(); //~ instead: let settings = ebbtide::Settings::new().manual();
    let pool = ebbtide::Pool::with_settings(Vec::<&str>::new, settings);
    pool.get().push(&text);
}
