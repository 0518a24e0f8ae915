//~ E0597 `text` does not live long enough
pub fn smuggle(pool: &ebbtide::Pool<Vec<&'static str>, fn() -> Vec<&'static str>>) {
    let text = String::from("short"); //~ instead: let text = "long";
    pool.get().push(&text);
}
