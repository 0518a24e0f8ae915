//! The main job: large buffers recycled in four ways, measured side by side.
//!
//! A program works with 100 buffers of 5 to 10 MiB. At each step it gives back one of them, picked at random, takes
//! another and writes to every page of it. After 1,200 steps it needs only five. It goes on with those for eight
//! epochs; what it holds by then, beside the five, is the question.
//!
//! - (a) `fresh`: a buffer is allocated when it is taken and freed when it is given back.
//! - (b) `channel`: a bounded channel of spare buffers, with non-blocking get and put. It has room for a quarter of the
//!   working set.
//! - (c) `thread`: a recycler thread behind two channels. It hands out first what came back last, and drops what has
//!   been there for two epochs.
//! - (d) `ebbtide`: a [`Pool`]. Its sweeps, one at each epoch, drop what has not been used for two epochs, and no
//!   thread stands between giving back and taking.
//!
//! ```text
//! cargo run --release --example recycler
//! cargo run --release --example recycler -- --buffers 20 --steps 500 --csv samples.csv
//! cargo run --release --example recycler -- --help
//! ```
//!
//! It prints a table and writes a chart, `target/recycler.svg` unless `--chart` says otherwise. `--buffers`,
//! `--min-mb`, `--max-mb`, `--steps`, `--shrink-to` and `--epoch-ms` change the job, `--seed` changes which buffers are
//! picked and how large they are, `--csv` writes the samples.
//!
//! Each way runs in a process of its own, one after the other, so that none sees what another left in the allocator.
//! All four pick in the same order, and the nth buffer made is equally large in all of them; one that is used again
//! keeps its size. The steps are spread over four epochs, so that sweeps and timeouts happen during the work, too;
//! steps per second counts the time spent in the steps, not the pauses between them.
//!
//! When a block that was mapped on its own is freed, glibc no longer maps blocks of up to that size on their own, and
//! may keep them when they are freed. The example fixes the threshold, alike for all four; `--default-malloc` shows the
//! run without. Nothing else is done to make memory shrink.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::ops::{DerefMut, Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};
use std::{env, error, fmt, hint, thread};

use ebbtide::{Pool, Settings};
use plotters::prelude::*;

const HELP: &str = "\
Recycles large buffers in four ways and compares their speed and memory.

Usage: recycler [OPTIONS]

  --buffers N       buffers in the working set, 1 to 100000      [default: 100]
  --min-mb N        smallest buffer in MiB, 1 to 1024            [default: 5]
  --max-mb N        largest buffer in MiB, 1 to 1024             [default: 10]
  --steps N         steps before the set shrinks, 1 to 10000000  [default: 1200]
  --shrink-to N     buffers needed after that, 1 to --buffers    [default: 5]
  --epoch-ms N      length of an epoch, 10 to 60000              [default: 250]
  --seed N          picks the buffers and their sizes            [default: 1]
  --chart PATH      where the chart goes         [default: target/recycler.svg]
  --csv PATH        where the samples go         [default: nowhere]
  --default-malloc  leave glibc's mmap threshold as it is
  --help            print this

--buffers times --max-mb must not exceed 65536 MiB.
";

const MIB: usize = 1 << 20;
/// One byte is written to each page; where pages are larger, several are.
const PAGE: usize = 4096;
/// The steps take at least this many epochs.
const EPOCHS_BEFORE: u32 = 4;
/// After the shrink the run goes on for this many epochs, and a buffer changes hands ten times in each.
const EPOCHS_AFTER: u32 = 8;
const TURNS_AFTER: usize = 10 * EPOCHS_AFTER as usize;
/// The least time between two samples.
const SAMPLE_EVERY: Duration = Duration::from_millis(5);

