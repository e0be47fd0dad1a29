//! Threads: a range is cut into one piece a thread and the pieces run at once.
//!
//! Threads are started by the first work that needs them. The program should run inside [`Pool::install`] once it has
//! parallel work: from inside a launch costs a fraction of a microsecond, from outside some ten.

use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// A number of threads, started when first needed.
pub struct Pool {
    threads: usize,
    started: OnceLock<rayon::ThreadPool>,
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
}

impl Pool {
    /// Zero means as many threads as the machine has.
    pub fn new(threads: usize) -> Pool {
        let available = || std::thread::available_parallelism().map_or(1, |n| n.get());
        let threads = if threads == 0 { available() } else { threads };
        Pool { threads, started: OnceLock::new(), working: Arc::default() }
    }

    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Which of the threads calls; 0 outside them.
    pub fn index(&self) -> usize {
        self.started.get().and_then(rayon::ThreadPool::current_thread_index).unwrap_or(0)
    }

    pub fn working(&self) -> Arc<Working> {
        self.working.clone()
    }

    /// Runs `f` on a thread of the pool, so that launches inside it are cheap; with one thread simply calls it.
    pub fn install<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        if self.threads == 1 { f() } else { self.started().install(f) }
    }

    /// Calls `f` on pieces that together are `0..n`, each of at least `grain` (but for a short range), at most one a
    /// thread. Called from inside a piece it is serial. A panic in a piece goes on in the caller once all are done.
    pub fn run(&self, n: usize, grain: usize, f: impl Fn(Range<usize>) + Sync) {
        let pieces = self.threads.min(n / grain.max(1));
        if pieces <= 1 || BUSY.get() {
            if n > 0 {
                f(0..n);
            }
        } else if self.started().current_thread_index().is_some() {
            split(n, pieces, 0..pieces, &self.working, &f);
        } else {
            self.started().install(|| split(n, pieces, 0..pieces, &self.working, &f));
        }
    }

    /// As [`Pool::run`], gathering what each piece returns, in the order of the pieces.
    pub fn map<T: Send>(&self, n: usize, grain: usize, f: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
        let parts = std::sync::Mutex::new(Vec::new());
        self.run(n, grain, |range| {
            let start = range.start;
            let value = f(range);
            parts.lock().unwrap().push((start, value));
        });
        let mut parts = parts.into_inner().unwrap();
        parts.sort_by_key(|(start, _)| *start);
        parts.into_iter().map(|(_, value)| value).collect()
    }

    fn started(&self) -> &rayon::ThreadPool {
        self.started.get_or_init(|| {
            let builder = rayon::ThreadPoolBuilder::new().num_threads(self.threads);
            builder.build().expect("the system refuses to start threads")
        })
    }
}

/// Halves the pieces until one is left, and runs that.
fn split(n: usize, pieces: usize, mine: Range<usize>, working: &Working, f: &(impl Fn(Range<usize>) + Sync)) {
    if mine.len() == 1 {
        let _busy = Busy::enter(working);
        f(start_of(n, pieces, mine.start)..start_of(n, pieces, mine.end));
    } else {
        let middle = mine.start + mine.len() / 2;
        rayon::join(|| split(n, pieces, mine.start..middle, working, f), || split(n, pieces, middle..mine.end, working, f));
    }
}

/// Where piece `i` begins; the first ones are longer by one.
fn start_of(n: usize, pieces: usize, i: usize) -> usize {
    i * (n / pieces) + i.min(n % pieces)
}

/// Marks the thread busy until dropped, also by a panic.
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
        let calls = AtomicUsize::new(0);
        pool.install(|| {
            pool.run(2, 1, |_| {
                pool.run(100, 1, |range| {
                    assert_eq!(range, 0..100);
                    calls.fetch_add(1, Ordering::Relaxed);
                })
            })
        });
        assert_eq!(calls.into_inner(), 2);
    }

    #[test]
    fn threads_start_only_when_needed() {
        let pool = Pool::new(4);
        pool.run(10, 100, |_| ());
        assert!(pool.started.get().is_none());
        let single = Pool::new(1);
        single.install(|| single.run(1000, 1, |_| ()));
        assert!(single.started.get().is_none());
    }

    #[test]
    fn panics_come_back_and_the_pool_lives_on() {
        let pool = Pool::new(2);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pool.run(2, 1, |range| assert!(range.start == 0, "second piece"))
        }));
        assert!(caught.is_err());
        assert_eq!(pool.map(10, 5, |range| range.sum::<usize>()), [10, 35]);
    }
}
