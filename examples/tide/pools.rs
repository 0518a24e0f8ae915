//! The four pools.

use std::cell::RefCell;
use std::sync::Mutex;

use ebbtide::{DefaultRecycle, Pool, Settings};

use crate::common::Failure;
use crate::item::Scratch;
use crate::options::Options;
use crate::schedule::work;

/// One of the pools: how it hands out and takes back an item.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) run: fn(&Options) -> Result<(), Failure>,
}

/// The last one is ebbtide, so that it lies on top in the chart.
pub(crate) static CONTENDERS: [Contender; 4] = [
    Contender { name: "mutex", title: "Mutex<Vec>", run: with_mutex },
    Contender { name: "thread-local", title: "thread-local Vec", run: with_thread_local },
    Contender { name: "object-pool", title: "object-pool", run: with_object_pool },
    Contender { name: "ebbtide", title: "ebbtide", run: with_ebbtide },
];

fn with_mutex(options: &Options) -> Result<(), Failure> {
    let idle = Mutex::new(Vec::<Scratch>::new());
    let lock = || idle.lock().expect("nothing panics under the lock");
    let take = |size| {
        let idle = lock().pop();
        let mut item = idle.unwrap_or_default();
        item.begin(size);
        item
    };
    let give = |mut item: Scratch| {
        item.end();
        lock().push(item);
    };
    work(options, take, give)
}

fn with_thread_local(options: &Options) -> Result<(), Failure> {
    thread_local! {
        static IDLE: RefCell<Vec<Scratch>> = const { RefCell::new(Vec::new()) };
    }
    let take = |size| {
        let mut item = IDLE.with_borrow_mut(Vec::pop).unwrap_or_default();
        item.begin(size);
        item
    };
    let give = |mut item: Scratch| {
        item.end();
        IDLE.with_borrow_mut(|idle| idle.push(item));
    };
    work(options, take, give)
}

fn with_object_pool(options: &Options) -> Result<(), Failure> {
    let pool = object_pool::Pool::new(0, Scratch::default);
    let take = |size| {
        let mut item = pool.pull(Scratch::default);
        item.begin(size);
        item
    };
    work(options, take, |mut item| item.end())
}

fn with_ebbtide(options: &Options) -> Result<(), Failure> {
    let pool: Pool<Scratch> = Pool::try_with_settings(DefaultRecycle, Settings::new().every(options.epoch()))?;
    let take = |size| {
        let mut item = pool.get();
        item.begin(size);
        item
    };
    work(options, take, |mut item| item.end())
}
