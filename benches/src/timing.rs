//! Clocks and threads.

use std::hint;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The duration of one sample.
const MEASURED: Duration = Duration::from_millis(20);

/// The number of threads that can run at once.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The duration of the warm-up before a sample.
const WARM_UP: Duration = Duration::from_millis(5);

/// One thread's nanoseconds per thing. `chunk` returns how many things it has done.
pub fn each(mut chunk: impl FnMut() -> usize) -> f64 {
    repeat(WARM_UP, &mut chunk);
    let (done, time) = repeat(MEASURED, &mut chunk);
    nanos(time) / done as f64
}

/// The median nanoseconds of `one`, if a mean is too uneven. Each run follows `prepare`.
pub fn typical(mut prepare: impl FnMut(), mut one: impl FnMut()) -> f64 {
    let mut times = Vec::new();
    repeat(MEASURED, &mut || {
        prepare();
        times.push(time(&mut one));
        1
    });
    median(times)
}

/// The nanoseconds of this run of `one`.
pub fn time(one: impl FnOnce()) -> f64 {
    let start = Instant::now();
    one();
    nanos(start.elapsed())
}

/// The middle value, or the mean of the two in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n => (values[(n - 1) / 2] + values[n / 2]) / 2.0,
    }
}

/// Half of the values lie between these two.
pub fn quartiles(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[values.len() / 4], values[values.len() * 3 / 4])
}

/// The cost of each run of `disturbance`, repeated in a second thread, to `work`: the part of the time that `work`
/// loses, divided by the number of disturbances. `work` returns its time for one thing.
pub fn cost_of_each(disturbance: impl Fn() + Sync, work: impl Fn() -> f64) -> f64 {
    /// Between two disturbances, so that some work remains.
    const PAUSE: Duration = Duration::from_micros(50);
    let count = AtomicUsize::new(0);
    let pause = || {
        let start = Instant::now();
        while start.elapsed() < PAUSE {
            hint::spin_loop();
        }
    };
    let alone = meanwhile(1, pause, &work);
    let other = || {
        pause();
        disturbance();
        count.fetch_add(1, Ordering::Relaxed);
    };
    meanwhile(1, other, || {
        let (start, before) = (Instant::now(), count.load(Ordering::Relaxed));
        let disturbed = work();
        let times = (count.load(Ordering::Relaxed) - before) as f64;
        (1.0 - alone / disturbed).max(0.0) * nanos(start.elapsed()) / times
    })
}

fn nanos(time: Duration) -> f64 {
    time.as_nanos() as f64
}

fn repeat(time: Duration, chunk: &mut impl FnMut() -> usize) -> (usize, Duration) {
    let start = Instant::now();
    let mut done = 0;
    loop {
        done += chunk();
        let passed = start.elapsed();
        if passed >= time {
            return (done, passed);
        }
    }
}

/// Runs `measured` in this thread while this many other threads repeat `other`.
pub fn meanwhile<O>(threads: usize, other: impl Fn() + Sync, measured: impl FnOnce() -> O) -> O {
    let (running, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                other();
                running.fetch_add(1, Ordering::Relaxed);
                while !stop.load(Ordering::Relaxed) {
                    other();
                }
            });
        }
        while running.load(Ordering::Relaxed) < threads {
            thread::yield_now();
        }
        // Long enough for the system to give each thread a core, if there are enough.
        thread::sleep(WARM_UP);
        let result = measured();
        stop.store(true, Ordering::Relaxed);
        result
    })
}

/// The mean of what `body` returns in this many threads. They start together, and each has a number.
pub fn side_by_side(threads: usize, body: impl Fn(usize) -> f64 + Sync) -> f64 {
    let ready = AtomicUsize::new(0);
    let sum: f64 = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|number| {
                let (body, ready) = (&body, &ready);
                scope.spawn(move || {
                    ready.fetch_add(1, Ordering::Relaxed);
                    wait_until(|| ready.load(Ordering::Relaxed) == threads);
                    body(number)
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker panicked")).sum()
    });
    sum / threads as f64
}

/// Spins, and yields now and then in case another thread needs this core.
pub fn wait_until(condition: impl Fn() -> bool) {
    let mut looks = 0_u32;
    while !condition() {
        looks += 1;
        match looks % 1024 {
            0 => thread::yield_now(),
            _ => hint::spin_loop(),
        }
    }
}
