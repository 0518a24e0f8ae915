//! The adapters. Each uses its pool in the most direct way to get an empty item.

pub(crate) mod allocate;
pub(crate) mod bounded;
pub(crate) mod boxes;
pub(crate) mod concurrent_pool;
pub(crate) mod ebbtide;
pub(crate) mod lockfree_object_pool;
pub(crate) mod object_pool;
pub(crate) mod opool;
pub(crate) mod regex_automata;
pub(crate) mod sharded_slab;
pub(crate) mod thread_local;
