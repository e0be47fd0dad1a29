//! Where the time of a program goes, in its own lines.
//!
//! A plan made to be profiled has marks before its instructions: a thread that passes one says where it is (two plain stores to
//! memory that it alone writes), and a sampler looks each millisecond. No instruction reads a clock: many take less time than that would.
//! The clock is read around whole runs, around checking, compiling and printing, and what the samples share out is exactly the
//! time of the run, so that the parts add up to the whole. A plan that is not profiled has no marks.
//!
//! Several threads that compute at once share the time of a sample: all times are those of the clock on the wall.

use crate::source::{Call, Span};
use moyal_runtime::threads::{Pool, Working};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What kind of work takes the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Kernel,
    Noise,
    Elementary,
    Reduction,
    Product,
    Routine,
    Copy,
    Control,
    /// Of a whole statement: memory, threads that are waited for, results brought out.
    Memory,
    /// Errors of what is shown, printing, figures.
    Output,
    File,
    /// Of runs too short for a sample.
    Short,
    /// Of the interpreter.
    Whole,
    Checking,
    Compiling,
    /// What is measured as none of these.
    LeftOver,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Kernel => "kernels",
            Kind::Noise => "noise",
            Kind::Elementary => "elementary functions",
            Kind::Reduction => "reductions",
            Kind::Product => "matrix products",
            Kind::Routine => "array routines",
            Kind::Copy => "copies",
            Kind::Control => "loops and branches",
            Kind::Memory => "memory and threads",
            Kind::Output => "errors and output",
            Kind::File => "files",
            Kind::Short => "short runs",
            Kind::Whole => "interpreter",
            Kind::Checking => "checking",
            Kind::Compiling => "compiling",
            Kind::LeftOver => "left over",
        }
    }
}

// ---- while it runs ----

/// What the instructions behind a mark do: their kind, and the places (numbers of the program's spans) that they compute, with
/// their shares of the work, together 1. Without places it is the statement's own.
pub struct Mark {
    pub kind: Kind,
    pub shares: Vec<(u32, f64)>,
}

/// The marks of one plan, and who passes them.
pub struct Marks {
    marks: Vec<Mark>,
    spans: Arc<Vec<Span>>,
    threads: Vec<Thread>,
    gathered: Mutex<Gathered>,
}

/// What one thread says of itself; on a cache line of its own.
#[repr(align(128))]
pub struct Thread {
    now: AtomicU32,
    passed: Vec<AtomicU64>,
}

struct Gathered {
    /// Seconds that samples have found at each mark, and these times the number of busy threads.
    at: Vec<(f64, f64)>,
    samples: usize,
    /// Seconds that the runs took by the clock.
    elapsed: f64,
    runs: u64,
}

/// The mark of the statement itself, before all others.
const STATEMENT: u32 = 0;

/// A thread that passes no marks.
const IDLE: u32 = u32::MAX;

impl Marks {
    pub fn new(marks: Vec<Mark>, spans: Arc<Vec<Span>>, threads: usize) -> Marks {
        let marks: Vec<Mark> = [Mark { kind: Kind::Memory, shares: vec![] }].into_iter().chain(marks).collect();
        let passed = || marks.iter().map(|_| AtomicU64::new(0)).collect();
        let threads = (0..threads).map(|_| Thread { now: AtomicU32::new(IDLE), passed: passed() }).collect();
        let gathered = Gathered { at: vec![(0.0, 0.0); marks.len()], samples: 0, elapsed: 0.0, runs: 0 };
        Marks { threads, spans, gathered: Mutex::new(gathered), marks }
    }

    pub fn thread(&self, number: usize) -> &Thread {
        &self.threads[number]
    }

    fn sample(&self, time: f64, working: usize) {
        let found: Vec<u32> = self.threads.iter().map(|t| t.now.load(Relaxed)).filter(|now| *now != IDLE).collect();
        let found = if found.is_empty() { vec![STATEMENT] } else { found };
        let each = time / found.len() as f64;
        let mut gathered = locked(&self.gathered);
        gathered.samples += 1;
        for now in &found {
            let at = &mut gathered.at[*now as usize];
            at.0 += each;
            at.1 += each * working.max(found.len()) as f64;
        }
    }

    fn passed(&self, mark: usize) -> u64 {
        self.threads.iter().map(|t| t.passed[mark].load(Relaxed)).sum()
    }
}

