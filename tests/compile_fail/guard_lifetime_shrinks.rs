//~ ok
pub fn shrink<'p>(guard: ebbtide::Pooled<'static, u8, fn() -> u8>) -> ebbtide::Pooled<'p, u8, fn() -> u8> {
    guard
}
