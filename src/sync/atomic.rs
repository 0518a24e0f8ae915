//! Atomics and `Arc`: loom's in a model, std's elsewhere.

#[cfg(not(all(loom, feature = "loom")))]
pub(crate) use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicIsize, AtomicPtr, AtomicU32, AtomicUsize},
};

#[cfg(all(loom, feature = "loom"))]
pub(crate) use loom::sync::{
    Arc,
    atomic::{AtomicBool, AtomicIsize, AtomicPtr, AtomicU32, AtomicUsize},
};

pub(crate) use std::sync::atomic::Ordering;
