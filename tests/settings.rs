//! Settings: their limits, their errors, and their effects.

mod common;

use std::error::Error;
use std::time::Duration;

use common::{Counted, CountedPool, Ledger, Maker, burst, counted, panic_of};
use ebbtide::{DefaultRecycle, Epochs, Manual, Pool, Settings, SettingsError, Timed};

/// The error that these settings give, if any.
fn error_of<E: Epochs<String>>(settings: Settings<E>) -> Option<SettingsError> {
    Pool::try_with_settings(String::new, settings).err()
}

/// Each bad setting is an error whose text names the setting, the value and the limits.
#[test]
fn errors_name_setting_value_and_limits() {
    let cases = [
        (error_of(Settings::new().private_slots(4097)), "private_slots is 4097, but must be from 0 to 4096"),
        (
            error_of(Settings::new().private_slots(usize::MAX).manual()),
            "private_slots is 65535 or more, but must be from 0 to 4096",
        ),
        (error_of(Settings::new().every(Duration::ZERO)), "every is 0ns, but must be at least 1 ms"),
        (error_of(Settings::new().every(Duration::from_micros(999))), "every is 999µs, but must be at least 1 ms"),
        (
            error_of(Settings::new().max_idle(10).min_idle(11)),
            "min_idle is 11, but must be at most max_idle, which is 10",
        ),
        (
            error_of(Settings::new().max_idle(10).min_idle(usize::MAX)),
            "min_idle is 4294967295 or more, but must be at most max_idle, which is 10",
        ),
        (error_of(Settings::new().min_idle(1).max_idle(0)), "min_idle is 1, but must be at most max_idle, which is 0"),
    ];
    for (error, expected) in cases {
        let error: Box<dyn Error> = error.expect(expected).into();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(format!("{error:?}"), format!("SettingsError({error})"));
    }
}

/// The error exposes its setting to programs.
#[test]
fn errors_expose_the_setting() {
    let setting = |settings| error_of(settings).map(|error| error.setting());
    assert_eq!(setting(Settings::new().private_slots(5000)), Some("private_slots"));
    assert_eq!(setting(Settings::new().every(Duration::ZERO)), Some("every"));
    assert_eq!(setting(Settings::new().max_idle(1).min_idle(2)), Some("min_idle"));
}

/// The limits themselves are valid.
#[test]
fn limits_are_valid() {
    assert_eq!(error_of(Settings::new().private_slots(0)), None);
    assert_eq!(error_of(Settings::new().private_slots(4096)), None);
    assert_eq!(error_of(Settings::new().every(Duration::from_millis(1))), None);
    assert_eq!(error_of(Settings::new().every(Duration::MAX)), None);
    // This many nanoseconds, truncated to 64 bits, are 0.
    let large = Duration::from_nanos(u64::MAX) + Duration::from_nanos(1);
    assert_eq!(error_of(Settings::new().every(large)), None);
    assert_eq!(error_of(Settings::new().max_idle(7).min_idle(7)), None);
    assert_eq!(error_of(Settings::new().min_idle(usize::MAX)), None);
    assert_eq!(error_of(Settings::new().max_idle(0)), None);
    assert_eq!(error_of(Settings::new().chaos(0).chaos(u32::MAX)), None);
    assert_eq!(error_of(Settings::default()), None);
}

/// `with_settings` panics with a bad setting and names it.
#[test]
fn with_settings_panics_with_a_bad_setting() {
    let text = panic_of(|| Pool::with_settings(String::new, Settings::new().private_slots(4097)));
    assert!(text.contains("private_slots") && text.contains("4096"), "{text}");
    let text = panic_of(|| Pool::with_settings(String::new, Settings::new().every(Duration::ZERO)));
    assert!(text.contains("every") && text.contains("1 ms"), "{text}");
    let text = panic_of(|| Pool::with_settings(String::new, Settings::new().max_idle(1).min_idle(2)));
    assert!(text.contains("min_idle") && text.contains("max_idle"), "{text}");
}

/// Settings are `const`, small, and can be set in any order.
#[test]
fn settings_can_be_set_in_any_order() {
    const ONE: Settings<Manual> = Settings::new().manual().chaos(1).min_idle(2).max_idle(3).private_slots(4);
    const OTHER: Settings<Manual> = Settings::new().private_slots(4).max_idle(3).min_idle(2).chaos(1).manual();
    assert_eq!((ONE, format!("{ONE:?}")), (OTHER, format!("{OTHER:?}")));
    let back: Settings<Timed> = ONE.every(Duration::from_secs(1));
    assert_eq!(error_of(back), None);
}

