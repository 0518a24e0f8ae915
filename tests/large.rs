//! Items of 4 MiB on threads with a stack of 256 KiB, and those that boxes bring in and take out.

mod common;

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::thread;

use common::{Count, MANUAL};
use ebbtide::boxes::UninitBox;
use ebbtide::{BoxPool, Pool, Pooled, PooledBox, Recycle};

const SIZE: usize = 4 << 20;

type Bytes = [u8; SIZE];

/// Runs `f` on a thread on whose stack no item fits.
#[track_caller]
fn on_small_stack(f: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(256 << 10).spawn(f).expect("a thread");
    thread.join().expect("no panic");
}

fn address<T>(value: &T) -> usize {
    std::ptr::from_ref(value).addr()
}

fn bytes() -> Box<Bytes> {
    vec![0; SIZE].try_into().expect("it has this length")
}

static DROPS: Count = Count::new();

/// Has a `Drop`, and an alignment less than that of what the pool notes.
#[repr(transparent)]
struct Secret(Bytes);

impl Drop for Secret {
    fn drop(&mut self) {
        DROPS.bump();
    }
}

/// Owns storage, and has a larger alignment.
struct Named {
    bytes: Bytes,
    name: String,
}

#[derive(Clone)]
struct Large;

impl Recycle<Bytes> for Large {
    fn create(&self) -> Bytes {
        unreachable!("it is too large")
    }

    fn create_boxed(&self) -> Box<Bytes> {
        bytes()
    }

    fn recycle(&self, _: &mut Bytes) -> bool {
        true
    }
}

impl Recycle<Secret> for Large {
    fn create(&self) -> Secret {
        unreachable!("it is too large")
    }

    fn create_boxed(&self) -> Box<Secret> {
        // SAFETY: a `Secret` has the layout of its only field.
        unsafe { Box::from_raw(Box::into_raw(bytes()).cast()) }
    }

    fn recycle(&self, _: &mut Secret) -> bool {
        true
    }
}

impl Recycle<Named> for Large {
    fn create(&self) -> Named {
        unreachable!("it is too large")
    }

    fn create_boxed(&self) -> Box<Named> {
        let mut named = Box::<Named>::new_uninit();
        let at = named.as_mut_ptr();
        // SAFETY: all fields are written before the value is used.
        unsafe {
            (&raw mut (*at).bytes).write_bytes(0, 1);
            (&raw mut (*at).name).write("new".to_owned());
            named.assume_init()
        }
    }

    fn recycle(&self, _: &mut Named) -> bool {
        true
    }
}

/// Gets and puts large items in all ways but those that take them by value. Returns how many it created.
fn use_all<T: Send + 'static>(pool: &Arc<Pool<T, Large>>, bytes: impl Fn(&mut T) -> &mut Bytes) -> usize
where
    Large: Recycle<T>,
{
    bytes(&mut pool.get())[SIZE - 1] = 1;
    let mut mine: Box<T> = Pooled::detach_boxed(pool.get());
    assert_eq!(bytes(&mut mine)[SIZE - 1], 1);
    bytes(&mut mine)[0] = 2;
    pool.put_boxed(mine);
    assert_eq!(bytes(&mut pool.get())[0], 2);
    assert_eq!(bytes(&mut pool.get_owned())[SIZE - 1], 1);
    pool.with_local(|local| bytes(&mut local.get())[1] = 3);
    assert_eq!(pool.prefill(2), 2);
    drop([pool.get(), pool.get(), pool.get()]);
    pool.advance();
    pool.advance();
    pool.put_boxed(Large.create_boxed());
    pool.stats().created
}

