//! Compression contexts and regex caches in `static` pools, used by rayon tasks.
//!
//! A library doesn't know how many threads its callers have, or how long they live. So it keeps its expensive objects
//! in a `static` pool. Here there are two of them, used for every page of a log:
//!
//! - A zstd context and its output buffer. Both grow to fit the largest page so far. One page in a few hundred is huge.
//!   The recycler ([`Recycle`]) refuses what has grown beyond a mebibyte with it.
//! - The cache of a lazy DFA, which holds the automaton's states so far. The next search reuses them, so the cache is
//!   not cleared.
//!
//! ```text
//! cargo run --release -p ebbtide-contexts
//! cargo run --release -p ebbtide-contexts -- --page-kib 64 --pages 1000
//! cargo run --release -p ebbtide-contexts -- --help
//! ```
//!
//! Each page is compressed and searched with pooled objects and with fresh ones. The rounds alternate and are compared
//! in pairs. Both must give the same result. Decompression must restore each page, and the search must find the failed
//! requests. Allocations are counted in separate, untimed rounds. Only Rust's are counted: zstd is written in C and
//! allocates its tables with `malloc`.

#[path = "../../common/mod.rs"]
mod common;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Instant;

use common::{Counting, Failure, Flag, allocations, median, random};
use ebbtide::{Pool, Recycle};
use rayon::prelude::*;
use regex_automata::hybrid::regex::{Cache, Regex};
use zstd::bulk::Compressor;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MIB: usize = 1 << 20;
/// The size of a huge page.
const HUGE: usize = 4 * MIB;

// ---- Pooled objects --------------------------------------------------------------------------------------------------

/// A context and its output buffer.
struct Packer {
    context: Compressor<'static>,
    packed: Vec<u8>,
}

impl Packer {
    fn new() -> Packer {
        Packer { context: Compressor::new(3).expect("there is a level 3"), packed: Vec::new() }
    }

    fn pack(&mut self, page: &[u8]) -> io::Result<&[u8]> {
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(page.len()));
        self.context.compress_to_buffer(page, &mut self.packed)?;
        Ok(&self.packed)
    }

    /// The memory that it keeps, in bytes.
    fn weight(&mut self) -> usize {
        self.context.context_mut().sizeof() + self.packed.capacity()
    }
}

/// Refuses packers that are too large.
struct Packers {
    heaviest: usize,
}

impl Recycle<Packer> for Packers {
    fn create(&self) -> Packer {
        Packer::new()
    }

    /// Nothing to clear: each page starts a new frame, and the old output is cleared before the next.
    fn recycle(&self, packer: &mut Packer) -> bool {
        packer.weight() <= self.heaviest
    }
}

static PACKERS: Pool<Packer, Packers> = Pool::with_recycle(Packers { heaviest: MIB });

/// A failed request in the log, with its duration.
static FAILED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(GET|POST|PUT|DELETE) /[a-z0-9/]+ 5[0-9][0-9] in [0-9]+ ms").expect("a good expression")
});

static CACHES: Pool<Cache, fn() -> Cache> = Pool::with(|| FAILED.create_cache());

// ---- Tasks -----------------------------------------------------------------------------------------------------------

/// A page of the log, and its number of failed requests.
struct Page {
    text: String,
    failed: usize,
}

impl Page {
    /// At least `length` bytes of log. The nth page is always the same.
    fn write(nth: usize, length: usize) -> Page {
        let mut page = Page { text: String::with_capacity(length + 100), failed: 0 };
        let mut line = (nth as u64) << 32;
        while page.text.len() < length {
            let bits = random(line);
            let method = ["GET", "POST", "PUT", "DELETE"][(bits % 4) as usize];
            let failed = bits % 100 < 3;
            let status = if failed { 500 + bits % 7 } else { 200 + bits % 5 };
            let (user, item, time) = (bits >> 20 & 0xff, bits >> 30 & 0xffff, bits >> 50 & 0xff);
            page.text += &format!("{method} /users/{user}/items/{item:x} {status} in {time} ms\n");
            page.failed += usize::from(failed);
            line += 1;
        }
        page
    }
}

/// A task on a page, with pooled objects and with fresh ones.
struct Task {
    name: &'static str,
    pooled: fn(&Page) -> io::Result<usize>,
    fresh: fn(&Page) -> io::Result<usize>,
}

static TASKS: [Task; 2] = [
    Task {
        name: "compress",
        pooled: |page| Ok(PACKERS.get().pack(page.text.as_bytes())?.len()),
        fresh: |page| Ok(Packer::new().pack(page.text.as_bytes())?.len()),
    },
    Task {
        name: "search",
        pooled: |page| Ok(FAILED.find_iter(&mut CACHES.get(), &page.text).count()),
        fresh: |page| Ok(FAILED.find_iter(&mut FAILED.create_cache(), &page.text).count()),
    },
];

/// The sum of a task's results over all pages, on rayon's threads, and the seconds that it took.
fn over_all(pages: &[Page], task: fn(&Page) -> io::Result<usize>) -> io::Result<(usize, f64)> {
    let start = Instant::now();
    let sum = pages.par_iter().map(task).sum::<io::Result<usize>>()?;
    Ok((sum, start.elapsed().as_secs_f64()))
}

