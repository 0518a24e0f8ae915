//! `BoxPool` beside allocators, a slab and an arena, in one process.
//!
//! ```text
//! cargo run --release -p ebbtide-benches --features jemalloc,mimalloc,snmalloc --bin boxes
//! ```
//!
//! | module | what it does |
//! | --- | --- |
//! | `ways` | the compared ways to get memory for a value |
//! | `work` | what is done with the values |
//!
//! Each number is the median of rounds in which all ways take turns. Only the start of a value is written, so that the
//! memory is measured and not the writing.

mod ways;
mod work;

use std::mem::MaybeUninit;

use ebbtide::BoxPool;

use ways::{Allocator, Arena, Jemalloc, LockedSlab, MiMalloc, Slab, SnMalloc, System, Way};
use work::{BURSTS, VALUES};

/// How often all ways take turns.
const ROUNDS: usize = 31;

/// A value of 16 bytes and more, with a header and room that is hardly used.
pub(crate) struct Message<const ROOM: usize> {
    header: [u64; 2],
    _room: MaybeUninit<[u8; ROOM]>,
}

impl<const ROOM: usize> Message<ROOM> {
    #[inline]
    fn new(number: usize) -> Self {
        Self { header: [number as u64; 2], _room: MaybeUninit::uninit() }
    }

    #[inline]
    fn read(&self) -> u64 {
        self.header[1]
    }
}

/// A way in one kind of work.
struct Contender {
    name: &'static str,
    is_allocator: bool,
    /// Returns how many nanoseconds a value takes.
    sample: Box<dyn Fn() -> f64>,
    samples: Vec<f64>,
}

impl Contender {
    fn new<V, W: Way<V> + 'static>(sample: impl Fn(&W) -> f64 + 'static) -> Self {
        let way = W::new();
        let sample = Box::new(move || sample(&way));
        Self { name: W::NAME, is_allocator: W::IS_ALLOCATOR, sample, samples: Vec::new() }
    }

    fn median(&self) -> f64 {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }
}

/// Lets all contenders take turns, and prints what they took. The first is the `BoxPool`.
fn compare(work: &str, size: usize, mut contenders: Vec<Contender>) {
    for round in 0..ROUNDS {
        let first = round % contenders.len();
        contenders.rotate_left(first);
        contenders.iter_mut().for_each(|contender| contender.samples.push((contender.sample)()));
        contenders.rotate_right(first);
    }
    let allocators = contenders.iter().filter(|contender| contender.is_allocator);
    let fastest = allocators.map(Contender::median).fold(f64::INFINITY, f64::min);
    let times: Vec<_> = contenders.iter().map(|c| format!("{} {:.1}", c.name, c.median())).collect();
    println!("| {size} | {work} | {:.2} | {} |", contenders[0].median() / fastest, times.join(", "));
}

/// Compares all ways with values of one size.
fn values<const ROOM: usize>() {
    macro_rules! contenders {
        ($sample:expr; $($other:ty),*) => {
            vec![
                Contender::new::<Message<ROOM>, BoxPool<Message<ROOM>>>($sample),
                Contender::new::<Message<ROOM>, Allocator<System>>($sample),
                Contender::new::<Message<ROOM>, Allocator<MiMalloc>>($sample),
                Contender::new::<Message<ROOM>, Allocator<Jemalloc>>($sample),
                Contender::new::<Message<ROOM>, Allocator<SnMalloc>>($sample),
                $(Contender::new::<Message<ROOM>, $other>($sample)),*
            ]
        };
    }
    let size = size_of::<Message<ROOM>>();
    compare("pairs", size, contenders![work::pairs::<ROOM, _>; Slab<Message<ROOM>>, Arena]);
    for burst in BURSTS {
        let contenders = contenders![move |way| work::bursts::<ROOM, _>(way, burst); Slab<Message<ROOM>>, Arena];
        compare(&format!("bursts of {burst}"), size, contenders);
    }
    compare("hand-overs", size, contenders![work::hand_overs::<ROOM, _>; LockedSlab<Message<ROOM>>]);
}

fn main() {
    println!("{VALUES} values in a round, {ROUNDS} rounds. Times are medians in ns for each value.\n");
    println!("| bytes | work | × the fastest allocator | times |\n| --- | --- | --- | --- |");
    values::<0>();
    values::<48>();
    values::<240>();
    values::<1008>();
    values::<4080>();
}
