//! The operations inside a claim on a thread's private slots.
//!
//! None of them allocates, frees, drops an item or panics. The caller passes in an array that may be needed, and gets
//! back what is left over.

use std::mem;

use crate::engine::array::{Array, Stack};
use crate::engine::item::Item;
use crate::sync::{AtomicIsize, Length, Ordering};

/// How much lies in a slot set. Any thread may read it, as a hint.
#[repr(C)]
pub(super) struct Extent {
    /// The owner's end: the first place above the items. Only the owner writes it. During a pop it is one too low for a
    /// moment.
    pub(super) bottom: AtomicIsize,
    /// What the spare array holds. Written in claims.
    pub(super) spare: SpareLength,
    /// How many empty arrays lie in the stash. Written in claims.
    pub(super) stashed: Length,
}

/// The array that the owner pushes to and pops from. It is created when it is first needed. A sweep takes only its
/// items.
pub(super) struct Loaded<T> {
    /// Its own length is not kept up to date. Its items lie from `top` up to `bottom`.
    pub(super) array: Option<Array<T>>,
    /// Pushes go below this place: the array's capacity, or 0 without an array or with a detour.
    pub(super) end: isize,
}

/// What is touched only in claims.
pub(super) struct Rest<T> {
    /// The other array, swapped as a whole with the loaded one. [`Extent::spare`] says what it holds.
    pub(super) spare: Option<Array<T>>,
    /// Empty arrays that refills left, for the next spills.
    pub(super) stash: Stack<T>,
}

/// What the spare array holds, and how many items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spare {
    /// No items. There may be no array either.
    Empty,
    /// Items that the owner put or that a refill brought.
    Young(usize),
    /// The rest of a victim batch. Its items are popped from the spare array and stay victims.
    Victims(usize),
}

/// A [`Spare`] in 32 bits: young items are counted in the lower half, victims in the upper half. One of the two is 0.
pub(super) struct SpareLength(Length);

/// The most empty arrays that a thread keeps for its own next spills. They suffice for a burst of 2048 items and back,
/// with the default of 16 items in an array.
const MAX_STASH: usize = 128;

/// What a spill takes out of the private slots: a full array, or an empty one that was not needed.
pub(crate) struct Spilled<T> {
    pub(crate) items: Array<T>,
    /// The items are the rest of a victim batch. The array has its stamp.
    pub(crate) victims: bool,
}

/// All that is taken out of one slot set for a sweep.
pub(crate) struct Taken<T> {
    /// The items of the loaded array, and the spare array. Either may be empty.
    pub(crate) young: [Option<Array<T>>; 2],
    /// The spare array, if it holds the rest of a victim batch.
    pub(crate) victims: Option<Array<T>>,
    pub(crate) stash: Stack<T>,
}

impl<T> Taken<T> {
    /// The owner has emptied the slots itself, so `empty` was not needed.
    pub(super) fn nothing(empty: Array<T>) -> Self {
        Self { young: [Some(empty), None], victims: None, stash: Stack::new() }
    }

    /// Returns the number of items.
    pub(crate) fn len(&self) -> usize {
        let [loaded, spare] = &self.young;
        let len = |array: &Option<Array<T>>| array.as_ref().map_or(0, Array::len);
        len(loaded) + len(spare) + len(&self.victims)
    }
}

/// The private slots inside a claim by the owner. After `move_down`, the items lie from place 0 up to `bottom`.
pub(super) struct Slots<'a, T> {
    pub(super) extent: &'a Extent,
    pub(super) loaded: &'a mut Loaded<T>,
    pub(super) rest: &'a mut Rest<T>,
    pub(super) detour: bool,
}