impl Thread {
    /// It does work of the statement as a whole.
    pub fn at_statement(&self) {
        self.set(STATEMENT);
    }

    /// It passes no marks.
    pub fn idle(&self) {
        self.set(IDLE);
    }

    /// It passes the plan's mark of that number.
    #[inline]
    pub fn pass(&self, mark: u32) {
        self.set(mark + 1);
        let passed = &self.passed[mark as usize + 1];
        // Nobody else writes it.
        passed.store(passed.load(Relaxed) + 1, Relaxed);
    }

    /// Where it is, for [`Thread::set`].
    pub fn now(&self) -> u32 {
        self.now.load(Relaxed)
    }

    pub fn set(&self, now: u32) {
        self.now.store(now, Relaxed);
    }
}

/// How often a sampler looks, on the average.
pub const INTERVAL: Duration = Duration::from_millis(1);

/// Measures from when it is made until it is asked.
pub struct Profiler {
    begun: Instant,
    threads: usize,
    working: Arc<Working>,
    watched: Arc<Watched>,
    sampler: Option<JoinHandle<()>>,
    /// Statements whose plans have marks.
    units: Mutex<Vec<(Span, Arc<Marks>)>>,
    /// Time measured by the clock, of a statement or of none.
    clocked: Mutex<Vec<(Option<Span>, Kind, f64)>>,
}

