//! The cache lines that a round writes, and those that it takes from another thread's cache.

use std::collections::{HashMap, HashSet};

use super::marks::{self, Act};
use super::trace::Event;

/// What one round did. Every line counts once.
#[derive(Debug, PartialEq)]
pub(super) struct Round {
    pub(super) act: Act,
    /// Lines written.
    pub(super) written: usize,
    /// Those of them that the other thread had in its cache.
    pub(super) moved: usize,
    /// Lines only read that the other thread had written.
    pub(super) fetched: usize,
}

/// All rounds in turn. Who reads a line has a copy, until another thread writes it. Who writes it has the only copy.
pub(super) fn rounds(events: impl IntoIterator<Item = Event>) -> Vec<Round> {
    let mut holders: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut lines = [(); 3].map(|()| HashSet::new());
    let mut current = None;
    let mut rounds = Vec::new();
    for event in events {
        let [written, moved, fetched] = &mut lines;
        match (event, current) {
            (Event::Mark(marks::END), Some((_, act))) => {
                let fetched = fetched.difference(written).count();
                rounds.push(Round { act, written: written.len(), moved: moved.len(), fetched });
                lines.iter_mut().for_each(HashSet::clear);
                current = None;
            }
            (Event::Mark(word), None) => current = marks::begins(word),
            (Event::Read(line), Some((thread, _))) => {
                let holders = holders.entry(line).or_default();
                if !holders.contains(&thread) {
                    fetched.extend((!holders.is_empty()).then_some(line));
                    holders.push(thread);
                }
            }
            (Event::Write(line), Some((thread, _))) => {
                written.insert(line);
                let holders = holders.entry(line).or_default();
                moved.extend(holders.iter().any(|holder| *holder != thread).then_some(line));
                *holders = vec![thread];
            }
            (Event::Read(_) | Event::Write(_), None) => {}
            (Event::Mark(_), Some(_)) => unreachable!("a thread began in the middle of a round"),
        }
    }
    rounds
}

#[cfg(test)]
mod tests {
    use super::*;
    use Event::{Mark, Read, Write};

    const END: Event = Mark(marks::END);
    const GET: Event = Mark(1);
    const PUT_ELSEWHERE: Event = Mark(4);

    fn last(events: &[Event]) -> Round {
        rounds(events.iter().copied()).pop().expect("there is a round")
    }

    #[test]
    fn a_line_counts_once_in_a_round_and_not_outside() {
        let once = Round { act: Act::Get, written: 2, moved: 0, fetched: 0 };
        assert_eq!(last(&[Write(7), GET, Write(1), Write(1), Read(3), Write(2), END, Write(8)]), once);
        let rounds = rounds([GET, Write(1), Write(2), END, GET, Read(1), END]);
        assert_eq!(rounds[..], [once, Round { act: Act::Get, written: 0, moved: 0, fetched: 0 }]);
    }

    #[test]
    fn lines_move_to_the_thread_that_writes_and_are_copied_to_the_one_that_reads() {
        let before = [GET, Write(1), Write(2), Write(3), Read(4), END, PUT_ELSEWHERE];
        let other = last(&[&before[..], &[Read(1), Read(2), Write(2), Write(3), Write(9), END]].concat());
        assert_eq!(other, Round { act: Act::Put, written: 3, moved: 2, fetched: 1 });
        let back = [GET, Read(1), Read(9), Write(1), Read(4), END];
        let back = last(&[&before[..], &[Read(1), Write(9), END], &back].concat());
        assert_eq!(back, Round { act: Act::Get, written: 1, moved: 1, fetched: 1 }, "a copy elsewhere must go");
    }
}
