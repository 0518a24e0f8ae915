//! An object pool that empties itself: what `sync.Pool` is to Go.
//!
//! For servers, proxies, codecs and parsers that make the same buffers, contexts or scratch structures for every request
//! and want none of them made twice, no lock between their threads, and their memory back after the burst.
//!
//! ```
//! use ebbtide::Pool;
//!
//! static BUFFERS: Pool<Vec<u8>> = Pool::new(); // const; cleared on their way back
//!
//! fn handle(request: &[u8]) -> usize {
//!     let mut buffer = BUFFERS.get(); // derefs to Vec<u8>
//!     buffer.extend_from_slice(request);
//!     buffer.len()
//! } // back into the pool here
//!
//! assert_eq!(handle(b"hello"), 5);
//! ```
//!
//! # Which constructor
//!
//! | you have | use |
//! | --- | --- |
//! | a collection, or a type with [`Clear`] and `Default` | [`Pool::new`] |
//! | a function that makes one, and nothing to clear | [`Pool::with`] |
//! | collections that should start at some size and not be kept when they grew too large | [`WithCapacity`] |
//! | your own way of making, resetting or refusing items | [`Recycle`] with [`Pool::with_recycle`] |
//! | your own epochs, limits or number of private slots | [`Settings`] with [`Pool::with_settings`] |
//! | guards without a lifetime | [`Pool::get_owned`] |
//! | byte buffers of different sizes, or something to copy through them | [`BufferPool`] and [`buffers`] |
//! | a limit on how many exist, and a `get` that waits | `BoundedPool`, with the feature `bounded` |
//!
//! With all features on, the module `docs` has guides: which pool to take, recipes, migrating, and observing.
//!
//! # What happens to an item
//!
//! A thread's own items lie in its *private slots*, the one put last on top. When they are full, half of them travel as
//! one *batch* to the thread's *shard*, a queue without a lock. There is a shard for each CPU, rounded up to a power of two
//! and at most 64. A thread that finds nothing at home takes a batch from its shard, or *steals* one from another. A
//! *sweep* ends each *epoch*: it drops what has not been used since the sweep before, and makes all the rest, private slots
//! of idle and exited threads included, the next *victims*. So an idle item lives for one to two epochs, 30 to 60 seconds
//! unless [`Settings::every`] says otherwise. It is dropped by the janitor, two background threads for the whole process:
//! one sweeps, and one drops. A `Drop` that takes long delays the sweeps of its own pool alone; for each other pool that
//! waits behind it another thread is started. [`Pool::advance`], [`Pool::clear`] and [`advance_all`] drop on the thread that
//! calls them.
//!
//! # What may wait
//!
//! `get`, `put` and sweeps take no lock. On Linux, Android and Windows a private slot is reached without an atomic
//! read-modify-write. Three things
//! can make a thread wait for another one:
//!
//! - A batch for which a shard's rack has no place, which takes more than 128 of them, lies in a
//!   [`crossbeam_queue::SegQueue`], and so does every item that isn't private in a pool without private slots. A thread
//!   that is stopped in the middle of a push or pop there can make another one, at the same queue, wait until it runs again.
//! - A thread's first use of any pool, and its end, hold a lock for a few instructions, to take and give back a number;
//!   and a pool's first use holds the janitor's, to be added to its list. On Linux and Android the first use of a [`Pool`] or
//!   [`BufferPool`] in the process holds one for some system calls, to find out about `membarrier`.
//! - The global allocator, where an item, an array or a queue's next block has to be made.
//!
//! # Limits
//!
//! - Not for signal handlers.
//! - A child after `fork` has no janitor, and what the parent's other threads held at that moment, the janitor included,
//!   stays held: a lock, or a pool that is being swept, whose `advance` does nothing then. Where the parent's only thread
//!   used pools with [manual](Settings::manual) epochs alone, the child may go on with them. Where it used a timed pool, the
//!   child sweeps by [`Pool::advance`]; [`advance_all`] works too, unless the janitor held its lock. Where other threads use
//!   pools, only `exec` is supported in the child.
//! - An item that is forgotten with [`std::mem::forget`] is leaked; one in a `static` pool is not dropped at exit.
//! - A global allocator may itself use a [`Pool`]. Before Rust 1.93 that needs Linux with glibc: elsewhere std allocates there
//!   with it in the middle of setting up a thread-local.
//! - Where std makes thread-locals of keys (Android, OpenBSD, illumos, Windows with the gnu toolchain and others), a thread
//!   runs its destructors in a few rounds. The slot set that a destructor of the last round uses is not used again.
//! - If the janitor's threads can't be started, pools work, but nothing is swept except by [`Pool::advance`] and
//!   [`advance_all`]. On `wasm32-unknown-unknown` it never can, and there is no clock for the feature `tracing`.
//!
//! # In a sandbox
//!
//! On Linux and Android a sweep reaches the private slots of other threads by the system call `membarrier`. The first use of
//! any [`Pool`] or [`BufferPool`] finds out whether it may be made; a `BoundedPool` needs it never. What happens depends on how
//! the filter of system calls answers:
//!
//! | the answer | at the first use | to a later sweep or `clear` that finds items in private slots |
//! | --- | --- | --- |
//! | an error | each `get` costs an atomic read-modify-write | private slots are left alone, and it counts in [`Stats::failed_barriers`] |
//! | SIGSYS | the same | the process ends, unless the program has a handler |
//! | the end of the process | the process ends | the process ends |
//!
//! A filter holds for the thread that installs it and for those that it starts. The janitor runs outside of one that is
//! installed after its start, unless that is for all threads (`SECCOMP_FILTER_FLAG_TSYNC`).
//!
//! To make no such call, build the program with `RUSTFLAGS="--cfg ebbtide_no_membarrier"`, or with the same under `[build]
//! rustflags` in its `.cargo/config.toml`. Each `get` then costs an atomic read-modify-write.
//!
//! The first use of a pool whose epochs come by time also starts the janitor's two threads. If that is an error, pools work, and only
//! [`Pool::advance`] and [`advance_all`] sweep them. If it ends the process, use [manual](Settings::manual) epochs. And the
//! first batch that leaves private slots asks std for the number of CPUs, for which it reads files.
//!
//! # Features
//!
//! All are off by default.
//!
//! - `bounded`: `BoundedPool`.
//! - `bytes`: the buffers of a [`BufferPool`] become `bytes::Bytes` without a copy.
//! - `loom`: see [below](#under-loom).
//! - `metrics`: `Stats::publish` hands a pool's numbers to the recorder of the `metrics` crate.
//! - `tokio`: `buffers::tokio`, tokio's copy functions through pooled buffers.
//! - `tracing`: each sweep is an event, at debug level.
//!
//! # Under loom
//!
//! With the feature `loom`, and built with `RUSTFLAGS="--cfg loom"`, the whole pool runs on [loom](https://docs.rs/loom)'s
//! atomics, so that a program with a pool in it can be explored. Either of them alone changes nothing. A program whose tests
//! are such models asks for the feature where it asks for loom:
//!
//! ```toml
//! [dependencies]
//! ebbtide = "0.1"
//!
//! [target.'cfg(loom)'.dev-dependencies]
//! ebbtide = { version = "0.1", features = ["loom"] }
//! loom = "0.7"
//! ```
//!
//! Constructors are not `const` then, so a pool can't be in a `static`; there is no janitor; and a pool is to be made inside
//! the model. If loom's first thread, whose stack is 32 KiB, overflows in a debug build, run the model's body in a thread of
//! its own with `loom::thread::Builder::stack_size`.

#[cfg(feature = "bounded")]
pub mod bounded;
pub mod buffers;
#[cfg(any(doc, doctest))]
pub mod docs;
mod engine;
#[cfg_attr(all(loom, feature = "loom", not(loom_is_shuttle)), path = "janitor/janitor_loom.rs")]
mod janitor;
mod pool;
mod sync;

#[cfg(feature = "bounded")]
pub use bounded::BoundedPool;
pub use buffers::BufferPool;
pub use engine::tally::Swept;
pub use janitor::advance_all;
#[cfg(all(loom, feature = "loom", not(loom_is_shuttle)))]
#[doc(hidden)]
pub use pool::sweeper::{Sweeper, sweeper};
pub use pool::{
    Clear, DefaultRecycle, Epochs, Guard, Manual, OwnedPooled, Pool, Pooled, Recycle, Settings, SettingsError, Stats,
    Timed, WithCapacity,
};
