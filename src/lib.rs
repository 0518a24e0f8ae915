//! An object pool that empties itself: what `sync.Pool` is to Go.
//!
//! Use it in servers, proxies, codecs and parsers that need the same buffers, contexts or scratch structures for every
//! request. It reuses them without a lock between threads, and frees what a burst leaves.
//!
//! ```
//! use ebbtide::Pool;
//!
//! static BUFFERS: Pool<Vec<u8>> = Pool::new(); // const; clears items that return
//!
//! fn handle(request: &[u8]) -> usize {
//!     let mut buffer = BUFFERS.get(); // derefs to Vec<u8>
//!     buffer.extend_from_slice(request);
//!     buffer.len()
//! } // returns to the pool here
//!
//! assert_eq!(handle(b"hello"), 5);
//! ```
//!
//! # Which constructor
//!
//! | you have | use |
//! | --- | --- |
//! | a collection, or a type with [`Clear`] and `Default` | [`Pool::new`] |
//! | a function that creates an item, and nothing to clear | [`Pool::with`] |
//! | collections with a minimum capacity that are shrunk if they grow too large | [`WithCapacity`] |
//! | your own way to create, reset or refuse items | [`Recycle`] with [`Pool::with_recycle`] |
//! | your own epochs, limits or number of private slots | [`Settings`] with [`Pool::with_settings`] |
//! | guards without a lifetime | [`Pool::get_owned`] |
//! | byte buffers of different sizes, or streams to copy | [`BufferPool`] and [`buffers`] |
//! | values that are new each time, of which only the memory is reused | [`BoxPool`] |
//! | a limit on the number of items, and a `get` that waits | [`BoundedPool`](struct.BoundedPool.html), with the feature `bounded` |
//!
//! The [guide](docs/guide/index.html) explains recyclers and settings, and has recipes. Other pages are for users of
//! [other pools](docs/migrating/index.html) and of [connection pools](docs/connections/index.html), and about [metrics
//! and events](docs/observing/index.html).
//!
//! # What happens to an item
//!
//! - **Private slots.** Each thread keeps its own items here. The one returned last is handed out first.
//! - **Shards.** A full thread *spills* half of its private slots, as one *batch*, to its shard, a shared queue.
//!   There is one shard per CPU, rounded up to a power of two, and at most 64 (32 on 32-bit CPUs). An empty thread
//!   *refills* from its shard, or *steals* a batch from another shard.
//! - **Epochs.** A *sweep* ends each epoch. It drops the items that nobody has used since the sweep before. All others
//!   become *victims*, which the next sweep drops unless they are used. This includes items in the private slots of
//!   idle and exited threads. So an idle item lives for one to two epochs: 30 to 60 seconds, unless [`Settings::every`]
//!   says otherwise. While nothing is idle in any pool but what [`min_idle`](Settings::min_idle) keeps, and none is used,
//!   the process is woken up only when a thread ends or an item reaches its lifetime.
//! - **The janitor.** These are two background threads per process: one sweeps, the other drops what was swept. A slow
//!   `Drop` delays only the sweeps of its own pool. If other pools wait behind it, further threads are started for
//!   them. [`stop_janitor`] ends all of them. [`Pool::advance`], [`Pool::clear`] and [`advance_all`] sweep and drop on
//!   the thread that calls them.
//!
//! # What may wait
//!
//! `get`, `put` and sweeps take no lock, except those of a `BoundedPool`. On Linux, Android and Windows, access to a
//! private slot needs no atomic read-modify-write. Only these can make a thread wait for another one:
//!
//! - **A full rack.** A shard's rack has places for 128 batches. Further batches go to a
//!   [`SegQueue`](https://docs.rs/crossbeam-queue/latest/crossbeam_queue/struct.SegQueue.html). So does every shared
//!   item of a pool without private slots. If a thread is stopped in the middle of a push or pop there, other threads
//!   at that queue may wait until it runs again.
//! - **First use.** A thread takes a number on its first use of any pool, and returns it when it ends. Both hold a lock
//!   for a few instructions. The last thread of several that ends may hold the janitor's lock. A timed pool's first use and its drop hold the janitor's lock. On Linux and Android,
//!   the first use of a [`Pool`] or [`BufferPool`] in the process holds a lock for some system calls, to ask for
//!   `membarrier`.
//! - **First use after a rest.** The janitor leaves a timed pool alone when nothing else was idle in it for some epochs.
//!   The next call that misses, or leaves an item idle, holds the janitor's lock, as at first use.
//! - **The global allocator**, if an item, an array or a queue's next block must be allocated. With glibc's, also while
//!   the janitor [returns memory to the system](set_trimming).
//!
//! # Limits
//!
//! - Pools must not be used in signal handlers.
//! - A coroutine with a stack of its own must not move to another thread within a function that uses a pool or a guard.
//!   Compilers may look thread-locals up once in a function. Futures may move.
//! - After `fork`, the child has no janitor. Whatever other threads of the parent, the janitor included, held at that
//!   moment stays held. That may be a lock, or the sweep of a pool: its `advance` then does nothing. If only the
//!   forking thread used pools, the child may continue to use them. It then sweeps timed pools by [`Pool::advance`].
//!   [`advance_all`], the first use of a timed pool, returns to one in which nothing was idle, and returns to a
//!   `BoundedPool` work too, unless the janitor held its lock. A `BoundedPool` that creates in the background does so on
//!   the thread that needs the item. If other threads used pools, only `exec` is supported in the child.
//! - Forgetting a guard with [`std::mem::forget`] leaks its item. Items in a `static` pool are not dropped at exit.
//! - A global allocator may itself use a [`Pool`]. Before Rust 1.93 this needs Linux with glibc. Elsewhere std calls
//!   the allocator while it sets up a thread-local.
//! - On some platforms std builds thread-locals from keys, among them Android, OpenBSD, illumos, and Windows with the
//!   gnu toolchain. Destructors there run in a few rounds. The slot set that a destructor of the last round uses is not
//!   reused.
//! - If the janitor's threads cannot be started, pools work, but only [`Pool::advance`] and [`advance_all`] sweep them.
//!   The first use of another pool tries again. So does, at most once in a second, what starts the threads again after
//!   [`stop_janitor`]; until then it holds the janitor's lock each time. On `wasm32-unknown-unknown` no thread can be
//!   started, and there is no clock for the feature `tracing`.
//!
//! # In a sandbox
//!
//! On Linux and Android, a sweep uses the system call `membarrier` to reach the private slots of other threads. The
//! first use of any [`Pool`] or [`BufferPool`] asks whether the system has the call. A `BoundedPool` never needs it. The
//! result depends on how the system call filter answers:
//!
//! | the filter's answer | at the first use | later: when the janitor starts, at a sweep or `clear` that finds items in private slots or nothing idle, and at a [fetch](Settings::fetch) |
//! | --- | --- | --- |
//! | an error | each `get` costs an atomic read-modify-write | private slots are left alone, and the janitor goes on sweeping, which [`Stats::failed_barriers`] counts |
//! | an error, but not to the question | as without a filter | the same |
//! | SIGSYS | as for an error | the process ends, unless the program has a handler |
//! | the process ends | the process ends | the process ends |
//!
//! A filter applies to the thread that installs it and to the threads it starts. So a janitor that is already running
//! is not filtered, unless the filter is for all threads (`SECCOMP_FILTER_FLAG_TSYNC`).
//!
//! To compile the call out, build the program with `RUSTFLAGS="--cfg ebbtide_no_membarrier"`, or set the same under
//! `[build] rustflags` in `.cargo/config.toml`. Each `get` then costs an atomic read-modify-write.
//!
//! The first use of a pool with timed epochs also starts the janitor's two threads. If starting a thread is an error,
//! see [Limits](#limits). If it ends the process, use [manual](Settings::manual) epochs. The first spill asks std for
//! the number of CPUs, which reads files.
//!
//! # Features
//!
//! All are off by default.
//!
//! - `bounded`: `BoundedPool`.
//! - `bytes`: converts guards of a `Vec<u8>`, such as those of a [`BufferPool`], to `bytes::Bytes` without a copy.
//! - `derive`: `#[derive(Clear)]`, see [`Clear`].
//! - `hashbrown`, `http`, `indexmap`, `smallvec`: [`Clear`] for the types of these crates.
//! - `loom`: see [Under loom](#under-loom).
//! - `metrics`: `Stats::publish` sends a pool's counts to the recorder of the `metrics` crate.
//! - `pressure`: the module `pressure` lets the janitor sweep early while memory is short, on Linux.
//! - `tokio`: `buffers::tokio_io`, which has tokio's copy functions with pooled buffers.
//! - `tracing`: each sweep emits an event, at debug level. A `BoundedPool` emits others, too.
//! - `zeroize`: `ZeroizeRecycle`, which zeroes the memory of secrets.
//!
//! # Under loom
//!
//! With the feature `loom` and `RUSTFLAGS="--cfg loom"` together, the whole pool runs on the atomics of
//! [loom](https://docs.rs/loom). So loom can explore programs that use a pool. One of the two alone changes nothing. A
//! program with loom tests enables the feature where it depends on loom:
//!
//! ```toml
//! [dependencies]
//! ebbtide = "0.2"
//!
//! [target.'cfg(loom)'.dev-dependencies]
//! ebbtide = { version = "0.2", features = ["loom"] }
//! loom = "0.7"
//! ```
//!
//! Three things are then different. Constructors are not `const`, so a pool cannot be in a `static`. There is no
//! janitor. And a pool must be created inside the model. Loom's first thread has a stack of 32 KiB. If it overflows in
//! a debug build, run the model in a thread of its own with `loom::thread::Builder::stack_size`.

