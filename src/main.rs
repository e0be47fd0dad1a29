//! The command `moyal`.

mod arguments;
mod axis;
mod colour;
mod columns;
mod latex;
mod npy;
mod plot;
mod plot_terminal;
mod png;
mod profile;
mod repl;
mod report;
mod store;
mod terminal;
mod verdicts;

use arguments::{Arguments, Verb};
use moyal_lang::diagnostic::Diagnostic;
use moyal_lang::host::{Options, ParamInfo};
use moyal_lang::session::{Session, TestOutcome};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use terminal::Terminal;

const WELL: u8 = 0;
const FAILED: u8 = 1;
const WRONG_COMMAND: u8 = 2;
const INTERRUPTED: u8 = 130;

const HELP: &str = "\
moyal: a language for lattice field theory and stochastic processes

  moyal run FILE [--param VALUE]…   checks a program and runs it
  moyal run FILE --help             the program's params
  moyal check FILE…                 checks only
  moyal test FILE…                  runs the `test` blocks
  moyal verify FILE…                checks actions and samplers by what must hold whatever the answer
  moyal                             the prompt (also `moyal repl`)

  --seed N            another seed than 1; the same seed gives the same numbers
  --threads N         how many threads (all cores); the numbers do not depend on it
  --out DIR           where figures and saved files go
  --interpret         the reference interpreter: slow, the same numbers
  --allow-nonfinite   infinite numbers and NaN do not stop the program
  --quiet             no progress, no word but the program's own
  --profile           where the time went, line by line (with `run`)
  --version, --help";

fn main() -> ExitCode {
    let words: Result<Vec<String>, _> = std::env::args_os().skip(1).map(|word| word.into_string()).collect();
    let arguments = match words {
        Ok(words) => arguments::parse(&words),
        Err(word) => Err(format!("`{}` is not a text in UTF-8", word.to_string_lossy())),
    };
    match arguments {
        Ok(arguments) => ExitCode::from(report::guarded(|| carry_out(&arguments)).unwrap_or(FAILED)),
        Err(sentence) => wrong_command(&sentence),
    }
}

fn wrong_command(sentence: &str) -> ExitCode {
    report::refuse(sentence);
    ExitCode::from(WRONG_COMMAND)
}

fn carry_out(arguments: &Arguments) -> u8 {
    match arguments.verb {
        Verb::Version => said(concat!("moyal ", env!("CARGO_PKG_VERSION"))),
        Verb::Help => said(HELP),
        _ if arguments.help && arguments.files.is_empty() => said(HELP),
        Verb::Run if arguments.help => each_file(arguments, program_help),
        Verb::Run => each_file(arguments, run),
        Verb::Check => each_file(arguments, check),
        Verb::Test => each_file(arguments, test),
        Verb::Verify => each_file(arguments, verify),
        Verb::Repl => {
            let host = Terminal::of_prompt(arguments.out.clone(), arguments.quiet);
            let session = Session::new(moyal_stdlib::module, options(arguments, vec![]));
            stop_on_interrupt(&session.options.stop, None);
            if repl::repl(session, host) { WELL } else { FAILED }
        }
    }
}

fn said(text: &str) -> u8 {
    report::out(text);
    WELL
}

/// One program, and what it takes to work with it.
struct Program<'a> {
    arguments: &'a Arguments,
    name: &'a str,
    text: String,
    session: Session,
    host: Terminal,
}

/// Does the same with each file; the worst outcome counts.
fn each_file(arguments: &Arguments, work: fn(&mut Program) -> u8) -> u8 {
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_interrupt(&stop, Some(GRACE));
    let mut worst = WELL;
    for name in &arguments.files {
        let code = match program(arguments, name, &stop) {
            Ok(mut program) => work(&mut program),
            Err(sentence) => {
                report::refuse(&sentence);
                WRONG_COMMAND
            }
        };
        worst = worst.max(code);
        if stop.load(Ordering::SeqCst) {
            break;
        }
    }
    worst
}

