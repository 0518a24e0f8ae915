//! `Clear` for values without storage: they become their default value.

use std::marker::PhantomData;
use std::num::{Saturating, Wrapping};
use std::time::Duration;

use super::Clear;

macro_rules! clear_values {
    ($([$($generics:tt)*] $value:ty;)*) => {$(
        impl<$($generics)*> Clear for $value {
            #[inline]
            fn clear(&mut self) {
                *self = Self::default();
            }
        }
    )*};
}

clear_values! {
    [] ();
    [] bool;
    [] char;
    [] u8;
    [] u16;
    [] u32;
    [] u64;
    [] u128;
    [] usize;
    [] i8;
    [] i16;
    [] i32;
    [] i64;
    [] i128;
    [] isize;
    [] f32;
    [] f64;
    [] Duration;
    [] &str;
    [T] &[T];
    [T: Default] Wrapping<T>;
    [T: Default] Saturating<T>;
    [T: ?Sized] PhantomData<T>;
}