fn main() -> ExitCode {
    let outcome = Options::parse(env::args_os().skip(1)).and_then(|options| match options.child {
        Some(way) => {
            if !options.default_malloc {
                fix_mmap_threshold();
            }
            (way.run)(&options)
        }
        None if options.help => Ok(io::stdout().write_all(HELP.as_bytes())?),
        None => compare(&options),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { message, status }) => {
            eprintln!("recycler: {message}");
            ExitCode::from(status)
        }
    }
}

// ---- The buffers ----------------------------------------------------------------------------------------------------

/// Buffers made so far.
static MADE: AtomicUsize = AtomicUsize::new(0);
/// Bytes of all buffers there are, in use or idle.
static BYTES: AtomicUsize = AtomicUsize::new(0);

struct Buffer {
    bytes: Vec<u8>,
}

impl Buffer {
    fn make(options: &Options) -> Buffer {
        // ORDERING: Relaxed, a counter that orders nothing.
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let smallest = options.min_mb * MIB;
        let length = smallest + random(!options.seed, number, options.max_mb * MIB - smallest + 1);
        // ORDERING: Relaxed, a counter that orders nothing.
        BYTES.fetch_add(length, Ordering::Relaxed);
        Buffer { bytes: vec![0; length] }
    }

    /// A pool boxes its items; the other ways do the same.
    fn make_boxed(options: &Options) -> Box<Buffer> {
        Box::new(Buffer::make(options))
    }

