//! The litmus program's verdicts. Its observations depend on the machine.

#[allow(dead_code, reason = "the program runs it all")]
#[path = "main.rs"]
mod litmus;

use litmus::{NEEDED, Seen, Verdict};

#[test]
fn a_failed_barrier_differs_from_an_inconclusive_run() {
    let verdict = |doubles, refused| Seen { meetings: [1_000_000; 2], doubles, refused }.verdict();
    assert_eq!(verdict([NEEDED, 0], false), Verdict::Holds);
    assert_eq!(verdict([NEEDED - 1, 0], false), Verdict::CantTell);
    assert_eq!(verdict([0, 0], false), Verdict::CantTell);
    assert_eq!(verdict([NEEDED, 0], true), Verdict::CantTell);
    // One double take is enough, however few there were without the barrier.
    assert_eq!(verdict([NEEDED, 1], false), Verdict::DoubleTake);
    assert_eq!(verdict([0, 1], true), Verdict::DoubleTake);
}
