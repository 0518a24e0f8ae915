//! Guides: the pages of `docs/` that are for users.

#[cfg(feature = "bounded")]
#[doc = include_str!("../docs/guide.md")]
pub mod guide {}

// Its examples need the other pools, which `benches` has: they run as tests there.
#[cfg(not(doctest))]
#[doc = include_str!("../docs/migrating.md")]
pub mod migrating {}

#[cfg(feature = "metrics")]
#[doc = include_str!("../docs/observing.md")]
pub mod observing {}

#[cfg(all(feature = "bounded", doctest))]
#[doc = include_str!("../README.md")]
struct Readme;
