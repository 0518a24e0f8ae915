//! The litmus program's arguments and verdicts. Its observations depend on the machine.

#[allow(dead_code, reason = "the program runs it all")]
#[path = "main.rs"]
mod litmus;

use std::time::Duration;

use litmus::{NEEDED, Seen, Verdict, parse};

fn parsed(arguments: &[&str]) -> Result<Option<Duration>, String> {
    parse(arguments.iter().map(ToString::to_string))
}

#[test]
fn seconds_are_one_optional_number() {
    assert_eq!(parsed(&[]), Ok(Some(Duration::from_secs(60))));
    assert_eq!(parsed(&["1"]), Ok(Some(Duration::from_secs(1))));
    assert_eq!(parsed(&["3600"]), Ok(Some(Duration::from_secs(3600))));
    for wrong in [&["0"][..], &["3601"], &["-1"], &["soon"], &[""], &["1", "2"]] {
        assert!(parsed(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn help_is_not_an_error() {
    assert_eq!(parsed(&["--help"]), Ok(None));
    assert_eq!(parsed(&["-h"]), Ok(None));
}

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
