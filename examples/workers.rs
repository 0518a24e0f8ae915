//! Pooled threads for blocking jobs. A thread is parked in the pool, gets a job, and returns when it is done.
//!
//! The item is a thread's handle: its inbox, and its join handle. A job takes the handle to its thread. After the job,
//! the thread drops the handle, which returns it to the pool. A sweep drops a thread that was idle for two epochs, and
//! that ends and joins the thread. So there are as many threads as the last two epochs needed at once, and no number to
//! choose.
//!
//! In Go, a worker that returns itself refers to its item. So the item is never garbage, and no finalizer runs. A
//! goroutine that `sync.Pool` has dropped waits forever.
//!
//! ```text
//! cargo run --release --example workers
//! cargo run --release --example workers -- --peak 200 --epoch-ms 500
//! cargo run --release --example workers -- --help
//! ```
//!
//! First it times a job on a parked thread and on a new one. Then it runs two jobs at a time for three epochs, `--peak`
//! for three, and two again for six. A job reads a piece of this program's own file, sums its bytes, and waits as if
//! for a slow disk. The chart shows jobs and threads (`target/workers.svg`, or `--chart`). In the end the program
//! checks that each job ran once and read the right bytes, and that all threads have ended.
//!
//! If the item is a thread, note:
//!
//! - **Who joins.** A sweep drops items where it runs: in the janitor's thread, in `advance` or in `clear`. It joins
//!   threads that wait for a job, which end at once. The janitor sweeps other pools too, so a drop should not block it.
//! - **Never itself.** A worker drops its own handle, and would join itself, if the pool refuses it (`max_idle`,
//!   `chaos`, a recycler) or is dropped with it. So this pool has no such setting, and lives as long as the program.
//! - **No private slots.** A worker returns on its own thread. In that thread's private slots nobody else would find
//!   it.
//! - **Panics.** The job catches them, and the worker is ready for the next job.

mod common;

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{env, fs};

use common::{Failure, Flag, median};
use ebbtide::{Pool, Settings};
use plotters::prelude::*;

/// The number of jobs at a time before and after the peak.
const LOW: usize = 2;
/// The bytes that a job reads.
const PIECE: usize = 64 << 10;
/// How long it then waits.
const WAIT: Duration = Duration::from_millis(2);

fn main() -> ExitCode {
    common::exit("workers", run())
}

// ---- The pool -------------------------------------------------------------------------------------------------------

type Job = Box<dyn FnOnce() + Send>;

/// A thread that waits for jobs. Dropping it ends the thread.
struct Worker {
    /// Both are `Some` until it is dropped.
    inbox: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// The number of existing threads.
static THREADS: AtomicUsize = AtomicUsize::new(0);

impl Worker {
    fn start() -> Worker {
        let (inbox, jobs) = mpsc::sync_channel::<Job>(1);
        // ORDERING: Relaxed, here and below. A counter orders nothing.
        THREADS.fetch_add(1, Ordering::Relaxed);
        let thread = thread::spawn(move || jobs.into_iter().for_each(|job| job()));
        Worker { inbox: Some(inbox), thread: Some(thread) }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.inbox = None; // which ends the thread's loop
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(matches!(ended, Some(Ok(()))), "a worker catches the panics of its jobs");
        THREADS.fetch_sub(1, Ordering::Relaxed);
    }
}

type Workers = Pool<Worker, fn() -> Worker>;

/// Runs a job on a pooled thread and sends its result to `results`. The thread is free by then.
fn submit<T: Send + 'static>(
    workers: &'static Workers,
    results: &Sender<thread::Result<T>>,
    job: impl FnOnce() -> T + Send + 'static,
) {
    let worker = workers.get();
    let inbox = worker.inbox.clone().expect("it isn't being dropped");
    let results = results.clone();
    let job = Box::new(move || {
        let result = panic::catch_unwind(AssertUnwindSafe(job));
        drop(worker); // back into the pool
        // The receiver may be gone.
        let _ = results.send(result);
    });
    inbox.send(job).expect("a worker waits for jobs until it is dropped");
}

// ---- The jobs -------------------------------------------------------------------------------------------------------

/// This program's own file, in pieces.
struct Source {
    path: PathBuf,
    pieces: usize,
}

impl Source {
    fn open() -> io::Result<Source> {
        let path = env::current_exe()?;
        let pieces = fs::metadata(&path)?.len() as usize / PIECE;
        Ok(Source { path, pieces })
    }

