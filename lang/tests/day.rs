//! A long day at the prompt: nothing grows but what its names hold, and nothing is compiled twice.

use moyal_lang::embed::{Module, Quiet};
use moyal_lang::host::Options;
use moyal_lang::session::Session;
use std::sync::Mutex;

/// Code in memory is counted for the whole process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn session() -> (Session, Quiet) {
    (Session::new(moyal_stdlib::module, Options { threads: 2, ..Options::default() }), Quiet::default())
}

fn enter(session: &mut Session, host: &mut Quiet, text: &str) {
    if let Err(mistakes) = session.enter(text, host) {
        panic!("{text}: {}", mistakes[0].message);
    }
    host.lines.clear();
}

/// Bytes of memory that the process has, as the system counts them.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    pages.and_then(|p| p.split(' ').nth(1)?.parse::<u64>().ok()).unwrap_or(0) * 4096
}

/// What is entered in round k: every function is another one each time, and so is its code.
fn round(session: &mut Session, host: &mut Quiet, k: usize) {
    enter(session, host, &format!("fn f(x) = {k}.5 * x^2 + sin(x)"));
    enter(session, host, "let x: real[20_000] ~ normal(0, 1)");
    enter(session, host, &format!("let y = [f(v) + {k} for v in x]"));
    enter(session, host, "mean(ensemble(y))");
    enter(session, host, "var total = 0.0");
    enter(session, host, "for k in 3 { total = total + k * sum(y) }");
    enter(session, host, &format!("let g = s -> s * total + {k}"));
    enter(session, host, "g(2.0)");
    assert!(session.enter("sum(nobody)", host).is_err());
    assert!(session.enter("[1.0, 2.0][3 * int_of(1)]", host).is_err());
    if k.is_multiple_of(20) {
        enter(session, host, &format!("action S(φ: real[8]) = sum(φ[i]^2 / 2 + {k} * φ[i]^4 for i in 8)"));
        enter(session, host, "let run = hmc(S, chains: 4, warmup: 10, draws: 50, length: 1.0, steps: 4)");
        enter(session, host, "let m = mean([mean(φ^2) for φ in run])");
        enter(session, host, "let ratio = m / m.value + 0 * run.acceptance");
        enter(session, host, "ratio");
    }
}

#[test]
fn a_day_at_the_prompt_does_not_grow() {
    let _alone = ALONE.lock();
    let (mut session, mut host) = session();
    let mut found = vec![];
    for k in 0..400 {
        round(&mut session, &mut host, k);
        if k % 100 == 99 {
            found.push((session.places(), moyal_lang::jit::kernels(), resident()));
        }
    }
    let ((places, kernels, bytes), last) = (found[0], found[found.len() - 1]);
    assert_eq!(places, last.0, "places for values, after each hundred rounds: {found:?}");
    assert!(last.1 <= kernels + kernels / 4, "kernels in memory, after each hundred rounds: {found:?}");
    assert!(last.2 < bytes + (8 << 20), "bytes, after each hundred rounds: {found:?}");
    drop(session);
    assert_eq!(moyal_lang::jit::kernels(), 0, "the code of a session goes with it");
}

#[test]
fn what_a_name_holds_is_kept_and_no_more() {
    let _alone = ALONE.lock();
    let (mut session, mut host) = session();
    enter(&mut session, &mut host, "let scale = 3.0 * sqrt(2.0)");
    enter(&mut session, &mut host, "let z: real[3] ~ normal(0, 1)");
    enter(&mut session, &mut host, "let held = (s -> s * scale + z[0], normal(scale, 2), mean(ensemble(z)))");
    enter(&mut session, &mut host, "let (f, d, m) = held");
    enter(&mut session, &mut host, "process p(x: real) { d x = -scale * x * dt + dW }");
    enter(&mut session, &mut host, "let back = reverse(p, score: (x, t) -> -x * scale)");
    let read = |session: &mut Session, host: &mut Quiet| {
        session.enter("print(\"{f(1.0)} {d.mean} {m} {p.drift(1.0)} {back.drift(1.0)}\")", host).unwrap_or_else(|m| panic!("{}", m[0].message));
        std::mem::take(&mut host.lines).concat()
    };
    let first = read(&mut session, &mut host);
    for k in 0..50 {
        enter(&mut session, &mut host, &format!("let other = [{k}.5, 1.0, 2.0]"));
        enter(&mut session, &mut host, "let scale = sum(other)");
    }
    enter(&mut session, &mut host, "let held = 1");
    enter(&mut session, &mut host, "let z = 2.0");
    assert_eq!(first, read(&mut session, &mut host));
}

#[test]
fn another_value_of_a_real_param_compiles_nothing() {
    let _alone = ALONE.lock();
    let (mut session, mut host) = session();
    let mut compiled = vec![];
    for kappa in [0.1, 0.15, 0.2, 0.25] {
        enter(&mut session, &mut host, &format!("param kappa = {kappa}"));
        enter(&mut session, &mut host, "action S(φ: real[4, 4]) = sum(φ[i, j]^2 - kappa * φ[i, j] * φ[j, i] for i in 4, j in 4)");
        enter(&mut session, &mut host, "let run = hmc(S, chains: 4, warmup: 10, draws: 50)");
        enter(&mut session, &mut host, "mean([mean(φ^2) for φ in run])");
        compiled.push(session.compilations());
    }
    assert!(compiled[0] > 0);
    // The first of them is entered when fewer names are known; all others are alike.
    assert_eq!(compiled[1], compiled[3], "{compiled:?}");
}

#[test]
fn a_loop_over_values_compiles_its_body_once() {
    let _alone = ALONE.lock();
    let compiled = |values: &str| {
        let (mut session, mut host) = session();
        let text = format!(
            "let values = {values}
             for kappa in values {{
                 action S(φ: real[16]) = sum(φ[i]^2 - kappa * φ[i] for i in 16)
                 let run = hmc(S, chains: 4, warmup: 10, draws: 50)
                 print(\"{{mean([mean(φ) for φ in run])}}\")
             }}"
        );
        session.run_alone("sweep", &text, &mut host).unwrap_or_else(|m| panic!("{}", m[0].message));
        (session.compilations(), host.lines.len())
    };
    let (few, lines) = compiled("[0.1, 0.2]");
    assert_eq!(lines, 2);
    assert_eq!(compiled("[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]"), (few, 6));
}

#[test]
fn a_function_called_with_other_numbers_is_compiled_once() {
    let _alone = ALONE.lock();
    let mut module = Module::new(moyal_stdlib::module, "fn f(x, s) = s * exp(x)").unwrap();
    let before = module.compilations();
    for s in [1.0, 2.0, 3.0] {
        assert_eq!(module.call("f", &[0.0.into(), s.into()]).unwrap()[0].real(), Some(s));
    }
    assert_eq!(module.compilations(), before + 1);
}
