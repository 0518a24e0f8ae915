//! The top of a thread's private slots: a place, and marks that say who may move it.
//!
//! `top` tells which state a slot set is in:
//!
//! | state | marks | who may change it, to what |
//! | --- | --- | --- |
//! | open | none | the owner to *claimed* (`claim`); a sweep to *asked*, or to *claimed* if it clears (`close`); a fetch to *wanted* (`want`) |
//! | wanted | `WANTED` | the owner and a sweep as if it were *open*; the fetch to *claimed* (`take_wanted`) or *open* (`unwant`) |
//! | asked | `ASKED` | the owner (`give`) or the sweep (`take`) to *claimed*; the sweep to *open* (`reopen`) |
//! | claimed by the owner | `CLAIMED` | the owner to *open* |
//! | claimed by a sweep or a fetch | `CLAIMED` | that one to *open* |
//!
//! Where the asymmetric barrier is not available, every value also has the mark `FENCED`.

/// The lowest place that holds an item, with marks. Each mark is higher than any place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Top(isize);

/// Whether a sweep ages the items or drops them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Age the items. An owner may take its items out itself, because they stay in the pool.
    Advance,
    /// Drop the items.
    Clear,
}

/// The owner or a sweep is in a claim.
const CLAIMED: isize = 1 << 30;
/// A sweep takes the items after its heavy barrier, unless the owner takes them out first.
const ASKED: isize = 1 << 29;
/// A fetch takes items after its heavy barrier, unless the owner or a sweep closes the slots first.
const WANTED: isize = 1 << 27;
/// The light barrier is not enough in this process, so every pop is a claim. Set for good.
const FENCED: isize = 1 << 28;

impl Top {
    /// The bits that undoing a fetch's mark leaves.
    pub(super) const ALL_BUT_WANTED: isize = !WANTED;

    pub(super) fn open(place: isize, fenced: bool) -> Self {
        Self(if fenced { place | FENCED } else { place })
    }

    #[inline(always)]
    pub(super) fn from_bits(bits: isize) -> Self {
        Self(bits)
    }

    #[inline(always)]
    pub(super) fn bits(self) -> isize {
        self.0
    }

    /// Returns the place without the marks.
    #[inline(always)]
    pub(super) fn place(self) -> isize {
        self.0 & (WANTED - 1)
    }

    /// Returns whether a pop must give up `place`: a mark is set, or there is no item.
    #[inline(always)]
    pub(super) fn is_above(self, place: isize) -> bool {
        self.0 > place
    }

    pub(super) fn is_asked(self) -> bool {
        self.0 & ASKED != 0
    }

    pub(super) fn is_claimed(self) -> bool {
        self.0 & CLAIMED != 0
    }

    /// Returns whether the owner may claim the slots. A fetch does not keep it out.
    pub(super) fn is_open(self) -> bool {
        self.0 & (ASKED | CLAIMED) == 0
    }

    pub(super) fn is_wanted(self) -> bool {
        self.0 & WANTED != 0
    }

    /// From open to wanted.
    pub(super) fn wanted(self) -> Self {
        Self(self.0 | WANTED)
    }

    /// From wanted to open.
    pub(super) fn unwanted(self) -> Self {
        Self(self.0 & Self::ALL_BUT_WANTED)
    }

    /// From open or wanted to claimed.
    pub(super) fn claimed(self) -> Self {
        Self(self.unwanted().0 | CLAIMED)
    }

    /// From open or wanted to what a sweep with this purpose closes slot sets with.
    pub(super) fn closed(self, purpose: Purpose) -> Self {
        Self(self.unwanted().0 | purpose.mark())
    }

    /// From asked to claimed.
    pub(super) fn answered(self) -> Self {
        Self(self.0 ^ (ASKED | CLAIMED))
    }
}

impl Purpose {
    /// Returns the mark that closes slot sets.
    pub(super) fn mark(self) -> isize {
        match self {
            Self::Advance => ASKED,
            Self::Clear => CLAIMED,
        }
    }
}
