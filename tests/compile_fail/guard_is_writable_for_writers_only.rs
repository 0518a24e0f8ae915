//~ E0277 the trait bound `String: std::io::Write` is not satisfied
pub type Item = String; //~ instead: pub type Item = Vec<u8>;

pub fn copy(guard: &mut ebbtide::Pooled<'_, Item>) -> std::io::Result<u64> {
    std::io::copy(&mut &b"bytes"[..], guard)
}
