//! `BoundedPool` under tokio: each connection says goodbye in a task of its runtime, whoever ends it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::common::Count;
use ebbtide::BoundedPool;
use ebbtide::bounded::{Disposer, Manage, Settings};
use tokio::runtime::Handle;

struct Connection {
    goodbyes: Arc<Count>,
}

impl Connection {
    async fn close(self) {
        tokio::time::sleep(Duration::from_millis(1)).await; // panics outside of the runtime
        self.goodbyes.bump();
    }
}

struct Connections {
    runtime: Handle,
    goodbyes: Arc<Count>,
}

impl Manage<Connection> for Connections {
    type Error = io::Error;

    async fn create(&self) -> io::Result<Connection> {
        tokio::task::yield_now().await;
        Ok(Connection { goodbyes: Arc::clone(&self.goodbyes) })
    }

    fn disposer(&self) -> Disposer<Connection> {
        let runtime = self.runtime.clone();
        Disposer::new(move |connection: Connection| drop(runtime.spawn(connection.close())))
    }
}

type Pool = BoundedPool<Connection, Connections>;

/// Four connections of a pool become idle, and `end` ends them. All say goodbye.
async fn all_say_goodbye(settings: Settings, end: impl FnOnce(Pool) -> Option<Pool>) {
    let goodbyes = Arc::new(Count::new());
    let manager = Connections { runtime: Handle::current(), goodbyes: Arc::clone(&goodbyes) };
    let pool = BoundedPool::with_settings(manager, settings);
    drop(pool.get_many_async(4).await.unwrap());
    let pool = end(pool);
    let said = async {
        while goodbyes.get() < 4 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    // Only a goodbye that is never said misses the deadline.
    tokio::time::timeout(Duration::from_secs(60), said).await.expect("all say goodbye");
    assert_eq!((goodbyes.get(), pool.map_or(0, |pool| pool.idle())), (4, 0));
}

#[tokio::test]
async fn swept_by_the_janitor() {
    all_say_goodbye(Settings::new(4).every(Duration::from_millis(1)), Some).await;
}

#[tokio::test]
async fn closed() {
    all_say_goodbye(Settings::new(4), |pool| {
        pool.close();
        pool.closed();
        Some(pool)
    })
    .await;
}

#[tokio::test]
async fn dropped_with_the_pool() {
    all_say_goodbye(Settings::new(4), |pool| {
        drop(pool);
        None
    })
    .await;
}

/// The pool is dropped on a thread that knows no runtime.
#[tokio::test]
async fn dropped_outside_of_the_runtime() {
    all_say_goodbye(Settings::new(4), |pool| {
        std::thread::spawn(move || drop(pool)).join().unwrap();
        None
    })
    .await;
}
