//! Shared by the test files: counted items, worker threads, and waiting with a deadline.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod polled;

use std::any::Any;
use std::io::Read;
use std::panic::{self, AssertUnwindSafe};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ebbtide::{Manual, Pool, Recycle, Settings};

/// A counter for several threads.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicUsize);

// ORDERING: SeqCst throughout, with no partner. Tests count with these, so the simplest ordering is right.
impl Count {
    pub(crate) const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Adds one and returns the value before.
    pub(crate) fn bump(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn set(&self, to: usize) {
        self.0.store(to, Ordering::SeqCst);
    }

    /// Sets it and returns the value before.
    pub(crate) fn swap(&self, to: usize) -> usize {
        self.0.swap(to, Ordering::SeqCst)
    }

    /// Raises it to at least `to`.
    pub(crate) fn raise_to(&self, to: usize) {
        self.0.fetch_max(to, Ordering::SeqCst);
    }

    pub(crate) fn add(&self, by: usize) {
        self.0.fetch_add(by, Ordering::SeqCst);
    }

    pub(crate) fn subtract(&self, by: usize) {
        self.0.fetch_sub(by, Ordering::SeqCst);
    }

    /// Subtracts one.
    pub(crate) fn drop_by_one(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Records how often each of its items was dropped, and in which order.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// For every item made, how often it was dropped.
    drops: Mutex<Vec<usize>>,
    order: Mutex<Vec<usize>>,
    live: Count,
    peak: Count,
}

impl Ledger {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A new item, numbered from 0.
    pub(crate) fn item(self: &Arc<Self>) -> Counted {
        let mut drops = lock(&self.drops);
        drops.push(0);
        let id = drops.len() - 1;
        drop(drops);
        self.peak.raise_to(self.live.bump() + 1);
        Counted { id, ledger: Arc::clone(self), in_use: Count::new(), panics: false }
    }

    /// A new item whose `Drop` panics with its number.
    pub(crate) fn bomb(self: &Arc<Self>) -> Counted {
        let mut item = self.item();
        item.panics = true;
        item
    }

    pub(crate) fn made(&self) -> usize {
        lock(&self.drops).len()
    }

    pub(crate) fn dropped(&self) -> usize {
        lock(&self.drops).iter().sum()
    }

    /// The dropped items, in order.
    pub(crate) fn drop_order(&self) -> Vec<usize> {
        lock(&self.order).clone()
    }

    /// The items dropped after the first `n` drops, in order.
    pub(crate) fn dropped_after(&self, n: usize) -> Vec<usize> {
        lock(&self.order)[n..].to_vec()
    }

    pub(crate) fn live(&self) -> usize {
        self.live.get()
    }

    /// The most items that ever lived at once.
    pub(crate) fn peak(&self) -> usize {
        self.peak.get()
    }

    /// Asserts that every item was dropped exactly once.
    #[track_caller]
    pub(crate) fn assert_all_dropped_once(&self) {
        let drops = lock(&self.drops);
        for (id, times) in drops.iter().enumerate() {
            assert_eq!(*times, 1, "item {id} of {} was dropped {times} times", drops.len());
        }
    }
}

/// An item that reports its drop to its ledger.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) id: usize,
    ledger: Arc<Ledger>,
    in_use: Count,
    panics: bool,
}

impl Counted {
    /// Marks the item as owned. Fails if it has an owner.
    #[track_caller]
    pub(crate) fn own(&self) {
        assert_eq!(self.in_use.swap(1), 0, "item {} has two owners", self.id);
    }

    #[track_caller]
    pub(crate) fn disown(&self) {
        assert_eq!(self.in_use.swap(0), 1, "item {} lost its owner", self.id);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        lock(&self.ledger.drops)[self.id] += 1;
        lock(&self.ledger.order).push(self.id);
        self.ledger.live.drop_by_one();
        if self.panics {
            panic!("bomb {}", self.id);
        }
    }
}

/// A recycler that makes counted items and never clears them.
#[derive(Debug, Clone)]
pub(crate) struct Maker(pub(crate) Arc<Ledger>);

impl Recycle<Counted> for Maker {
    fn create(&self) -> Counted {
        self.0.item()
    }

    fn recycle(&self, _: &mut Counted) -> bool {
        true
    }
}

/// A pool of counted items.
pub(crate) type CountedPool = Pool<Counted, Maker>;

/// A pool of counted items with manual epochs.
pub(crate) fn counted(settings: Settings) -> (Arc<CountedPool>, Arc<Ledger>) {
    let ledger = Ledger::new();
    (Arc::new(Pool::with_settings(Maker(Arc::clone(&ledger)), settings.manual())), ledger)
}

/// Settings for pools that only the test sweeps.
pub(crate) const MANUAL: Settings<Manual> = Settings::new().manual();

/// Takes `n` items at once and puts them all back. Returns their numbers.
pub(crate) fn burst<R: Recycle<Counted>>(pool: &Pool<Counted, R>, n: usize) -> Vec<usize> {
    let guards: Vec<_> = (0..n).map(|_| pool.get()).collect();
    guards.iter().map(|item| item.id).collect()
}

/// Takes every idle item that this thread finds.
pub(crate) fn take_all(pool: &CountedPool) -> Vec<Counted> {
    std::iter::from_fn(|| pool.try_get().map(ebbtide::Pooled::detach)).collect()
}

/// Runs `body` in this many threads, which share a pool, while this one sweeps it until they have ended. Every item is
/// idle then, and dropped once.
#[track_caller]
pub(crate) fn sweep_during(threads: usize, body: impl Fn(&CountedPool) + Sync) {
    let (pool, ledger) = counted(Settings::new().private_slots(4));
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(|| body(&pool))).collect();
        while !threads.iter().all(|thread| thread.is_finished()) {
            pool.advance();
        }
    });
    assert_eq!(pool.idle(), ledger.live());
    drop(pool);
    ledger.assert_all_dropped_once();
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `f` on a new thread and joins it.
#[track_caller]
pub(crate) fn on_thread<O: Send>(f: impl FnOnce() -> O + Send) -> O {
    thread::scope(|scope| match scope.spawn(f).join() {
        Ok(value) => value,
        Err(panic) => panic::resume_unwind(panic),
    })
}

