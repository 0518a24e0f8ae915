//~ E0793 unaligned
use ebbtide::Clear;

#[derive(Clear)]
#[repr(C, packed)] //~ instead: #[repr(C)]
pub struct Header {
    pub tag: u8,
    pub length: u32,
}