#[test]
fn large_items_need_no_stack() {
    on_small_stack(|| {
        let pool = Arc::new(Pool::with_settings(Large, MANUAL));
        assert_eq!(use_all::<Bytes>(&pool, |bytes| bytes), 1);
    });
    on_small_stack(|| {
        let pool = Arc::new(Pool::with_settings(Large, MANUAL));
        assert_eq!(use_all::<Secret>(&pool, |secret| &mut secret.0), 1);
        drop(pool);
        assert_eq!(DROPS.get(), 4);
    });
    on_small_stack(|| {
        let pool = Arc::new(Pool::with_settings(Large, MANUAL));
        assert_eq!(use_all::<Named>(&pool, |named| &mut named.bytes), 1);
        assert_eq!(pool.get().name, "new");
    });
}

/// Without a `Drop`, an item lies where its box was.
#[test]
fn boxes_go_in_and_out_without_a_copy() {
    let pool = Pool::with_settings(Large, MANUAL);
    let mine: Box<Bytes> = bytes();
    let at = address(&*mine);
    pool.put_boxed(mine);
    let item: Pooled<'_, Bytes, Large> = pool.get();
    assert_eq!(address(&*item), at);
    assert_eq!(address(&*Pooled::detach_boxed(item)), at);
}

/// An item whose storage is shrunk later has its history, and its storage is not lost.
#[test]
fn boxed_items_shrink_as_others_do() {
    let pool: Pool<Vec<u8>> = Pool::with_settings(ebbtide::DefaultRecycle, MANUAL);
    pool.put_boxed(Box::new(Vec::with_capacity(1 << 20)));
    for _ in 0..3 {
        pool.get().push(1);
        pool.advance();
    }
    assert!(pool.get().capacity() < 100);
    pool.get().extend_from_slice(b"kept");
    let mut item = pool.get();
    item.extend_from_slice(b"kept");
    assert_eq!(*Pooled::detach_boxed(item), b"kept");
}

#[test]
fn items_without_size_have_boxes() {
    let pool = Pool::with_settings(|| (), MANUAL);
    pool.put_boxed(Box::new(()));
    assert_eq!((*Pooled::detach_boxed(pool.get()), pool.stats().created), ((), 0));
}

#[cfg(feature = "bounded")]
mod bounded {
    use std::pin::pin;
    use std::time::Duration;

    use ebbtide::BoundedPool;
    use ebbtide::bounded::{Pooled, Settings};
    use futures_lite::future::{self, block_on};

    use super::common::until;
    use super::*;

    /// Gets and puts large items in all ways but those that take them by value.
    fn use_all<T: Send + 'static>(bytes: impl Fn(&mut T) -> &mut Bytes)
    where
        Large: Recycle<T>,
    {
        let pool: Arc<BoundedPool<T, Large>> = Arc::new(BoundedPool::with_settings(Large, Settings::new(3).manual()));
        bytes(&mut pool.get().unwrap())[SIZE - 1] = 1;
        assert_eq!(bytes(&mut pool.get().unwrap())[SIZE - 1], 1);
        let mut mine: Box<T> = Pooled::detach_boxed(pool.get().unwrap());
        assert_eq!(bytes(&mut mine)[SIZE - 1], 1);
        bytes(&mut mine)[0] = 2;

        let mut item = pool.get_owned().unwrap();
        assert_eq!(bytes(&mut item)[0], 0);
        let mut old = Pooled::replace_boxed(&mut pool.try_get().unwrap(), mine);
        assert_eq!(bytes(&mut old)[0], 0);
        drop(item);

        assert_eq!(pool.clear().unwrap().dropped, 2);
        assert_eq!(pool.get_many(3).unwrap().len(), 3);
        assert_eq!(pool.retain(|item, info| info.uses() > 1 || bytes(item)[0] == 1).dropped, 3);
        assert_eq!((pool.prefill(2), pool.idle()), (Ok(2), 2));
        pool.advance();
        assert_eq!(pool.advance().unwrap().dropped, 2);

        drop(block_on(pool.get_async()).unwrap());
        pool.clear();
        drop(block_on(pool.get_many_async(2)).unwrap());
        assert_eq!((block_on(pool.prefill_async(1)), pool.idle()), (Ok(1), 3));

        // From hand to hand.
        let mut items = pool.get_many(3).unwrap();
        let mut waiting = pin!(pool.get_many_owned_async(2));
        assert!(block_on(future::poll_once(waiting.as_mut())).is_none());
        items.truncate(1);
        drop(block_on(waiting).unwrap());
        pool.resize(1).unwrap();
        pool.close();
        drop(items);
        pool.closed();
    }

