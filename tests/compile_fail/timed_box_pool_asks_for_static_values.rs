//~ E0597 `text` does not live long enough
use ebbtide::{BoxPool, Settings};

pub fn borrow() {
    let text = String::new();
    let words = BoxPool::with_settings(Settings::new()); //~ instead: let words = BoxPool::with_settings(Settings::new().manual());
    drop(words.insert(&*text));
}
