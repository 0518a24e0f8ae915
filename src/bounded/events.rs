//! The events of a bounded pool but for sweeps, for `tracing`. Without the feature, and under loom, nothing is emitted.
//!
//! A subscriber is user code: it may use the pool, and may panic. So the callers hold no lock and no turn in the queue.

use super::info::Item;
use super::tracking::Holder;
use crate::engine::item::{Payload, raise};

/// What happens to an item, or to a call.
#[derive(Clone, Copy)]
pub(super) enum Event {
    CheckFailed,
    CheckTimedOut,
    CreateTimedOut,
    Expired,
    WaitTimedOut,
}

/// Creates an item, and emits how that went. If the subscriber panics, the item is dropped.
pub(super) fn creation<T, E>(
    pool: Option<&'static str>,
    create: impl FnOnce() -> Result<Item<T>, E>,
) -> Result<Item<T>, E> {
    let begun = Begun::now();
    begun.end(pool, create())
}

#[cfg(all(feature = "tracing", not(all(loom, feature = "loom"))))]
mod emit {
    use std::any::type_name;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::{Event, Holder, Item, Payload, raise};
    use crate::engine::item::{Contained, for_each_caught};
    use crate::sync::{Instant, clock};

    /// Emits an event of a pool of `T`s with this name. Returns the subscriber's panic.
    pub(in crate::bounded) fn emit<T>(pool: Option<&'static str>, event: Event) -> Option<Payload> {
        let item = type_name::<T>();
        let tell = || match event {
            Event::CheckFailed => tracing::debug!(target: "ebbtide", pool, item, "check failed"),
            Event::CheckTimedOut => tracing::debug!(target: "ebbtide", pool, item, "check timed out"),
            Event::CreateTimedOut => tracing::debug!(target: "ebbtide", pool, item, "create timed out"),
            Event::Expired => tracing::debug!(target: "ebbtide", pool, item, "expired"),
            Event::WaitTimedOut => tracing::debug!(target: "ebbtide", pool, item, "wait timed out"),
        };
        catch_unwind(AssertUnwindSafe(tell)).err()
    }

    /// Warns of those who hold items for long. Returns the subscriber's first panic.
    pub(in crate::bounded) fn overdue<T>(pool: Option<&'static str>, holders: Vec<Holder>) -> Option<Payload> {
        let item = type_name::<T>();
        for_each_caught(holders, |Holder { location, time }| {
            let micros = time.as_micros() as u64;
            tracing::warn!(target: "ebbtide", pool, item, %location, micros, "held for long");
        })
    }

    /// When the creation of an item began.
    pub(in crate::bounded) struct Begun(Option<Instant>);

    impl Begun {
        pub(in crate::bounded) fn now() -> Self {
            Self(clock())
        }

        /// Emits how the creation went.
        pub(in crate::bounded) fn end<T, E>(
            self,
            pool: Option<&'static str>,
            made: Result<Item<T>, E>,
        ) -> Result<Item<T>, E> {
            let (made, item) = (Contained::new(made), type_name::<T>());
            let micros = self.0.map_or(0, |begun| begun.elapsed().as_micros() as u64);
            let tell = || match *made {
                Ok(_) => tracing::debug!(target: "ebbtide", pool, item, micros, "created"),
                Err(_) => tracing::debug!(target: "ebbtide", pool, item, micros, "create failed"),
            };
            catch_unwind(AssertUnwindSafe(tell)).err().into_iter().for_each(raise);
            made.into_inner()
        }
    }
}

#[cfg(not(all(feature = "tracing", not(all(loom, feature = "loom")))))]
#[expect(clippy::extra_unused_type_parameters, reason = "only events name the type")]
mod emit {
    use super::{Event, Holder, Item, Payload};

    pub(in crate::bounded) fn emit<T>(_: Option<&'static str>, _: Event) -> Option<Payload> {
        None
    }

    pub(in crate::bounded) fn overdue<T>(_: Option<&'static str>, _: Vec<Holder>) -> Option<Payload> {
        None
    }

    pub(in crate::bounded) struct Begun;

    impl Begun {
        pub(in crate::bounded) fn now() -> Self {
            Self
        }

        pub(in crate::bounded) fn end<T, E>(
            self,
            _: Option<&'static str>,
            made: Result<Item<T>, E>,
        ) -> Result<Item<T>, E> {
            made
        }
    }
}

pub(super) use emit::{Begun, emit, overdue};

/// Does what `emit` does. A panic of the subscriber resumes here.
pub(super) fn emit_or_raise<T>(pool: Option<&'static str>, event: Event) {
    emit::<T>(pool, event).into_iter().for_each(raise);
}
