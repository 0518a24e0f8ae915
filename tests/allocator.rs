//! A global allocator that uses pools, and calls them at every allocation and free. Nothing may be allocated or freed
//! inside a claim. A sweep may be requested in the middle of another.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
#[cfg(feature = "bounded")]
use std::future::Future;
use std::ptr::NonNull;
use std::sync::mpsc;
#[cfg(feature = "bounded")]
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use common::{Count, Dice, MANUAL, Worker, alone, until};
use ebbtide::{Pool, Pooled, Settings, advance_all};

/// Blocks of this size are kept in a pool instead of being freed.
const CLASS: usize = 208;

/// How deep calls of the allocator may nest before it leaves the pools alone. A pool's own allocations use pools too.
const DEPTH: u8 = 3;

struct Block(NonNull<u8>);

// SAFETY: it owns its memory.
unsafe impl Send for Block {}

impl Block {
    const LAYOUT: Layout = match Layout::from_size_align(CLASS, 16) {
        Ok(layout) => layout,
        Err(_) => panic!("a good layout"),
    };
}

impl Drop for Block {
    fn drop(&mut self) {
        FREED.bump();
        // SAFETY: from `System` with this layout, as only such blocks are put into the pool.
        unsafe { System.dealloc(self.0.as_ptr(), Self::LAYOUT) };
    }
}

fn never() -> Block {
    unreachable!("blocks are only ever put in")
}

static BLOCKS: Pool<Block, fn() -> Block> =
    Pool::with_settings(never as fn() -> Block, MANUAL.private_slots(8).max_idle(500));

fn token() -> usize {
    0
}

/// Used at every allocation and every free. The janitor sweeps it, and allocates too.
static TOKENS: Pool<usize, fn() -> usize> =
    Pool::with_settings(token as fn() -> usize, Settings::new().every(Duration::from_millis(1)).private_slots(4));

/// Nothing uses the pools before the first test sets this.
static ON: Count = Count::new();
static REUSED: Count = Count::new();
static KEPT: Count = Count::new();
static FREED: Count = Count::new();
static TOKEN_USES: Count = Count::new();
static NESTED: Count = Count::new();
/// Bytes in use. Blocks in the pool count as freed.
static LIVE_BYTES: Count = Count::new();

thread_local! {
    static NOW: Cell<u8> = const { Cell::new(0) };
    /// What else to do at every allocation and free of this thread.
    static HOOK: Cell<Option<fn()>> = const { Cell::new(None) };
}

/// Runs the thread's hook. Runs `f` too if pools are on and calls are not nested too deeply.
fn inside<O>(f: impl FnOnce() -> Option<O>) -> Option<O> {
    let depth = NOW.get();
    if depth >= DEPTH {
        return None;
    }
    NOW.set(depth + 1);
    if let (Some(hook), 0) = (HOOK.get(), depth) {
        hook();
    }
    let outcome = if ON.get() == 0 { None } else { with_token(depth, f) };
    NOW.set(depth);
    outcome
}

fn with_token<O>(depth: u8, f: impl FnOnce() -> Option<O>) -> Option<O> {
    if depth > 0 {
        NESTED.bump();
    }
    let mut token = TOKENS.get();
    *token += 1;
    drop(token);
    TOKEN_USES.bump();
    f()
}

fn is_of_class(layout: Layout) -> bool {
    layout.size() == CLASS && layout.align() <= Block::LAYOUT.align()
}

struct Pooling;

