//! `BufferPool`: its settings and their errors, the traits of its guards, and sizes.

mod common;

use std::error::Error;
use std::io::{IoSlice, Write};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use common::{panic_of, until};
use ebbtide::buffers::{PooledBuffer, Settings};
use ebbtide::{BufferPool, Epochs, SettingsError};

/// The error that these settings give, if any.
fn error_of<E: Epochs<Vec<u8>>>(settings: Settings<E>) -> Option<SettingsError> {
    BufferPool::try_with_settings(settings).err()
}

/// Each bad setting is an error whose text names the setting, the value and the limits.
#[test]
fn errors_name_setting_value_and_limits() {
    let power = "but must be a power of two from 64 to 1073741824";
    let cases = [
        (error_of(Settings::new().smallest(0)), format!("smallest is 0, {power}")),
        (error_of(Settings::new().smallest(32)), format!("smallest is 32, {power}")),
        (error_of(Settings::new().smallest(1000)), format!("smallest is 1000, {power}")),
        (error_of(Settings::new().largest(1025).manual()), format!("largest is 1025, {power}")),
        (error_of(Settings::new().largest(1 << 31)), format!("largest is 2147483648, {power}")),
        (error_of(Settings::new().largest(usize::MAX)), power.to_owned()),
        (
            error_of(Settings::new().smallest(4096).largest(1024)),
            "smallest is 4096, but must be at most largest, which is 1024".to_owned(),
        ),
        (error_of(Settings::new().every(Duration::ZERO)), "every is 0ns, but must be at least 1 ms".to_owned()),
    ];
    for (error, expected) in cases {
        let error: Box<dyn Error> = error.expect(&expected).into();
        assert!(error.to_string().contains(&expected), "{error}");
    }
}

/// The error exposes its setting to programs.
#[test]
fn errors_expose_the_setting() {
    let setting = |settings| error_of(settings).map(|error| error.setting());
    assert_eq!(setting(Settings::new().smallest(5)), Some("smallest"));
    assert_eq!(setting(Settings::new().largest(5)), Some("largest"));
    assert_eq!(setting(Settings::new().smallest(2048).largest(64)), Some("smallest"));
    assert_eq!(setting(Settings::new().every(Duration::from_micros(999))), Some("every"));
}

/// The limits themselves are valid, and so is every number of bytes.
#[test]
fn limits_are_valid() {
    assert_eq!(error_of(Settings::default()), None);
    assert_eq!(error_of(Settings::new().smallest(64).largest(1 << 30)), None);
    assert_eq!(error_of(Settings::new().smallest(64).largest(64)), None);
    assert_eq!(error_of(Settings::new().smallest(1 << 30).largest(1 << 30)), None);
    assert_eq!(error_of(Settings::new().private_bytes(usize::MAX).max_idle_bytes(usize::MAX - 1)), None);
    assert_eq!(error_of(Settings::new().private_bytes(0).max_idle_bytes(0).manual()), None);
    assert_eq!(error_of(Settings::new().every(Duration::MAX)), None);
}

#[test]
fn with_settings_panics_with_a_bad_setting() {
    for (settings, words) in [
        (Settings::new().smallest(7), "smallest must be a power of two from 64 to 1073741824"),
        (Settings::new().largest(7), "largest must be a power of two from 64 to 1073741824"),
        (Settings::new().smallest(2048).largest(1024), "smallest must be at most largest"),
        (Settings::new().every(Duration::ZERO), "every must be at least 1 ms"),
    ] {
        assert_eq!(panic_of(|| BufferPool::with_settings(settings)), words);
    }
}

/// Works in a `static` with any settings, in any order. Its guards need no lifetime.
#[test]
fn a_static_pool_works() {
    static DEFAULT: BufferPool = BufferPool::new();
    static SMALL: BufferPool = BufferPool::with_settings(
        Settings::new().manual().max_idle_bytes(0).private_bytes(1 << 20).largest(256).smallest(64),
    );
    fn header() -> PooledBuffer {
        let mut header = SMALL.get(100);
        header.extend_from_slice(b"GET");
        header
    }
    let header = std::thread::spawn(header).join().unwrap();
    assert_eq!((header.as_slice(), header.capacity()), (&b"GET"[..], 128));
    assert_eq!(
        DEFAULT.stats().map(|(size, _)| size).collect::<Vec<_>>(),
        (10..=20).map(|n| 1 << n).collect::<Vec<_>>()
    );
    assert_eq!(SMALL.stats().map(|(size, _)| size).collect::<Vec<_>>(), [64, 128, 256]);
}

/// The janitor sweeps the classes of a timed pool.
#[test]
fn the_janitor_sweeps_every_class() {
    let pool = BufferPool::with_settings(Settings::new().every(Duration::from_millis(1)));
    drop((pool.get(1), pool.get(1 << 20)));
    until("both are dropped", || pool.stats().map(|(_, stats)| stats.dropped).sum::<usize>() == 2);
    assert_eq!(pool.idle_bytes(), 0);
}

