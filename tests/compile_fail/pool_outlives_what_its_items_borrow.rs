//~ E0597 `text` does not live long enough
use ebbtide::{Pool, Settings};

pub fn outlive() {
    let pool = Pool::with_settings(Vec::<&str>::new, Settings::new().manual()); //~ instead: let text = String::from("long");
    let text = String::from("short"); //~ instead: let pool = Pool::with_settings(Vec::<&str>::new, Settings::new().manual());
    pool.get().push(&text);
}
