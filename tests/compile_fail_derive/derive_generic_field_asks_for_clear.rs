//~ E0277 the trait bound `Instant: Clear` is not satisfied
use ebbtide::Clear;

#[derive(Clear, Default)]
pub struct Job<T> {
    pub of: T,
}

#[derive(Clear, Default)]
pub struct List<T> {
    pub of: Vec<T>,
}

fn is_clear<T: Clear>() {}

pub fn check() {
    is_clear::<Job<Vec<u8>>>();
    is_clear::<List<std::time::Instant>>();
    is_clear::<Job<std::time::Instant>>(); //~ remove
}
