//! A pair of barriers for two sides that meet unequally often: `light` for the frequent side, the owner, and `heavy`
//! for the rare one, the sweep.
//!
//! One side stores A, passes its barrier and loads B. The other stores B, passes its barrier and loads A. At least one
//! of them then sees the other's store, *as if* both barriers were `fence(SeqCst)`. `light` is cheaper than that,
//! because `heavy` makes the operating system run a full barrier on every CPU that runs a thread of this process. So
//! `light` only has to hold back the compiler.
//!
//! - If the heavy barrier interrupts the owner's CPU before the owner's store of A, the owner's load comes after the
//!   interrupt and sees B.
//! - If it interrupts after the store of A, the interrupt flushes that store. The load of A that follows the heavy
//!   barrier sees it.
//!
//! Where no such system call exists, where it is forbidden or not to be trusted, and with `--cfg
//! ebbtide_no_membarrier`, both sides use `fence(SeqCst)`. The process chooses one pair for good, and never mixes them.
//! `docs/correctness.md` says who guarantees that the call does this.
//!
//! The idea is the "asymmetric Dekker" technique, as in folly's `AsymmetricThreadFence` and Linux's `membarrier(2)`.

// Not loom's, because it outlives a model's executions.
use std::sync::atomic::{AtomicU8, Ordering};

/// Which pair of barriers this process uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pair {
    /// `light` holds back only the compiler, and `heavy` is a system call.
    Asymmetric = 1,
    /// Both are `fence(SeqCst)`.
    Symmetric = 2,
}

/// The pair in use, or 0.
static CHOSEN: AtomicU8 = AtomicU8::new(0);

/// The owner's barrier of the asymmetric pair. It costs no instruction.
#[inline(always)]
pub(crate) fn light() {
    #[cfg(not(all(loom, feature = "loom")))]
    // ORDERING: compiler only; partner: `heavy` in a sweep, which makes this a full barrier when it matters.
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
    // Loom knows no interrupts, so there the model is the symmetric pair.
    #[cfg(all(loom, feature = "loom"))]
    // ORDERING: SeqCst; partner: the fence in `heavy`.
    loom::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

/// Either side's barrier of the symmetric pair.
#[inline]
pub(crate) fn full() {
    #[cfg(not(all(loom, feature = "loom")))]
    // ORDERING: SeqCst; partner: the other side's call of this same function.
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
    #[cfg(all(loom, feature = "loom"))]
    // ORDERING: SeqCst; partner: the other side's call of this same function.
    loom::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

/// Returns whether the light barrier is not enough. The caller has a pool's heap part, before which the pair was chosen.
#[inline]
pub(crate) fn is_symmetric() -> bool {
    // ORDERING: Relaxed, no partner; as in `pair`.
    CHOSEN.load(Ordering::Relaxed) == Pair::Symmetric as u8
}

/// The sweep's barrier. Returns `false` if the system refused. Then nothing may be concluded from it.
#[must_use]
pub(crate) fn heavy() -> bool {
    match pair() {
        Pair::Asymmetric => system::heavy(),
        Pair::Symmetric => {
            full();
            true
        }
    }
}

/// Makes the first sweep's or fetch's [`heavy`] quick, if a pair was chosen: registers for the system call, if that is
/// needed. This takes effect for the whole process before it returns.
#[cfg(any(not(all(loom, feature = "loom")), loom_is_shuttle))]
pub(crate) fn prepare() {
    // ORDERING: Relaxed, no partner; as in `pair`.
    if CHOSEN.load(Ordering::Relaxed) == Pair::Asymmetric as u8 {
        // If it is refused, so will be the sweeps', which count that.
        let _ = system::heavy();
    }
}

/// Returns the pair in use. The first call chooses it.
pub(crate) fn pair() -> Pair {
    // ORDERING: Relaxed, no partner; the value is all there is. Asking for the system call concerns only this thread and
    // the kernel.
    let mut chosen = CHOSEN.load(Ordering::Relaxed);
    if chosen == 0 {
        let mine = if system::is_offered() { Pair::Asymmetric } else { Pair::Symmetric };
        // Two threads may get here at once and differ. All then use what the first one stored.
        // ORDERING: Relaxed, no partner; as above.
        chosen = match CHOSEN.compare_exchange(0, mine as u8, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => mine as u8,
            Err(other) => other,
        };
    }
    if chosen == Pair::Asymmetric as u8 { Pair::Asymmetric } else { Pair::Symmetric }
}

#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    not(any(all(loom, feature = "loom"), miri, ebbtide_no_membarrier))
))]
#[path = "membarrier.rs"]
mod system;

#[cfg(all(windows, not(any(all(loom, feature = "loom"), miri, ebbtide_no_membarrier))))]
mod system {
    use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleA, GetProcAddress};
    use windows_sys::Win32::System::Threading::FlushProcessWriteBuffers;

    /// Returns whether this is Windows itself. Under Wine the call may do nothing, and nothing tells.
    pub(super) fn is_offered() -> bool {
        // SAFETY: both names end with a zero, and every process has this library for as long as it lives.
        unsafe {
            let ntdll = GetModuleHandleA(c"ntdll.dll".as_ptr().cast());
            !ntdll.is_null() && GetProcAddress(ntdll, c"wine_get_version".as_ptr().cast()).is_none()
        }
    }

    pub(super) fn heavy() -> bool {
        // SAFETY: the call takes nothing, returns nothing, cannot fail, and exists since Windows Vista.
        unsafe { FlushProcessWriteBuffers() };
        true
    }
}

/// There is nothing to register for, so both sides use fences.
#[cfg(all(
    not(all(loom, feature = "loom")),
    any(miri, ebbtide_no_membarrier, not(any(target_os = "linux", target_os = "android", windows)))
))]
mod system {
    pub(super) fn is_offered() -> bool {
        false
    }

    pub(super) fn heavy() -> bool {
        false
    }
}

/// Under loom `light` is a full fence, and so is this. So loom explores the owner's fast path as it is.
#[cfg(all(loom, feature = "loom"))]
mod system {
    pub(super) fn is_offered() -> bool {
        true
    }

    pub(super) fn heavy() -> bool {
        super::full();
        true
    }
}