struct Watched {
    ended: AtomicBool,
    /// The run that is on, and since when.
    run: Mutex<Option<(Arc<Marks>, Instant)>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Profiler {
    pub fn start(pool: &Pool) -> Profiler {
        let working = pool.working();
        working.watch(true);
        let watched = Arc::new(Watched { ended: AtomicBool::new(false), run: Mutex::new(None) });
        let (seen, counted) = (watched.clone(), working.clone());
        // Without a sampler, on a system that refuses the thread, times are still told by statements.
        let sampler = std::thread::Builder::new().name("sampler".into()).spawn(move || look(&seen, &counted)).ok();
        Profiler {
            begun: Instant::now(),
            threads: pool.threads(),
            working,
            watched,
            sampler,
            units: Mutex::default(),
            clocked: Mutex::default(),
        }
    }

    pub fn threads(&self) -> usize {
        self.threads
    }

    /// A plan with marks has been made for this statement.
    pub fn made(&self, statement: &Span, marks: Arc<Marks>) {
        locked(&self.units).push((statement.clone(), marks));
    }

    /// A run of a plan begins.
    pub fn begins(&self, marks: Option<&Arc<Marks>>) {
        *locked(&self.watched.run) = marks.map(|marks| (marks.clone(), Instant::now()));
    }

    /// The run of this statement that had begun then has ended.
    pub fn ends(&self, statement: &Span, begun: Instant) {
        let run = locked(&self.watched.run).take();
        let elapsed = begun.elapsed().as_secs_f64();
        match run {
            Some((marks, _)) => {
                let mut gathered = locked(&marks.gathered);
                gathered.elapsed += elapsed;
                gathered.runs += 1;
            }
            None => self.clocked(Some(statement), Kind::Whole, elapsed),
        }
    }

    pub fn clocked(&self, statement: Option<&Span>, kind: Kind, seconds: f64) {
        locked(&self.clocked).push((statement.cloned(), kind, seconds));
    }

    /// Ends it.
    pub fn profile(mut self) -> Profile {
        let total = self.begun.elapsed().as_secs_f64();
        self.end();
        let mut profile = Profile { total, threads: self.threads, ..Profile::default() };
        let mut lines = Lines::default();
        for (statement, marks) in locked(&self.units).iter() {
            profile.samples += locked(&marks.gathered).samples;
            lines.unit(statement, marks);
        }
        for (statement, kind, seconds) in locked(&self.clocked).iter() {
            match statement {
                Some(statement) => lines.add(statement, statement, *kind, *seconds, *seconds, 1),
                None => *profile.apart.entry(*kind).or_default() += seconds,
            }
        }
        profile.finish(lines)
    }

    fn end(&mut self) {
        self.working.watch(false);
        self.watched.ended.store(true, Relaxed);
        if let Some(sampler) = self.sampler.take() {
            sampler.thread().unpark();
            // It has nothing that could fail.
            let _ = sampler.join();
        }
    }
}

impl Drop for Profiler {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the sampler does.
fn look(watched: &Watched, working: &Working) {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let mut last = Instant::now();
    let mut number = 0.0;
    while !watched.ended.load(Relaxed) {
        // Between half an interval and one and a half, never in step with a loop.
        number += 1.0;
        std::thread::park_timeout(INTERVAL.mul_f64(0.5 + (number * GOLDEN).fract()));
        let now = Instant::now();
        if let Some((marks, begun)) = &*locked(&watched.run) {
            marks.sample(now.saturating_duration_since(last.max(*begun)).as_secs_f64(), working.count());
        }
        last = now;
    }
}

// ---- what is told of it ----

/// Where a program's time went. All times in seconds by the clock on the wall.
#[derive(Debug, Default)]
pub struct Profile {
    /// From the beginning to the end. It is the sum of the lines' own seconds and of what is told apart.
    pub total: f64,
    pub threads: usize,
    /// How many threads were busy, on the average over the runs.
    pub busy: f64,
    /// How often the sampler has looked.
    pub samples: usize,
    /// The user's lines, the dearest first.
    pub lines: Vec<Line>,
    /// What belongs to no line: checking, compiling, what is left over.
    pub apart: BTreeMap<Kind, f64>,
    /// Everything by kind, the dearest first.
    pub kinds: Vec<(Kind, f64)>,
}

/// A line of the user's text.
#[derive(Debug)]
pub struct Line {
    /// The text's name: a file, or an entry of the prompt.
    pub source: String,
    pub number: usize,
    pub text: String,
    /// Spent in the line itself, and in what it calls of the library.
    pub seconds: f64,
    /// With what it calls of the user's other lines.
    pub with_calls: f64,
    /// How often it was computed in all calls (all sites, and all members that are dealt with at once, count as one); 0 if that
    /// can't be told.
    pub runs: u64,
    pub kinds: Vec<(Kind, f64)>,
    /// Its parts, the dearest first: of the library's lines that it calls, and of the calls that it is computed in.
    pub parts: Vec<Part>,
}

#[derive(Debug)]
pub struct Part {
    /// Functions that were called, outermost first, by the names of their calls.
    pub calls: Vec<String>,
    /// The library's line; of the user's own lines none.
    pub text: Option<String>,
    /// The line of the outermost call, if it is another.
    pub from: Option<usize>,
    pub seconds: f64,
    pub runs: u64,
}

/// A line's text and number.
type Place = (String, usize);

#[derive(Default)]
struct Lines {
    lines: BTreeMap<Place, Gathering>,
    /// Seconds of runs, and these times busy threads.
    ran: (f64, f64),
}

#[derive(Default)]
struct Gathering {
    text: String,
    seconds: f64,
    with_calls: f64,
    runs: Runs,
    kinds: BTreeMap<Kind, f64>,
    parts: HashMap<(Vec<String>, Option<String>, Option<usize>), (f64, Runs)>,
}

/// How often each call of the function has passed its marks there: that which it passed most often counts.
#[derive(Default)]
struct Runs(HashMap<Option<*const Call>, u64>);

impl Runs {
    fn add(&mut self, span: &Span, runs: u64) {
        let most = self.0.entry(span.within.as_ref().map(Arc::as_ptr)).or_default();
        *most = (*most).max(runs);
    }

    /// In all calls; outside of all if there are none.
    fn told(&self) -> u64 {
        let called: u64 = self.0.iter().filter(|(call, _)| call.is_some()).map(|(_, runs)| runs).sum();
        if called > 0 { called } else { self.0.values().sum() }
    }
}

impl Lines {
    /// Shares the time of a statement's runs out among the places of its marks.
    fn unit(&mut self, statement: &Span, marks: &Marks) {
        let gathered = locked(&marks.gathered);
        let sampled: f64 = gathered.at.iter().map(|at| at.0).sum();
        let scale = if sampled > 0.0 { gathered.elapsed / sampled } else { 0.0 };
        if sampled == 0.0 {
            self.add(statement, statement, Kind::Short, gathered.elapsed, gathered.elapsed, gathered.runs);
        }
        for (k, (mark, (seconds, busy))) in marks.marks.iter().zip(&gathered.at).enumerate() {
            let (runs, seconds, busy) = (marks.passed(k), seconds * scale, busy * scale);
            if mark.shares.is_empty() {
                self.add(statement, statement, mark.kind, seconds, busy, gathered.runs);
            }
            for (span, share) in &mark.shares {
                let span = marks.spans.get(*span as usize).unwrap_or(statement);
                self.add(span, statement, mark.kind, seconds * share, busy * share, runs);
            }
        }
    }

