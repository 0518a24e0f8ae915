//! Promise 9, for items: of any size and alignment, pools and guards, those that borrow, and those that use their pool.

mod common;

use std::sync::Arc;

use common::{Count, MANUAL, on_large_stack, on_thread};
use ebbtide::{OwnedPooled, Pool, Pooled, Recycle};

/// A pool of pools, and a pool of guards of another pool.
#[test]
fn pools_and_guards_can_be_items() {
    let pools: Pool<Pool<String>, _> = Pool::with_settings(Pool::new, MANUAL);
    pools.get().get().push('a');
    assert_eq!(pools.get().idle(), 1);
    assert_eq!(pools.idle(), 1);

    type Maker = fn() -> String;
    let inner: Arc<Pool<String, Maker>> = Arc::new(Pool::with_settings(String::new, MANUAL));
    let lender = Arc::clone(&inner);
    let outer = Pool::with_settings(move || -> OwnedPooled<String, Maker> { lender.get_owned() }, MANUAL);
    outer.get().push('b');
    assert_eq!(**outer.get(), "b");
    assert_eq!((inner.idle(), outer.idle()), (0, 1));
    drop(outer);
    assert_eq!((inner.idle(), Arc::strong_count(&inner)), (1, 1));
}

/// An item that uses its own pool when it is dropped.
struct Inward(u8);

impl Drop for Inward {
    fn drop(&mut self) {
        if self.0 > 0 {
            drop((INWARD.get(), INWARD.get()));
            INWARD.advance();
            INWARD_DROPS.bump();
        }
    }
}

struct InwardRecycle;

impl Recycle<Inward> for InwardRecycle {
    fn create(&self) -> Inward {
        // Creates an item inside the creation of another, one level deep.
        drop(INWARD.get_with(|| Inward(0)));
        Inward(1)
    }

    fn recycle(&self, item: &mut Inward) -> bool {
        if item.0 > 0 {
            drop(INWARD.try_get());
            drop(INWARD.get_with(|| Inward(0)));
        }
        true
    }
}

static INWARD: Pool<Inward, InwardRecycle> = Pool::with_settings(InwardRecycle, MANUAL.private_slots(2));
static INWARD_DROPS: Count = Count::new();

/// An item's own create, recycle and `Drop` can use its pool and sweep it.
#[test]
fn items_can_use_their_own_pool() {
    for _ in 0..50 {
        let guards: Vec<_> = (0..5).map(|_| INWARD.get()).collect();
        drop(guards);
        INWARD.advance();
    }
    // Each dropped item puts others. `detach` ends that.
    while let Some(mut item) = INWARD.try_get() {
        item.0 = 0;
        drop(Pooled::detach(item));
    }
    drop(INWARD.get());
    INWARD.clear();
    assert!(INWARD_DROPS.get() > 0);
}

/// A zero-sized item.
#[derive(Debug, Default)]
struct Nothing;

static NOTHING_DROPS: Count = Count::new();

impl Drop for Nothing {
    fn drop(&mut self) {
        NOTHING_DROPS.bump();
    }
}

/// Zero-sized items are created, kept, swept and dropped like any other.
#[test]
fn zero_sized_items_work() {
    let pool = Pool::with_settings(Nothing::default, MANUAL);
    for _ in 0..3 {
        let guards: Vec<_> = (0..100).map(|_| pool.get()).collect();
        drop(guards);
    }
    pool.put(Nothing);
    assert_eq!((pool.idle(), pool.stats().created, NOTHING_DROPS.get()), (101, 100, 0));
    drop(Pooled::detach(pool.get()));
    assert_eq!(NOTHING_DROPS.get(), 1);
    pool.advance();
    pool.advance();
    assert_eq!((pool.idle(), NOTHING_DROPS.get()), (0, 101));
}

/// Items of 1 MiB.
#[test]
fn items_of_one_mebibyte_work() {
    on_large_stack(|| {
        let pool = Pool::with_settings(|| [0_u8; 1 << 20], MANUAL);
        let mut guards: Vec<_> = (0..5).map(|_| pool.get()).collect();
        for (n, item) in guards.iter_mut().enumerate() {
            item.fill(n as u8 + 1);
        }
        drop(guards);
        pool.advance();
        for _ in 0..5 {
            let item = Pooled::detach(pool.get());
            assert!(item[0] > 0 && item.iter().all(|byte| *byte == item[0]));
        }
        assert_eq!(pool.stats().created, 5);
    });
}

/// An item with an alignment of 128.
#[repr(align(128))]
#[derive(Default)]
struct Aligned([u8; 3]);

/// The alignment of every item is kept, in every generation.
#[test]
fn an_alignment_of_128_is_kept() {
    on_large_stack(|| {
        let pool = Pool::with_settings(Aligned::default, MANUAL);
        for _ in 0..3 {
            let mut guards: Vec<_> = (0..50).map(|_| pool.get()).collect();
            for item in &mut guards {
                item.0 = [9; 3];
                assert_eq!(std::ptr::from_ref(&**item).addr() % 128, 0);
            }
            drop(guards);
            pool.advance();
        }
        assert_eq!(pool.stats().created, 50);
        assert_eq!(Pooled::detach(pool.get()).0, [9; 3]);
    });
}

/// In a manual pool, items can borrow from anything that outlives the pool.
#[test]
fn items_can_borrow() {
    let text = String::from("ebb and flow");
    let pool = Pool::with_settings(Vec::<&str>::new, MANUAL);
    pool.get().extend(text.split(' '));
    assert_eq!(*pool.get(), ["ebb", "and", "flow"]);
    on_thread(|| pool.get().push(&text));
    pool.advance();
    pool.advance();
    assert_eq!(pool.idle(), 0);
}
