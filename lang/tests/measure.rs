//! A program that only asks for observables of a run keeps no configurations: it runs where they would not fit.

use moyal_lang::embed::Quiet;
use moyal_lang::host::Options;
use moyal_lang::session::Session;

/// 4 chains × 50 draws × 1024 sites are 1.6 MB.
const TEXT: &str = "
lattice Λ = torus(32, 32)
action S(φ: real[Λ]) = sum(φ[x]^2 for x in Λ)
let run = hmc(S, chains: 4, warmup: 2, draws: 50, steps: 2)
";

fn runs(asked: &str, alone: bool) -> bool {
    let options = Options { memory: 1 << 20, ..Options::default() };
    let mut session = Session::new(moyal_stdlib::module, options);
    let (text, mut host) = (format!("{TEXT}{asked}"), Quiet::default());
    if alone { session.run_alone("test", &text, &mut host).is_ok() } else { session.run("test", &text, &mut host).is_ok() }
}

#[test]
fn configurations_are_kept_only_where_they_are_needed() {
    let observable = "let m = [mean(φ) for φ in run]\nprint(\"{mean(abs(m))} {mean([S(φ) for φ in run])}\")";
    assert!(runs(observable, true), "the configurations are kept");
    assert!(!runs(observable, false), "a session that goes on must keep them");
    assert!(!runs("print(\"{max(mean(run).value)}\")", true), "something else reads them");
}