// SAFETY: a block comes from `System` or from the pool. Only blocks of the one layout are put into the pool, each by
// the call that frees it. Nothing here panics.
unsafe impl GlobalAlloc for Pooling {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.add(layout.size());
        let of_class = is_of_class(layout);
        let found = inside(|| if of_class { BLOCKS.try_get().map(Pooled::detach) } else { None });
        if let Some(block) = found {
            REUSED.bump();
            let pointer = block.0.as_ptr();
            std::mem::forget(block);
            return pointer;
        }
        // SAFETY: as the caller promises. Blocks of the class get a larger alignment.
        unsafe { System.alloc(if of_class { Block::LAYOUT } else { layout }) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.subtract(layout.size());
        let of_class = is_of_class(layout);
        let kept = inside(|| {
            let block = Block(NonNull::new(pointer).filter(|_| of_class)?);
            KEPT.bump();
            BLOCKS.put(block);
            Some(())
        });
        if kept.is_none() {
            // SAFETY: from `alloc`, with this layout or, for blocks of the class, with that of the class.
            unsafe { System.dealloc(pointer, if of_class { Block::LAYOUT } else { layout }) };
        }
    }
}

#[global_allocator]
static ALLOCATOR: Pooling = Pooling;

/// A block of the pooled size, filled with `mark`.
fn block(mark: u8) -> Vec<u8> {
    let mut block = Vec::with_capacity(CLASS);
    block.resize(CLASS, mark);
    block
}

/// Threads allocate, free, exchange blocks, start and end while sweeps run. No block ever has two owners.
#[test]
fn an_allocator_can_pool_its_blocks() {
    ON.set(1);
    let (sender, receiver) = mpsc::channel::<Vec<u8>>();
    thread::scope(|scope| {
        for seed in 0..3_u8 {
            let sender = sender.clone();
            scope.spawn(move || {
                let mut dice = Dice::new(seed.into());
                for _ in 0..150 {
                    let blocks: Vec<_> = (0..dice.below(60)).map(|_| block(seed + 1)).collect();
                    let strings: Vec<_> = (0..dice.below(20)).map(|n| format!("{n} of {seed}")).collect();
                    for block in blocks {
                        assert!(block.iter().all(|byte| *byte == seed + 1), "another thread wrote here");
                        if dice.below(3) == 0 {
                            sender.send(block).expect("the receiver lives");
                        }
                    }
                    drop(strings);
                    if dice.below(10) == 0 {
                        thread::scope(|scope| drop(scope.spawn(|| drop((block(9), block(9), block(9))))));
                    }
                }
            });
        }
        drop(sender);
        let mut received = 0;
        while let Ok(block) = receiver.recv() {
            assert!(block.iter().all(|byte| *byte == block[0]), "another thread wrote here");
            received += 1;
            if received % 50 == 0 {
                BLOCKS.advance();
            }
        }
    });
    let stats = BLOCKS.stats();
    println!(
        "{} blocks kept, {} used again, {} freed; {} uses of the other pool; {} nested; {stats:?}",
        KEPT.get(),
        REUSED.get(),
        FREED.get(),
        TOKEN_USES.get(),
        NESTED.get()
    );
    for (what, count) in [
        ("kept", KEPT.get()),
        ("used again", REUSED.get()),
        ("uses", TOKEN_USES.get()),
        ("nested", NESTED.get()),
        ("spills", stats.spills),
        ("sweeps", stats.sweeps),
    ] {
        assert!(count > 0, "{what}: none, so nothing was tested");
    }
    BLOCKS.advance();
    BLOCKS.advance();
    until("the janitor has swept the other pool", || TOKENS.idle() == 0);
    advance_all();
}

/// A number and a box.
type Marked = (usize, Box<u8>);

static OWN: Pool<Marked, fn() -> Marked> =
    Pool::with_settings((|| (0, Box::new(0))) as fn() -> Marked, MANUAL.private_slots(4));
static LOOKS: Count = Count::new();
static OUTSIDE: Count = Count::new();
static CLAIMED: Count = Count::new();
static IN_SWEEP: Count = Count::new();
static CLOSED: Count = Count::new();

