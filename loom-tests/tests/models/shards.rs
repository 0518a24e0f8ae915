//! Sweeps retire empty shards and free them while other threads visit: the protocol of `engine::visit`. They do the same
//! with the slot sets of threads that have ended: `engine::ended` and `sync::users`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::{Arc, Mutex};
use std::{process, slice};

use ebbtide::{Fetch, Pooled, Settings};
use world::{Bounds, TrackedPool, World, explore, try_get};

/// Four preemptions can stop a visitor twice, and each of the sweeps between any two of its steps.
const FOUR: Bounds = Bounds { preemptions: Some(4) };

/// With two visitors. Two preemptions can stop both anywhere while the sweep passes.
const TWO: Bounds = Bounds { preemptions: Some(2) };

/// Overwrites what it frees, keeps it for a while, and ends the process if anybody wrote there meanwhile. So no visitor
/// uses shards that were freed.
struct Overwriting;

const FREED: u8 = 0x5A;

/// The last blocks that were freed, and where the next one goes.
struct Kept([Option<(*mut u8, Layout)>; 256], usize);

// SAFETY: it owns the blocks.
unsafe impl Send for Kept {}

static KEPT: Mutex<Kept> = Mutex::new(Kept([None; 256], 0));

// SAFETY: `System` does all the work. It gets a block back later, when another one takes its place.
unsafe impl GlobalAlloc for Overwriting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the block is as long as the layout says, and the caller leaves it to this.
        unsafe { pointer.write_bytes(FREED, layout.size()) };
        let Ok(mut kept) = KEPT.lock() else { process::abort() };
        let Kept(blocks, next) = &mut *kept;
        *next = (*next + 1) % blocks.len();
        if let Some((pointer, layout)) = blocks[*next].replace((pointer, layout)) {
            // SAFETY: the block is as long as the layout says, and was filled when it was freed.
            if unsafe { slice::from_raw_parts(pointer, layout.size()) }.iter().any(|byte| *byte != FREED) {
                process::abort();
            }
            // SAFETY: from `System` with this layout, and freed once.
            unsafe { System.dealloc(pointer, layout) };
        }
    }
}

#[global_allocator]
static ALLOCATOR: Overwriting = Overwriting;

/// A pool without private slots whose shards are empty, so that the next sweep retires them.
fn emptied(world: &World) -> Arc<TrackedPool> {
    let pool = world.pool(0);
    pool.put(world.make());
    drop(try_get(&pool).map(Pooled::detach));
    pool
}

/// A put may find the shards before one sweep retires them, and push to them before another one frees them. The item is
/// found afterwards.
#[test]
fn put_while_sweeps_free_the_shards() {
    explore("put while sweeps free the shards", FOUR, |world| {
        let pool = emptied(world);
        let sweeps = world.spawn_two_sweeps(&pool);
        world.go();
        pool.put(world.make());
        sweeps.join().unwrap();
        world.find_all(&pool);
        world.end(pool);
    });
}

/// A get takes the last item. Then it puts the empty array into shards that may be retired already.
#[test]
fn get_while_sweeps_free_the_shards() {
    explore("get while sweeps free the shards", FOUR, |world| {
        let pool = world.pool(4);
        assert_eq!(pool.prefill(1), 1);
        let sweeps = world.spawn_two_sweeps(&pool);
        world.go();
        drop(try_get(&pool).map(Pooled::detach));
        sweeps.join().unwrap();
        world.end(pool);
    });
}

/// Two puts create shards at once, or put into those that a sweep retires.
#[test]
fn two_puts_while_a_sweep_retires_the_shards() {
    explore("two puts while a sweep retires the shards", TWO, |world| {
        let pool = emptied(world);
        let put = world.spawn_put(&pool);
        let sweep = world.spawn_sweep(&pool);
        world.go();
        pool.put(world.make());
        put.join().unwrap();
        assert_eq!(sweep.join().unwrap(), 0);
        world.find_all(&pool);
        world.end(pool);
    });
}

/// A pool of which a thread that has ended left slots, and the shared queues hold its item.
fn left_behind(world: &World) -> Arc<TrackedPool> {
    let pool = world.pool(4);
    world.spawn_put(&pool).join().unwrap();
    world.advance(&pool).unwrap();
    pool
}

/// The slots of an earlier thread are freed, if nobody has its number. The item is found afterwards.
fn put_while_sweeps_free_slots(world: &World, pool: Arc<TrackedPool>) {
    let put = world.spawn_put(&pool);
    world.go();
    world.advance(&pool).unwrap();
    world.advance(&pool).unwrap();
    put.join().unwrap();
    assert_eq!(pool.idle(), world.alive(), "an item is in slots that nobody finds");
    world.end(pool);
}

/// A thread begins, gets the number of one that has ended, and puts an item, while a sweep frees the slots under that
/// number. The item is in new slots, or the slots are not freed.
#[test]
fn put_by_a_new_thread_while_a_sweep_frees_slots() {
    explore("put by a new thread while a sweep frees slots", TWO, |world| {
        put_while_sweeps_free_slots(world, left_behind(world));
    });
}

/// A thread puts an item and ends while sweeps look for the slots of ended threads.
#[test]
fn put_by_a_thread_that_ends_while_sweeps_free_slots() {
    explore("put by a thread that ends while sweeps free slots", TWO, |world| {
        let pool = world.pool(4);
        world.spawn_put(&pool).join().unwrap();
        put_while_sweeps_free_slots(world, pool);
    });
}

/// A thread counts the idle items of all threads while a sweep frees the slots of one.
#[test]
fn count_while_a_sweep_frees_slots() {
    explore("count while a sweep frees slots", TWO, |world| {
        let pool = left_behind(world);
        let count = world.spawn(&pool, |_, pool| pool.idle());
        world.go();
        world.advance(&pool).unwrap();
        world.advance(&pool).unwrap();
        assert!(count.join().unwrap() <= 1);
        world.end(pool);
    });
}

/// A thread looks for items to fetch while a sweep frees the slots of another.
#[test]
fn fetch_while_a_sweep_frees_slots() {
    explore("fetch while a sweep frees slots", TWO, |world| {
        let pool = world.pool_with(Settings::new().manual().private_slots(4).fetch(Fetch::Always));
        let spawn_get = || world.spawn(&pool, |_, pool| drop(try_get(pool).map(Pooled::detach)));
        world.spawn_put(&pool).join().unwrap();
        spawn_get().join().unwrap();
        let fetch = spawn_get();
        world.go();
        world.advance(&pool).unwrap();
        world.advance(&pool).unwrap();
        fetch.join().unwrap();
        world.end(pool);
    });
}
