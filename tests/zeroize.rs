//! `ZeroizeRecycle`: nothing of a secret is left in the memory of an item that returned.
#![cfg(feature = "zeroize")]

use std::mem::MaybeUninit;

use ebbtide::{Pool, ZeroizeRecycle};

/// Reads the whole buffer, spare capacity included.
#[test]
fn a_returned_buffer_is_zeroed_to_its_end() {
    let pool: Pool<Vec<u8>, _> = Pool::with_recycle(ZeroizeRecycle);
    let mut secret = pool.get();
    secret.resize(1000, 0xaa);
    secret.truncate(10);
    let address = secret.as_ptr();
    drop(secret);

    let mut next = pool.get();
    assert_eq!((next.len(), next.as_ptr()), (0, address), "the same memory");
    // SAFETY: All bytes were written, by `resize`.
    let spare: &[u8] = unsafe { &*(std::ptr::from_mut::<[MaybeUninit<u8>]>(next.spare_capacity_mut()) as *const [u8]) };
    assert!(spare.len() >= 1000);
    assert!(spare[..1000].iter().all(|&byte| byte == 0));
}

#[test]
fn arrays_are_zeroed() {
    let pool: Pool<[u8; 32], _> = Pool::with_recycle(ZeroizeRecycle);
    pool.get().fill(0xaa);
    assert_eq!(*pool.get(), [0; 32]);
    assert_eq!(pool.stats().created, 1);
}