    fn write_every_page(&mut self) {
        for byte in self.bytes.iter_mut().step_by(PAGE) {
            *byte = byte.wrapping_add(1);
        }
        hint::black_box(&mut self.bytes);
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // ORDERING: Relaxed, a counter that orders nothing.
        BYTES.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

/// The nth number of a random sequence (SplitMix64), below `limit`.
fn random(seed: usize, nth: usize, limit: usize) -> usize {
    let mut z = (seed as u64).wrapping_add((nth as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) % limit as u64) as usize
}

// ---- The four ways --------------------------------------------------------------------------------------------------

/// One way to do the job, which comes down to how a buffer is taken and how it is given back.
struct Way {
    name: &'static str,
    title: &'static str,
    run: fn(&Options) -> Result<(), Failure>,
}

static WAYS: [Way; 4] = [
    Way { name: "fresh", title: "(a) fresh allocation", run: with_fresh_allocations },
    Way { name: "channel", title: "(b) bounded channel", run: with_channel },
    Way { name: "thread", title: "(c) recycler thread", run: with_thread },
    Way { name: "ebbtide", title: "(d) ebbtide", run: with_ebbtide },
];

fn with_fresh_allocations(options: &Options) -> Result<(), Failure> {
    work(options, || Buffer::make_boxed(options), drop)
}

fn with_channel(options: &Options) -> Result<(), Failure> {
    let (put, get) = mpsc::sync_channel(options.buffers.div_ceil(4));
    let take = || get.try_recv().unwrap_or_else(|_| Buffer::make_boxed(options));
    work(options, take, |buffer| drop(put.try_send(buffer)))
}

fn with_thread(options: &Options) -> Result<(), Failure> {
    let (requests, inbox) = mpsc::channel();
    let (outbox, buffers) = mpsc::sync_channel(1);
    let job = options.clone();
    thread::spawn(move || recycle(&inbox, &outbox, &job));
    let send = |request| requests.send(request).expect("the recycler outlives the work");
    let take = || {
        send(Request::Take);
        buffers.recv().expect("the recycler answers every request")
    };
    work(options, take, |buffer| send(Request::Give(buffer)))
}

/// What the recycler thread is asked. Giving and taking share a channel, because nothing in std waits for two at once.
enum Request {
    Give(Box<Buffer>),
    Take,
}

/// The recycler thread. It ends when there is nobody left to ask it.
fn recycle(requests: &Receiver<Request>, buffers: &SyncSender<Box<Buffer>>, options: &Options) {
    let timeout = 2 * options.epoch();
    let mut spare: VecDeque<(Instant, Box<Buffer>)> = VecDeque::new(); // the oldest first
    loop {
        let request = match spare.front() {
            None => requests.recv().map_err(RecvTimeoutError::from),
            Some((since, _)) => requests.recv_timeout(timeout.saturating_sub(since.elapsed())),
        };
        match request {
            Ok(Request::Give(buffer)) => spare.push_back((Instant::now(), buffer)),
            Ok(Request::Take) => {
                let newest = spare.pop_back().map(|(_, buffer)| buffer);
                if buffers.send(newest.unwrap_or_else(|| Buffer::make_boxed(options))).is_err() {
                    return;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        while spare.front().is_some_and(|(since, _)| since.elapsed() >= timeout) {
            spare.pop_front();
        }
    }
}

fn with_ebbtide(options: &Options) -> Result<(), Failure> {
    let job = options.clone();
    let pool = Pool::try_with_settings(move || Buffer::make(&job), Settings::new().every(options.epoch()))?;
    work(options, || pool.get(), drop)
}

// ---- The job, the same for all four ---------------------------------------------------------------------------------

/// Fills the working set, takes the steps, shrinks the set and goes on for a while.
fn work<B>(options: &Options, take: impl Fn() -> B, give: impl Fn(B)) -> Result<(), Failure>
where
    B: DerefMut<Target = Buffer>,
{
    let mut recorder = Recorder::new(options.buffers + options.steps + TURNS_AFTER);
    let mut set = Vec::with_capacity(options.buffers);
    let take_and_write = || {
        let mut buffer = take();
        buffer.write_every_page();
        buffer
    };
    // Replaces one buffer after another, spread over some epochs, and says how long that took without the pauses.
    let turn_over = |set: &mut Vec<B>, recorder: &mut Recorder, count, epochs: u32| -> io::Result<Duration> {
        let start = Instant::now();
        let mut busy = Duration::ZERO;
        for turn in 1..=count {
            let began = Instant::now();
            give(set.swap_remove(random(options.seed, recorder.done, set.len())));
            set.push(take_and_write());
            busy += began.elapsed();
            recorder.step_done(set)?;
            let due = (epochs * options.epoch()).mul_f64(turn as f64 / count as f64);
            thread::sleep(due.saturating_sub(start.elapsed()));
        }
        Ok(busy)
    };

    for _ in 0..options.buffers {
        set.push(take_and_write());
        recorder.step_done(&set)?;
    }
    let busy = turn_over(&mut set, &mut recorder, options.steps, EPOCHS_BEFORE)?;
    recorder.sample(&set)?;
    set.drain(options.shrink_to..).for_each(&give);
    let shrunk_at = recorder.sample(&set)?;
    turn_over(&mut set, &mut recorder, TURNS_AFTER, EPOCHS_AFTER)?;
    recorder.sample(&set)?;

    // ORDERING: Relaxed, a counter that orders nothing.
    let made = MADE.load(Ordering::Relaxed);
    let steps_per_second = options.steps as f64 / busy.as_secs_f64();
    Ok(writeln!(io::stdout(), "result {made} {steps_per_second} {shrunk_at}")?)
}

/// Prints progress and samples for the parent process to read.
struct Recorder {
    start: Instant,
    next_sample: Duration,
    done: usize,
    in_all: usize,
}

impl Recorder {
    fn new(in_all: usize) -> Recorder {
        Recorder { start: Instant::now(), next_sample: Duration::ZERO, done: 0, in_all }
    }

    fn step_done<B: DerefMut<Target = Buffer>>(&mut self, set: &[B]) -> io::Result<()> {
        self.done += 1;
        if self.start.elapsed() >= self.next_sample {
            self.sample(set)?;
        }
        Ok(())
    }

    /// Prints a sample and says when it was taken.
    fn sample<B: DerefMut<Target = Buffer>>(&mut self, set: &[B]) -> io::Result<f64> {
        let now = self.start.elapsed();
        self.next_sample = now + SAMPLE_EVERY;
        let in_use = set.iter().map(|buffer| buffer.bytes.len()).sum();
        // ORDERING: Relaxed, a counter that orders nothing.
        let idle = BYTES.load(Ordering::Relaxed) - in_use;
        let sample = Sample { seconds: now.as_secs_f64(), in_use, idle, resident: resident() };
        writeln!(io::stdout(), "{} {sample}", self.done as f64 / self.in_all as f64)?;
        Ok(sample.seconds)
    }
}

/// Bytes of this process in memory, where that can be known.
#[cfg(target_os = "linux")]
fn resident() -> Option<usize> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split_whitespace().nth(1)?.parse().ok()?;
    // SAFETY: sysconf may be called with any argument, at any time.
    let page_size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages * usize::try_from(page_size).ok()?)
}

#[cfg(not(target_os = "linux"))]
fn resident() -> Option<usize> {
    None
}

/// Makes glibc map every block of 128 KiB or more on its own, as it does at first anyway, and keep to that.
fn fix_mmap_threshold() {
    // SAFETY: mallopt may be called at any time and takes glibc's locks; it refuses a value that it can't use.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10);
    }
}

// ---- The comparison -------------------------------------------------------------------------------------------------

/// Runs the four ways one after the other and shows what came of it.
fn compare(options: &Options) -> Result<(), Failure> {
    // Empty files now, so that a bad path is found out before the work.
    let outputs = [Some(&options.chart), options.csv.as_ref()];
    outputs.into_iter().flatten().try_for_each(|path| write(path, ""))?;
    writeln!(io::stdout(), "{}\n", malloc_note(options))?;

    let mut runs = Vec::new();
    for way in &WAYS {
        runs.push(run_in_child(way)?);
    }
    print_table(&runs)?;
    write(&options.chart, &draw(&runs, options)?)?;
    writeln!(io::stdout(), "chart: {}", options.chart.display())?;
    if let Some(path) = &options.csv {
        write(path, &csv_text(&runs))?;
        writeln!(io::stdout(), "samples: {}", path.display())?;
    }
    Ok(())
}

fn malloc_note(options: &Options) -> &'static str {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        "Not glibc: there is no mmap threshold to fix."
    } else if options.default_malloc {
        "glibc's mmap threshold is left alone: it rises when large blocks are freed."
    } else {
        "glibc's mmap threshold is fixed at 128 KiB in all four runs (mallopt)."
    }
}

