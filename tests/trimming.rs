//! After a burst, its memory goes back to the system. glibc keeps it unless it is told.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod common;

use std::fs;
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use common::{Count, alone, until};
use ebbtide::{DefaultRecycle, Pool, Recycle, Settings, set_trimming};

const MIB: usize = 1 << 20;
const SHORT: Duration = Duration::from_millis(50);
const BURST: usize = 200 * MIB;

/// Resident memory in bytes.
fn resident() -> usize {
    let text = fs::read_to_string("/proc/self/statm").expect("procfs");
    let pages: usize = text.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).expect("a number of pages");
    // SAFETY: the query has no preconditions.
    pages * usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).expect("a size")
}

/// Has several threads use items of this size at once. Returns how much memory that took, beyond `start`.
fn burst<R: Recycle<Vec<u8>> + Sync>(
    pool: &Pool<Vec<u8>, R>,
    bytes: usize,
    size: usize,
    threads: usize,
    start: usize,
) -> usize {
    let (all_hold, measured) = (Barrier::new(threads + 1), Barrier::new(threads + 1));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let held: Vec<_> = (0..bytes / size / threads).map(|_| pool.get()).collect();
                all_hold.wait();
                measured.wait();
                drop(held);
            });
        }
        all_hold.wait();
        let rise = resident() - start;
        measured.wait();
        rise
    })
}

fn of_size(size: usize) -> Pool<Vec<u8>, impl Fn() -> Vec<u8>> {
    Pool::with_settings(move || vec![1; size], Settings::new().every(SHORT))
}

fn goes_back(bytes: usize, size: usize, threads: usize) {
    let start = resident();
    let pool = of_size(size);
    let rise = burst(&pool, bytes, size, threads, start);
    assert!(rise > bytes / 2, "the burst took only {rise} bytes");
    until("a quarter of it is left at most", || resident() < start + rise / 4);
}

#[test]
fn memory_of_small_items_goes_back() {
    if alone("memory_of_small_items_goes_back") {
        goes_back(BURST, 2000, 8);
    }
}

#[test]
fn memory_of_large_items_goes_back() {
    if alone("memory_of_large_items_goes_back") {
        goes_back(BURST, 60_000, 1);
    }
}

/// From the second burst on, glibc maps none of them one by one. The small blocks between them stay in use.
#[test]
fn memory_of_few_heavy_items_goes_back() {
    if !alone("memory_of_few_heavy_items_goes_back") {
        return;
    }
    let pool: Pool<Vec<u8>> = Pool::with_settings(DefaultRecycle, Settings::new().every(SHORT));
    let mut between = Vec::new();
    for _ in 0..3 {
        let start = resident();
        let mut take = |_| {
            let mut item = pool.get();
            item.resize(MIB, 1);
            between.push(Box::new([1_u8; 300]));
            item
        };
        let held: Vec<_> = (0..100).map(&mut take).collect();
        let rise = resident() - start;
        drop(held);
        until("a quarter of it is left at most", || resident() < start + rise / 4);
    }
}

/// What a closure's items own is unknown.
#[test]
fn memory_of_few_items_of_unknown_weight_goes_back() {
    if !alone("memory_of_few_items_of_unknown_weight_goes_back") {
        return;
    }
    let start = resident();
    let nested = || (0..1000).map(|_| vec![1_u8; 5000]).collect::<Vec<_>>();
    let pool = Pool::with_settings(nested, Settings::new().every(SHORT));
    let held: Vec<_> = (0..40).map(|_| pool.get()).collect();
    let rise = resident() - start;
    drop(held);
    until("a quarter of it is left at most", || resident() < start + rise / 4);
}

/// It comes right after the first trim.
#[test]
fn memory_goes_back_after_a_second_burst() {
    if alone("memory_goes_back_after_a_second_burst") {
        goes_back(20 * MIB, 2000, 4);
        goes_back(20 * MIB, 2000, 4);
    }
}

#[test]
fn memory_stays_if_trimming_is_off() {
    if !alone("memory_stays_if_trimming_is_off") {
        return;
    }
    set_trimming(false);
    let start = resident();
    let pool = of_size(2000);
    let rise = burst(&pool, BURST, 2000, 8, start);
    until("the items are dropped", || pool.idle() == 0);
    // Another pool's drops come after a trim would have.
    let later = of_size(2000);
    drop(later.get());
    until("the later item is dropped", || later.idle() == 0);
    assert!(resident() > start + rise / 4, "{} bytes are left of {rise}", resident() - start);
    set_trimming(true);
    drop((0..1000).map(|_| later.get()).collect::<Vec<_>>());
    until("a quarter of it is left at most", || resident() < start + rise / 4);
}

/// How long a trim takes, and the longest wait of threads that allocate meanwhile. They share the heaps of the burst.
#[test]
#[ignore = "measures"]
fn how_long_a_trim_takes() {
    let cases =
        [(2000, 1, false), (2000, 8, false), (60_000, 1, false), (60_000, 8, false), (200, 1, true), (200, 8, true)];
    for (size, threads, half_stays) in cases {
        let (burst_over, done) = (Barrier::new(threads + 1), Count::new());
        let waits = thread::scope(|scope| {
            let body = || {
                let blocks: Vec<_> = (0..2 * BURST / size / threads).map(|_| vec![1_u8; size]).collect();
                let kept = blocks.into_iter().step_by(2).filter(|_| half_stays).collect::<Vec<_>>();
                burst_over.wait();
                let mut longest = Duration::ZERO;
                while done.get() == 0 {
                    let start = Instant::now();
                    drop(black_box(vec![1_u8; 5000]));
                    longest = longest.max(start.elapsed());
                }
                drop(kept);
                longest
            };
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(body)).collect();
            burst_over.wait();
            let (before, start) = (resident(), Instant::now());
            // SAFETY: the function has no preconditions.
            unsafe { libc::malloc_trim(0) };
            let (took, returned) = (start.elapsed(), before.saturating_sub(resident()) / MIB);
            done.set(1);
            println!("{size} B, {threads} threads, half stays: {half_stays}: {took:.0?}, returned {returned} MiB");
            workers.into_iter().map(|worker| worker.join().expect("no panic")).max()
        });
        println!("    longest wait: {:.0?}", waits.expect("a thread"));
    }
}
