//! The loops whose instructions are counted. They are simple, so that the compiler's code for them doesn't depend on
//! the rest of the program.

use std::mem;

use super::Shape;
use crate::contender::Contender;
use crate::item::Item;

/// The most items in use at once.
pub(crate) const LARGEST: usize = 2048;

/// Runs this many pairs with a new pool.
pub(crate) fn work<C: Contender>(shape: Shape, pairs: usize) {
    let pool = &C::new(LARGEST);
    match shape {
        Shape::Pair => {
            for _ in 0..pairs {
                let mut item = pool.get();
                item.write();
                pool.put(item);
            }
        }
        Shape::Burst(size) => {
            let mut held: Vec<_> = (0..size).map(|_| None).collect();
            for _ in 0..pairs / size {
                for place in &mut held {
                    let mut item = pool.get();
                    item.write();
                    // The place was empty, which the compiler can't know.
                    mem::forget(place.replace(item));
                }
                for place in &mut held {
                    if let Some(item) = place.take() {
                        pool.put(item);
                    }
                }
            }
        }
        other => unreachable!("{other:?} is not counted"),
    }
}
