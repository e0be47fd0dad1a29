//! Threads: a range is cut into pieces, which run at once.
//!
//! Every thread begins with a part of the range of its own, the same in each launch, so that it finds in its cache what it wrote there; who has
//! done his part takes from what others have left. Pieces become smaller towards the end of a part, so that nobody waits for
//! long. Threads are started by the first work that needs them. Between launches they watch for the next one as long as
//! it would take to wake them, giving way to others who want the core, and then sleep.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, TryLockError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

/// How long a thread watches before it sleeps: a sleeping one takes 5 µs to wake, and 20 to 45 µs where its core sleeps as well.
const WATCH: Duration = Duration::from_micros(60);

/// A number of threads, the caller among them, started when first needed.
pub struct Pool {
    threads: usize,
    crew: OnceLock<Crew>,
    working: Arc<Working>,
}

/// How many threads work on pieces of a range; counted only while somebody watches.
#[derive(Default)]
pub struct Working {
    watched: AtomicBool,
    pieces: AtomicUsize,
}

impl Working {
    pub fn watch(&self, on: bool) {
        self.watched.store(on, Relaxed);
    }

    pub fn count(&self) -> usize {
        self.pieces.load(Relaxed)
    }
}

thread_local! {
    /// Whether this thread works on a piece of some range.
    static BUSY: Cell<bool> = const { Cell::new(false) };
    /// Which thread of its pool this is; who calls is the first.
    static INDEX: Cell<usize> = const { Cell::new(0) };
}

impl Pool {
    /// Zero means as many threads as the machine has.
    pub fn new(threads: usize) -> Pool {
        let available = || std::thread::available_parallelism().map_or(1, |n| n.get());
        let threads = if threads == 0 { available() } else { threads };
        Pool { threads, crew: OnceLock::new(), working: Arc::default() }
    }

    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Which of the threads calls; 0 outside them.
    pub fn index(&self) -> usize {
        INDEX.get()
    }

    pub fn working(&self) -> Arc<Working> {
        self.working.clone()
    }

    /// Calls `f` on pieces that together are `0..n`, each of at least `grain` (but for a short range). Called from inside a piece, or
    /// while another thread has pieces of its own running, it is serial. A panic in a piece goes on in the caller once all have ended.
    pub fn run(&self, n: usize, grain: usize, f: impl Fn(Range<usize>) + Sync) {
        let units = n / grain.max(1);
        let alone = || {
            if n > 0 {
                f(0..n);
            }
        };
        if self.threads == 1 || units <= 1 || BUSY.get() {
            return alone();
        }
        let crew = self.crew.get_or_init(|| Crew::new(self.threads, &self.working));
        let Some(mut launch) = crew.free() else { return alone() };
        launch.run(&Job { n, units, f: &f, parts: crew.parts(units) });
    }

    /// As [`Pool::run`], gathering what each piece returns, in the order of the pieces.
    pub fn map<T: Send>(&self, n: usize, grain: usize, f: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
        let parts = Mutex::new(Vec::new());
        self.run(n, grain, |range| {
            let start = range.start;
            let value = f(range);
            parts.lock().unwrap().push((start, value));
        });
        let mut parts = parts.into_inner().unwrap();
        parts.sort_by_key(|(start, _)| *start);
        parts.into_iter().map(|(_, value)| value).collect()
    }
}

// ---- a launch ----

/// What one launch asks for: `units` are the smallest pieces of `0..n`.
struct Job<'f> {
    n: usize,
    units: usize,
    f: &'f (dyn Fn(Range<usize>) + Sync),
    /// Of each thread the units that it begins with.
    parts: Vec<Part>,
}

/// Units of which the first have been taken. Alone in its cache line, for its owner takes from it all the time.
#[repr(align(128))]
struct Part {
    taken: AtomicUsize,
    end: usize,
}

impl Part {
    /// Half of what is left, at least one.
    fn take(&self) -> Option<Range<usize>> {
        let mut from = self.taken.load(Relaxed);
        while from < self.end {
            let to = from + (self.end - from).div_ceil(2);
            match self.taken.compare_exchange_weak(from, to, Relaxed, Relaxed) {
                Ok(_) => return Some(from..to),
                Err(other) => from = other,
            }
        }
        None
    }
}

impl Job<'_> {
    /// What thread `index` does of it: its own part, then what it finds of others.
    fn work(&self, index: usize) {
        for k in 0..self.parts.len() {
            let part = &self.parts[(index + k) % self.parts.len()];
            while let Some(units) = part.take() {
                (self.f)(start_of(self.n, self.units, units.start)..start_of(self.n, self.units, units.end));
            }
        }
    }
}

/// Where piece `i` of `pieces` begins; the first ones are longer by one.
fn start_of(n: usize, pieces: usize, i: usize) -> usize {
    i * (n / pieces) + i.min(n % pieces)
}

// ---- the threads ----

