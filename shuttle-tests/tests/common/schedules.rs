//! The loop that runs a scenario's schedules.

use std::any::type_name;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::scheduler::{
    PctScheduler, RandomScheduler, ReplayScheduler, Scheduler, UncontrolledNondeterminismCheckScheduler,
};
use shuttle::{Config, Runner};

/// The number of schedules from each scheduler, unless `SHUTTLE_SCHEDULES` is set.
const SCHEDULES: usize = 500;

/// The number of schedules that run twice.
const TWICE: usize = 20;

/// PCT finds errors that need fewer switches than this with a known probability.
const DEPTH: usize = 4;

/// Runs a scenario's schedules.
pub(crate) fn explore<F: Fn() + Send + Sync + 'static>(scenario: F) {
    let scenario = Arc::new(scenario);
    if let Ok(schedule) = std::env::var("SHUTTLE_REPLAY") {
        let mut scheduler = ReplayScheduler::new_from_encoded(&schedule);
        // A replay ends where the scenario failed.
        scheduler.set_allow_incomplete();
        runner(scheduler).run(move || scenario());
        assert_unfailed();
        return;
    }
    // Shuttle reads this variable too, and prefers it to an explicit seed.
    let seed = number("SHUTTLE_RANDOM_SEED").unwrap_or(1);
    let schedules = number("SHUTTLE_SCHEDULES").unwrap_or(SCHEDULES);
    attempt("random", seed, RandomScheduler::new_from_seed(seed, schedules), &scenario);
    attempt("PCT", seed, PctScheduler::new_from_seed(seed, DEPTH, schedules), &scenario);
    // These run twice and must be the same both times. Otherwise a failure could not be replayed.
    let twice = UncontrolledNondeterminismCheckScheduler::new(RandomScheduler::new_from_seed(seed, TWICE));
    attempt("random, twice each", seed, twice, &scenario);
}

/// Runs a scenario under one scheduler. Reports a failure with the command to replay it.
fn attempt<F>(name: &str, seed: u64, scheduler: impl Scheduler + 'static, scenario: &Arc<F>)
where
    F: Fn() + Send + Sync + 'static,
{
    let count = Arc::new(AtomicUsize::new(0));
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        let (count, scenario) = (Arc::clone(&count), Arc::clone(scenario));
        runner(scheduler).run(move || {
            // ORDERING: Relaxed, no partner. Shuttle has one real thread.
            count.fetch_add(1, Ordering::Relaxed);
            scenario();
            assert_unfailed();
        });
    }));
    // ORDERING: as above.
    let count = count.load(Ordering::Relaxed);
    if let Err(panic) = outcome {
        let (file, test) =
            type_name::<F>().trim_end_matches("::{{closure}}").split_once("::").expect("a test's closure");
        eprintln!(
            "{test} failed in run {count} under scheduler {name} with seed {seed}. This runs it again:\n\
             SHUTTLE_REPLAY='<the failing schedule>' cargo test -p ebbtide-shuttle-tests --test {file} -- --exact {test}"
        );
        panic::resume_unwind(panic);
    }
    println!("{count} runs under scheduler {name} with seed {seed}");
}

/// The pool may have swallowed a check's panic, as if it were a recycler's or an item's.
fn assert_unfailed() {
    assert!(!FAILED.get(), "a check failed inside the pool: see the first panic");
}

thread_local! {
    /// Whether a check failed. A test and all threads of its scenario are one real thread.
    pub(super) static FAILED: Cell<bool> = const { Cell::new(false) };
}

fn runner<S: Scheduler + 'static>(scheduler: S) -> Runner<S> {
    let mut config = Config::new();
    // Enough for a debug build's frames when a check fails and is reported.
    config.stack_size = 256 * 1024;
    // The warnings say that all orderings are sequentially consistent, and that statics are dropped.
    config.silence_warnings = true;
    // The other threads would go on with a broken pool.
    config.ungraceful_shutdown_config.immediately_return_on_panic = true;
    Runner::new(scheduler, config)
}

fn number<N: FromStr>(variable: &str) -> Option<N> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is {value}, which is not a number")))
}