impl<T> Slots<'_, T> {
    #[inline]
    fn bottom(&self) -> isize {
        // ORDERING: Relaxed, no partner; only this thread writes it.
        self.extent.bottom.load(Ordering::Relaxed)
    }

    #[inline]
    fn set_bottom(&self, bottom: isize) {
        // ORDERING: Relaxed, no partner; the end of the claim makes it visible.
        self.extent.bottom.store(bottom, Ordering::Relaxed);
    }

    /// Returns the loaded array's capacity, or 0 without one.
    #[inline]
    fn room(&self) -> isize {
        self.loaded.array.as_ref().map_or(0, Array::capacity) as isize
    }

    /// Moves the items down to place 0, after a sweep took what lay there.
    #[inline]
    pub(super) fn move_down(&mut self, top: isize) {
        if let (Some(array), 1..) = (&self.loaded.array, top) {
            let bottom = self.bottom();
            // SAFETY: the places from `top` to `bottom` hold items, and those below do not.
            unsafe { array.shift(top as usize..bottom as usize) };
            self.set_bottom(bottom - top);
        }
    }

    /// Pops a young item from either array.
    #[inline]
    pub(super) fn pop_either(&mut self) -> Option<Item<T>> {
        if self.bottom() == 0 && matches!(self.extent.spare.get(), Spare::Young(_)) {
            self.swap();
        }
        let last = self.bottom() - 1;
        let array = self.loaded.array.as_ref().filter(|_| last >= 0)?;
        self.set_bottom(last);
        // SAFETY: the place is the highest one that holds an item. From now on it does not.
        Some(unsafe { array.take_at(last as usize) })
    }

    #[inline]
    pub(super) fn pop_victim(&mut self) -> Option<Item<T>> {
        let Spare::Victims(_) = self.extent.spare.get() else { return None };
        let victims = self.rest.spare.as_mut()?;
        let item = victims.pop();
        self.extent.spare.set(Spare::Victims(victims.len()));
        item
    }

    #[inline]
    fn push_either(&mut self, item: Item<T>) -> Result<(), Item<T>> {
        if self.bottom() == self.room() && self.rest.spare.as_ref().is_some_and(Array::is_empty) {
            self.swap();
        }
        let bottom = self.bottom();
        let Some(array) = self.loaded.array.as_ref().filter(|_| bottom < self.room()) else { return Err(item) };
        // SAFETY: the place is the lowest one that holds no item. From now on it does.
        unsafe { array.fill_at(bottom as usize, item) };
        self.set_bottom(bottom + 1);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn push_or_spill(&mut self, item: Item<T>) -> Result<Option<Spilled<T>>, Item<T>> {
        let Err(item) = self.push_either(item) else { return Ok(None) };
        let Some(empty) = self.rest.stash.pop() else { return Err(item) };
        self.extent.stashed.set(self.rest.stash.len());
        Ok(self.rotate(item, empty))
    }

    #[inline]
    pub(super) fn spill(&mut self, item: Item<T>, empty: Array<T>) -> Option<Spilled<T>> {
        match self.push_either(item) {
            Ok(()) => Some(Spilled { items: empty, victims: false }),
            Err(item) => self.rotate(item, empty),
        }
    }

    /// Puts the item into `empty` and loads that. The loaded array becomes the spare one, and the old spare array goes
    /// out. If no array was loaded, the spare one stays.
    #[inline(always)]
    fn rotate(&mut self, item: Item<T>, mut empty: Array<T>) -> Option<Spilled<T>> {
        let victims = matches!(self.extent.spare.get(), Spare::Victims(_));
        let pushed = empty.push(item);
        debug_assert!(pushed.is_ok(), "an empty array has room");
        mem::forget(pushed);
        let full = self.replace_loaded(Some(empty));
        let out = full.and_then(|full| self.replace_spare(Some(full)));
        out.map(|items| Spilled { items, victims })
    }

    /// Takes in a batch if one of the two arrays is empty. Calls `took` before the items become the owner's.
    #[inline]
    pub(super) fn refill(&mut self, batch: Array<T>, took: impl FnOnce()) -> Result<Option<Array<T>>, Array<T>> {
        let none_loaded = self.bottom() == 0;
        if !none_loaded && !self.spare_is_empty() {
            return Err(batch);
        }
        took();
        let empty = if none_loaded { self.replace_loaded(Some(batch)) } else { self.replace_spare(Some(batch)) };
        Ok(self.stash(empty))
    }

    /// Takes in the rest of a victim batch if the spare array is empty. Calls `took` as above.
    #[inline]
    pub(super) fn keep_victims(&mut self, batch: Array<T>, took: impl FnOnce()) -> Result<Option<Array<T>>, Array<T>> {
        if !self.spare_is_empty() {
            return Err(batch);
        }
        took();
        let victims = batch.len();
        let empty = self.replace_spare(Some(batch));
        self.extent.spare.set(Spare::Victims(victims));
        Ok(self.stash(empty))
    }

    #[inline]
    fn spare_is_empty(&self) -> bool {
        self.rest.spare.as_ref().is_none_or(Array::is_empty)
    }

    /// Keeps an empty array for the next spill. Returns it if the stash is full.
    #[inline]
    fn stash(&mut self, empty: Option<Array<T>>) -> Option<Array<T>> {
        if self.rest.stash.len() == MAX_STASH {
            return empty;
        }
        self.rest.stash.push(empty?);
        self.extent.stashed.set(self.rest.stash.len());
        None
    }

    #[inline]
    fn swap(&mut self) {
        let spare = self.rest.spare.take();
        let loaded = self.replace_loaded(spare);
        self.replace_spare(loaded);
    }

    #[inline]
    pub(super) fn replace_loaded(&mut self, array: Option<Array<T>>) -> Option<Array<T>> {
        let before = self.bottom();
        self.set_bottom(array.as_ref().map_or(0, Array::len) as isize);
        let mut out = mem::replace(&mut self.loaded.array, array);
        self.loaded.end = if self.detour { 0 } else { self.room() };
        if let Some(out) = &mut out {
            // SAFETY: the places below the old `bottom` hold items.
            unsafe { out.set_len(before as usize) };
        }
        out
    }

    /// Replaces the spare array, and marks the items of the new one as young.
    #[inline]
    pub(super) fn replace_spare(&mut self, array: Option<Array<T>>) -> Option<Array<T>> {
        self.extent.spare.set(Spare::Young(array.as_ref().map_or(0, Array::len)));
        mem::replace(&mut self.rest.spare, array)
    }
}

