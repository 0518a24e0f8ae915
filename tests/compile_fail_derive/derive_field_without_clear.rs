//~ E0277 a field with `#[clear(skip)]`, `#[clear(default)]` or `#[clear(with = path)]` needs no `Clear`
use ebbtide::Clear;

#[derive(Clear)]
pub struct Job {
    pub name: String,
    //~ instead: #[clear(skip)]
    pub began: std::time::Instant,
}
