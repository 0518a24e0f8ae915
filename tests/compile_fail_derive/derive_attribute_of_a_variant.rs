//~ error `clear` is an attribute of fields
use ebbtide::Clear;

#[derive(Clear, Default)]
pub enum Job {
    #[default]
    Idle,
    #[clear(skip)] //~ remove
    Busy(u8),
}