/// What one child process told.
struct Run {
    way: &'static Way,
    made: usize,
    steps_per_second: f64,
    shrunk_at: f64,
    samples: Vec<Sample>,
}

/// Runs this program again, in one of the four ways, and reads what it prints.
fn run_in_child(way: &'static Way) -> Result<Run, Failure> {
    let mut child = Command::new(env::current_exe()?)
        .args(["--child", way.name])
        .args(env::args_os().skip(1))
        .stdout(Stdio::piped())
        .spawn()?;
    let mut run = Run { way, made: 0, steps_per_second: 0.0, shrunk_at: 0.0, samples: Vec::new() };
    for line in BufReader::new(child.stdout.take().expect("stdout is piped")).lines() {
        let line = line?;
        let done = run.read(&line).ok_or_else(|| io::Error::other(format!("{} printed: {line}", way.title)))?;
        show_progress(way, done);
    }
    let status = child.wait()?;
    if !status.success() {
        return Err(io::Error::other(format!("{}: {status}", way.title)).into());
    }
    Ok(run)
}

impl Run {
    /// Reads a line that the child printed and says which part of its work is done.
    fn read(&mut self, line: &str) -> Option<f64> {
        let (done, sample) = line.split_once(' ')?;
        if done != "result" {
            self.samples.push(Sample::parse(sample)?);
            return done.parse().ok();
        }
        let mut fields = sample.split(' ');
        self.made = fields.next()?.parse().ok()?;
        self.steps_per_second = fields.next()?.parse().ok()?;
        self.shrunk_at = fields.next()?.parse().ok()?;
        Some(1.0)
    }