fn program<'a>(arguments: &'a Arguments, name: &'a str, stop: &Arc<AtomicBool>) -> Result<Program<'a>, String> {
    let text = store::read_text(Path::new(name)).map_err(|sentence| sentence + &suffix_hint(name))?;
    if let (Verb::Run, false, Some(out)) = (arguments.verb, arguments.help, &arguments.out) {
        std::fs::create_dir_all(out).map_err(|e| format!("nothing can be written to {}: {e}", out.display()))?;
    }
    let host = if arguments.verb == Verb::Test { Terminal::of_test } else { Terminal::of_program };
    let mut host = host(name, arguments.out.clone(), arguments.quiet);
    let mut options = options(arguments, vec![]);
    options.stop = stop.clone();
    let mut session = Session::new(moyal_stdlib::module, options);
    if arguments.profile && !arguments.help {
        session.profile();
    }
    // A program with mistakes says so when it is run.
    if !arguments.params.is_empty()
        && let Ok(params) = session.params(name, &text, &mut host)
    {
        session.options.params = given_params(arguments, name, &params)?;
    }
    Ok(Program { arguments, name, text, session, host })
}

fn suffix_hint(name: &str) -> String {
    let full = format!("{name}.moy");
    if !name.ends_with(".moy") && Path::new(&full).is_file() { format!("; did you mean {full}?") } else { String::new() }
}

/// Under the names that the program gives them.
fn given_params(arguments: &Arguments, file: &str, params: &[ParamInfo]) -> Result<Vec<(String, String)>, String> {
    let names: Vec<String> = params.iter().map(|p| p.name.clone()).collect();
    let find = |typed: &str| arguments::find_param(typed, file, &names);
    arguments.params.iter().map(|(typed, value)| Ok((find(typed)?.to_string(), value.clone()))).collect()
}

fn options(arguments: &Arguments, params: Vec<(String, String)>) -> Options {
    let usual = Options::default();
    Options {
        seed: arguments.seed.unwrap_or(usual.seed),
        threads: arguments.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
        interpret: arguments.interpret,
        allow_nonfinite: arguments.allow_nonfinite,
        memory: memory().unwrap_or(usual.memory),
        params,
        ..usual
    }
}

