//! A fuzzer: random texts, which must be answered in words, and random well-typed programs, on which the interpreter and
//! compiled code on one and on three threads must agree to the bit, and forward with reverse derivatives and with finite
//! differences to rounding. See docs/fuzzing.md.
//!
//! `cargo test --release --test fuzz` takes a minute. `FUZZ=100000` asks for so many programs and texts, `FUZZ=600s` for so
//! many seconds, `FUZZ_THREADS=2` tries programs on two threads, `FUZZ_SEED=7` tries others, `FUZZ_ONLY=1234` tries one, which is shown;
//! `FUZZ_REFUSED=1` shows what the checker refuses.

mod compare;
mod coverage;
mod derivatives;
mod expressions;
mod grammar;
mod programs;
mod random;
mod shrink;
mod types;

use coverage::Coverage;
use compare::{Bench, Complaint, Outcome};
use derivatives::Tally;
use random::Random;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};

/// How long a run may take, and how many programs it may try.
struct Budget {
    start: Instant,
    time: Duration,
    count: u64,
    seed: u64,
    only: Option<u64>,
}

fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|v| v.parse().ok())
}

/// Seconds of a run where nothing else is said.
const USUAL: u64 = 55;

/// What may be wrong before a run ends.
const ENOUGH: usize = 5;

impl Budget {
    fn new() -> Budget {
        let number = number_of;
        let asked = std::env::var("FUZZ").unwrap_or_default();
        let seconds = asked.strip_suffix('s').and_then(|s| s.parse().ok());
        let (time, count) = match (seconds, number("FUZZ")) {
            (Some(seconds), _) => (seconds, u64::MAX),
            (None, Some(count)) => (u64::MAX / 4, count),
            (None, None) => (USUAL, u64::MAX),
        };
        Budget { start: Instant::now(), time: Duration::from_secs(time), count, seed: number("FUZZ_SEED").unwrap_or(1), only: number("FUZZ_ONLY") }
    }

    /// The numbers of the programs to try.
    fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        let (first, count) = self.only.map_or((0, self.count), |n| (n, 1));
        (first..first.saturating_add(count)).take_while(|_| self.start.elapsed() < self.time)
    }
}

// ---- panics and hangs ----

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What `f` gives, or its panic as a complaint.
fn guarded<T>(f: impl FnOnce() -> Result<T, Complaint>) -> Result<T, Complaint> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let place = info.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
            let text = info.payload_as_str().unwrap_or("no message");
            PANIC.with(|p| *p.borrow_mut() = Some(format!("{place}: {text}")));
        }));
    });
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<&str>().map(|s| s.to_string()).or(payload.downcast_ref::<String>().cloned()).unwrap_or_default();
        let said = PANIC.with(|p| p.borrow_mut().take()).unwrap_or(text);
        let place = said.split(": ").next().unwrap_or_default().to_string();
        Err(Complaint::new(format!("panic at {place}"), format!("panic: {said}")))
    })
}

/// Watches that each program comes to its end. A run is stopped; what cannot be stopped ends the test, with the program's text.
struct Watchdog {
    now: Arc<Mutex<Option<(Instant, String)>>>,
    stop: Arc<AtomicBool>,
}

const PATIENCE: Duration = Duration::from_secs(40);
const LAST_PATIENCE: Duration = Duration::from_secs(180);

impl Watchdog {
    fn new() -> Watchdog {
        let dog = Watchdog { now: Arc::default(), stop: Arc::default() };
        let (now, stop) = (dog.now.clone(), dog.stop.clone());
        std::thread::spawn(move || loop {
            std::thread::sleep(Duration::from_millis(500));
            if let Some((since, text)) = &*now.lock().unwrap() {
                if since.elapsed() > PATIENCE {
                    stop.store(true, Ordering::SeqCst);
                }
                if since.elapsed() > LAST_PATIENCE {
                    eprintln!("this does not come to an end:\n{text}");
                    std::process::abort();
                }
            }
        });
        dog
    }