    fn peak(&self) -> Option<usize> {
        self.samples.iter().filter_map(|sample| sample.resident).max()
    }

    fn last(&self) -> &Sample {
        self.samples.last().expect("every run takes samples")
    }

    /// Resident memory at the end, over what is in use.
    fn ratio(&self) -> String {
        let Sample { resident, in_use, .. } = *self.last();
        resident.map_or("n/a".into(), |resident| format!("{:.2}", resident as f64 / in_use as f64))
    }
}

struct Sample {
    seconds: f64,
    in_use: usize,
    idle: usize,
    resident: Option<usize>,
}

/// A sample is a line of the CSV file, but for the mode.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resident = self.resident.map_or(String::new(), |bytes| bytes.to_string());
        write!(f, "{:.6},{},{},{resident}", self.seconds, self.in_use, self.idle)
    }
}

impl Sample {
    fn parse(line: &str) -> Option<Sample> {
        let mut fields = line.split(',');
        Some(Sample {
            seconds: fields.next()?.parse().ok()?,
            in_use: fields.next()?.parse().ok()?,
            idle: fields.next()?.parse().ok()?,
            resident: fields.next()?.parse().ok(),
        })
    }
}

fn csv_text(runs: &[Run]) -> String {
    let mut text = String::from("mode,seconds,in_use_bytes,idle_bytes,resident_bytes\n");
    for run in runs {
        text.extend(run.samples.iter().map(|sample| format!("{},{sample}\n", run.way.name)));
    }
    text
}

/// Draws a bar if stderr is a terminal.
fn show_progress(way: &Way, done: f64) {
    let mut stderr = io::stderr();
    if stderr.is_terminal() {
        let filled = "#".repeat((done * 40.0) as usize);
        let end = if done < 1.0 { "" } else { "\n" };
        // A bar that can't be drawn is no reason to stop.
        let _ = write!(stderr, "\r{:20}  [{filled:.<40}] {:3.0} %{end}", way.title, done * 100.0);
    }
}

fn print_table(runs: &[Run]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut row = |title: &str, cells: [&str; 7]| {
        let cells = cells.map(|cell| format!("{cell:>9}")).concat();
        writeln!(out, "{title:20}{cells}")
    };
    row("", ["buffers", "steps", "peak", "idle", "in use", "resident", "resident"])?;
    row("", ["made", "per s", "MiB", "MiB", "MiB", "MiB", "/ in use"])?;
    for run in runs {
        let last = run.last();
        let (made, rate) = (run.made.to_string(), format!("{:.0}", run.steps_per_second));
        let [peak, idle, in_use, resident] =
            [run.peak(), Some(last.idle), Some(last.in_use), last.resident].map(in_mib);
        row(run.way.title, [&made, &rate, &peak, &idle, &in_use, &resident, &run.ratio()])?;
    }
    writeln!(out, "\nidle, in use, resident: {EPOCHS_AFTER} epochs after the shrink")?;
    if runs.iter().all(|run| run.peak().is_none()) {
        writeln!(out, "n/a: resident memory is read on Linux only")?;
    }
    Ok(())
}

fn in_mib(bytes: Option<usize>) -> String {
    bytes.map_or("n/a".into(), |bytes| format!("{:.1}", bytes as f64 / MIB as f64))
}

// ---- The chart ------------------------------------------------------------------------------------------------------