/// `Debug` shows each setting as it was set, and `none` or `manual` where there is none.
#[test]
fn debug_shows_what_was_set() {
    let text =
        "Settings { name: none, every: 30s, private_slots: 32, max_idle: none, min_idle: 0, fetch: Auto, chaos: none }";
    assert_eq!(format!("{:?}", Settings::new()), text);
    let manual = Settings::new().name("lines").max_idle(7).chaos(1).manual();
    let text = r#"Settings { name: "lines", every: manual, private_slots: 32, max_idle: 7, min_idle: 0, fetch: Auto, chaos: 1 }"#;
    assert_eq!(format!("{manual:?}"), text);
    let pool = format!("{:?}", Pool::with_settings(String::new, manual));
    assert!(pool.contains(text), "{pool}");
    assert!(format!("{:?}", manual.every(Duration::from_secs(1))).contains("every: 1s"));
}

/// A pool with the largest number of private slots works.
#[test]
fn the_largest_private_slots_work() {
    let (pool, ledger) = counted(Settings::new().private_slots(4096));
    burst(&pool, 5000);
    assert_eq!((pool.idle(), ledger.made()), (5000, 5000));
    pool.advance();
    pool.advance();
    assert_eq!((pool.idle(), ledger.live()), (0, 0));
}

/// The puts, of 1000, whose items chaos drops.
fn chaos_drops(seed: u32) -> (Vec<usize>, usize) {
    let (pool, ledger) = counted(Settings::new().chaos(seed));
    for _ in 0..1000 {
        pool.put(ledger.item());
    }
    let stats = pool.stats();
    assert_eq!((stats.rejected, stats.idle), (ledger.dropped(), ledger.live()));
    (ledger.drop_order(), stats.rejected)
}

/// Chaos drops about one put in four and counts that. Each seed selects its own puts.
#[test]
fn chaos_drops_one_in_four_by_its_seed() {
    let mut all = Vec::new();
    for seed in [0, 1, 2, 12345, u32::MAX] {
        let (order, dropped) = chaos_drops(seed);
        assert_eq!(chaos_drops(seed).0, order, "seed {seed} again");
        assert!((200..300).contains(&dropped), "seed {seed}: {dropped} of 1000");
        all.push(order);
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 5, "two seeds drop the same");
}

/// Chaos applies to guards as to `put`, with every number of private slots and with other settings.
#[test]
fn chaos_applies_to_guards() {
    for slots in [0, 1, 32] {
        let (pool, ledger) = counted(Settings::new().private_slots(slots).chaos(3).max_idle(50).min_idle(5));
        for _ in 0..500 {
            drop(pool.get());
        }
        let dropped = ledger.dropped();
        assert!((80..170).contains(&dropped), "{slots} slots: {dropped} of 500");
        assert_eq!(ledger.made(), dropped + pool.idle());
    }
}

/// Without chaos no put drops its item.
#[test]
fn without_chaos_nothing_is_dropped() {
    let (pool, ledger) = counted(Settings::new());
    for _ in 0..1000 {
        drop(pool.get());
    }
    assert_eq!((ledger.made(), ledger.dropped()), (1, 0));
}

/// Run-time settings make the same pool as constant ones.
#[test]
fn run_time_settings_work_like_constant_ones() -> Result<(), SettingsError> {
    let ledger = Ledger::new();
    let slots = std::env::args().count().min(1);
    let pool: CountedPool =
        Pool::try_with_settings(Maker(ledger.clone()), Settings::new().private_slots(slots).manual())?;
    burst(&pool, 10);
    assert_eq!(pool.idle(), 10);
    let again: Pool<String> = Pool::try_with_settings(DefaultRecycle, Settings::new())?;
    drop(again.get());
    assert_eq!(again.idle(), 1);
    Ok(())
}

/// With `min_idle` equal to `max_idle`, exactly that many items stay in the shared queues.
#[test]
fn min_idle_can_equal_max_idle() {
    let (pool, ledger) = counted(Settings::new().private_slots(8).min_idle(6).max_idle(6));
    burst(&pool, 40);
    for _ in 0..5 {
        pool.advance();
        assert_eq!((pool.idle(), ledger.live()), (6, 6));
    }
    let kept: Vec<Counted> = common::take_all(&pool);
    assert_eq!(kept.len(), 6);
}
