//! Compression contexts and regex caches in `static` pools, used by the tasks of a rayon program.
//!
//! A library can't know how many threads its callers have, or how long they live; so what it keeps for each use, it keeps
//! in a `static` pool. Here it is two things that are expensive to make, for every page of a log:
//!
//! - A zstd context with the buffer that it writes to. Its tables grow with the largest page it ever saw, and so does the
//!   buffer. One page in a few hundred is huge, and what has grown over a mebibyte with it is refused on its way
//!   back: the recycler ([`Recycle`]) looks at both.
//! - The cache of a lazy DFA, which has the states of the automaton that were needed so far. The next search goes on with them;
//!   so it is handed on as it was left.
//!
//! ```text
//! cargo run --release --example contexts
//! cargo run --release --example contexts -- --page-kib 64 --pages 1000
//! cargo run --release --example contexts -- --help
//! ```
//!
//! Each page is compressed and searched with what is in the pools, and with what is made for it, in turn, and the rounds
//! are compared by pairs. Both must give the same; what was compressed must come out again as it was, and the search
//! must find what was written. Allocations are counted in rounds of their own, which are not timed. Those are Rust's: zstd
//! is written in C and makes its tables with `malloc`.

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
/// A huge page.
const HUGE: usize = 4 * MIB;

// ---- What is pooled -------------------------------------------------------------------------------------------------

/// A context and the buffer that it writes to.
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

    /// Bytes of memory that it keeps.
    fn weight(&mut self) -> usize {
        self.context.context_mut().sizeof() + self.packed.capacity()
    }
}

/// Keeps no packer that has grown too heavy.
struct Packers {
    heaviest: usize,
}

impl Recycle<Packer> for Packers {
    fn create(&self) -> Packer {
        Packer::new()
    }

    /// Nothing to clear: each page starts a frame of its own, and what was packed last is cleared before the next.
    fn recycle(&self, packer: &mut Packer) -> bool {
        packer.weight() <= self.heaviest
    }
}

static PACKERS: Pool<Packer, Packers> = Pool::with_recycle(Packers { heaviest: MIB });

/// A failed request in the log, and how long it took.
static FAILED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(GET|POST|PUT|DELETE) /[a-z0-9/]+ 5[0-9][0-9] in [0-9]+ ms").expect("a good expression")
});

static CACHES: Pool<Cache, fn() -> Cache> = Pool::with(|| FAILED.create_cache());

// ---- What is done with a page ---------------------------------------------------------------------------------------

/// A page of the log, and how many failed requests are in it.
struct Page {
    text: String,
    failed: usize,
}

impl Page {
    /// At least so many bytes of log; the nth page is always the same.
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

/// One thing that is done with a page, with what the pools have and with what is made for it.
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

/// The sum over all pages, which rayon's threads share between them, and the seconds that took.
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
        Flag::number("--huge-every", "one page in so many has 4 MiB", &mut huge_every, 2..=1_000_000),
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
    writeln!(out, "\neach page came out again as it went in, and its {failed} failed requests were found")?;
    // A sweep takes what is in the private slots of rayon's threads to where this one finds it.
    PACKERS.advance();
    let mut kept: Vec<_> = std::iter::from_fn(|| PACKERS.try_get()).collect();
    let heaviest = kept.iter_mut().map(|packer| packer.weight()).max().unwrap_or(0);
    let (kept, made, refused) = (kept.len(), PACKERS.stats().created, PACKERS.stats().refused);
    writeln!(
        out,
        "contexts made for the pool: {made}; refused for their weight: {refused}; kept: {kept}, none over {heaviest} bytes"
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
        return Err(format!("{}: pooled and fresh don't give the same", task.name).into());
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

/// Sees that nothing is lost in a pooled context, and that a pooled cache finds what is there; says how much that is.
fn check(pages: &[Page]) -> Result<usize, Failure> {
    pages.par_iter().try_for_each(|page| {
        let unpacked = zstd::bulk::decompress(PACKERS.get().pack(page.text.as_bytes())?, page.text.len())?;
        if unpacked != page.text.as_bytes() {
            return Err(io::Error::other("a page was not what it had been"));
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