/// The hook of the one thread that uses `OWN`. If the thread is inside a claim, a sweep from here leaves its slots out
/// and counts them. If the thread is inside a sweep, this one is refused. Then an item that is put must be got again:
/// with the slots closed it would go to the end of a queue.
fn look_now() {
    match OWN.advance() {
        Some(swept) if swept.left_busy > 0 => CLAIMED.bump(),
        Some(_) => OUTSIDE.bump(),
        None => {
            let mark = IN_SWEEP.bump() + 1;
            OWN.put((mark, Box::new(0)));
            if OWN.try_get().is_none_or(|item| item.0 != mark) { CLOSED.bump() } else { mark }
        }
    };
}

/// Looks now and then. Sweeping at every call would leave no item anywhere for long.
fn look() {
    if (LOOKS.bump().wrapping_mul(0x9E37_79B9) >> 8) % 6 == 0 {
        look_now();
    }
}

/// Nothing is allocated or freed while the owner claims its slots or a sweep has them closed. A sweep that is requested
/// in the middle of another is refused.
#[test]
fn nothing_is_allocated_or_freed_inside_a_claim() {
    ON.set(1);
    // Not on the test's own thread: the harness would run the hook too. Other threads' slots make a sweep claim several
    // at once. One slot set comes before the worker's own, and one after.
    let put_three = || drop((OWN.get(), OWN.get(), OWN.get()));
    let earlier = Worker::new();
    earlier.run(put_three);
    let worker = thread::spawn(move || {
        drop(OWN.get());
        let later = Worker::new();
        let mut dice = Dice::new(1);
        for _ in 0..100 {
            earlier.run(put_three);
            later.run(put_three);
            OWN.prefill(256);
            put_three();
            HOOK.set(Some(look_now));
            OWN.advance();
            HOOK.set(None);
            // Refills replace empty arrays here. Nothing else allocates or frees.
            OWN.clear();
            OWN.prefill(40);
            let mut held = Vec::with_capacity(40);
            HOOK.set(Some(look_now));
            held.extend((0..40).map(|_| OWN.get()));
            HOOK.set(None);
            drop(held);
        }
        HOOK.set(Some(look));
        for round in 0..1500 {
            let held: Vec<_> = (0..dice.below(25)).map(|_| OWN.get()).collect();
            drop(held);
            OWN.put((0, Box::new(1)));
            match round % 8 {
                0 => drop(OWN.advance()),
                2 => drop(OWN.prefill(9)),
                4 => drop(OWN.clear()),
                _ => drop(OWN.try_get().map(Pooled::detach)),
            }
        }
        HOOK.set(None);
    });
    worker.join().expect("no panic");
    let stats = OWN.stats();
    println!("{} looks outside of sweeps, {} inside; {stats:?}", OUTSIDE.get(), IN_SWEEP.get());
    assert_eq!(CLAIMED.get(), 0, "something was allocated or freed inside an owner's claim");
    assert_eq!(CLOSED.get(), 0, "something was allocated or freed while a sweep had the slots closed");
    assert!(
        OUTSIDE.get() > 0 && IN_SWEEP.get() > 0 && stats.spills > 0 && stats.refills + stats.steals > 0,
        "nothing was tested"
    );
}

static VISITED: Pool<usize, fn() -> usize> = Pool::with_settings(token as fn() -> usize, MANUAL);
static VISITS: Count = Count::new();
static KEPT_OUT: Count = Count::new();

/// Another thread uses a pool for the first time and ends. It takes a number and gives it back.
fn let_another_thread_visit() {
    let (leaving, left) = mpsc::channel();
    let visitor = thread::spawn(move || {
        drop(VISITED.try_get());
        leaving.send(()).is_ok()
    });
    VISITS.bump();
    // Only a hang misses this deadline. No panic may leave the allocator.
    if left.recv_timeout(Duration::from_secs(20)).is_err() || visitor.join().is_err() {
        KEPT_OUT.bump();
    }
}

