//! When the janitor asks glibc to return memory: this program's own `malloc_trim` counts.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod common;
#[path = "common/timed.rs"]
mod timed;

use std::thread;
use std::time::Duration;

use common::{Count, burst, until};
use timed::{Opens, SHORT, slow, timed};

static CALLS: Count = Count::new();

/// Takes longer than trims may without a pause. The pause outlasts the rest of the test.
// SAFETY: the program itself never calls the function of this name that it replaces, and the signature is the same.
#[unsafe(no_mangle)]
extern "C" fn malloc_trim(_: usize) -> libc::c_int {
    CALLS.bump();
    thread::sleep(Duration::from_millis(510));
    1
}

/// In the pause after a trim, one thread drops many items while another already waits for work. When the first one ends,
/// the other trims after the pause.
#[test]
fn the_thread_that_stays_trims_after_the_pause() {
    let (pool, ledger) = timed(SHORT);
    burst(&pool, 300);
    until("the first trim", || CALLS.get() == 1);

    let (stuck, gate, slow_ledger) = slow();
    let _opens = Opens(&gate);
    assert_eq!(stuck.prefill(300), 300);
    until("one thread waits in a drop", || gate.waiting.get() == 1);
    let (other, others) = timed(SHORT);
    drop(other.get());
    until("another thread has dropped what there was", || others.live() == 0);
    gate.open();
    until("the many items are dropped", || slow_ledger.live() == 0);
    until("the second trim", || CALLS.get() == 2);
    ledger.assert_all_dropped_once();
}