// ---- The program ----------------------------------------------------------------------------------------------------

fn run() -> Result<(), Failure> {
    let (mut count, mut page_kib, mut huge_every, mut rounds) = (6000, 4, 3000, 9);
    let mut flags = [
        Flag::number("--pages", "pages of the log", &mut count, 1..=100_000),
        Flag::number("--page-kib", "KiB in a page", &mut page_kib, 1..=256),
        Flag::number("--huge-every", "one page in this many has 4 MiB", &mut huge_every, 2..=1_000_000),
        Flag::number("--rounds", "rounds of each kind", &mut rounds, 1..=1000),
    ];
    common::parse("Compresses and searches a log with contexts from static pools.", &mut flags)?;
    let total = count * page_kib / 1024 + count / huge_every * (HUGE / MIB);
    if total > 4096 {
        let message = format!("--pages {count}, --page-kib {page_kib} and --huge-every {huge_every} make {total} MiB");
        return Err(Failure::usage(message + "; the limit is 4096 MiB"));
    }
    let length = |nth| if nth % huge_every == huge_every / 2 { HUGE } else { page_kib << 10 };
    let pages: Vec<_> = (0..count).into_par_iter().map(|nth| Page::write(nth, length(nth))).collect();

    let mut out = io::stdout();
    writeln!(out, "{count} pages of {page_kib} KiB, one in {huge_every} of 4 MiB; medians of {rounds} rounds\n")?;
    writeln!(out, "{:10}{:>23}{:>16}{:>27}", "", "µs per page", "time", "allocations per page")?;
    let heads = ["pooled", "fresh", "pooled / fresh", "pooled", "fresh"];
    writeln!(out, "{:10}{:>12}{:>11}{:>16}{:>16}{:>11}", "", heads[0], heads[1], heads[2], heads[3], heads[4])?;
    for task in &TASKS {
        let [pooled, fresh, ratio, pooled_allocations, fresh_allocations] = compare(task, &pages, rounds)?;
        write!(out, "{:10}{pooled:12.1}{fresh:11.1}{ratio:16.2}", task.name)?;
        writeln!(out, "{pooled_allocations:16.2}{fresh_allocations:11.2}")?;
    }

    let failed = check(&pages)?;
    writeln!(out, "\neach page was restored, and its {failed} failed requests were found")?;
    // A sweep shares the items in the private slots of rayon's threads, so that this thread finds them.
    PACKERS.advance();
    let mut kept: Vec<_> = std::iter::from_fn(|| PACKERS.try_get()).collect();
    let heaviest = kept.iter_mut().map(|packer| packer.weight()).max().unwrap_or(0);
    let (kept, made, refused) = (kept.len(), PACKERS.stats().created, PACKERS.stats().refused);
    writeln!(
        out,
        "contexts created for the pool: {made}; refused for their weight: {refused}; kept: {kept}, none over {heaviest} bytes"
    )?;
    Ok(())
}

/// Microseconds per page pooled and fresh, the ratio, and allocations per page pooled and fresh.
fn compare(task: &Task, pages: &[Page], rounds: usize) -> Result<[f64; 5], Failure> {
    let (expected, _) = over_all(pages, task.pooled)?;
    let (pooled_count, pooled) = allocations(|| over_all(pages, task.pooled));
    let (fresh_count, fresh) = allocations(|| over_all(pages, task.fresh));
    let mut outcomes = vec![(pooled?, fresh?)];
    for _ in 0..rounds {
        outcomes.push((over_all(pages, task.pooled)?, over_all(pages, task.fresh)?));
    }
    if outcomes.iter().any(|((pooled, _), (fresh, _))| [*pooled, *fresh] != [expected; 2]) {
        return Err(format!("{}: pooled and fresh results differ", task.name).into());
    }
    let timed = |of: fn(f64, f64) -> f64| {
        median(outcomes[1..].iter().map(|((_, pooled), (_, fresh))| of(*pooled, *fresh)).collect())
    };
    let per_page = |all: f64| all / pages.len() as f64;
    Ok([
        per_page(timed(|pooled, _| pooled * 1e6)),
        per_page(timed(|_, fresh| fresh * 1e6)),
        timed(|pooled, fresh| pooled / fresh),
        per_page(pooled_count as f64),
        per_page(fresh_count as f64),
    ])
}

/// Checks that pooled contexts restore every page and that pooled caches find every failed request. Returns their
/// number.
fn check(pages: &[Page]) -> Result<usize, Failure> {
    pages.par_iter().try_for_each(|page| {
        let unpacked = zstd::bulk::decompress(PACKERS.get().pack(page.text.as_bytes())?, page.text.len())?;
        if unpacked != page.text.as_bytes() {
            return Err(io::Error::other("a page was not restored"));
        }
        if (TASKS[1].pooled)(page)? != page.failed {
            return Err(io::Error::other("the search missed a failed request"));
        }
        Ok(())
    })?;
    Ok(pages.iter().map(|page| page.failed).sum())
}

fn main() -> ExitCode {
    common::exit("contexts", run())
}
