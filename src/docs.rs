//! Guides: which pool to take and how to set it up, how to migrate, and what to watch.

#[cfg(feature = "bounded")]
pub mod connections;

#[cfg(feature = "bounded")]
#[doc = include_str!("../docs/guide.md")]
pub mod guide {}

// The examples of this page need other pools, so they run as tests in `benches`, which has those.
#[cfg(not(doctest))]
#[doc = include_str!("../docs/migrating.md")]
pub mod migrating {}

#[cfg(feature = "metrics")]
#[doc = include_str!("../docs/observing.md")]
pub mod observing {}

#[cfg(all(feature = "bounded", feature = "bytes", feature = "derive", doctest))]
#[doc = include_str!("../README.md")]
struct Readme;
