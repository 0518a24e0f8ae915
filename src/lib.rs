//! An object pool that empties itself.

mod batch;
mod guard;
mod item;
#[cfg_attr(loom, path = "janitor_loom.rs")]
mod janitor;
mod pool;
mod private;
mod recycle;
mod settings;
mod shared;
mod stats;
mod store;
mod sweep;
mod sync;

pub use guard::{OwnedPooled, Pooled};
pub use janitor::advance_all;
#[cfg(loom)]
#[doc(hidden)]
pub use janitor::{Sweeper, sweeper};
pub use pool::{Epochs, Pool};
pub use recycle::{Clear, DefaultRecycle, Recycle, WithCapacity};
pub use settings::{Manual, Settings, SettingsError, Timed};
pub use stats::Stats;
pub use sweep::Swept;
