//! What is done with the values. Each function returns nanoseconds for each value.

use std::hint::black_box;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{mem, thread};

use crate::Message;
use crate::ways::Way;

/// How many values one sample takes.
pub(crate) const VALUES: usize = 1 << 14;

/// How many values live at once in the bursts.
pub(crate) const BURSTS: [usize; 2] = [16, 1024];

/// How many values are handed over at once.
const BATCH: usize = 256;

#[inline(always)]
fn insert<const ROOM: usize, W: Way<Message<ROOM>>>(way: &W, number: usize) -> W::Boxed<'_> {
    way.insert(Message::new(black_box(number)))
}

#[inline(always)]
fn read<const ROOM: usize, W: Way<Message<ROOM>>>(way: &W, boxed: &W::Boxed<'_>) {
    // Without its address, the compiler would leave out an allocation.
    black_box(boxed);
    black_box(way.read(boxed, Message::read));
}

fn nanos(begun: Instant) -> f64 {
    begun.elapsed().as_nanos() as f64 / VALUES as f64
}

/// One value after another.
pub(crate) fn pairs<const ROOM: usize, W: Way<Message<ROOM>>>(way: &W) -> f64 {
    let begun = Instant::now();
    for number in 0..VALUES {
        let boxed = insert::<ROOM, W>(way, number);
        read::<ROOM, W>(way, &boxed);
        drop(boxed);
        way.all_dropped();
    }
    nanos(begun)
}

/// This many values, which are dropped in the order in which they came.
pub(crate) fn bursts<const ROOM: usize, W: Way<Message<ROOM>>>(way: &W, size: usize) -> f64 {
    let mut held = Vec::with_capacity(size);
    let begun = Instant::now();
    for _ in 0..VALUES / size {
        held.extend((0..size).map(|number| insert::<ROOM, W>(way, number)));
        held.drain(..).for_each(|boxed| read::<ROOM, W>(way, &boxed));
        way.all_dropped();
    }
    nanos(begun)
}

/// Values that one thread creates and another drops, which take turns. Neither's waiting counts.
pub(crate) fn hand_overs<const ROOM: usize, W: Way<Message<ROOM>> + Sync>(way: &W) -> f64
where
    for<'w> W::Boxed<'w>: Send,
{
    let (to, received) = mpsc::channel();
    let (back, returned) = mpsc::channel();
    thread::scope(|scope| {
        let dropper = scope.spawn(move || {
            let drops = received.into_iter().map(|mut values: Vec<_>| {
                let begun = Instant::now();
                values.drain(..).for_each(|boxed| read::<ROOM, W>(way, &boxed));
                let took = begun.elapsed();
                back.send(values).expect("the other thread waits");
                took
            });
            median(drops.collect())
        });
        let mut values = Vec::with_capacity(BATCH);
        let creations = (0..VALUES / BATCH).map(|_| {
            let begun = Instant::now();
            values.extend((0..BATCH).map(|number| insert::<ROOM, W>(way, number)));
            let took = begun.elapsed();
            to.send(mem::take(&mut values)).expect("the other thread waits");
            values = returned.recv().expect("the other thread answers");
            took
        });
        let creation = median(creations.collect());
        drop(to);
        let drop = dropper.join().expect("no panic");
        (creation + drop).as_nanos() as f64 / BATCH as f64
    })
}

/// Most turns end before another program gets the core.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