/// A thread that allocates or frees while it takes its number blocks no other that takes a number or ends. An allocator
/// may hold a lock of its own and use a pool under it. This runs in a process of its own, as all threads of a process
/// share the numbers.
#[test]
fn threads_start_and_end_while_another_allocates_its_number() {
    if !alone("threads_start_and_end_while_another_allocates_its_number") {
        return;
    }
    drop(VISITED.get());
    let workers = [(); 14].map(|()| Worker::new());
    // The eighth thread's slot set comes in one block with the next seven. So these seven allocate for their numbers
    // alone.
    let (settlers, newcomers) = workers.split_at(7);
    for settler in settlers {
        settler.run(|| drop(VISITED.try_get()));
    }
    for newcomer in newcomers {
        newcomer.run(|| {
            HOOK.set(Some(let_another_thread_visit));
            drop(VISITED.try_get());
            HOOK.set(None);
        });
    }
    println!("{} visits", VISITS.get());
    assert_eq!(KEPT_OUT.get(), 0, "a thread was kept out while another one allocated or freed");
    assert!(VISITS.get() > 0, "nothing was tested");
}

static FULL: Pool<usize, fn() -> usize> = Pool::with_settings(token as fn() -> usize, MANUAL.private_slots(4));

/// A put finds its slots full and allocates an array for a spill. If a sweep empties the slots meanwhile, the put
/// spills nothing and no item is lost.
#[test]
fn a_put_uses_room_that_a_sweep_makes_meanwhile() {
    ON.set(1);
    let worker = thread::spawn(|| {
        let held = std::array::from_fn::<_, 5, _>(|_| FULL.get());
        let [fifth, others @ ..] = held;
        drop(others);
        HOOK.set(Some(|| _ = FULL.advance()));
        drop(fifth);
        HOOK.set(None);
        let stats = FULL.stats();
        let found = std::array::from_fn::<_, 5, _>(|_| FULL.try_get());
        (stats, found.iter().flatten().count())
    });
    let (stats, found) = worker.join().expect("no panic");
    assert!(stats.sweeps > 0, "nothing was tested");
    assert_eq!((stats.idle, stats.spills, found), (5, 0, 5));
}

/// Dropped pools leave no memory behind, neither with the janitor nor elsewhere. This runs in a process of its own,
/// where no other test allocates.
#[test]
fn dropped_pools_leave_no_memory_behind() {
    if !alone("dropped_pools_leave_no_memory_behind") {
        return;
    }
    let use_pools = |n: usize| {
        for _ in 0..n {
            let pool: Pool<Vec<u8>> = Pool::new();
            let guards: Vec<_> = (0..40).map(|_| pool.get()).collect();
            drop(guards);
            pool.advance();
            drop(pool);
            let other = Pool::with_settings(Vec::<u8>::new, MANUAL);
            drop(other.get());
            #[cfg(feature = "bounded")]
            drop(ebbtide::BoundedPool::<Vec<u8>>::new(1).get());
        }
    };
    use_pools(100);
    let before = LIVE_BYTES.get();
    use_pools(1000);
    let after = LIVE_BYTES.get();
    println!("{before} bytes before, {after} after 1000 of each kind");
    assert!(after < before + 16_000, "{before} bytes before, {after} after 1000 of each kind");
}

/// The second sweep that finds no waiter frees the queue's table.
#[cfg(feature = "bounded")]
#[test]
fn two_sweeps_free_the_table_of_an_empty_queue() {
    if !alone("two_sweeps_free_the_table_of_an_empty_queue") {
        return;
    }
    let pool = ebbtide::BoundedPool::<Vec<u8>>::new(1);
    let _held = pool.get();
    let before = LIVE_BYTES.get();
    let mut waits: Vec<_> = (0..1000).map(|_| Box::pin(pool.get_async())).collect();
    for wait in &mut waits {
        assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    drop(waits);
    let line = LIVE_BYTES.get();
    pool.advance();
    pool.advance();
    let after = LIVE_BYTES.get();
    println!("{before} bytes before, {line} with the line's table, {after} without");
    assert!(line > before + 16_000 && after < before + 16_000, "{before} bytes before, {line} with, {after} without");
}