/// Bytes of this machine's memory, where the system tells.
fn memory() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = told.lines().find(|l| l.starts_with("MemTotal:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// How long a run may take to its orderly end: one step over a large array, or one decomposition, may take minutes.
const GRACE: Duration = Duration::from_millis(800);

/// Ends a run that has not stopped in time. Files are moved to their place whole, so none is left half written.
fn end_at_once() -> ! {
    let mut stopped = Diagnostic::error("stopped").help("what earlier statements have written stays");
    if let Some(statement) = terminal::current() {
        stopped = stopped.label(&statement, "in the middle of this");
    }
    report::mistakes(&[stopped]);
    std::process::exit(INTERRUPTED.into())
}

/// The first Ctrl-C asks for an orderly end, the second does not ask.
fn stop_on_interrupt(stop: &Arc<AtomicBool>, grace: Option<Duration>) {
    let stop = stop.clone();
    let installed = ctrlc::set_handler(move || {
        if stop.swap(true, Ordering::SeqCst) {
            std::process::exit(INTERRUPTED.into());
        }
        if report::is_terminal() {
            report::note("\nstopping (once more Ctrl-C: at once)");
        }
        if let Some(grace) = grace {
            std::thread::spawn(move || {
                std::thread::sleep(grace);
                end_at_once()
            });
        }
    });
    // Without it Ctrl-C ends the program as it ends any other.
    let _ = installed;
}

fn failed(program: &Program, mistakes: &[Diagnostic]) -> u8 {
    report::mistakes(mistakes);
    if program.session.options.stop.load(Ordering::SeqCst) { INTERRUPTED } else { FAILED }
}

fn run(program: &mut Program) -> u8 {
    let ran = program.session.run_alone(program.name, &program.text, &mut program.host);
    let profile = program.session.profiled();
    let code = match ran {
        Ok(()) => WELL,
        Err(mistakes) => failed(program, &mistakes),
    };
    if let Some(text) = profile.and_then(|found| profile::text(&found, Some(program.name))) {
        report::note(&text);
    }
    code
}

fn check(program: &mut Program) -> u8 {
    match program.session.check(program.name, &program.text, &mut program.host) {
        Ok(warnings) if warnings.is_empty() => {
            if !program.arguments.quiet {
                report::out(&format!("{}: no mistakes", program.name));
            }
            WELL
        }
        Ok(warnings) => {
            report::mistakes(&warnings);
            WELL
        }
        Err(mistakes) => failed(program, &mistakes),
    }
}

fn test(program: &mut Program) -> u8 {
    let outcomes = match program.session.test(program.name, &program.text, &mut program.host) {
        Ok(outcomes) => outcomes,
        Err(mistakes) => return failed(program, &mistakes),
    };
    for outcome in &outcomes {
        test_outcome(outcome, program.arguments.quiet);
    }
    let failures = outcomes.iter().filter(|o| o.failure.is_some()).count();
    let summary = match (failures, outcomes.len()) {
        (_, 0) => "no tests".to_string(),
        (0, 1) => "1 test passed".to_string(),
        (0, n) => format!("{n} tests passed"),
        (k, n) => format!("{k} of {n} tests failed"),
    };
    report::out(&format!("{}: {summary}", program.name));
    if program.session.options.stop.load(Ordering::SeqCst) {
        INTERRUPTED
    } else if failures > 0 {
        FAILED
    } else {
        WELL
    }
}

fn test_outcome(outcome: &TestOutcome, quiet: bool) {
    match &outcome.failure {
        None if quiet => {}
        None => report::out(&format!("passed  {}", outcome.title)),
        Some(failure) => {
            report::out(&format!("FAILED  {}", outcome.title));
            report::mistakes(std::slice::from_ref(failure));
        }
    }
}

fn verify(program: &mut Program) -> u8 {
    match program.session.verify(program.name, &program.text, &mut program.host) {
        Ok(verification) => {
            report::mistakes(&verification.warnings);
            report::mistakes(&verification.stopped);
            for outcome in &verification.tests {
                test_outcome(outcome, program.arguments.quiet);
            }
            let failures = verdicts::print(&verification, program.name);
            if failures > 0 { FAILED } else { WELL }
        }
        Err(mistakes) => failed(program, &mistakes),
    }
}

fn program_help(program: &mut Program) -> u8 {
    let params = match program.session.params(program.name, &program.text, &mut program.host) {
        Ok(params) => params,
        Err(mistakes) => return failed(program, &mistakes),
    };
    report::out(&params_text(program.name, &params));
    WELL
}

fn params_text(file: &str, params: &[ParamInfo]) -> String {
    if params.is_empty() {
        return format!("{file} has no params; `moyal --help` lists the flags of moyal");
    }
    let width = |of: fn(&ParamInfo) -> &str| params.iter().map(|p| of(p).chars().count()).max().unwrap_or(0);
    let (names, defaults) = (width(|p| &p.name), width(|p| &p.default));
    let mut text = format!("moyal run {file} [--param VALUE]…\n\n");
    for p in params {
        let taken = if arguments::FLAGS.contains(&p.name.as_str()) { " (not from here: moyal itself has a flag of this name)" } else { "" };
        let line = format!("  --{:names$}   {:defaults$}   {}{taken}", p.name, p.default, p.help.as_deref().unwrap_or(""));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str("\n`moyal --help` lists the flags of moyal");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn params_are_listed() {
        let param = |name: &str, default: &str, help: Option<&str>| ParamInfo {
            name: name.into(),
            default: default.into(),
            help: help.map(str::to_string),
        };
        let params = [param("L", "32", Some("sites per side")), param("kappa", "0.26", None), param("seed", "1", None)];
        let expected = "moyal run phi4.moy [--param VALUE]…\n
  --L       32     sites per side
  --kappa   0.26
  --seed    1       (not from here: moyal itself has a flag of this name)

`moyal --help` lists the flags of moyal";
        assert_eq!(params_text("phi4.moy", &params), expected);
    }
}
