//! `BoundedPool`: its settings and their errors, which types are `Send` and `Sync`, and sizes.

use std::cell::Cell;
use std::error::Error;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use crate::common::panic_of;
use ebbtide::bounded::{GetError, OwnedPooled, Pooled, Settings, TryRecycle};
use ebbtide::{BoundedPool, DefaultRecycle, Epochs, SettingsError, WithCapacity};

/// The error that these settings give, if any.
fn error_of<E: Epochs<String>>(settings: Settings<E>) -> Option<SettingsError> {
    BoundedPool::try_with_settings(String::new, settings).err()
}

const MOST: usize = 2_147_483_647;

/// Each bad setting is an error whose text names the setting, the value and the limits.
#[test]
fn errors_name_setting_value_and_limits() {
    let cases = [
        (error_of(Settings::new(0)), "capacity is 0, but must be from 1 to 2147483647"),
        (error_of(Settings::new(MOST + 1).manual()), "capacity is 2147483648, but must be from 1 to 2147483647"),
        (error_of(Settings::new(usize::MAX)), "but must be from 1 to 2147483647"),
        (error_of(Settings::new(3).min_idle(4)), "min_idle is 4, but must be at most capacity, which is 3"),
        (error_of(Settings::new(3).every(Duration::ZERO)), "every is 0ns, but must be at least 1 ms"),
        (error_of(Settings::new(3).every(Duration::from_micros(999))), "every is 999µs, but must be at least 1 ms"),
    ];
    for (error, expected) in cases {
        let error: Box<dyn Error> = error.expect(expected).into();
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!(error_of(Settings::new(0)).map(|error| error.setting()), Some("capacity"));
}

/// The limits themselves are valid, and cost no memory.
#[test]
fn limits_are_valid() {
    assert_eq!(error_of(Settings::new(1)), None);
    assert_eq!(error_of(Settings::new(5).min_idle(5).every(Duration::from_millis(1))), None);
    assert_eq!(error_of(Settings::new(5).every(Duration::MAX)), None);
    let pool = BoundedPool::try_with_settings(String::new, Settings::new(MOST)).unwrap();
    drop(pool.get_many(3).unwrap());
    assert_eq!((pool.capacity(), pool.idle()), (MOST, 3));
    assert_eq!(pool.resize(1), Ok(()));
    assert_eq!(pool.resize(MOST), Ok(()));
    assert_eq!(pool.idle(), 1);
}

/// `Debug` shows each setting as it was set.
#[test]
fn debug_shows_what_was_set() {
    let text = "Settings { name: none, capacity: 2, every: manual, min_idle: 0, order: Lifo, max_overtakes: 1000, \
                max_creating: none, max_lifetime: none, wait_timeout: 5ms, create_timeout: none, check_timeout: none, \
                track_held: none }";
    assert_eq!(format!("{:?}", Settings::new(2).wait_timeout(Duration::from_millis(5)).manual()), text);
    assert!(format!("{:?}", Settings::new(2)).contains("every: 30s"));
}

/// `resize` has the same limits. A bad value leaves the capacity unchanged.
#[test]
fn resize_has_the_same_limits() {
    let pool = BoundedPool::with_settings(String::new, Settings::new(4).min_idle(2));
    for (bad, expected) in [(0, "capacity is 0"), (MOST + 1, "capacity is 2147483648"), (1, "min_idle is 2")] {
        let error = pool.resize(bad).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(pool.capacity(), 4);
    }
    assert_eq!(pool.resize(2), Ok(()));
    assert_eq!(pool.capacity(), 2);
}

/// Outside of constants, the constructors for constants name the bad setting in their panic.
#[test]
fn const_constructors_name_the_bad_setting() {
    assert!(panic_of(|| BoundedPool::<String>::new(0)).contains("capacity must be from 1 to 2147483647"));
    assert!(panic_of(|| BoundedPool::with(String::new, MOST + 1)).contains("capacity"));
    let min_idle = Settings::new(1).min_idle(2);
    assert!(panic_of(|| BoundedPool::with_settings(String::new, min_idle)).contains("min_idle"));
}

/// Every constructor makes a working pool, also in a static. `Debug` shows whether a pool was used.
#[test]
fn every_constructor_works() {
    static NEW: BoundedPool<Vec<u8>> = BoundedPool::new(2);
    static WITH: BoundedPool<u8, fn() -> u8> = BoundedPool::with(|| 7, 2);
    static RECYCLE: BoundedPool<Vec<u8>, WithCapacity> =
        BoundedPool::with_recycle(WithCapacity { min: 100, max: 200 }, 2);
    NEW.get().unwrap().push(1);
    assert_eq!((NEW.get().unwrap().len(), NEW.capacity()), (0, 2));
    *WITH.get().unwrap() += 1;
    assert_eq!(*WITH.get().unwrap(), 8);
    assert!(RECYCLE.get().unwrap().capacity() >= 100);
    let text = format!("{NEW:?} {:?} {}", NEW.get().unwrap(), WITH.get().unwrap());
    assert!(text.contains("status: Status { capacity: 2") && text.contains("[] 8"), "{text}");

    let words = String::from("ebb and flow");
    let pool = BoundedPool::with_settings(Vec::<&str>::new, Settings::new(1).manual());
    pool.get().unwrap().extend(words.split(' '));
    assert_eq!(pool.get().unwrap().len(), 3);
}

/// A bounded pool treats items as `Pool` does: cleared by default, unchanged with a closure.
#[test]
fn items_are_cleared_by_default() {
    let pool: Arc<BoundedPool<String>> = Arc::new(BoundedPool::new(1));
    pool.get().unwrap().push_str("secret");
    assert_eq!(*pool.get_owned().unwrap(), "");
    assert_eq!(pool.stats().created, 1);
}

/// `Send` and not `Sync`.
type OnlySend = Cell<u8>;

fn send<T: Send>(_: &T) {}
fn sync<T: Sync>(_: &T) {}
fn unwind_safe<T: UnwindSafe + RefUnwindSafe>(_: &T) {}

/// A pool of items that are only `Send` can be shared. Guards and waits move between threads.
#[test]
fn pools_guards_and_waits_are_send_and_sync() {
    let pool: Arc<BoundedPool<OnlySend, fn() -> OnlySend>> = Arc::new(BoundedPool::with(|| Cell::new(0), 4));
    sync(&pool);
    send(&pool);
    send(&pool.get().unwrap());
    send(&pool.get_owned().unwrap());
    send(&pool.get_async());
    send(&pool.get_owned_async());
    send(&pool.get_many_async(2));
    send(&pool.get_many_owned_async(2));
    send(&pool.get_async_with(|| async { Ok::<_, ()>(Cell::new(1)) }));
    send(&pool.get_owned_async_with(|| async { Ok::<_, ()>(Cell::new(1)) }));
    let shared: BoundedPool<String> = BoundedPool::new(4);
    sync(&shared.get().unwrap());
    unwind_safe(&shared);
    send(&GetError::<std::io::Error>::Closed);
}

/// Whether or not the recycler's error implements `Error`, a `?` converts one of the pool to `E`'s usual box. A report of
/// the whole chain names the cause once.
#[test]
fn errors_convert_and_name_their_cause_once() {
    fn report<E: std::fmt::Debug + std::fmt::Display + 'static>(cause: E) -> String {
        let convert = || -> Result<(), Box<dyn Error>> { Err(GetError::Create(cause))? };
        let error = convert().unwrap_err();
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            text += &error.to_string();
            source = error.source();
        }
        text
    }
    let expected = "no item could be created: refused";
    assert_eq!(report(std::io::Error::other("refused")), expected);
    assert_eq!(report(Box::<dyn Error + Send + Sync>::from("refused")), expected);
}