const RESIDENT: RGBColor = RGBColor(134, 182, 219);
const IN_USE: RGBColor = RGBColor(19, 52, 84);
const GREY: RGBColor = RGBColor(105, 105, 105);

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw(runs: &[Run], options: &Options) -> Result<String, Failure> {
    let longest = |part: fn(&Run) -> f64| runs.iter().map(part).fold(0.0, f64::max);
    let before = longest(|run| run.shrunk_at);
    let after = longest(|run| run.last().seconds - run.shrunk_at);
    let top = longest(|run| run.samples.iter().map(|s| s.resident.unwrap_or(s.in_use)).max().unwrap_or(0) as f64);
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, (1160, 800)).into_drawing_area();
    root.fill(&WHITE)?;
    let (head, panels) = root.split_vertically(74);
    draw_head(&head, options)?;
    for (run, panel) in runs.iter().zip(panels.split_evenly((2, 2))) {
        draw_panel(&panel, run, options, -before..after, 0.0..top / MIB as f64 * 1.08)?;
    }
    root.present()?;
    drop((root, head, panels));
    Ok(svg)
}

fn draw_head(head: &Area<'_>, options: &Options) -> Result<(), Failure> {
    let Options { steps, buffers, shrink_to, .. } = options;
    let job = format!("{steps} steps with {buffers} buffers, then only {shrink_to} of them");
    head.draw(&Text::new(job, (24, 16), ("sans-serif", 24).into_font().color(&IN_USE)))?;
    let label = |text, x| Text::new(text, (x, 49), ("sans-serif", 16));
    head.draw(&Rectangle::new([(26, 50), (50, 64)], RESIDENT.filled()))?;
    head.draw(&label("resident", 58))?;
    head.draw(&PathElement::new([(156, 57), (180, 57)], IN_USE.stroke_width(3)))?;
    head.draw(&label("in use", 188))?;
    head.draw(&plotters::element::DashedPathElement::new([(272, 57), (296, 57)], 4, 4, GREY))?;
    Ok(head.draw(&label("the set shrinks; two epochs later", 304))?)
}

fn draw_panel(
    panel: &Area<'_>,
    run: &Run,
    options: &Options,
    seconds: Range<f64>,
    mib: Range<f64>,
) -> Result<(), Failure> {
    let (caption, plot) = panel.split_vertically(56);
    let facts = format!(
        "{} made, {:.0} steps/s, at the end resident is {} × in use",
        run.made,
        run.steps_per_second,
        run.ratio()
    );
    caption.draw(&Text::new(run.way.title, (76, 14), ("sans-serif", 20).into_font().color(&IN_USE)))?;
    caption.draw(&Text::new(facts, (76, 37), ("sans-serif", 15).into_font().color(&GREY)))?;

    let top = mib.end;
    let mut chart = ChartBuilder::on(&plot)
        .margin_top(6)
        .margin_right(24)
        .margin_left(14)
        .x_label_area_size(44)
        .y_label_area_size(62)
        .build_cartesian_2d(seconds, mib)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.1))
        .axis_style(GREY)
        .label_style(("sans-serif", 14))
        .y_labels(6)
        .x_label_formatter(&|x| format!("{}", (x * 100.0).round() / 100.0 + 0.0)) // no "-0"
        .y_label_formatter(&|y| format!("{y:.0}"))
        .x_desc("seconds since the shrink")
        .y_desc("MiB")
        .draw()?;

    let at = |sample: &Sample, bytes: usize| (sample.seconds - run.shrunk_at, bytes as f64 / MIB as f64);
    let mut outline: Vec<_> = run.samples.iter().filter_map(|s| Some(at(s, s.resident?))).collect();
    if let [first, .., last] = outline[..] {
        outline.extend([(last.0, 0.0), (first.0, 0.0)]);
        chart.draw_series([Polygon::new(outline, RESIDENT.filled())])?;
    }
    for x in [0.0, 2.0 * options.epoch().as_secs_f64()] {
        chart.draw_series(DashedLineSeries::new([(x, 0.0), (x, top)], 4, 4, GREY.into()))?;
    }
    let in_use = run.samples.iter().map(|s| at(s, s.in_use));
    chart.draw_series(LineSeries::new(in_use, IN_USE.stroke_width(3)))?;
    Ok(())
}

// ---- Arguments, files and errors ------------------------------------------------------------------------------------

