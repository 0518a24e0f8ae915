//! The cost of a pair on a machine with this many cores, from measurements on two.
//!
//! A prediction is a sum of terms. A term is a number of events times the cost of one event. The lines that move are
//! those counted in `instructions.md`, and a test compares them. Other events are taken from the source.
//! `docs/performance.md` says more.

/// Items in a batch, with the default settings.
pub(crate) const BATCH: f64 = 16.0;
/// Cache lines of an array with `BATCH` places: 160 bytes, aligned to 16.
const ARRAY: f64 = 3.25;
/// Lines that a push or a pop at a rack writes: the one with its place.
const RACK: f64 = 1.0;
/// Lines that move for a batch and, empty again, its array: to be written, and only to be read. Each side goes to two
/// racks. The taker writes one line of the array, and the giver all.
const HANDED_OFF: (f64, f64) = (4.0 * RACK + 1.0 + ARRAY, ARRAY - 1.0);
/// The largest number of shards.
const MAX_SHARDS: usize = 64;

/// The inputs of the model in nanoseconds, measured by the samples of the same names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inputs {
    /// A get and put of a private hit: one item at a time, and in bursts of 16.
    pub(crate) pair: f64,
    pub(crate) burst: f64,
    /// The items of a burst without a pool, of 16 and of 2048.
    pub(crate) bare_16: f64,
    pub(crate) bare_2048: f64,
    /// A claim of the private slots.
    pub(crate) claim: f64,
    /// A push and a pop at an uncontended rack, and a pop from an empty one.
    pub(crate) rack: f64,
    pub(crate) empty_rack: f64,
    /// A full fence.
    pub(crate) fence: f64,
    /// A line from core to core, to write and to read, and an item that another core used last.
    pub(crate) transfer: f64,
    pub(crate) load: f64,
    pub(crate) item: f64,
    /// An atomic read-modify-write by one thread, and by each of two threads that do nothing else.
    pub(crate) rmw: f64,
    pub(crate) rmw_2: f64,
    /// A heavy barrier with no other core busy, and with one busy.
    pub(crate) barrier: f64,
    pub(crate) barrier_busy: f64,
    /// A sweep, for each full slot set.
    pub(crate) set_full: f64,
    /// The cost of a sweep to a thread in bursts of 16.
    pub(crate) swept: f64,
}

impl Inputs {
    /// The same with every line `times` as far away.
    pub(crate) fn further(self, times: f64) -> Self {
        Self {
            transfer: self.transfer * times,
            load: self.load * times,
            item: self.item * times,
            rmw_2: self.rmw_2 * times,
            ..self
        }
    }
}

/// One cause of a pair's time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Term {
    pub(crate) cause: &'static str,
    pub(crate) nanos: f64,
}

/// A workload, and the terms of a pair on this many cores, with one thread on each unless it says otherwise.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) terms: fn(&Inputs, usize) -> Vec<Term>,
}

pub(crate) static CASES: [Case; 8] = [
    Case { name: "pair", terms: |i, _| vec![Term::private(i.pair)] },
    Case { name: "bursts of 16", terms: |i, _| vec![Term::private(i.burst)] },
    Case { name: "bursts of 4, 32 threads a core", terms: |i, _| vec![Term::private(i.burst)] },
    Case { name: "bursts of 2048", terms: |i, cores| large_bursts(i, sharers(cores)) },
    Case { name: "bursts of 2048, `max_idle` set", terms: counted },
    Case { name: "hand-off", terms: |i, _| hand_off(i) },
    Case { name: "hand-off, every batch the last in its shard", terms: hand_off_emptied },
    Case { name: "pair with `get_owned`", terms: owned },
];

impl Term {
    pub(crate) fn private(nanos: f64) -> Self {
        Self { cause: "private slots", nanos }
    }
}

pub(crate) fn total(terms: &[Term]) -> f64 {
    terms.iter().map(|term| term.nanos).sum()
}

/// The largest term except the first, which is the private slots'. `None` if there is no other.
pub(crate) fn largest_shared(terms: &[Term]) -> Option<Term> {
    let shared = terms[1..].iter().copied().filter(|term| term.nanos > 0.0);
    shared.max_by(|a, b| a.nanos.total_cmp(&b.nanos))
}

