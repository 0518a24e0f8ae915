//! The time, where there is a clock.

pub(crate) use std::time::Instant;

/// Returns the time. Returns `None` if the system has no clock, or in a model, which must run the same each time.
pub(crate) fn clock() -> Option<Instant> {
    let none = cfg!(any(all(loom, feature = "loom"), all(target_family = "wasm", target_os = "unknown")));
    (!none).then(Instant::now)
}