#[derive(Clone)]
struct Options {
    buffers: usize,
    min_mb: usize,
    max_mb: usize,
    steps: usize,
    shrink_to: usize,
    epoch_ms: usize,
    seed: usize,
    chart: PathBuf,
    csv: Option<PathBuf>,
    default_malloc: bool,
    help: bool,
    /// Set in a child process: what it is to do.
    child: Option<&'static Way>,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Options, Failure> {
        let mut options = Options {
            buffers: 100,
            min_mb: 5,
            max_mb: 10,
            steps: 1200,
            shrink_to: 5,
            epoch_ms: 250,
            seed: 1,
            chart: PathBuf::from("target/recycler.svg"),
            csv: None,
            default_malloc: false,
            help: false,
            child: None,
        };
        while let Some(flag) = args.next() {
            let flag = flag.to_string_lossy();
            let mut value = || args.next().ok_or_else(|| Failure::usage(format!("{flag} needs a value")));
            let (number, limits) = match &*flag {
                "--buffers" => (&mut options.buffers, 1..=100_000),
                "--min-mb" => (&mut options.min_mb, 1..=1024),
                "--max-mb" => (&mut options.max_mb, 1..=1024),
                "--steps" => (&mut options.steps, 1..=10_000_000),
                "--shrink-to" => (&mut options.shrink_to, 1..=100_000),
                "--epoch-ms" => (&mut options.epoch_ms, 10..=60_000),
                "--seed" => (&mut options.seed, 0..=usize::MAX),
                other => {
                    match other {
                        "--help" | "-h" => options.help = true,
                        "--chart" => options.chart = value()?.into(),
                        "--csv" => options.csv = Some(value()?.into()),
                        "--default-malloc" => options.default_malloc = true,
                        "--child" => options.child = Some(parse_way(&value()?)?),
                        _ => return Err(Failure::usage(format!("unknown argument {other} (try --help)"))),
                    }
                    continue;
                }
            };
            *number = parse_number(&flag, &value()?, limits)?;
        }
        options.check()
    }

    /// Checks what concerns several arguments.
    fn check(self) -> Result<Options, Failure> {
        let Options { buffers, min_mb, max_mb, shrink_to, .. } = self;
        let total = buffers * max_mb;
        let message = if min_mb > max_mb {
            format!("--min-mb {min_mb} is more than --max-mb {max_mb}")
        } else if shrink_to > buffers {
            format!("--shrink-to {shrink_to} is more than --buffers {buffers}")
        } else if total > 65536 {
            format!("--buffers {buffers} times --max-mb {max_mb} is {total} MiB; the limit is 65536 MiB")
        } else {
            return Ok(self);
        };
        Err(Failure::usage(message))
    }

    fn epoch(&self) -> Duration {
        Duration::from_millis(self.epoch_ms as u64)
    }
}

fn parse_number(flag: &str, value: &OsStr, limits: RangeInclusive<usize>) -> Result<usize, Failure> {
    let value = value.to_string_lossy();
    value.parse().ok().filter(|number| limits.contains(number)).ok_or_else(|| {
        let (low, high) = limits.into_inner();
        Failure::usage(format!("{flag} '{value}': expected a whole number from {low} to {high}"))
    })
}

fn parse_way(name: &OsStr) -> Result<&'static Way, Failure> {
    let way = WAYS.iter().find(|way| name == way.name);
    way.ok_or_else(|| Failure::usage(format!("--child '{}': no such way", name.to_string_lossy())))
}

/// Writes a file, and makes the folder it is to be in.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written = folder.and_then(|()| fs::write(path, text));
    written.map_err(|error| Failure { status: 1, message: format!("cannot write '{}': {error}", path.display()) })
}

/// What to print before giving up, and the exit status.
struct Failure {
    message: String,
    status: u8,
}

impl Failure {
    fn usage(message: String) -> Failure {
        Failure { message, status: 2 }
    }
}

impl<E: error::Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure { message: error.to_string(), status: 1 }
    }
}