    /// The sum of a piece's bytes.
    fn sum(&self, job: usize) -> io::Result<u64> {
        let mut file = fs::File::open(&self.path)?;
        file.seek(SeekFrom::Start((job % self.pieces * PIECE) as u64))?;
        let mut bytes = [0; PIECE];
        file.read_exact(&mut bytes)?;
        Ok(bytes.iter().map(|&byte| u64::from(byte)).sum())
    }
}

/// The number of a job, and the sum that it found.
type Outcome = (usize, io::Result<u64>);

/// A point of the chart.
struct Sample {
    epochs: f64,
    under_way: usize,
    threads: usize,
}

/// Runs as many jobs at a time as each phase says. Returns the sums by job, and the samples.
fn work(
    workers: &'static Workers,
    source: &Arc<Source>,
    phases: &[(usize, f64)],
    epoch: Duration,
) -> Result<(Vec<u64>, Vec<Sample>), Failure> {
    let (results, inbox) = mpsc::channel::<thread::Result<Outcome>>();
    let (mut sums, mut samples) = (Vec::new(), Vec::<Sample>::new());
    let (mut submitted, mut under_way, mut end) = (0, 0, 0.0);
    let start = Instant::now();
    let epochs = || start.elapsed().as_secs_f64() / epoch.as_secs_f64();
    // The last phase has no jobs, so all running ones end.
    for &(wanted, length) in phases.iter().chain([&(0, 0.0)]) {
        end += length;
        while epochs() < end || under_way > wanted {
            while under_way < wanted {
                let (source, job) = (Arc::clone(source), submitted);
                submit(workers, &results, move || {
                    let sum = source.sum(job);
                    thread::sleep(WAIT);
                    (job, sum)
                });
                sums.push(None);
                (submitted, under_way) = (submitted + 1, under_way + 1);
            }
            let now = epochs();
            if samples.last().is_none_or(|last| now - last.epochs > 0.01) {
                // ORDERING: Relaxed. A counter orders nothing.
                samples.push(Sample { epochs: now, under_way, threads: THREADS.load(Ordering::Relaxed) });
            }
            let (job, sum) = inbox.recv()?.map_err(|_| "a job panicked")?;
            under_way -= 1;
            if sums[job].replace(sum?).is_some() {
                return Err(format!("job {job} ran twice").into());
            }
        }
    }
    let sums = sums.into_iter().enumerate().map(|(job, sum)| sum.ok_or(format!("job {job} did not run")));
    Ok((sums.collect::<Result<_, _>>()?, samples))
}

/// The microseconds from submitting a job to its result, with pooled threads and with new ones. Medians of alternating
/// rounds.
fn time_handovers(workers: &'static Workers, source: &Arc<Source>) -> Result<(f64, f64), Failure> {
    const ROUNDS: usize = 15;
    const JOBS: usize = 50;
    let (results, inbox) = mpsc::channel();
    let (mut pooled, mut fresh) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for job in 0..JOBS {
            let source = Arc::clone(source);
            submit(workers, &results, move || source.sum(job));
            inbox.recv()?.map_err(|_| "a job panicked")??;
        }
        pooled.push(start.elapsed().as_secs_f64() * 1e6 / JOBS as f64);

        let start = Instant::now();
        for job in 0..JOBS {
            let source = Arc::clone(source);
            thread::spawn(move || source.sum(job)).join().map_err(|_| "a job panicked")??;
        }
        fresh.push(start.elapsed().as_secs_f64() * 1e6 / JOBS as f64);
    }
    Ok((median(pooled), median(fresh)))
}

// ---- The program ----------------------------------------------------------------------------------------------------