    fn add(&mut self, span: &Span, statement: &Span, kind: Kind, seconds: f64, busy: f64, runs: u64) {
        self.ran = (self.ran.0 + seconds, self.ran.1 + busy);
        // The innermost place in the user's text, and the names of the calls below it.
        let mut below: Vec<String> = vec![];
        let mut own = span;
        for call in span.calls().take_while(|_| span.in_library()) {
            below.push(call.function.clone());
            own = &call.place;
            if !own.in_library() {
                break;
            }
        }
        let own = if own.in_library() { statement } else { own };
        let text = span.in_library().then(|| line_text(span));
        let from = span.calls().last().map(|call| &call.place).filter(|place| !place.in_library() && (text.is_none() && place.line() != own.line()));
        if text.is_none() {
            // The innermost is the function in whose text it stands.
            below.extend(span.calls().skip(1).map(|call| call.function.clone()));
        }
        below.retain(|name| !name.starts_with('_') && name.chars().any(char::is_alphanumeric));
        below.reverse();
        let line = self.lines.entry(place(own)).or_insert_with(|| Gathering::of(own));
        line.seconds += seconds;
        *line.kinds.entry(kind).or_default() += seconds;
        if text.is_none() {
            line.runs.add(span, runs);
        }
        let part = line.parts.entry((below, text, from.map(Span::line))).or_default();
        part.0 += seconds;
        part.1.add(span, runs);
        let mut around: Vec<Span> = span.calls().map(|call| &call.place).chain([own]).filter(|s| !s.in_library()).cloned().collect();
        around.sort_by_key(place);
        around.dedup_by_key(|s| place(s));
        for around in around {
            self.lines.entry(place(&around)).or_insert_with(|| Gathering::of(&around)).with_calls += seconds;
        }
    }
}

fn place(span: &Span) -> Place {
    (span.source.name.clone(), span.line())
}

/// The whole line, without spaces around it and without its comment.
fn line_text(span: &Span) -> String {
    let text = &span.source.text;
    let start = text[..span.start].rfind('\n').map_or(0, |n| n + 1);
    let line = text[start..].lines().next().unwrap_or("");
    let mut quoted = false;
    let comment = line.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        *c == '#' && !quoted
    });
    line[..comment.map_or(line.len(), |(k, _)| k)].trim().to_string()
}

impl Profile {
    fn finish(mut self, lines: Lines) -> Profile {
        self.busy = if lines.ran.0 > 0.0 { lines.ran.1 / lines.ran.0 } else { 1.0 };
        self.lines = lines.lines.into_iter().map(|((source, number), line)| line.told(source, number)).collect();
        self.lines.sort_by(|a, b| b.seconds.total_cmp(&a.seconds).then(b.with_calls.total_cmp(&a.with_calls)));
        let told = self.lines.iter().map(|l| l.seconds).sum::<f64>() + self.apart.values().sum::<f64>();
        self.apart.insert(Kind::LeftOver, (self.total - told).max(0.0));
        let mut kinds = self.apart.clone();
        for (kind, seconds) in self.lines.iter().flat_map(|l| &l.kinds) {
            *kinds.entry(*kind).or_default() += seconds;
        }
        self.kinds = dearest_first(kinds);
        self
    }
}

impl Gathering {
    fn of(span: &Span) -> Gathering {
        Gathering { text: line_text(span), ..Gathering::default() }
    }

    fn told(self, source: String, number: usize) -> Line {
        let part = |((calls, text, from), (seconds, runs)): (_, (f64, Runs))| Part { calls, text, from, seconds, runs: runs.told() };
        let mut parts: Vec<Part> = self.parts.into_iter().map(part).filter(|p| p.seconds > 0.0).collect();
        parts.sort_by(|a, b| b.seconds.total_cmp(&a.seconds).then_with(|| a.calls.cmp(&b.calls)));
        Line {
            source,
            number,
            text: self.text,
            seconds: self.seconds,
            with_calls: self.with_calls,
            runs: self.runs.told(),
            kinds: dearest_first(self.kinds),
            parts,
        }
    }
}

