//! How long a text takes until it is machine code, stage by stage: the long program `models/study.moy` and `examples/phi4.moy`.
//! Nothing is run. Stages are measured in time of the processor, which others on the machine disturb little; the whole also by the clock.
//! `cargo bench --bench compile`

use moyal_lang::check::Globals;
use moyal_lang::check::script::ScriptChecker;
use moyal_lang::core::identity::identity;
use moyal_lang::embed::Quiet;
use moyal_lang::host::Options;
use moyal_lang::jit::{self, Compiled};
use moyal_lang::session::Session;
use moyal_lang::source::Source;
use moyal_lang::{measure, pipeline, syntax};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 9;

/// `library`: what the standard library costs before the text is looked at; `check` gives Core, `passes` its form for machines, `plan`
/// places in memory, `emit` machine code.
const STAGES: [&str; 6] = ["library", "parse", "check", "passes", "plan", "emit"];

fn main() {
    for (name, text) in [
        ("benches/models/study.moy", include_str!("models/study.moy")),
        ("examples/phi4.moy", include_str!("../examples/phi4.moy")),
    ] {
        let runs: Vec<[Duration; STAGES.len()]> = (0..ROUNDS).map(|_| stages(name, text)).collect();
        // Others share the machine: of each stage the best.
        let best: Vec<Duration> = (0..STAGES.len()).map(|k| runs.iter().map(|r| r[k]).min().expect("some rounds")).collect();
        let lines = text.lines().count();
        println!("{name}: {lines} lines, best of {ROUNDS}");
        for (stage, time) in STAGES.iter().zip(&best) {
            print_time(stage, *time, lines);
        }
        print_time("sum", best.iter().sum(), lines);
        for threads in [1, 2] {
            let whole: Vec<[Duration; 2]> = (0..ROUNDS).map(|_| whole(name, text, threads)).collect();
            let best = |k: usize| whole.iter().map(|w| w[k]).min().expect("some rounds");
            let threads = format!("{threads} thread{}", if threads == 1 { "" } else { "s" });
            print_time(&format!("{threads}, processor"), best(0), lines);
            print_time(&format!("{threads}, clock"), best(1), lines);
        }
    }
}

fn print_time(name: &str, time: Duration, lines: usize) {
    println!("{name:20} {:8.2} ms   {:7.1} µs a line", time.as_secs_f64() * 1e3, time.as_secs_f64() * 1e6 / lines as f64);
}

/// As `moyal run` does it before the first statement runs.
fn whole(name: &str, text: &str, threads: usize) -> [Duration; 2] {
    let (mut clock, now) = (Clock(processor()), Instant::now());
    let mut session = Session::new(moyal_stdlib::module, Options { threads, ..Options::default() });
    session.compile(name, text, &mut Quiet::default()).expect("a program without mistakes");
    [clock.lap(), now.elapsed()]
}

fn stages(name: &str, text: &str) -> [Duration; STAGES.len()] {
    let mut clock = Clock(processor());
    let (mut globals, mut host) = (Globals::default(), Quiet::default());
    let mut checker = ScriptChecker::new(&mut globals, &mut host, moyal_stdlib::module, &[], false);
    checker.prelude();
    let library = clock.lap();
    let source = Arc::new(Source { name: name.to_string(), text: text.to_string() });
    let (program, mistakes) = syntax::parse(&source);
    assert!(mistakes.is_empty(), "{}", mistakes[0].message);
    let parse = clock.lap();
    let mut script = checker.script(&program);
    assert!(checker.diagnostics.is_empty(), "{}", checker.diagnostics[0].message);
    measure::script(&mut script, &mut globals.slots);
    let check = clock.lap();
    let mut units = vec![];
    script.actions.iter().for_each(|action| action.units(&mut units));
    // Equal programs, such as those of the turns of a loop over a few values, are compiled once.
    let mut seen = HashSet::new();
    units.retain(|unit| seen.insert(identity(&unit.program)));
    let prepared: Vec<_> = units.iter().map(|unit| pipeline::prepare(&unit.program)).collect();
    let passes = clock.lap();
    let plans: Vec<_> = prepared.iter().map(|program| jit::plan(program, false)).collect();
    let plan = clock.lap();
    let compiled: Vec<_> = plans.into_iter().map(|plan| Compiled::of(plan).expect("code for this machine")).collect();
    let emit = clock.lap();
    drop(compiled);
    [library, parse, check, passes, plan, emit]
}

struct Clock(Duration);

impl Clock {
    /// The processor's time since the last lap.
    fn lap(&mut self) -> Duration {
        let now = processor();
        now - std::mem::replace(&mut self.0, now)
    }
}

/// The time that all threads of this process have had of processors.
#[cfg(target_os = "linux")]
fn processor() -> Duration {
    #[repr(C)]
    struct Time {
        seconds: std::ffi::c_long,
        nanoseconds: std::ffi::c_long,
    }
    unsafe extern "C" {
        fn clock_gettime(clock: std::ffi::c_int, time: *mut Time) -> std::ffi::c_int;
    }
    const OF_PROCESS: std::ffi::c_int = 2;
    let mut time = Time { seconds: 0, nanoseconds: 0 };
    // It writes into `time` and nowhere else.
    assert_eq!(unsafe { clock_gettime(OF_PROCESS, &mut time) }, 0);
    Duration::new(time.seconds as u64, time.nanoseconds as u32)
}

/// Elsewhere the clock on the wall must do.
#[cfg(not(target_os = "linux"))]
fn processor() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}