#![cfg_attr(docsrs, feature(doc_cfg), doc(auto_cfg(hide(loom, feature = "loom"))))]

#[cfg(feature = "bounded")]
pub mod bounded;
pub mod boxes;
pub mod buffers;
#[cfg(any(doc, doctest))]
pub mod docs;
mod engine;
#[cfg_attr(all(loom, feature = "loom", not(loom_is_shuttle)), path = "janitor/janitor_loom.rs")]
mod janitor;
mod pool;
mod sync;

#[cfg(feature = "bounded")]
#[doc(inline)]
pub use bounded::BoundedPool;
#[cfg(feature = "bounded")]
#[doc(no_inline)]
pub use bounded::Settings as BoundedSettings;
#[doc(inline)]
pub use boxes::{BoxPool, OwnedPooledBox, PooledBox};
#[doc(inline)]
pub use buffers::BufferPool;
#[doc(no_inline)]
pub use buffers::Settings as BufferSettings;
#[cfg(feature = "derive")]
pub use ebbtide_derive::Clear;
pub use engine::cost::Fetch;
pub use engine::tally::Swept;
#[cfg(feature = "pressure")]
pub use janitor::pressure;
pub use janitor::{advance_all, set_trimming, stop_janitor};
#[cfg(feature = "zeroize")]
pub use pool::ZeroizeRecycle;
#[cfg(all(loom, feature = "loom", not(loom_is_shuttle)))]
#[doc(hidden)]
pub use pool::sweeper::{Sweeper, sweeper};
pub use pool::{
    Clear, DefaultRecycle, Epochs, Guard, Local, LocalPooled, Manual, MappedGuard, OwnedPooled, Pool, Pooled, Recycle,
    Settings, SettingsError, Stats, Timed, WithCapacity,
};