struct Crew {
    shared: Arc<Board>,
    helpers: Vec<JoinHandle<()>>,
    /// Held by who launches.
    launching: Mutex<()>,
}

/// What the threads of a crew know of each other.
struct Board {
    /// Launches so far; helpers wait for it to rise.
    launches: AtomicUsize,
    /// Helpers may enter.
    open: AtomicBool,
    /// Helpers that have come in: they alone read `job`, and who launches leaves nothing behind before they have gone.
    inside: AtomicUsize,
    job: UnsafeCell<*const Job<'static>>,
    /// Whether who launches sleeps until the helpers have gone, and who slept last.
    waits: AtomicBool,
    waiting: Mutex<Option<Thread>>,
    /// Of each helper whether it sleeps.
    asleep: Vec<AtomicBool>,
    ended: AtomicBool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    working: Arc<Working>,
}

// SAFETY: `job` is written while `open` is false, and read by those alone who saw it true when they were inside.
unsafe impl Sync for Board {}
unsafe impl Send for Board {}

impl Crew {
    fn new(threads: usize, working: &Arc<Working>) -> Crew {
        let shared = Arc::new(Board {
            launches: AtomicUsize::new(0),
            open: AtomicBool::new(false),
            inside: AtomicUsize::new(0),
            job: UnsafeCell::new(std::ptr::null()),
            waits: AtomicBool::new(false),
            waiting: Mutex::default(),
            asleep: (1..threads).map(|_| AtomicBool::new(false)).collect(),
            ended: AtomicBool::new(false),
            panic: Mutex::default(),
            working: working.clone(),
        });
        // Where the system refuses a thread, the others do its work.
        let start = |index: usize| {
            let board = shared.clone();
            std::thread::Builder::new().name(format!("moyal {index}")).spawn(move || board.help(index)).ok()
        };
        let helpers = (1..threads).map_while(start).collect();
        Crew { shared, helpers, launching: Mutex::new(()) }
    }

    /// None while another thread launches.
    fn free(&self) -> Option<Launch<'_>> {
        let guard = match self.launching.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(guard)) => guard.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Launch { crew: self, _guard: guard })
    }

    fn parts(&self, units: usize) -> Vec<Part> {
        let parts = (self.helpers.len() + 1).min(units);
        let part = |i| Part { taken: AtomicUsize::new(start_of(units, parts, i)), end: start_of(units, parts, i + 1) };
        (0..parts).map(part).collect()
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.shared.ended.store(true, SeqCst);
        self.shared.launches.fetch_add(1, SeqCst);
        for helper in self.helpers.drain(..) {
            helper.thread().unpark();
            // What it had to say of a panic has been said to its launch.
            let _ = helper.join();
        }
    }
}

/// The right to launch.
struct Launch<'c> {
    crew: &'c Crew,
    _guard: std::sync::MutexGuard<'c, ()>,
}

impl Launch<'_> {
    fn run(&mut self, job: &Job) {
        let board = &self.crew.shared;
        // SAFETY: nobody reads it before it is open, or after this function, which ends when all have gone, also by a panic: that is caught.
        unsafe { *board.job.get() = std::ptr::from_ref(job).cast() };
        board.open.store(true, SeqCst);
        board.launches.fetch_add(1, SeqCst);
        for (helper, asleep) in self.crew.helpers.iter().zip(&board.asleep).take(job.parts.len() - 1) {
            if asleep.swap(false, SeqCst) {
                helper.thread().unpark();
            }
        }
        board.part_of(job, 0);
        board.open.store(false, SeqCst);
        board.wait_for_helpers();
        let panic = locked(&board.panic).take();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }
}

impl Board {
    /// The life of a helper.
    fn help(&self, index: usize) {
        INDEX.set(index);
        let asleep = &self.asleep[index - 1];
        let mut seen = 0;
        loop {
            let come = || self.launches.load(SeqCst) != seen;
            if !watch(come) {
                asleep.store(true, SeqCst);
                while !come() {
                    std::thread::park();
                }
                asleep.store(false, SeqCst);
            }
            seen = self.launches.load(SeqCst);
            if self.ended.load(SeqCst) {
                return;
            }
            self.inside.fetch_add(1, SeqCst);
            if self.open.load(SeqCst) {
                // SAFETY: it is inside, and the launch was open after it had come in.
                self.part_of(unsafe { &**self.job.get() }, index);
            }
            if self.inside.fetch_sub(1, SeqCst) == 1 && self.waits.load(SeqCst) {
                // It stays there: who comes late must not take it from another launch.
                locked(&self.waiting).as_ref().inspect(|thread| thread.unpark());
            }
        }
    }

    fn part_of(&self, job: &Job, index: usize) {
        let busy = Busy::enter(&self.working);
        let ended = catch_unwind(AssertUnwindSafe(|| job.work(index)));
        drop(busy);
        if let Err(panic) = ended {
            locked(&self.panic).get_or_insert(panic);
        }
    }

