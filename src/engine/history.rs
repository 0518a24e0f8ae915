//! What an item's users needed of its storage, kept with the item.

/// The last two epochs of one item, in eight bytes. Only the item's owner reads and writes it.
///
/// Sizes are storage in bytes, without the item itself. They are rounded up to powers of two, so an item keeps less than
/// four times what was needed.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The epoch of the last return, in its lower bits.
    epoch: u32,
    /// The most that was needed in that epoch, and in the one before it.
    current: Size,
    last: Size,
    /// What the item held after the last return.
    held: Size,
    /// How much recycling went through in vain, in units of [`WASTE`], since a user needed enough to be worth it.
    wasted: u8,
}

/// The unit of what is wasted. 255 of them, 24 MiB, are too much: to go through them takes 1 to 5 ms. With a lower limit,
/// one user in a few who needs all of a huge table would find it gone. With a higher one, the others would wait longer.
const WASTE: usize = 96 << 10;

impl History {
    /// Notes a return in this epoch. If the item holds more than twice what was needed in two epochs, returns to how
    /// much it is to shrink.
    pub(crate) fn note(&mut self, epoch: usize, needed: usize, held: usize) -> Option<usize> {
        self.enter(epoch as u32);
        // A user that made the item grow needed that, even if it emptied the item itself. An item that did not shrink
        // when asked counts as grown, so it is not asked again at each return.
        let needed = if Size::of(held) > self.held { held } else { needed };
        self.current = self.current.max(Size::of(needed));
        let most = self.current.max(self.last).bytes();
        let shrink = (held / 2 > most).then_some(most);
        self.held = Size::of(shrink.unwrap_or(held));
        shrink
    }

    /// Notes how many bytes recycling goes through for a user that needed this many. Returns whether too many were wasted.
    pub(crate) fn note_cost(&mut self, cost: usize, needed: usize) -> bool {
        let wasted = u8::try_from(cost / WASTE).unwrap_or(u8::MAX);
        // A user takes about as long to fill a byte as recycling takes to go through 16.
        self.wasted = if needed > cost / 16 { 0 } else { self.wasted.saturating_add(wasted) };
        wasted > 0 && self.wasted == u8::MAX
    }

    fn enter(&mut self, epoch: u32) {
        match epoch.wrapping_sub(self.epoch) {
            0 => return,
            1 => self.last = self.current,
            _ => self.last = Size::default(),
        }
        self.current = Size::default();
        self.epoch = epoch;
    }
}

/// A number of bytes, rounded up to a power of two: the power.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Size(u8);

impl Size {
    fn of(bytes: usize) -> Self {
        Self(bytes.checked_next_power_of_two().map_or(usize::BITS, usize::trailing_zeros) as u8)
    }

    fn bytes(self) -> usize {
        1_usize.checked_shl(self.0.into()).unwrap_or(usize::MAX)
    }
}