    fn watched<T>(&self, text: &str, f: impl FnOnce() -> T) -> T {
        self.stop.store(false, Ordering::SeqCst);
        *self.now.lock().unwrap() = Some((Instant::now(), text.to_string()));
        let result = f();
        *self.now.lock().unwrap() = None;
        result
    }
}

/// On a thread with the stack that a program's main thread has.
fn with_stack(f: impl FnOnce() + Send + 'static) {
    let done = std::thread::Builder::new().stack_size(8 << 20).spawn(f).unwrap().join();
    if let Err(payload) = done {
        std::panic::resume_unwind(payload);
    }
}

/// The text and the mistake of a failing case, shrunk.
fn reported(kind: &str, seed: u64, number: u64, text: &str, complaint: &Complaint, fails: impl FnMut(&str) -> bool) -> String {
    let small = shrink::shrunk(text, Duration::from_secs(25), fails);
    let report = format!("==== {kind} {number} of seed {seed}: {}\n{}\n---- shrunk:\n{small}", complaint.sort, complaint.what);
    println!("{report}");
    report
}

// ---- texts ----

#[test]
fn random_texts_are_answered_in_words() {
    with_stack(|| {
        let budget = Budget::new();
        let texts = grammar::Texts::new(Path::new(env!("CARGO_MANIFEST_DIR")));
        let dog = Watchdog::new();
        let mut found: Vec<(String, String)> = vec![];
        let mut tried = 0;
        let mut session = grammar::session();
        for number in budget.numbers() {
            let text = texts.random(&mut Random::new(budget.seed, number));
            if budget.only.is_some() {
                println!("{text}");
            }
            tried += 1;
            let begun = Instant::now();
            let mut result = dog.watched(&text, || guarded(|| grammar::check(&mut session, &text)));
            if begun.elapsed() > PATIENCE {
                result = Err(Complaint::new("slow", format!("it takes {:.0} s to check", begun.elapsed().as_secs_f64())));
            }
            if let Err(complaint) = result
                && found.iter().all(|(sort, _)| *sort != complaint.sort)
            {
                let fails = |t: &str| guarded(|| grammar::check(&mut session, t)).is_err_and(|c| c.sort == complaint.sort);
                let report = reported("text", budget.seed, number, &text, &complaint, fails);
                found.push((complaint.sort, report));
                if found.len() >= ENOUGH {
                    break;
                }
            }
        }
        println!("{tried} texts in {:.0} s", budget.start.elapsed().as_secs_f64());
        assert!(found.is_empty(), "{}", found.iter().map(|f| f.1.as_str()).collect::<Vec<_>>().join("\n\n"));
    });
}

// ---- programs ----

#[derive(Default)]
struct Totals {
    agreed: usize,
    refused: usize,
    too_large: usize,
    tally: Tally,
}

impl Totals {
    fn add(&mut self, other: &Totals) {
        self.agreed += other.agreed;
        self.refused += other.refused;
        self.too_large += other.too_large;
        self.tally.modes += other.tally.modes;
        self.tally.differences += other.tally.differences;
        self.tally.left_out += other.tally.left_out;
    }
}

/// One program, all ways.
fn tried(bench: &mut Bench, text: &str, derivatives: &[programs::Derivative], totals: &mut Totals) -> Result<(), Complaint> {
    let mut checked = match bench.checked(text) {
        Ok(checked) => checked,
        Err(mistakes) => {
            totals.refused += 1;
            if std::env::var("FUZZ_REFUSED").is_ok() {
                let first = &mistakes[0];
                println!("refused: {}: {:?}\n{text}", first.message, first.labels.iter().map(|l| l.0.text()).collect::<Vec<_>>());
            }
            return grammar::proper(text, &mistakes);
        }
    };
    match bench.run(&mut checked)? {
        Outcome::Agreed => totals.agreed += 1,
        Outcome::TooLarge => totals.too_large += 1,
    }
    // Of a text being shrunk, a derivative counts as long as its statements are whole.
    let mut whole = derivatives.iter().filter(|d| d.statements.iter().all(|s| text.contains(s)));
    whole.try_for_each(|d| derivatives::compare(bench, &checked, d, &mut totals.tally))
}