    fn wait_for_helpers(&self) {
        let gone = || self.inside.load(SeqCst) == 0;
        if watch(gone) {
            return;
        }
        *locked(&self.waiting) = Some(std::thread::current());
        self.waits.store(true, SeqCst);
        while !gone() {
            std::thread::park();
        }
        self.waits.store(false, SeqCst);
    }
}

/// Whether it came true while watched.
fn watch(come: impl Fn() -> bool) -> bool {
    for _ in 0..100 {
        if come() {
            return true;
        }
        std::hint::spin_loop();
    }
    let since = Instant::now();
    while since.elapsed() < WATCH {
        if come() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Marks the thread busy until dropped.
struct Busy<'w> {
    counted: Option<&'w Working>,
}

impl Busy<'_> {
    fn enter(working: &Working) -> Busy<'_> {
        BUSY.set(true);
        let counted = working.watched.load(Relaxed).then_some(working);
        if let Some(working) = counted {
            working.pieces.fetch_add(1, Relaxed);
        }
        Busy { counted }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        BUSY.set(false);
        if let Some(working) = self.counted {
            working.pieces.fetch_sub(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn every_index_once() {
        for threads in [1, 2, 3, 5] {
            let pool = Pool::new(threads);
            for (n, grain) in [(0, 1), (1, 1), (7, 1), (7, 3), (1000, 1), (1000, 300)] {
                let seen: Vec<AtomicUsize> = (0..n).map(|_| AtomicUsize::new(0)).collect();
                pool.run(n, grain, |range| {
                    assert!(range.len() >= grain.min(n));
                    range.for_each(|i| {
                        seen[i].fetch_add(1, Ordering::Relaxed);
                    });
                });
                assert!(seen.iter().all(|s| s.load(Ordering::Relaxed) == 1), "{threads} {n} {grain}");
            }
        }
    }

    #[test]
    fn inside_a_piece_all_is_serial() {
        let pool = Pool::new(2);
        let (pieces, calls) = (AtomicUsize::new(0), AtomicUsize::new(0));
        pool.run(2, 1, |_| {
            pieces.fetch_add(1, Ordering::Relaxed);
            pool.run(100, 1, |range| {
                assert_eq!(range, 0..100);
                calls.fetch_add(1, Ordering::Relaxed);
            })
        });
        assert_eq!(calls.into_inner(), pieces.into_inner());
    }

    #[test]
    fn threads_start_only_when_needed() {
        let pool = Pool::new(4);
        pool.run(10, 100, |_| ());
        assert!(pool.crew.get().is_none());
        let single = Pool::new(1);
        single.run(1000, 1, |_| ());
        assert!(single.crew.get().is_none());
    }

    #[test]
    fn what_one_thread_leaves_another_does() {
        let pool = Pool::new(2);
        let seen = Mutex::new(std::collections::HashSet::new());
        // Who takes the first unit holds it until all others are done.
        let (left, held) = (AtomicUsize::new(63), AtomicBool::new(false));
        pool.run(64, 1, |range| {
            seen.lock().unwrap().insert(pool.index());
            for _ in range {
                if !held.swap(true, Ordering::Relaxed) {
                    // The sixteen taken with it come behind it; the rest of the part must be taken away.
                    let since = Instant::now();
                    while left.load(Ordering::Relaxed) > 15 && since.elapsed() < Duration::from_secs(60) {
                        std::thread::yield_now();
                    }
                } else {
                    left.fetch_sub(1, Ordering::Relaxed);
                }
            }
        });
        assert_eq!(left.into_inner(), 0);
        assert_eq!(seen.into_inner().unwrap().len(), 2);
    }

    #[test]
    fn launches_follow_each_other_at_any_distance() {
        let pool = Pool::new(4);
        for round in 0..3_000 {
            assert_eq!(pool.map(8, 1, |range| range.sum::<usize>()).iter().sum::<usize>(), 28);
            if round % 100 == 0 {
                std::thread::sleep(3 * WATCH);
            }
        }
    }

    #[test]
    fn several_callers_do_not_meet() {
        let pool = Pool::new(3);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        assert_eq!(pool.map(100, 7, |range| range.sum::<usize>()).iter().sum::<usize>(), 4950);
                    }
                });
            }
        });
    }

    #[test]
    fn panics_come_back_and_the_pool_lives_on() {
        let pool = Pool::new(2);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pool.run(2, 1, |range| assert!(range.start == 0, "second piece"))
        }));
        assert!(caught.is_err());
        assert_eq!(pool.map(10, 5, |range| range.sum::<usize>()), [10, 35]);
        // The caller's own part too.
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pool.run(2, 1, |_| panic!("all of them")))).is_err());
        assert_eq!(pool.map(10, 5, |range| range.sum::<usize>()), [10, 35]);
    }
}
