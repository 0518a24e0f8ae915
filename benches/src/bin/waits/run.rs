//! One pool in one workload, with and without stops, and the table of all.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_queue::{ArrayQueue, SegQueue};
use ebbtide::Settings;

use crate::pools::{Contender, ebbtide};
use crate::stops::{self, LIMIT, Other, Stops, Thread, inside};

const USAGE: &str = "usage: waits [--stops N] [--help]";

/// The number of stops inside operations of each pool in each workload.
const STOPS: usize = 1000;

/// The number of threads that are stopped, one at a time.
const STOPPED: usize = 2;

/// How long the same threads run without stops.
const CALM: Duration = Duration::from_secs(3);

/// What every thread repeats: it gets `burst` items and puts them back.
#[derive(Clone, Copy)]
struct Workload {
    name: &'static str,
    burst: usize,
    /// Whether another thread sweeps ten thousand times a second, and stopped threads sweep too.
    sweeps: bool,
}

const PAIRS: Workload = Workload { name: "pairs", burst: 1, sweeps: false };
const BURSTS: Workload = Workload { name: "bursts of 64", burst: 64, sweeps: false };
const LARGE: Workload = Workload { name: "bursts of 4096", burst: 4096, sweeps: false };
const SWEPT: Workload = Workload { name: "bursts of 64, sweeps", burst: 64, sweeps: true };

/// The operations of a thread that is never stopped.
#[derive(Default)]
struct Watched {
    operations: AtomicUsize,
    /// In nanoseconds.
    longest: AtomicUsize,
}

impl Watched {
    /// Runs one operation.
    fn run<O>(&self, operation: impl FnOnce() -> O) -> O {
        let start = Instant::now();
        let outcome = operation();
        let time = start.elapsed().as_nanos() as usize;
        if time > self.longest.load(Ordering::Relaxed) {
            self.longest.store(time, Ordering::Relaxed);
        }
        self.operations.store(self.operations.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        outcome
    }
}

/// The results of one run: of gets and puts, and of sweeps.
struct Run {
    stops: Stops,
    watched: [Watched; 2],
}

pub(crate) fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let stops = match args[..] {
        [] => STOPS,
        ["--stops", number] if number.parse::<usize>().is_ok_and(|number| number > 0) => number.parse().expect("it is"),
        ["--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("error: unknown arguments\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    stops::install();
    println!(
        "{STOPPED} threads are stopped in turn, until those that never are have gone on, or have waited for {} ms. {} \
         cores.\n",
        LIMIT.as_millis(),
        thread::available_parallelism().map_or(1, usize::from)
    );
    println!(
        "| pool | workload | operation | longest, nobody stopped | longest, with stops | stops inside an operation | \
         that held it up |\n| --- | --- | --- | --- | --- | --- | --- |"
    );
    let default = Settings::new();
    compare("ebbtide", || ebbtide(default), &[PAIRS, BURSTS, LARGE, SWEPT], stops);
    compare("ebbtide, no private slots", || ebbtide(default.private_slots(0)), &[PAIRS, SWEPT], stops);
    compare("`Mutex<Vec<Box<T>>>`", std::sync::Mutex::<Vec<Box<()>>>::default, &[PAIRS, BURSTS], stops);
    compare("`SegQueue<Box<T>>`", SegQueue::<Box<()>>::new, &[PAIRS, BURSTS], stops);
    compare("`ArrayQueue<Box<T>>`", || ArrayQueue::<Box<()>>::new(1024), &[PAIRS, BURSTS], stops);
    ExitCode::SUCCESS
}

fn compare<C: Contender>(name: &str, make: impl Fn() -> C, workloads: &[Workload], stops: usize) {
    for &workload in workloads {
        let calm = run(&make(), workload, None);
        let stopped = run(&make(), workload, Some(stops));
        let rows = ["get, put", "sweep"].into_iter().take(1 + usize::from(workload.sweeps));
        for (index, operation) in rows.enumerate() {
            let longest = |run: &Run| run.watched[index].longest.load(Ordering::Relaxed) as f64 / 1e6;
            println!(
                "| {name} | {} | {operation} | {:.1} ms | {:.1} ms | {} | {} |",
                workload.name,
                longest(&calm),
                longest(&stopped),
                stopped.stops.inside,
                stopped.stops.held_up[index]
            );
        }
    }
}

/// Runs all threads until there were this many stops inside an operation, or for some time without stops.
fn run<C: Contender>(pool: &C, workload: Workload, stops: Option<usize>) -> Run {
    let over = &AtomicBool::new(false);
    let watched = <[Watched; 2]>::default();
    let stops = thread::scope(|scope| {
        let (sender, stopped) = mpsc::channel();
        for _ in 0..STOPPED {
            let sender = sender.clone();
            scope.spawn(move || {
                introduce(&sender);
                repeat(over, || {
                    burst(workload.burst, || inside(|| pool.get()), |item| inside(|| pool.put(item)));
                    if workload.sweeps {
                        inside(|| pool.sweep());
                    }
                });
            });
        }
        let stopped: Vec<_> = stopped.iter().take(STOPPED).collect();

        let [using, sweeping] = &watched;
        let (sender, others) = mpsc::channel();
        let first = sender.clone();
        scope.spawn(move || {
            introduce(&first);
            repeat(over, || burst(workload.burst, || using.run(|| pool.get()), |item| using.run(|| pool.put(item))));
        });
        // Enough operations to use every path.
        let enough = 1000 + 6 * workload.burst;
        let thread = others.recv().expect("it introduces itself");
        let mut watched = vec![Other { thread, done: &using.operations, enough, pauses: false }];
        if workload.sweeps {
            scope.spawn(move || {
                introduce(&sender);
                repeat(over, || {
                    thread::sleep(Duration::from_micros(100));
                    sweeping.run(|| pool.sweep());
                });
            });
            let thread = others.recv().expect("it introduces itself");
            watched.push(Other { thread, done: &sweeping.operations, enough: 2, pauses: true });
        }
        let stops = match stops {
            // SAFETY: they end when `over` is set, below.
            Some(stops) => unsafe { stops::stop_each(&stopped, stops, &watched) },
            None => {
                thread::sleep(CALM);
                Stops::default()
            }
        };
        over.store(true, Ordering::Relaxed);
        stops
    });
    Run { stops, watched }
}

fn introduce(to: &mpsc::Sender<Thread>) {
    to.send(Thread::this()).expect("somebody waits for it");
}

fn repeat(over: &AtomicBool, mut what: impl FnMut()) {
    while !over.load(Ordering::Relaxed) {
        what();
    }
}

/// Gets `size` items and puts them back.
fn burst<I>(size: usize, mut get: impl FnMut() -> I, put: impl FnMut(I)) {
    let mut held = Vec::with_capacity(size);
    held.extend((0..size).map(|_| get()));
    held.into_iter().for_each(put);
}
