//~ E0277 the trait bound `Job: Default` is not satisfied
use ebbtide::Clear;

//~ instead: #[derive(Default)]
#[derive(Clear)]
pub enum Job {
    //~ instead: #[default]
    Idle,
    Busy(u8),
}