fn term(cause: &'static str, nanos: f64) -> Term {
    Term { cause, nanos }
}

/// The number of threads that share a shard, with one thread per core.
fn sharers(cores: usize) -> usize {
    cores.div_ceil(MAX_SHARDS)
}

/// A spill and a refill at the own shard, per item: the rack, and a claim on each side.
fn own_shard(i: &Inputs) -> f64 {
    (i.rack + 2.0 * i.claim) / BATCH
}

/// Bursts far beyond the private slots, with this many threads at each shard.
pub(crate) fn large_bursts(i: &Inputs, sharers: usize) -> Vec<Term> {
    let others = 1.0 - 1.0 / sharers as f64;
    // The rack's lines, by the push and by the pop, then the array, which is read and filled again, and the items.
    let moved = (2.0 * RACK + ARRAY) * i.transfer + BATCH * i.item;
    vec![
        Term::private(i.burst),
        term("items beyond the first cache", (i.bare_2048 - i.bare_16).max(0.0)),
        term("own shard", own_shard(i)),
        term("batches of others in the own shard", others * moved / BATCH),
    ]
}

/// The same with a global count that every spill and refill updates.
pub(crate) fn counted(i: &Inputs, cores: usize) -> Vec<Term> {
    let mut terms = large_bursts(i, sharers(cores));
    let visits = match cores {
        1 => 2.0 * i.rmw,
        _ => in_line(total(&terms) * BATCH, 2.0 * i.transfer, cores),
    };
    terms.push(term("the count of `max_idle`", visits / BATCH));
    terms
}

/// The cost of `visits` to a line that this many threads visit, beside `rest` of other work: the visits, and the
/// waiting if they fill the line's time.
fn in_line(rest: f64, visits: f64, visitors: usize) -> f64 {
    visits.max(visits * visitors as f64 - rest)
}

/// Half of the threads get and the other half put. The time of both for one item, without the message.
pub(crate) fn hand_off(i: &Inputs) -> Vec<Term> {
    let (written, read) = HANDED_OFF;
    vec![
        Term::private(i.burst - i.bare_16),
        // The giver has no empty array of its own, so it claims again after it has fetched one from another rack.
        term("own shard", own_shard(i) + (i.claim + i.rack) / BATCH),
        term("the batch's lines", (written * i.transfer + read * i.load) / BATCH),
    ]
}

/// The same if takers wait for givers. After each batch a taker finds the rack empty and clears its bit, and the next
/// batch sets it. So each half of the threads writes the word of bits once per batch, and the taker reads it.
pub(crate) fn hand_off_emptied(i: &Inputs, cores: usize) -> Vec<Term> {
    let mut terms = hand_off(i);
    terms.push(term("racks found empty", (2.0 * i.empty_rack + i.fence) / BATCH));
    let visits = in_line(total(&terms) * BATCH, 2.0 * i.transfer + i.load, (cores / 2).max(1));
    terms.push(term("`occupied`", visits / BATCH));
    terms
}

/// An owned guard updates one count twice. A core does several updates before the line moves on.
pub(crate) fn owned(i: &Inputs, cores: usize) -> Vec<Term> {
    let count = if cores == 1 { 2.0 * i.rmw } else { i.rmw_2 * cores as f64 };
    vec![Term::private(i.pair), term("the pool's reference count", count)]
}

/// A line, and how often a thread visits it per item.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) visits: f64,
}

pub(crate) static LINES: [Line; 3] = [
    Line { name: "reference count of an `Arc<Pool>`, with `get_owned`", visits: 2.0 },
    Line { name: "count of `max_idle`, all bursts beyond the private slots", visits: 2.0 / BATCH },
    Line { name: "`occupied`, if every batch is the last in its shard", visits: 3.0 / BATCH },
];

/// The number of threads that fill a line's time, if each needs `nanos` per item with its own work.
pub(crate) fn fills(line: &Line, i: &Inputs, nanos: f64) -> f64 {
    nanos / (line.visits * i.transfer)
}