/// What one thread has tried and found.
struct Share {
    bench: Bench,
    totals: Totals,
    found: Vec<(String, String)>,
}

/// Every `threads`-th program from `first` on.
fn share(budget: &Budget, first: usize, threads: usize) -> Share {
    let dog = Watchdog::new();
    let mut bench = Bench::new(dog.stop.clone());
    let mut totals = Totals::default();
    let mut found: Vec<(String, String)> = vec![];
    for number in budget.numbers().skip(first).step_by(threads) {
        let program = programs::program(budget.seed, number);
        let text = &program.text;
        if budget.only.is_some() {
            println!("{text}");
        }
        let result = dog.watched(text, || guarded(|| tried(&mut bench, text, &program.derivatives, &mut totals)));
        if let Err(complaint) = result
            && found.iter().all(|(sort, _)| *sort != complaint.sort)
        {
            let mut fails = |t: &str| {
                let again = dog.watched(t, || guarded(|| tried(&mut bench, t, &program.derivatives, &mut Totals::default())));
                again.is_err_and(|c| c.sort == complaint.sort)
            };
            let report = reported("program", budget.seed, number, text, &complaint, &mut fails);
            found.push((complaint.sort, report));
            if found.len() >= ENOUGH {
                break;
            }
        }
    }
    Share { bench, totals, found }
}

#[test]
fn random_programs_agree_on_every_engine() {
    let budget = Arc::new(Budget::new());
    let threads = if budget.only.is_some() { 1 } else { number_of("FUZZ_THREADS").unwrap_or(1) as usize };
    let (sender, receiver) = std::sync::mpsc::channel();
    let workers: Vec<_> = (0..threads)
        .map(|first| {
            let (budget, sender) = (budget.clone(), sender.clone());
            std::thread::spawn(move || {
                with_stack(move || {
                    let Share { bench, totals, found } = share(&budget, first, threads);
                    sender.send((bench.coverage, bench.large, bench.resumed, totals, found)).unwrap();
                })
            })
        })
        .collect();
    drop(sender);
    let (mut coverage, mut large, mut resumed) = (Coverage::default(), 0, 0);
    let (mut totals, mut found) = (Totals::default(), vec![]);
    for (c, l, r, t, f) in receiver {
        coverage.add(&c);
        large += l;
        resumed += r;
        totals.add(&t);
        found.extend(f);
    }
    workers.into_iter().for_each(|w| w.join().expect("no panic outside a program"));
    let tally = totals.tally;
    println!("{} well-typed programs agree in {:.0} s", totals.agreed, budget.start.elapsed().as_secs_f64());
    println!("{large} statements large enough for threads, {resumed} runs stopped and resumed");
    println!("{} derivatives in both modes, {} against differences, {} left out", tally.modes, tally.differences, tally.left_out);
    println!("{} programs refused by the checker, {} too large", totals.refused, totals.too_large);
    println!("least often: {:?}", coverage.rarest(12));
    assert!(found.is_empty(), "{}", found.iter().map(|f| f.1.as_str()).collect::<Vec<_>>().join("\n\n"));
    let missing = coverage.missing();
    if totals.agreed >= REACHES_ALL {
        assert!(missing.is_empty(), "no program has reached {missing:?}");
    } else {
        println!("not reached: {missing:?}");
    }
    assert!(budget.only.is_some() || totals.refused * 10 < totals.agreed, "too many programs are refused by the checker");
}

/// So many programs reach every operation.
const REACHES_ALL: usize = 5_000;
