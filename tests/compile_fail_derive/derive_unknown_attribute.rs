//~ error expected `skip`, `default` or `with = path`
use ebbtide::Clear;

#[derive(Clear)]
pub struct Job {
    #[clear(keep)] //~ instead: #[clear(skip)]
    pub began: u8,
}
