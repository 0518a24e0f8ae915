//! The features `tracing` and `metrics`: an event for each sweep, and the pool's numbers.
#![cfg(all(feature = "metrics", feature = "tracing"))]

mod common;
#[path = "common/scribe.rs"]
mod scribe;

use std::any::type_name;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Counted, Ledger, MANUAL, Maker, alone, lock, panic_of, until};
use ebbtide::{DefaultRecycle, Pool, Settings, Stats};
use metrics::atomics::AtomicU64;
use metrics::{Key, KeyName, Metadata, Recorder, SharedString, Unit, with_local_recorder};
use scribe::{Line, Scribe, events, texts};
use tracing::subscriber::set_global_default;

// ---- tracing --------------------------------------------------------------------------------------------------------

#[test]
fn each_sweep_emits_an_event() {
    let ledger = Ledger::new();
    let pool = Pool::with_settings(Maker(ledger), MANUAL);
    let use_it = || {
        drop((pool.get(), pool.get()));
        pool.advance();
        drop(pool.get()); // one of them is young again
        pool.advance();
        pool.clear();
    };
    let item = format!("message=swept item={}", type_name::<Counted>());
    let expected = [
        format!(" {item} purpose=Advance epoch=0 dropped=0 kept=2 left_busy=0"),
        format!(" {item} purpose=Advance epoch=1 dropped=1 kept=1 left_busy=0"),
        format!(" {item} purpose=Clear epoch=2 dropped=1 kept=0 left_busy=0"),
    ];
    assert_eq!(texts(&events(|| (), use_it)), expected);
}

/// A pool's name is in its events, and in what `Debug` prints.
#[test]
fn a_name_tells_pools_apart() {
    let pool: Pool<String> = Pool::with_settings(DefaultRecycle, MANUAL.name("words"));
    let buffers = ebbtide::BufferPool::with_settings(ebbtide::buffers::Settings::new().manual().name("pages"));
    let boxes: ebbtide::BoxPool<u8> = ebbtide::BoxPool::with_settings(MANUAL.name("nodes"));
    let lines = events(
        || (),
        || {
            drop((pool.get(), buffers.get(1), boxes.insert(1)));
            pool.advance();
            buffers.advance();
            boxes.advance();
        },
    );
    for (text, name) in texts(&lines).iter().zip(["words", "pages", "nodes"]) {
        assert!(text.starts_with(&format!(" message=swept pool={name} item=")), "{text}");
    }
    assert_eq!((lines.len(), pool.name(), buffers.name(), boxes.name()), (3, "words", "pages", "nodes"));
    for (debug, name) in
        [(format!("{pool:?}"), "words"), (format!("{buffers:?}"), "pages"), (format!("{boxes:?}"), "nodes")]
    {
        assert!(debug.contains(name), "{debug}");
    }
}

#[cfg(feature = "bounded")]
#[test]
fn a_name_tells_bounded_pools_apart() {
    let settings = ebbtide::bounded::Settings::new(4).manual().name("words");
    let pool: ebbtide::BoundedPool<String> = ebbtide::BoundedPool::with_settings(DefaultRecycle, settings);
    drop(pool.get());
    let lines = events(|| (), || _ = pool.advance());
    let [text] = texts(&lines)[..] else { panic!("{} events", lines.len()) };
    assert!(text.contains(" pool=words "), "{text}");
    assert_eq!(pool.name(), "words");
    assert!(format!("{pool:?}").contains("words"));
}

#[cfg(feature = "bounded")]
#[test]
fn each_sweep_of_a_bounded_pool_emits_an_event() {
    let settings = ebbtide::bounded::Settings::new(4).manual();
    let pool: ebbtide::BoundedPool<String> = ebbtide::BoundedPool::with_settings(DefaultRecycle, settings);
    drop(pool.get());
    let use_it = || {
        pool.advance();
        pool.clear();
    };
    let item = "message=swept item=alloc::string::String";
    let expected = [
        format!(" {item} purpose=Advance epoch=0 dropped=0 kept=1 left_busy=0"),
        format!(" {item} purpose=Clear epoch=1 dropped=1 kept=0 left_busy=0"),
    ];
    assert_eq!(texts(&events(|| (), use_it)), expected);
}

/// Takes two milliseconds to drop.
struct Slow;