    #[test]
    fn large_items_need_no_stack() {
        on_small_stack(|| use_all::<Bytes>(|bytes| bytes));
        on_small_stack(|| use_all::<Named>(|named| &mut named.bytes));
    }

    /// Not that of the threads that create items either.
    #[test]
    fn large_items_of_other_threads_need_no_stack() {
        let settings = Settings::new(2).min_idle(1).max_lifetime(Duration::from_secs(3600)).manual();
        let pool = BoundedPool::<Bytes, _>::with_settings(Large, settings).create_in_background();
        let mut items = [pool.get().unwrap(), block_on(pool.get_async()).unwrap()];
        items.iter_mut().for_each(|item| item[SIZE - 1] = 1);
        drop(items);
        pool.clear();
        until("an item is idle", || pool.idle() == 1);
    }

    /// Behind an item lie notes, of any alignment.
    #[test]
    fn items_leave_and_come_in_boxes() {
        let pool = BoundedPool::with(|| String::from("a"), 1);
        for _ in 0..2 {
            assert_eq!(*Pooled::detach_boxed(pool.get().unwrap()), "a");
        }
        assert_eq!(*Pooled::replace_boxed(&mut pool.get().unwrap(), Box::new("b".to_owned())), "a");
        assert_eq!(*pool.get().unwrap(), "b");
        let pool = BoundedPool::with(|| 7_u8, 1);
        assert_eq!(*Pooled::replace_boxed(&mut pool.get().unwrap(), Box::new(8)), 7);
        assert_eq!(*Pooled::detach_boxed(pool.get().unwrap()), 8);
        let pool = BoundedPool::with(|| (), 1);
        assert_eq!(*Pooled::replace_boxed(&mut pool.get().unwrap(), Box::new(())), ());
        assert_eq!(Pooled::info(&pool.get().unwrap()).uses(), 1);
        assert_eq!(*Pooled::detach_boxed(pool.get().unwrap()), ());
    }
}

#[test]
fn large_values_need_no_stack() {
    on_small_stack(|| {
        let pool: BoxPool<Bytes> = BoxPool::with_settings(MANUAL);
        for _ in 0..2 {
            let mut memory = pool.insert_uninit();
            // SAFETY: all bytes are written before.
            let mut value = unsafe {
                memory.as_mut_ptr().write_bytes(7, 1);
                UninitBox::assume_init(memory)
            };
            value[0] = 1;
            assert_eq!((value[0], value[SIZE - 1]), (1, 7));
        }
        assert_eq!((pool.stats().created, pool.prefill(1)), (1, 1));
    });
}

/// Memory without a value returns to the pool, and nothing is dropped in it.
#[test]
fn memory_without_a_value_is_used_again() {
    let pool: BoxPool<Box<u8>> = BoxPool::with_settings(MANUAL);
    let mut memory: UninitBox<_, _> = pool.insert_uninit();
    let at: *const MaybeUninit<Box<u8>> = &raw const *memory;
    memory.write(Box::new(1)); // leaked, unless it is taken out
    // SAFETY: the value is there, and is taken out once.
    drop(unsafe { memory.assume_init_read() });
    drop(memory);
    let value: PooledBox<_, _> = UninitBox::write(pool.insert_uninit(), Box::new(2));
    assert_eq!((address(&*value), **value), (at.addr(), 2));
    assert_eq!(pool.stats().created, 1);
}
