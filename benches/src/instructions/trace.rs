//! Reads the trace of a process with marks, as valgrind's tool `lackey` prints it.

use super::marks::{MARKS, STACK};

const LINE: u64 = 64;

/// How far a thread's stack reaches below what the thread said, and above it.
const BELOW: u64 = 1 << 20;
const ABOVE: u64 = 1 << 12;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Event {
    /// A store to this word of the marks.
    Mark(usize),
    /// A load from this cache line.
    Read(u64),
    /// A store to it, also if that is preceded by a load.
    Write(u64),
}

/// The accesses after the process said where its marks are, without those to the stacks.
pub(super) fn events(trace: &str) -> Vec<Event> {
    let mut marks = None;
    let mut stacks = Vec::new();
    let mut events = Vec::new();
    for line in trace.lines() {
        if let Some(at) = line.strip_prefix(MARKS) {
            marks = hex(at);
        } else if let Some(at) = line.strip_prefix(STACK) {
            stacks.extend(hex(at));
        } else if let (Some(marks), Some((writes, at, size))) = (marks, access(line)) {
            if (marks..marks + LINE).contains(&at) {
                events.extend(writes.then_some(Event::Mark((at - marks) as usize / size_of::<usize>())));
            } else if !stacks.iter().any(|stack| (stack - BELOW..stack + ABOVE).contains(&at)) {
                let event = if writes { Event::Write } else { Event::Read };
                events.extend((at / LINE..=(at + size - 1) / LINE).map(event));
            }
        }
    }
    events
}

/// Whether an access writes, its address and its size. `None` if the line has none, or the fetch of an instruction.
fn access(line: &str) -> Option<(bool, u64, u64)> {
    let (kind, rest) = line.split_at_checked(3)?;
    let writes = match kind {
        " L " => false,
        " S " | " M " => true,
        _ => return None,
    };
    let (at, size) = rest.split_once(',')?;
    Some((writes, hex(at)?, size.parse().ok()?))
}

fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accesses_are_cache_lines_and_marks() {
        let trace =
            "==7== Lackey\n S 1000,8\nmarks at 4c0\n S 4d0,8\nI  1000,3\n L 1000,8\n M 103c,8\n L 4c8,8\n S 4c0,8\n";
        assert_eq!(
            events(trace),
            [Event::Mark(2), Event::Read(0x40), Event::Write(0x40), Event::Write(0x41), Event::Mark(0)],
        );
    }

    #[test]
    fn stacks_are_left_out_once_they_are_known() {
        let trace =
            "marks at 0\n S 1ffeffe000,8\nstack at 1ffeffe080\n S 1ffeffe000,8\n L 1ffeffef00,8\n S 1fff000000,8\n";
        assert_eq!(events(trace), [0x1ffeffe000, 0x1fff000000].map(|at| Event::Write(at / LINE)));
    }
}