fn dearest_first(kinds: BTreeMap<Kind, f64>) -> Vec<(Kind, f64)> {
    let mut kinds: Vec<(Kind, f64)> = kinds.into_iter().collect();
    kinds.sort_by(|a, b| b.1.total_cmp(&a.1));
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    fn source(name: &str, text: &str) -> Arc<Source> {
        Arc::new(Source { name: name.into(), text: text.into() })
    }

    fn place_of(source: &Arc<Source>, part: &str) -> Span {
        let start = source.text.find(part).unwrap();
        Span::new(source, start, start + part.len())
    }

    fn called(function: &str, place: &Span, at: &Span) -> Span {
        Span { within: Some(Arc::new(Call { function: function.into(), place: place.clone() })), ..at.clone() }
    }

    /// The lines of one statement, whose runs took so long, after a thread has passed these marks for so long each.
    fn lines(statement: &Span, marks: Vec<Mark>, spans: Vec<Span>, passed: &[(u32, f64)], elapsed: f64) -> Vec<Line> {
        let marks = Marks::new(marks, Arc::new(spans), 2);
        for (mark, seconds) in passed {
            marks.thread(1).pass(*mark);
            marks.sample(*seconds, 1);
        }
        locked(&marks.gathered).elapsed = elapsed;
        let mut lines = Lines::default();
        lines.unit(statement, &marks);
        Profile { total: elapsed, ..Profile::default() }.finish(lines).lines
    }

    #[test]
    fn the_time_of_a_run_is_shared_as_the_samples_say() {
        let text = source("a.moy", "let y = # all\n  f(x)\n  + g(x) # \"and\"\n");
        let (f, g) = (place_of(&text, "f(x)"), place_of(&text, "g(x)"));
        let marks = vec![
            Mark { kind: Kind::Kernel, shares: vec![(0, 0.25), (1, 0.75)] },
            Mark { kind: Kind::Noise, shares: vec![(1, 1.0)] },
        ];
        let found = lines(&Span::new(&text, 0, 20), marks, vec![f, g], &[(0, 1.0), (1, 2.0), (1, 1.0)], 8.0);
        let shown: Vec<_> = found.iter().map(|l| (l.number, l.text.as_str(), l.seconds, l.runs)).collect();
        assert_eq!(shown, [(3, "+ g(x)", 7.5, 2), (2, "f(x)", 0.5, 1), (1, "let y =", 0.0, 0)]);
        assert_eq!(found[0].kinds, [(Kind::Noise, 6.0), (Kind::Kernel, 1.5)]);
    }

    #[test]
    fn work_of_the_library_belongs_to_the_line_that_calls_it() {
        let mine = source("a.moy", "fn S(x) = x^2\nlet run = hmc(S)\n");
        let library = source("library prelude", "fn hmc(S) {\n    let p ~ noise()\n    force(x)\n}\n");
        let statement = place_of(&mine, "let run = hmc(S)");
        let noise = called("hmc", &place_of(&mine, "hmc(S)"), &place_of(&library, "noise()"));
        let force = called("hmc", &place_of(&mine, "hmc(S)"), &place_of(&library, "force(x)"));
        let action = called("force", &force, &place_of(&mine, "x^2"));
        let marks = vec![Mark { kind: Kind::Noise, shares: vec![(0, 1.0)] }, Mark { kind: Kind::Kernel, shares: vec![(1, 1.0)] }];
        let found = lines(&statement, marks, vec![noise, action], &[(0, 1.0), (1, 3.0)], 4.0);
        let shown: Vec<_> = found.iter().map(|l| (l.number, l.seconds, l.with_calls)).collect();
        assert_eq!(shown, [(1, 3.0, 3.0), (2, 1.0, 4.0)]);
        assert_eq!((found[0].parts[0].calls.join(" "), found[0].parts[0].from, found[0].parts[0].text.clone()), ("hmc".into(), Some(2), None));
        assert_eq!((found[1].parts[0].calls.join(" "), found[1].parts[0].text.as_deref()), ("hmc".into(), Some("let p ~ noise()")));
    }

    #[test]
    fn a_run_without_a_sample_is_its_statement() {
        let text = source("a.moy", "1 + 1");
        let found = lines(&Span::new(&text, 0, 5), vec![], vec![], &[], 0.25);
        assert_eq!((found.len(), found[0].seconds, &found[0].kinds[0]), (1, 0.25, &(Kind::Short, 0.25)));
    }
}
