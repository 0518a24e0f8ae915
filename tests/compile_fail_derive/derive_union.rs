//~ error a union cannot derive `Clear`
use ebbtide::Clear;

#[derive(Clear)]
pub union Job { //~ instead: pub struct Job {
    pub one: u8,
    pub two: i8,
}
