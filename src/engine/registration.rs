//! How the janitor knows a pool's heap part.

use crate::sync::Counter;

/// A heap part's place in the janitor's registry.
pub(crate) struct Registration {
    /// Written and read under the registry's lock.
    place: Counter,
}

impl Registration {
    const NOWHERE: usize = usize::MAX;

    pub(crate) fn new() -> Self {
        Self { place: Counter::at(Self::NOWHERE) }
    }

    pub(crate) fn place(&self) -> Option<usize> {
        Some(self.place.get()).filter(|place| *place != Self::NOWHERE)
    }

    #[cfg_attr(all(loom, feature = "loom", not(loom_is_shuttle)), expect(dead_code, reason = "no pool is registered"))]
    pub(crate) fn set_place(&self, place: Option<usize>) {
        self.place.set(place.unwrap_or(Self::NOWHERE));
    }
}
