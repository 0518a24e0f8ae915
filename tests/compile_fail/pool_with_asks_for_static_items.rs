//~ E0597 `text` does not live long enough
pub fn borrow() {
    let text = String::from("short");
    let pool = ebbtide::Pool::with(Vec::<&str>::new); //~ instead: let pool = ebbtide::Pool::with_settings(Vec::<&str>::new, ebbtide::Settings::new().manual());
    pool.get().push(&text);
}