/// The lower and upper bound on the time of a sweep of a pool in use on every core. Each core's interrupt may cost as
/// much as the first one, or nothing if all are interrupted at once.
pub(crate) fn sweep(i: &Inputs, cores: usize) -> (f64, f64) {
    let others = cores as f64 - 1.0;
    let racks = 2.0 * cores.min(MAX_SHARDS) as f64 * i.empty_rack;
    let rest = cores as f64 * i.set_full + racks;
    (i.barrier_busy + rest, i.barrier + others * (i.barrier_busy - i.barrier) + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUTS: Inputs = Inputs {
        pair: 3.0,
        burst: 5.0,
        bare_16: 4.0,
        bare_2048: 5.0,
        claim: 3.0,
        rack: 10.0,
        empty_rack: 80.0,
        fence: 2.0,
        transfer: 40.0,
        load: 30.0,
        item: 10.0,
        rmw: 2.0,
        rmw_2: 8.0,
        barrier: 400.0,
        barrier_busy: 9000.0,
        set_full: 150.0,
        swept: 5000.0,
    };

    fn predicted(name: &str, cores: usize) -> f64 {
        let case = CASES.iter().find(|case| case.name == name).expect("there is such a case");
        total(&(case.terms)(&INPUTS, cores))
    }

    #[test]
    fn private_hits_cost_the_same_on_any_number_of_cores() {
        assert_eq!(predicted("pair", 1), predicted("pair", 256));
        assert_eq!(predicted("bursts of 16", 1), predicted("bursts of 16", 256));
    }

    #[test]
    fn large_bursts_cost_the_same_while_every_thread_has_a_shard() {
        assert_eq!(predicted("bursts of 2048", 1), predicted("bursts of 2048", 64));
        assert!(predicted("bursts of 2048", 65) > predicted("bursts of 2048", 64));
    }

    #[test]
    fn a_contended_line_limits_the_throughput() {
        let visits = 2.0 * INPUTS.transfer;
        let counted = predicted("bursts of 2048, `max_idle` set", 64);
        assert!((counted - visits * 64.0 / BATCH).abs() < 1e-9, "{counted}");
        let visits = visits + INPUTS.load;
        let emptied = predicted("hand-off, every batch the last in its shard", 64);
        assert!((emptied - visits * 32.0 / BATCH).abs() < 1e-9, "{emptied}");
    }

    #[test]
    fn distance_affects_only_cache_lines() {
        let far = INPUTS.further(4.0);
        assert_eq!((far.transfer, far.load, far.pair, far.rack), (160.0, 120.0, 3.0, 10.0));
    }

    /// A kept count of `benches/instructions.md`.
    fn kept(row: &str, column: &str) -> f64 {
        let page = include_str!("../../../instructions.md");
        let cells = |line: &'static str| line.split('|').map(str::trim).collect::<Vec<_>>();
        let head = page.lines().map(cells).find(|cells| cells.contains(&column)).expect("there is such a column");
        let at = head.iter().position(|cell| *cell == column).expect("it was just found");
        let row = page.lines().map(cells).find(|cells| cells.get(1) == Some(&row)).expect("there is such a row");
        row[at].parse().expect("a number")
    }

    /// An array's ends may share lines with other arrays, so the counts differ a little from those of one array.
    #[test]
    fn lines_that_move_are_those_counted() {
        let both = |path: &str, column| kept(&format!("{path}, gets"), column) + kept(&format!("{path}, puts"), column);
        let (written, read) = HANDED_OFF;
        let counted = (both("hand-off", "moved"), both("hand-off", "fetched"));
        assert!((counted.0 - written).abs() < 1.0 && (counted.1 - read).abs() < 0.5, "{counted:?}");
        // The push comes soon after the pop, and finds the rack's lines.
        let shared = both("same-shard", "moved");
        assert!((shared - (RACK + ARRAY)).abs() < 0.5, "{shared}");
        let by_count = both("hand-off-max-idle", "moved") - counted.0;
        let line = LINES.iter().find(|line| line.name.contains("`max_idle`")).expect("there is such a line");
        assert!((by_count - line.visits * BATCH).abs() < 0.1, "{by_count}");
    }
}