/// Runs `f` on a thread with a stack for large items, which debug builds copy there.
#[track_caller]
pub(crate) fn on_large_stack<O: Send + 'static>(f: impl FnOnce() -> O + Send + 'static) -> O {
    let thread = thread::Builder::new().stack_size(64 << 20).spawn(f).expect("a thread");
    match thread.join() {
        Ok(value) => value,
        Err(panic) => panic::resume_unwind(panic),
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// A thread that runs jobs on request and is idle otherwise. It exits when this is dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(crate) fn new() -> Self {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let thread = thread::spawn(move || inbox.into_iter().for_each(|job| job()));
        Self { jobs: Some(jobs), thread: Some(thread) }
    }

    /// Runs `f` there and waits for it.
    #[track_caller]
    pub(crate) fn run<O: Send + 'static>(&self, f: impl FnOnce() -> O + Send + 'static) -> O {
        let (sender, answer) = mpsc::channel();
        let job = Box::new(move || {
            let outcome = panic::catch_unwind(AssertUnwindSafe(f));
            sender.send(outcome).expect("the asker waits");
        });
        self.jobs.as_ref().expect("not dropped").send(job).expect("the worker lives");
        match answer.recv().expect("the worker answers") {
            Ok(value) => value,
            Err(panic) => panic::resume_unwind(panic),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("jobs are caught");
        }
    }
}

/// Waits until `condition` holds. Only a hang misses the deadline.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    assert!(holds_within(Duration::from_secs(30) * patience(), &mut condition), "waited in vain until {what}");
}

/// The factor for deadlines. An emulated CPU needs more time.
fn patience() -> u32 {
    std::env::var("EBBTIDE_PATIENCE").map_or(1, |times| times.parse().expect("a number"))
}

/// Whether `condition` comes to hold within `time`.
pub(crate) fn holds_within(time: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if start.elapsed() > time {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// The message of the panic that `f` raises.
#[track_caller]
pub(crate) fn panic_of<O>(f: impl FnOnce() -> O) -> String {
    match panic::catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("no panic was raised"),
        Err(payload) => message(&*payload),
    }
}

pub(crate) fn message(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "a payload that isn't text".to_owned(),
    }
}

/// Panics when it is dropped.
#[derive(Debug)]
pub(crate) struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("bomb");
    }
}

/// The bytes 0, 1, 2 and so on.
pub(crate) fn numbered(n: usize) -> Vec<u8> {
    (0..n).map(|n| n as u8).collect()
}

/// A random number generator with a fixed seed.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % n
    }
}

/// Whether this process was started for `test` alone. If not, starts such a process and fails if it fails. A test that
/// needs its own process begins with `if !alone("its name") { return; }`.
#[track_caller]
pub(crate) fn alone(test: &str) -> bool {
    if is_child() {
        return true;
    }
    let (status, text) = finish(&mut child(test));
    assert!(status.success(), "{text}");
    false
}

/// A command that runs `test` of this binary in a process of its own, with `EBBTIDE_CHILD` set.
pub(crate) fn child(test: &str) -> Command {
    let mut command = this_binary();
    command.args([test, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"]).env("EBBTIDE_CHILD", "1");
    command
}

fn this_binary() -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command.env("RUST_BACKTRACE", "0");
    command
}

/// Runs a command to its end. Returns its status and output. Only a hang misses the deadline.
#[track_caller]
pub(crate) fn finish(command: &mut Command) -> (ExitStatus, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the test binary starts");
    let readers =
        [reader(child.stdout.take().expect("it is piped")), reader(child.stderr.take().expect("it is piped"))];
    let mut status = None;
    let ended = holds_within(Duration::from_secs(60) * patience(), || {
        status = child.try_wait().expect("it is ours to wait for");
        status.is_some()
    });
    if !ended {
        child.kill().expect("it still runs");
    }
    let text = readers.map(|reader| reader.join().expect("no panic")).concat();
    assert!(ended, "the process comes to no end:\n{text}");
    (status.expect("it ended"), text)
}

fn reader(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("the pipe can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Whether this process was started by `child`.
pub(crate) fn is_child() -> bool {
    std::env::var_os("EBBTIDE_CHILD").is_some()
}

/// Linux only: system calls that fail.
#[cfg(target_os = "linux")]
pub(crate) mod linux {
    use super::*;

    use std::os::unix::process::CommandExt;

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

    /// From now on the system answers this call with `verdict`. This affects the calling thread, unless `flags` say
    /// more. Returns what `seccomp` returns: -1 on failure.
    pub(crate) fn filter(call: libc::c_long, verdict: u32, flags: libc::c_ulong) -> libc::c_long {
        const fn statement(code: u32, k: u32, jump: [u8; 2]) -> libc::sock_filter {
            libc::sock_filter { code: code as u16, jt: jump[0], jf: jump[1], k }
        }
        let mut program = [
            // The system call's number is the first field of the filter's input.
            statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, [0, 0]),
            statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call as u32, [0, 1]),
            statement(libc::BPF_RET | libc::BPF_K, verdict, [0, 0]),
            statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, [0, 0]),
        ];
        let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
        // SAFETY: sets a flag of this process. The further arguments must be 0.
        assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
        // SAFETY: `filter` and its program are valid for reads.
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const filter) }
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
}
