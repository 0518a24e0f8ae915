//! The litmus program: what it makes of its arguments and of what it saw. What it sees is up to the machine.

#[allow(dead_code, reason = "the program runs it all")]
#[path = "main.rs"]
mod litmus;

use std::time::Duration;

use litmus::{NEEDED, Seen, Verdict, parse};

fn parsed(arguments: &[&str]) -> Result<Option<Duration>, String> {
    parse(arguments.iter().map(ToString::to_string))
}

#[test]
fn it_takes_one_number_of_seconds_or_none() {
    assert_eq!(parsed(&[]), Ok(Some(Duration::from_secs(60))));
    assert_eq!(parsed(&["1"]), Ok(Some(Duration::from_secs(1))));
    assert_eq!(parsed(&["3600"]), Ok(Some(Duration::from_secs(3600))));
    for wrong in [&["0"][..], &["3601"], &["-1"], &["soon"], &[""], &["1", "2"]] {
        assert!(parsed(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn help_is_no_error() {
    assert_eq!(parsed(&["--help"]), Ok(None));
    assert_eq!(parsed(&["-h"]), Ok(None));
}

#[test]
fn it_tells_a_barrier_that_fails_from_a_run_that_shows_nothing() {
    let verdict = |doubles, refused| Seen { meetings: [1_000_000; 2], doubles, refused }.verdict();
    assert_eq!(verdict([NEEDED, 0], false), Verdict::Holds);
    assert_eq!(verdict([NEEDED - 1, 0], false), Verdict::CantTell);
    assert_eq!(verdict([0, 0], false), Verdict::CantTell);
    assert_eq!(verdict([NEEDED, 0], true), Verdict::CantTell);
    // One is enough, however few there were without the barrier.
    assert_eq!(verdict([NEEDED, 1], false), Verdict::DoubleTake);
    assert_eq!(verdict([0, 1], true), Verdict::DoubleTake);
}