/// Guards are two words. A `Result` of one is as large as that of any two words with the same error.
#[test]
fn guards_are_two_words() {
    const WORD: usize = size_of::<usize>();
    assert_eq!(size_of::<Pooled<String>>(), 2 * WORD);
    assert_eq!(size_of::<OwnedPooled<String>>(), 2 * WORD);
    assert!(size_of::<Option<Pooled<String>>>() == 2 * WORD);
    let times = size_of::<[Option<Duration>; 5]>();
    assert!(size_of::<BoundedPool<String>>() <= 12 * WORD + times);
}

/// Every `Recycle` is a `TryRecycle` that never fails.
#[test]
fn every_recycler_is_a_fallible_one() {
    fn made<T, R: TryRecycle<T, Error = std::convert::Infallible>>(recycler: &R) -> T {
        let Ok(item) = recycler.try_create();
        item
    }
    let text: String = made(&DefaultRecycle);
    assert_eq!((text, made(&|| 7)), (String::new(), 7));
    assert!(made::<Vec<u8>, _>(&WithCapacity { min: 9, max: 10 }).capacity() >= 9);
}

/// Glob imports of the crate and its modules work side by side.
#[test]
fn each_settings_type_has_a_name_for_globs() {
    use ebbtide::bounded::*;
    use ebbtide::buffers::*;
    use ebbtide::*;
    let pool: BoundedPool<u8> = BoundedPool::with_settings(DefaultRecycle, BoundedSettings::new(2).manual());
    let buffers = BufferPool::with_settings(BufferSettings::new().manual());
    assert_eq!((pool.capacity(), buffers.get(100).capacity()), (2, 1024));
}
