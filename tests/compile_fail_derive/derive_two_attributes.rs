//~ error a field has one of `skip`, `default` and `with = path`
use ebbtide::Clear;

#[derive(Clear)]
pub struct Job {
    #[clear(skip)] //~ remove
    #[clear(default)]
    pub began: u8,
}
