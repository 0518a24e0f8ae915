//! Items that one thread gets and another puts back.

use std::hint;
use std::sync::mpsc;
use std::thread;

use crossbeam_queue::ArrayQueue;
use ebbtide::Clear;

use super::clock::{Clock, Work};
use super::pairs::get;
use super::{Plan, ROOM};
use crate::contender::Contender;
use crate::item::{self, Item};
use crate::sample::Sample;

/// The number of messages in flight.
const CARRIERS: usize = 16;

/// What happens to the items in a message.
#[derive(Clone, Copy, PartialEq)]
enum Message {
    /// They come from the pool and return to it.
    Pooled,
    /// They travel back with the message, which shows the cost of the messages themselves.
    Kept,
}

/// A message: items in use.
type Carrier<'p, C> = Vec<<C as Contender>::Guard<'p>>;

/// Through a channel whose receiver spins, minus the cost of the same messages without the pool.
pub(super) fn spinning<C: Contender>(size: usize, plan: Plan) -> Sample {
    less_the_messages(|message| {
        let pool = C::new(ROOM);
        let (empty, full) = (&Spinning::new(), &Spinning::new());
        let empty = (|carrier| empty.send(carrier), || empty.receive());
        let full = (|carrier| full.send(carrier), || full.receive());
        hand_off(&pool, size, plan, message, empty, full)
    })
}

/// Through std's channel, in which a waiting thread sleeps.
pub(super) fn blocking<C: Contender>(size: usize, plan: Plan) -> Sample {
    less_the_messages(|message| {
        let pool = C::new(ROOM);
        let (send_empty, receive_empty) = mpsc::sync_channel(CARRIERS + 1);
        let (send_full, receive_full) = mpsc::sync_channel(CARRIERS + 1);
        let there = "the other thread is there";
        // At the end the filling thread is gone, and nobody receives the last messages.
        let empty = (|carrier| drop(send_empty.send(carrier)), move || receive_empty.recv().expect(there));
        let full = (|carrier| send_full.send(carrier).expect(there), || receive_full.recv().expect(there));
        hand_off(&pool, size, plan, message, empty, full)
    })
}

fn less_the_messages(run: impl Fn(Message) -> Work) -> Sample {
    let messages = run(Message::Kept).ns(2);
    item::take_made();
    let pooled = run(Message::Pooled);
    pooled.sample(2).with("ns", pooled.ns(2) - messages).with("messages_ns", messages)
}

/// One thread fills messages. The other empties them and sends them back.
///
/// Both kinds of message travel in the same way in the same vectors, which both threads empty and fill. Both threads
/// touch each item in the same way: the first writes to it, and the second reads and clears it. So they differ only by
/// the pool's work.
///
/// `empty` and `full` are the two channels, each as a sending and a receiving end.
///
/// Before the start, the pool has as many items as can be in flight. An item made later was idle and not found.
fn hand_off<'p, C: Contender>(
    pool: &'p C,
    size: usize,
    plan: Plan,
    message: Message,
    (send_empty, receive_empty): (impl Fn(Carrier<'p, C>), impl Fn() -> Carrier<'p, C> + Send),
    (send_full, receive_full): (impl Fn(Option<Carrier<'p, C>>) + Send, impl Fn() -> Option<Carrier<'p, C>>),
) -> Work {
    let clock = &Clock::new(1, plan);
    let messages = plan.chunks(size);
    let carriers: Vec<Carrier<'p, C>> = (0..CARRIERS).map(|_| (0..size).map(|_| pool.get()).collect()).collect();
    for mut carrier in carriers {
        if message == Message::Pooled {
            carrier.drain(..).for_each(|item| pool.put(item));
        }
        send_empty(carrier);
    }
    thread::scope(|scope| {
        let filler = scope.spawn(move || {
            let mut kept = Vec::with_capacity(size);
            let tally = clock.run(|| {
                for _ in 0..messages {
                    let mut carrier = receive_empty();
                    match message {
                        Message::Pooled => carrier.extend((0..size).map(|_| get(pool))),
                        Message::Kept => {
                            kept.append(&mut carrier);
                            carrier.extend(kept.drain(..).map(|mut item| {
                                item.write();
                                item
                            }));
                        }
                    }
                    send_full(Some(carrier));
                }
                messages * size
            });
            send_full(None);
            tally
        });
        let mut kept = Vec::with_capacity(size);
        while let Some(mut carrier) = receive_full() {
            match message {
                Message::Pooled => carrier.drain(..).for_each(|item| {
                    item.read();
                    pool.put(item);
                }),
                Message::Kept => {
                    kept.extend(carrier.drain(..).map(|mut item| {
                        item.read();
                        item.clear();
                        item
                    }));
                    carrier.append(&mut kept);
                }
            }
            send_empty(carrier);
        }
        clock.work(vec![filler.join().expect("the filling thread panicked")])
    })
}

/// A channel whose receiver spins. Putting a thread to sleep and waking it takes far longer than the measured work, and
/// varies.
struct Spinning<T>(ArrayQueue<T>);

impl<T> Spinning<T> {
    /// There is room for every message, and for one that ends the run.
    fn new() -> Self {
        Self(ArrayQueue::new(CARRIERS + 1))
    }

    fn send(&self, message: T) {
        assert!(self.0.push(message).is_ok(), "there is room for all");
    }

    fn receive(&self) -> T {
        let mut tries = 0_u32;
        loop {
            if let Some(message) = self.0.pop() {
                return message;
            }
            tries += 1;
            match tries % 1024 {
                // The sender may need this core.
                0 => thread::yield_now(),
                _ => hint::spin_loop(),
            }
        }
    }
}
