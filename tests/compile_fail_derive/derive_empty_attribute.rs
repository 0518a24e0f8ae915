//~ error expected `skip`, `default` or `with = path`
use ebbtide::Clear;

#[derive(Clear)]
pub struct Job {
    #[clear()] //~ remove
    pub began: u8,
}