fn run() -> Result<(), Failure> {
    let (mut peak, mut epoch_ms, mut chart) = (60, 500, PathBuf::from("target/workers.svg"));
    let mut flags = [
        Flag::number("--peak", "jobs under way at the peak", &mut peak, LOW..=1000),
        Flag::number("--epoch-ms", "length of an epoch", &mut epoch_ms, 10..=60_000),
        Flag::path("--chart", "where the chart goes", &mut chart),
    ];
    common::parse("Runs blocking jobs on pooled threads, whose number follows the load.", &mut flags)?;
    // Writes an empty file first, so that a bad path fails before the work.
    common::write_file(&chart, "")?;

    let epoch = Duration::from_millis(epoch_ms as u64);
    let settings = Settings::new().every(epoch).private_slots(0);
    // Lives as long as a `static`. It can't be one, as its epoch is an argument.
    let workers: &'static Workers = Box::leak(Box::new(Pool::try_with_settings(Worker::start as _, settings)?));
    let source = Arc::new(Source::open()?);
    let mut out = io::stdout();

    let (pooled, fresh) = time_handovers(workers, &source)?;
    writeln!(out, "a job on a parked thread of the pool: {pooled:.0} µs; on a new thread: {fresh:.0} µs")?;

    let before = workers.stats().created;
    let phases = [(LOW, 3.0), (peak, 3.0), (LOW, 6.0)];
    let (sums, samples) = work(workers, &source, &phases, epoch)?;
    let most = samples.iter().map(|sample| sample.threads).max().unwrap_or(0);
    // ORDERING: Relaxed. A counter orders nothing.
    let last = THREADS.load(Ordering::Relaxed);
    writeln!(out, "jobs: {}, each ran once", sums.len())?;
    writeln!(out, "threads started: {}", workers.stats().created - before)?;
    writeln!(out, "threads at once: {most} at most for {peak} jobs at the peak, {last} at the end for {LOW}")?;

    let held = (0..source.pieces).map(|piece| source.sum(piece)).collect::<Result<Vec<_>, _>>()?;
    if sums.iter().zip(held.iter().cycle()).any(|(sum, held)| sum != held) {
        return Err("a job read wrong bytes".into());
    }
    end_all(workers)?;
    common::write_file(&chart, &draw(&samples, &phases)?)?;
    Ok(writeln!(out, "chart: {}", chart.display())?)
}

/// Ends every thread of the pool, and checks that the system has none left.
fn end_all(workers: &Workers) -> Result<(), Failure> {
    let start = Instant::now();
    // A sweep of the janitor may be about to drop some.
    // ORDERING: Relaxed. A counter orders nothing.
    while THREADS.load(Ordering::Relaxed) > 0 {
        workers.clear();
        if start.elapsed() > Duration::from_secs(10) {
            return Err("unused threads are left".into());
        }
        thread::sleep(Duration::from_millis(1));
    }
    if cfg!(target_os = "linux") {
        let left = fs::read_dir("/proc/self/task")?.count();
        writeln!(io::stdout(), "threads of this process at the end: {left} (this one and the two of the janitor)")?;
        if left != 3 {
            return Err(format!("{left} threads, where three were expected").into());
        }
    }
    Ok(())
}

fn draw(samples: &[Sample], phases: &[(usize, f64)]) -> Result<String, Failure> {
    let epochs: f64 = phases.iter().map(|(_, length)| length).sum();
    let most = samples.iter().map(|sample| sample.threads).max().unwrap_or(0);
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, (900, 420)).into_drawing_area();
    root.fill(&WHITE)?;
    let (blue, dark) = (RGBColor(134, 182, 219), RGBColor(19, 52, 84));
    let mut chart = ChartBuilder::on(&root)
        .caption(
            "Two epochs after the last job of a peak, its threads have ended",
            ("sans-serif", 20).into_font().color(&dark),
        )
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(50)
        .build_cartesian_2d(0.0..epochs, 0.0..most as f64 * 1.08)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.1))
        .label_style(("sans-serif", 14))
        .x_labels(epochs as usize + 1)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .x_desc("time, in epochs")
        .y_desc("threads, jobs")
        .draw()?;
    let threads = samples.iter().map(|sample| (sample.epochs, sample.threads as f64));
    let mut outline: Vec<_> = threads.collect();
    outline.extend([(epochs, 0.0), (0.0, 0.0)]);
    chart
        .draw_series([Polygon::new(outline, blue.filled())])?
        .label("threads")
        .legend(move |(x, y)| Rectangle::new([(x, y - 6), (x + 20, y + 6)], blue.filled()));
    let jobs = samples.iter().map(|sample| (sample.epochs, sample.under_way as f64));
    chart
        .draw_series(LineSeries::new(jobs, dark.stroke_width(2)))?
        .label("jobs under way")
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], dark.stroke_width(2)));
    chart.configure_series_labels().label_font(("sans-serif", 14)).border_style(TRANSPARENT).draw()?;
    root.present()?;
    drop((chart, root));
    Ok(svg)
}