impl Extent {
    pub(super) fn new() -> Self {
        Self { bottom: AtomicIsize::new(0), spare: SpareLength(Length::new()), stashed: Length::new() }
    }
}

impl<T> Loaded<T> {
    pub(super) fn new() -> Self {
        Self { array: None, end: 0 }
    }
}

impl<T> Rest<T> {
    pub(super) fn new() -> Self {
        Self { spare: None, stash: Stack::new() }
    }

    /// Takes everything out. `loaded` has the items of the loaded array.
    pub(super) fn take(&mut self, extent: &Extent, loaded: Array<T>) -> Taken<T> {
        let Self { spare, stash } = mem::replace(self, Self::new());
        let (spare, victims) = match extent.spare.get() {
            Spare::Victims(_) => (None, spare),
            Spare::Empty | Spare::Young(_) => (spare, None),
        };
        extent.spare.set(Spare::Empty);
        extent.stashed.set(0);
        Taken { young: [Some(loaded), spare], victims, stash }
    }
}

impl SpareLength {
    #[inline(always)]
    pub(super) fn get(&self) -> Spare {
        let bits = self.0.get();
        match (bits & 0xFFFF, bits >> 16) {
            (0, 0) => Spare::Empty,
            (0, victims) => Spare::Victims(victims),
            (young, _) => Spare::Young(young),
        }
    }

    #[inline(always)]
    pub(super) fn set(&self, spare: Spare) {
        debug_assert!(spare.len() <= 0xFFFF, "private_slots is limited");
        self.0.set(match spare {
            Spare::Empty => 0,
            Spare::Young(n) => n,
            Spare::Victims(n) => n << 16,
        });
    }
}

impl Spare {
    #[inline(always)]
    pub(super) fn len(self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Young(n) | Self::Victims(n) => n,
        }
    }
}
