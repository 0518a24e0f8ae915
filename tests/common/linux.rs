//! System calls that fail, and threads on one CPU.

use std::os::unix::process::CommandExt;

use super::process::{finish, this_binary};

/// From now on the system refuses `membarrier` to this process, in all threads and after `exec`.
pub(crate) fn forbid_membarrier() {
    filter_membarrier(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32);
    // SAFETY: the query has no preconditions.
    assert_eq!(unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_QUERY, 0, 0) }, -1);
}

/// A signal handler that gets the signal's details and may change the context.
pub(crate) type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// From now on `handler` is called instead of `membarrier`.
pub(crate) fn trap_membarrier(handler: Handler) {
    install(libc::SIGSYS, handler);
    filter_membarrier(libc::SECCOMP_RET_TRAP);
}

pub(crate) fn install(signal: libc::c_int, handler: Handler) {
    // SAFETY: all zeros is a valid `sigaction`. The handlers call only async-signal-safe functions.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
    }
}

/// From now on the system answers `membarrier` with `verdict`, in all threads and after `exec`.
pub(crate) fn filter_membarrier(verdict: u32) {
    assert_eq!(filter(libc::SYS_membarrier, verdict, libc::SECCOMP_FILTER_FLAG_TSYNC), 0);
}

/// The same for what registers for the barrier.
pub(crate) fn filter_registering(verdict: u32) {
    // An argument's low half is first on little-endian systems.
    let argument = 16 + 4 * u32::from(cfg!(target_endian = "big"));
    let register = libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED as u32;
    let mut program = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, [0, 0]),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_membarrier as u32, [0, 3]),
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, argument, [0, 0]),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, register, [0, 1]),
        statement(libc::BPF_RET | libc::BPF_K, verdict, [0, 0]),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, [0, 0]),
    ];
    assert_eq!(set_filter(&mut program, libc::SECCOMP_FILTER_FLAG_TSYNC), 0);
}

const fn statement(code: u32, k: u32, jump: [u8; 2]) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: jump[0], jf: jump[1], k }
}

/// From now on the system answers this call with `verdict`. This affects the calling thread, unless `flags` say
/// more. Returns what `seccomp` returns: -1 on failure.
pub(crate) fn filter(call: libc::c_long, verdict: u32, flags: libc::c_ulong) -> libc::c_long {
    let mut program = [
        // The system call's number is the first field of the filter's input.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, [0, 0]),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call as u32, [0, 1]),
        statement(libc::BPF_RET | libc::BPF_K, verdict, [0, 0]),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, [0, 0]),
    ];
    set_filter(&mut program, flags)
}

fn set_filter(program: &mut [libc::sock_filter], flags: libc::c_ulong) -> libc::c_long {
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: sets a flag of this process. The further arguments must be 0.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    // SAFETY: `filter` and its program are valid for reads.
    unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const filter) }
}

/// From now on the calling thread, and those that it starts, run on the CPU that it is on.
pub(crate) fn stay_on_this_cpu() {
    // SAFETY: all zeros is a valid set, the CPU's number is in its range, and the set is valid for reads.
    let status = unsafe {
        let mut only: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(libc::sched_getcpu() as usize, &mut only);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const only)
    };
    assert_eq!(status, 0);
}

/// Runs every test of this binary except `this` in a process without `membarrier`.
#[track_caller]
pub(crate) fn all_others_pass_without_membarrier(this: &str) {
    let mut command = this_binary();
    command.args(["--skip", this]);
    // SAFETY: makes two system calls with data on the stack, which is allowed between `fork` and `exec`.
    unsafe {
        command.pre_exec(|| {
            forbid_membarrier();
            Ok(())
        })
    };
    let (status, text) = finish(&mut command);
    assert!(status.success() && text.contains("test result: ok. ") && !text.contains(" 0 passed"), "{text}");
}
