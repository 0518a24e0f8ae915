//! Where a buffer comes from, and what makes way for it, once the private slots of its class are empty or full.

use std::iter;

use super::{BufferPool, class, class::Class};
use crate::engine::batch::Batch;
use crate::engine::item::Item;
use crate::engine::room::{Room, Share};
use crate::pool::{Pool, Recycle};

/// How many classes a `get` searches. The buffers of the last one are eight times as large as those of the first. With
/// more classes, a user of many small buffers might hold large ones instead.
const NEAR: usize = 4;

/// The most buffers that make way for a new one. A large buffer would otherwise replace thousands of small ones.
const MOST: usize = 32;

impl BufferPool {
    /// Finds or creates a buffer, when the thread has none of the right class in its private slots.
    #[cold]
    #[inline(never)]
    pub(super) fn find(&self, min_capacity: usize) -> Item<Vec<u8>> {
        let Some(index) = self.class_for(min_capacity) else {
            return self.class(self.largest).make(|| Item::new(Vec::with_capacity(min_capacity)));
        };
        if let Some(buffer) = self.find_young(index) {
            return buffer;
        }
        // All suitable buffers are in use or victims, so idle buffers of other sizes are dropped, as many bytes as the
        // new one has. Otherwise a user whose buffers grow, or that asks for one size after the other, would collect
        // more buffers each time.
        let size = class::size(index);
        let smaller = self.classes[self.smallest..index].iter().rev();
        let larger = self.classes[self.far(index)..=self.largest].iter();
        let others = smaller.chain(larger).flat_map(|class| iter::from_fn(move || Some((class, class.take_young()?))));
        let mut bytes = 0;
        for (class, buffer) in others.take(MOST) {
            bytes += buffer.capacity();
            class.refuse(buffer, None);
            if bytes >= size {
                break;
            }
        }
        self.class(index).take_or(|| Item::new(Vec::with_capacity(size)))
    }

    /// Finds an idle buffer, when the thread has none of the right class in its private slots.
    #[cold]
    #[inline(never)]
    pub(super) fn find_idle(&self, min_capacity: usize) -> Option<Item<Vec<u8>>> {
        let index = self.class_for(min_capacity)?;
        self.find_young(index).or_else(|| self.classes[index].take())
    }

    /// The class after those that a `get` searches.
    fn far(&self, index: usize) -> usize {
        (index + NEAR).min(self.largest + 1)
    }

    fn find_young(&self, index: usize) -> Option<Item<Vec<u8>>> {
        self.classes[index..self.far(index)].iter().find_map(Pool::take_young)
    }

    /// Returns a buffer whose capacity is not the size of a class.
    #[cold]
    #[inline(never)]
    pub(super) fn give_back_resized(&self, mut buffer: Item<Vec<u8>>) {
        let class = &self.classes[self.class_of(&buffer)];
        if class.recycler.recycle(&mut buffer) {
            class.take_back_recycled(buffer, |buffer| self.give_back_slow(buffer));
        } else {
            class.refuse(buffer, None);
        }
    }

    /// Makes a buffer idle for which the private slots of its class have no room.
    #[cold]
    #[inline(never)]
    pub(super) fn give_back_slow(&self, buffer: Item<Vec<u8>>) {
        let index = self.class_of(&buffer);
        self.class(index).give_back_slow(buffer, |rejected| self.make_room(index, rejected));
    }

    /// Puts in buffers that there was no room for, once others have made way: larger ones, or victims that are smaller.
    /// Returns those that there is still no room for.
    ///
    /// Smaller ones that are young stay: those that were not in use made way when the larger one was created.
    #[cold]
    fn make_room(&self, index: usize, rejected: Batch<Vec<u8>>) -> Option<Batch<Vec<u8>>> {
        let Some(room) = self.room.get() else { return Some(rejected) };
        let size = class::size(index);
        // No more than would fit if nothing else were there.
        let needed = size * rejected.len().min(self.max_idle_bytes / size);
        let larger = self.classes[index + 1..=self.largest].iter().rev().map(|class| (class, false));
        let smaller = self.classes[self.smallest..index].iter().rev().map(|class| (class, true));
        let idle = larger
            .chain(smaller)
            .flat_map(|(class, victims_only)| iter::from_fn(move || Some((class, class.take_shared(victims_only)?))));
        let mut others = idle.take(MOST);
        while let Some((class, buffer)) = (room.free() < needed).then(|| others.next()).flatten() {
            class.refuse(buffer, None);
        }
        self.classes[index].put_again(rejected)
    }

    /// The class, with its heap part created in the common room.
    #[inline]
    pub(super) fn class(&self, index: usize) -> &Pool<Vec<u8>, Class> {
        let class = &self.classes[index];
        class.share(|| {
            if self.max_idle_bytes == usize::MAX {
                return None;
            }
            self.room.get_or_make(|| Room::new(self.max_idle_bytes));
            Some(Share::new(self.room.to_arc()?, class::size(index)))
        });
        class
    }
}
