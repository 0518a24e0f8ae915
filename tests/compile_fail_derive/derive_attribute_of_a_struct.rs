//~ error `clear` is an attribute of fields
use ebbtide::Clear;

#[derive(Clear)]
#[clear(skip)] //~ remove
pub struct Job {
    pub began: u8,
}