/// The smallest and the largest class that can be set.
#[test]
fn the_smallest_and_largest_class_work() {
    let pool = BufferPool::with_settings(Settings::new().smallest(64).largest(1 << 30).manual());
    assert_eq!((pool.get(1).capacity(), pool.get(64).capacity(), pool.get(65).capacity()), (64, 64, 128));
    assert_eq!(pool.stats().map(|(size, _)| size).collect::<Vec<_>>(), (6..=30).map(|n| 1 << n).collect::<Vec<_>>());
    let text = panic_of(|| drop(pool.get(usize::MAX)));
    assert!(text.contains("capacity overflow"), "{text}");
    assert_eq!(pool.idle_bytes(), 64 + 64 + 128, "nothing is lost");
}

/// Guards implement `Write` and `Extend`.
#[test]
fn guards_are_writers_and_can_be_extended() {
    fn send(mut to: impl Write) {
        to.write_all(b"one").unwrap();
        let slices = [IoSlice::new(b" two"), IoSlice::new(b" three")];
        assert_eq!(to.write_vectored(&slices).unwrap(), 10);
        assert_eq!(to.write(b" four").unwrap(), 5);
        write!(to, " {}", 5).unwrap();
        to.flush().unwrap();
    }
    fn fill(extended: &mut (impl Extend<u8> + for<'a> Extend<&'a u8>)) {
        extended.extend([b'!'; 2]);
        extended.extend(b"?");
    }
    let pool = Arc::new(BufferPool::new());
    let (mut buffer, mut owned) = (pool.get(1), pool.get_owned(1));
    send(&mut buffer);
    send(&mut owned);
    fill(&mut buffer);
    fill(&mut owned);
    assert_eq!(buffer.as_ref() as &[u8], b"one two three four 5!!?");
    assert_eq!(buffer.as_slice(), owned.as_slice());
    assert_eq!(format!("{:?}", pool.get(1)), "[]");
}

/// Any pointer to a pool can hold it for a guard. With an `Rc` the guard stays on its thread.
#[test]
fn pools_and_guards_are_send_and_sync() {
    fn shared<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}
    shared::<BufferPool>();
    shared::<Settings>();
    fn both<T: Send + Sync>() {}
    both::<PooledBuffer>();
    both::<PooledBuffer<&BufferPool>>();
    both::<PooledBuffer<Arc<BufferPool>>>();
    fn any<T>() {}
    any::<PooledBuffer<Rc<BufferPool>>>();
}

/// A guard is two words. A pool has one cache line for each possible class.
#[test]
fn a_guard_is_two_words() {
    const WORD: usize = size_of::<usize>();
    assert_eq!(size_of::<PooledBuffer>(), 2 * WORD);
    assert_eq!(size_of::<Option<PooledBuffer<Arc<BufferPool>>>>(), 2 * WORD);
    assert_eq!(size_of::<BufferPool>(), (25 + 1) * 64);
}

/// `Debug` shows each setting as it was set.
#[test]
fn debug_shows_what_was_set() {
    let text = "Settings { name: none, every: 30s, smallest: 1024, largest: 1048576, max_idle_bytes: none, \
                private_bytes: 2097152 }";
    assert_eq!(format!("{:?}", Settings::new()), text);
    assert!(format!("{:?}", Settings::new().max_idle_bytes(9).manual()).contains("every: manual"));
}

/// `Debug` shows the classes that were used.
#[test]
fn debug_shows_used_classes() {
    let pool = BufferPool::new();
    assert!(!format!("{pool:?}").contains("Stats"));
    drop(pool.get(4000));
    let text = format!("{pool:?}");
    assert!(text.contains("(4096, Stats") && !text.contains("8192"), "{text}");
}

/// A young buffer may be larger than asked for. A victim is only one of the right size.
#[test]
fn try_get_finds_idle_buffers_and_creates_none() {
    let pool = Arc::new(BufferPool::with_settings(Settings::new().manual()));
    assert!(pool.try_get(1000).is_none() && pool.try_get_owned(1000).is_none());
    drop((pool.get(1000), pool.get(8000)));
    let found = [pool.try_get_owned(1000), pool.try_get_owned(1000), pool.try_get_owned(1000)];
    assert_eq!(
        found.each_ref().map(|found| found.as_ref().map(|buffer| buffer.capacity())),
        [Some(1024), Some(8192), None]
    );
    drop(found);
    assert!(pool.try_get(16_000).is_none() && pool.try_get(usize::MAX).is_none());
    _ = pool.advance();
    assert_eq!(pool.idle(), 2);
    let found = [pool.try_get(1000), pool.try_get(1000)].map(|found| found.map(|buffer| buffer.capacity()));
    assert_eq!(found, [Some(1024), None]);
    let created: usize = pool.stats().map(|(_, stats)| stats.created).sum();
    assert_eq!(created, 2);
}
