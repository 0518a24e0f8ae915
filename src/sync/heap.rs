//! The system allocator's free memory.

/// Whether the system allocator keeps free memory until [`trim`] is called.
pub(crate) const KEEPS: bool =
    cfg!(all(target_os = "linux", target_env = "gnu", not(miri), not(all(loom, feature = "loom"))));

/// Returns free memory to the system. Meanwhile threads that allocate may have to wait.
pub(crate) fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu", not(miri), not(all(loom, feature = "loom"))))]
    // SAFETY: the function has no preconditions.
    unsafe {
        libc::malloc_trim(0);
    }
}
