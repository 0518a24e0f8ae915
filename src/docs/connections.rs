//! From a connection pool: [deadpool](#from-deadpool), [bb8](#from-bb8) or [r2d2](#from-r2d2) to
//! [`BoundedPool`].
//!
//! # When to keep yours
//!
//! A ready-made manager for your database is worth more than speed: `deadpool-postgres` also caches statements, and
//! `diesel` has one for r2d2. This crate has none. A manager of your own is short if the client can connect and ping.
//!
//! Keep bb8 or r2d2, too, if a checkout should wait until a server that is down comes back. They connect again and again
//! until their timeout passes. Here the first failure to connect is the checkout's error.
//!
//! What you get: waiters in order, several connections [at once](BoundedPool::get_many_async), threads and tasks in one
//! queue, a timeout for each phase, and [`closed`](BoundedPool::closed_async), which waits for the last connection.
//!
//! # Settings
//!
//! | here | deadpool 0.13 | bb8 0.9 | r2d2 0.8 |
//! | --- | --- | --- | --- |
//! | the capacity, without a default | `max_size`: 2 for each CPU | `max_size`: 10 | `max_size`: 10 |
//! | [`wait_timeout`]: none | `wait_timeout`: none | `connection_timeout`: 30 s, of the whole `get` | as bb8 |
//! | [`create_timeout`]: none | `create_timeout`: none | part of that | part of that |
//! | [`check_timeout`]: none | `recycle_timeout`: none | part of that | part of that |
//! | [`every`]: 30 s, idle for one to two of these | none; call `retain` | `idle_timeout`: 10 min | as bb8 |
//! | [`min_idle`]: 0, created [if told to](BoundedPool::create_in_background) | none | `min_idle`: none, created | `min_idle`: `max_size`, created |
//! | [`max_lifetime`]: none, with jitter | none | `max_lifetime`: 30 min | as bb8 |
//! | [`order`]: `Lifo` | `queue_mode`: `Fifo` | `queue_strategy`: `Fifo` | the last to return |
//! | [`max_creating`]: no limit | none | none | 3 threads |
//! | return `true` from `check` | return `Ok` from `recycle` | `test_on_check_out(false)` | as bb8 |
//!
//! # Methods
//!
//! | here, [also for threads](BoundedPool::get) | deadpool | bb8 | r2d2 |
//! | --- | --- | --- | --- |
//! | [`get_async`](BoundedPool::get_async), guard borrows | | `get` | |
//! | [`get_owned_async`](BoundedPool::get_owned_async), from an `Arc` | `get` | `get_owned` | `get` |
//! | a runtime's timeout around `get_async` | `timeout_get` | | `get_timeout` |
//! | `get_timeout(Duration::ZERO)`, for threads | | | `try_get` |
//! | [`prefill_async`](BoundedPool::prefill_async) | | `build` with `min_idle` | `build` |
//! | [`status`](BoundedPool::status), [`stats`](BoundedPool::stats) | `status` | `state` | `state` |
//! | [`retain`](BoundedPool::retain), [`close`](BoundedPool::close) | the same | | |
//! | [`resize`](BoundedPool::resize), which may fail | the same, may not | | |
//! | [`Pooled::detach`] | `Object::take` | | |
//! | [`Pooled::info`]: `age`, `idle`, `uses` | `Object::metrics`: `age`, `last_used`, `recycle_count` | | |
//! | `Arc` and `Weak` | `Clone` and `weak` | `Clone` | `Clone` |
//!
//! After a timeout around `get_async`, the next waiter has its turn. A creation that was under way is dropped. The manager's
//! methods stand side by side in [`Manage`]. Of the errors, [`GetError::Create`] is deadpool's `Backend` and bb8's
//! `User`, and [`GetError::TimedOut`] names the phase.
//!
//! # From deadpool
//!
//! ```ignore
//! use deadpool::Runtime;
//! use deadpool::managed::{Manager, Metrics, Pool, RecycleResult};
//!
//! struct Connections {
//!     host: String,
//! }
//!
//! impl Manager for Connections {
//!     type Type = Connection;
//!     type Error = io::Error;
//!
//!     async fn create(&self) -> io::Result<Connection> {
//!         Connection::open(&self.host).await
//!     }
//!
//!     async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<io::Error> {
//!         Ok(connection.ping().await?)
//!     }
//! }
//!
//! async fn users(pool: &Pool<Connections>) -> Result<u64, Box<dyn Error + Send + Sync>> {
//!     let mut connection = pool.get().await?;
//!     Ok(connection.count("users").await?)
//! }
//!
//! let pool: Pool<Connections> = Pool::builder(Connections { host: "db.internal".to_owned() })
//!     .max_size(16)
//!     .wait_timeout(Some(Duration::from_secs(1)))
//!     .create_timeout(Some(Duration::from_secs(1)))
//!     .recycle_timeout(Some(Duration::from_millis(100)))
//!     .runtime(Runtime::Tokio1)
//!     .build()?;
//! ```
//!
//! After:
//!
//! ```
//! use std::error::Error;
//! use std::io;
//! use std::time::Duration;
//! use ebbtide::BoundedPool;
//! use ebbtide::bounded::{Info, Manage, Settings};
//!
//! # struct Connection;
//! # impl Connection {
//! #     async fn open(_: &str) -> io::Result<Self> { Ok(Self) }
//! #     async fn ping(&mut self) -> io::Result<()> { Ok(()) }
//! #     async fn count(&mut self, _: &str) -> io::Result<u64> { Ok(3) }
//! # }
//! struct Connections {
//!     host: String,
//! }
//!
//! impl Manage<Connection> for Connections {
//!     type Error = io::Error;
//!
//!     async fn create(&self) -> io::Result<Connection> {
//!         Connection::open(&self.host).await
//!     }
//!
//!     async fn check(&self, connection: &mut Connection, _: &Info) -> bool {
//!         connection.ping().await.is_ok()
//!     }
//! }
//!
//! async fn users(pool: &BoundedPool<Connection, Connections>) -> Result<u64, Box<dyn Error + Send + Sync>> {
//!     let mut connection = pool.get_async().await?;
//!     Ok(connection.count("users").await?)
//! }
//!
//! let settings = Settings::new(16)
//!     .wait_timeout(Duration::from_secs(1))
//!     .create_timeout(Duration::from_secs(1))
//!     .check_timeout(Duration::from_millis(100));
//! let pool = BoundedPool::with_settings(Connections { host: "db.internal".to_owned() }, settings);
//! # assert_eq!(futures_lite::future::block_on(users(&pool)).unwrap(), 3);
//! # assert_eq!(futures_lite::future::block_on(users(&pool)).unwrap(), 3);
//! # assert_eq!(pool.stats().created, 1);
//! ```
//!
//! **What is different:** idle connections are dropped after one to two epochs. `every` sets the epoch, and a `min_idle`
//! of the capacity keeps all. No runtime is named: timeouts work in any. `NoRuntimeSpecified` and hooks do not exist.
//!
//! # From bb8
//!
//! ```ignore
//! use bb8::{ManageConnection, Pool};
//!
//! impl ManageConnection for Connections {
//!     type Connection = Connection;
//!     type Error = io::Error;
//!
//!     async fn connect(&self) -> io::Result<Connection> {
//!         Connection::open(&self.host).await
//!     }
//!
//!     async fn is_valid(&self, connection: &mut Connection) -> io::Result<()> {
//!         connection.ping().await
//!     }
//!
//!     fn has_broken(&self, connection: &mut Connection) -> bool {
//!         connection.failed
//!     }
//! }
//!
//! let pool = Pool::builder()
//!     .max_size(16)
//!     .min_idle(2)
//!     .max_lifetime(Duration::from_secs(1800))
//!     .connection_timeout(Duration::from_secs(5))
//!     .build(Connections { host: "db.internal".to_owned() })
//!     .await?;
//! let users = pool.get().await?.count("users").await?;
//! ```
//!
//! After:
//!
//! ```
//! # use std::error::Error;
//! # use std::io;
//! # use std::time::Duration;
//! use ebbtide::BoundedPool;
//! use ebbtide::bounded::{Info, Manage, Settings};
//!
//! # struct Connection { failed: bool }
//! # impl Connection {
//! #     async fn open(_: &str) -> io::Result<Self> { Ok(Self { failed: false }) }
//! #     async fn ping(&mut self) -> io::Result<()> { Ok(()) }
//! #     async fn count(&mut self, _: &str) -> io::Result<u64> { self.failed = true; Ok(3) }
//! # }
//! # struct Connections { host: String }
//! impl Manage<Connection> for Connections {
//!     type Error = io::Error;
//!
//!     async fn create(&self) -> io::Result<Connection> {
//!         Connection::open(&self.host).await
//!     }
//!
//!     async fn check(&self, connection: &mut Connection, _: &Info) -> bool {
//!         connection.ping().await.is_ok()
//!     }
//!
//!     fn recycle(&self, connection: &mut Connection, _: &Info) -> bool {
//!         !connection.failed
//!     }
//! }
//!
//! # async fn example() -> Result<(), Box<dyn Error + Send + Sync>> {
//! let settings = Settings::new(16)
//!     .min_idle(2)
//!     .max_lifetime(Duration::from_secs(1800))
//!     .wait_timeout(Duration::from_secs(5))
//!     .create_timeout(Duration::from_secs(5));
//! let pool = BoundedPool::with_settings(Connections { host: "db.internal".to_owned() }, settings);
//! pool.prefill_async(2).await?;
//! let users = pool.get_async().await?.count("users").await?;
//! # assert_eq!((users, pool.idle(), pool.status().in_use), (3, 1, 0));
//! # Ok(())
//! # }
//! # futures_lite::future::block_on(example()).unwrap();
//! ```
//!
//! **What is different:** nothing creates connections in the background, unless a task runs
//! [`keep_idle`](BoundedPool::keep_idle). `on_acquire` is the end of `create`.
//!
//! # From r2d2
//!
//! ```ignore
//! use r2d2::{ManageConnection, Pool};
//!
//! impl ManageConnection for Connections {
//!     type Connection = Connection;
//!     type Error = io::Error;
//!
//!     fn connect(&self) -> io::Result<Connection> {
//!         Connection::open(&self.host)
//!     }
//!
//!     fn is_valid(&self, connection: &mut Connection) -> io::Result<()> {
//!         connection.ping()
//!     }
//!
//!     fn has_broken(&self, connection: &mut Connection) -> bool {
//!         connection.failed
//!     }
//! }
//!
//! let pool = Pool::builder()
//!     .max_size(16)
//!     .connection_timeout(Duration::from_secs(5))
//!     .build(Connections { host: "db.internal".to_owned() })?;
//! let users = pool.get()?.count("users")?;
//! ```
//!
//! After:
//!
//! ```
//! # use std::error::Error;
//! # use std::io;
//! # use std::time::Duration;
//! use ebbtide::BoundedPool;
//! use ebbtide::bounded::{Info, Settings, TryRecycle};
//!
//! # struct Connection { failed: bool }
//! # impl Connection {
//! #     fn open(_: &str) -> io::Result<Self> { Ok(Self { failed: false }) }
//! #     fn ping(&mut self) -> io::Result<()> { Ok(()) }
//! #     fn count(&mut self, _: &str) -> io::Result<u64> { Ok(3) }
//! # }
//! #[derive(Clone)]
//! struct Connections {
//!     host: String,
//! }
//!
//! impl TryRecycle<Connection> for Connections {
//!     type Error = io::Error;
//!
//!     fn try_create(&self) -> io::Result<Connection> {
//!         Connection::open(&self.host)
//!     }
//!
//!     fn check(&self, connection: &mut Connection, _: &Info) -> bool {
//!         connection.ping().is_ok()
//!     }
//!
//!     fn recycle(&self, connection: &mut Connection, _: &Info) -> bool {
//!         !connection.failed
//!     }
//! }
//!
//! # fn example() -> Result<(), Box<dyn Error + Send + Sync>> {
//! let settings = Settings::new(16).min_idle(16).wait_timeout(Duration::from_secs(5));
//! let pool = BoundedPool::with_settings(Connections { host: "db.internal".to_owned() }, settings).create_in_background();
//! let users = pool.get()?.count("users")?;
//! # assert_eq!(users, 3);
//! # while pool.idle() < 16 { pool.advance(); }
//! # Ok(())
//! # }
//! # example().unwrap();
//! ```
//!
//! **What is different:** [`create_in_background`](BoundedPool::create_in_background) lets other threads connect, with
//! clones of the manager. So `wait_timeout` limits the whole `get` but its checks, if there is no `create_timeout`.
//! Otherwise the thread that calls `get` connects. If that fails, the `get` fails at once.
//! [`prefill`](BoundedPool::prefill) connects before the first request. `on_release` is a [`Disposer`]. Guards have no
//! `extensions`: keep such data in the item.
//!
//! [`check_timeout`]: Settings::check_timeout
//! [`create_timeout`]: Settings::create_timeout
//! [`every`]: Settings::every
//! [`max_creating`]: Settings::max_creating
//! [`max_lifetime`]: Settings::max_lifetime
//! [`min_idle`]: Settings::min_idle
//! [`order`]: Settings::order
//! [`wait_timeout`]: Settings::wait_timeout

#[cfg(doc)]
use crate::BoundedPool;
#[cfg(doc)]
use crate::bounded::{Disposer, GetError, Manage, Pooled, Settings, TryRecycle};