impl Drop for Slow {
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn the_duration_is_that_of_the_whole_sweep() {
    let pool = Pool::with_settings(|| Slow, MANUAL);
    let start = Instant::now();
    let lines = events(
        || (),
        || {
            drop((pool.get(), pool.get()));
            pool.clear();
        },
    );
    assert!((4000..=start.elapsed().as_micros() as u64).contains(&lines[0].micros), "{} µs", lines[0].micros);
}

/// The event is emitted after the items are dropped, with no lock held. So the subscriber can sweep the pool.
#[test]
fn the_event_is_emitted_with_no_lock_held() {
    let ledger = Ledger::new();
    let pool = Arc::new(Pool::with_settings(Maker(Arc::clone(&ledger)), MANUAL));
    let again = Arc::clone(&pool);
    let lines = events(
        move || {
            assert_eq!(ledger.live(), 0);
            assert!(again.clear().is_some(), "another sweep may run");
            drop(again.get());
        },
        || {
            drop(pool.get());
            pool.clear();
        },
    );
    assert_eq!(lines.len(), 1);
    assert_eq!(pool.idle(), 1);
}

#[test]
fn a_panic_of_the_subscriber_goes_to_the_caller() {
    let ledger = Ledger::new();
    let pool = Pool::with_settings(Maker(Arc::clone(&ledger)), MANUAL);
    drop(pool.get());
    let panic = panic_of(|| events(|| panic!("out of ink"), || _ = pool.clear()));
    assert_eq!(panic, "out of ink");
    assert_eq!((ledger.live(), pool.stats().sweeps), (0, 1));
    drop(pool.get());
    assert!(pool.clear().is_some());
    ledger.assert_all_dropped_once();
}

/// The janitor emits events too, and survives a subscriber that panics.
#[test]
fn the_janitor_emits_events() {
    if !alone("the_janitor_emits_events") {
        return;
    }
    static FAILED: AtomicBool = AtomicBool::new(false);
    let lines: Arc<Mutex<Vec<Line>>> = Arc::default();
    let fail_once = || assert!(FAILED.swap(true, Ordering::SeqCst), "out of ink");
    set_global_default(Scribe { lines: Arc::clone(&lines), first: fail_once }).unwrap();
    let pool = Pool::with_settings(String::new, Settings::new().every(Duration::from_millis(1)));
    until("the janitor has emitted three events after the one that failed", || {
        // Used all the time, so that its sweeps go on.
        drop(pool.get());
        lock(&lines).len() >= 3
    });
    assert!(FAILED.load(Ordering::SeqCst));
    assert_eq!(pool.stats().panics, 1);
}

// ---- metrics --------------------------------------------------------------------------------------------------------

/// Values by metric and labels. A gauge is stored as the bits of its value, as the recorder gets it.
#[derive(Default)]
struct Register {
    counters: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
    gauges: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
}

fn name(key: &Key) -> String {
    let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
    format!("{} {}", key.name(), labels.join(","))
}

impl Recorder for Register {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> metrics::Counter {
        Arc::clone(lock(&self.counters).entry(name(key)).or_default()).into()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> metrics::Gauge {
        Arc::clone(lock(&self.gauges).entry(name(key)).or_default()).into()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        panic!("a histogram called {}", name(key))
    }
}

impl Register {
    /// All counters that aren't 0, and all gauges.
    fn numbers(&self) -> Vec<String> {
        let (counters, gauges) = (lock(&self.counters), lock(&self.gauges));
        let counters = counters.iter().map(|(name, value)| (name, value.load(Ordering::SeqCst)));
        let counters = counters.filter(|&(_, value)| value > 0).map(|(name, value)| format!("{name}: {value}"));
        let gauges = gauges.iter().map(|(name, value)| (name, f64::from_bits(value.load(Ordering::SeqCst))));
        counters.chain(gauges.map(|(name, value)| format!("{name}: {value}"))).collect()
    }
}

#[test]
fn every_stat_is_published() {
    let mut stats = Stats::default();
    let counters = [
        ("refills", &mut stats.refills),
        ("steals", &mut stats.steals),
        ("rescues", &mut stats.rescues),
        ("created", &mut stats.created),
        ("spills", &mut stats.spills),
        ("refused", &mut stats.refused),
        ("rejected", &mut stats.rejected),
        ("sweeps", &mut stats.sweeps),
        ("dropped", &mut stats.dropped),
        ("left_busy", &mut stats.left_busy),
        ("failed_barriers", &mut stats.failed_barriers),
        ("panics", &mut stats.panics),
        ("fetches", &mut stats.fetches),
        ("waits", &mut stats.waits),
        ("wait_timeouts", &mut stats.wait_timeouts),
        ("create_timeouts", &mut stats.create_timeouts),
        ("check_timeouts", &mut stats.check_timeouts),
        ("failed_checks", &mut stats.failed_checks),
        ("expired", &mut stats.expired),
        ("overdue", &mut stats.overdue),
    ];
    // Each number is different, so that none can stand in for another.
    let mut expected = Vec::new();
    for (number, (name, counter)) in (1..).zip(counters) {
        *counter = number;
        expected.push(format!("ebbtide_{name}_total pool=buffers: {number}"));
    }
    (stats.hold_time, stats.wait_time) = (Duration::from_nanos(101), Duration::from_nanos(102));
    expected.push("ebbtide_hold_time_nanos_total pool=buffers: 101".to_owned());
    expected.push("ebbtide_wait_time_nanos_total pool=buffers: 102".to_owned());
    expected.sort();
    stats.idle = 100;
    expected.push("ebbtide_idle pool=buffers: 100".to_owned());

    let register = Register::default();
    with_local_recorder(&register, || {
        stats.publish("buffers");
        stats.publish("buffers"); // the same once more changes nothing
    });
    assert_eq!(register.numbers(), expected);
}

#[test]
fn metrics_are_labelled_by_pool() {
    let register = Register::default();
    let pools = [Pool::<String>::new(), Pool::<String>::new()];
    drop((pools[0].get(), pools[0].get()));
    with_local_recorder(&register, || {
        for (number, pool) in pools.iter().enumerate() {
            pool.stats().publish(format!("pool {number}"));
        }
    });
    let expected =
        ["ebbtide_created_total pool=pool 0: 2", "ebbtide_idle pool=pool 0: 2", "ebbtide_idle pool=pool 1: 0"];
    assert_eq!(register.numbers(), expected);
    // A number that can fall is a gauge.
    pools[0].clear();
    with_local_recorder(&register, || pools[0].stats().publish("pool 0"));
    assert!(register.numbers().contains(&"ebbtide_idle pool=pool 0: 0".to_owned()));
}
