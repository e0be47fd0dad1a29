//! A running statement can be stopped after any turn of its outermost loop and continued: the bits are those of a run
//! that was never stopped. On both engines, with a sampler of the library.

use moyal_lang::check::Globals;
use moyal_lang::check::script::{Action, ScriptChecker, Unit};
use moyal_lang::core::Op;
use moyal_lang::embed::Quiet;
use moyal_lang::engine::{Context, Control, State};
use moyal_lang::execute::Ready;
use moyal_lang::source::Source;
use moyal_lang::syntax;
use moyal_runtime::array::Array;
use moyal_runtime::threads::Pool;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const TEXT: &str = "
lattice Λ = torus(4, 4)
lattice Γ = torus(24, 24)
action S(φ: real[Λ]) = sum(-0.4 * sum(φ[x] * φ[x + mu] for mu in Λ.directions) + φ[x]^2 + 0.1 * φ[x]^4 for x in Λ)
action T(φ: real[Γ]) = sum(-0.4 * sum(φ[x] * φ[x + mu] for mu in Γ.directions) + φ[x]^2 + 0.1 * φ[x]^4 for x in Γ)
";

const SAMPLERS: &[&str] = &[
    "let run = hmc(S, chains: 3, warmup: 4, draws: 9, thin: 2)",
    // Its loops read tables (which sites are even) that come before them.
    "let run = metropolis(S, 0.8, chains: 3, warmup: 4, draws: 9, thin: 2)",
    // Its fields are so large that the old and the new ones change places each turn.
    "let run = hmc(T, chains: 2, warmup: 4, draws: 9, keep: φ -> mean(φ^2))",
];

/// The unit that samples.
fn sampler(call: &str) -> Unit {
    let source = Arc::new(Source { name: "test".into(), text: format!("{TEXT}{call}") });
    let (program, mistakes) = syntax::parse(&source);
    assert!(mistakes.is_empty());
    let (mut globals, mut host) = (Globals::default(), Quiet::default());
    let mut checker = ScriptChecker::new(&mut globals, &mut host, moyal_stdlib::module, &[], false);
    checker.prelude();
    let script = checker.script(&program);
    assert!(checker.diagnostics.is_empty(), "{:?}", checker.diagnostics);
    let mut units = script.actions.into_iter().filter_map(|a| if let Action::Run(unit) = a { Some(unit) } else { None });
    units.find(|u| u.program.body.steps.iter().any(|s| matches!(s.op, Op::Loop { .. }))).expect("a loop")
}

fn same(a: &[Arc<Array>], b: &[Arc<Array>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.same_bits(y))
}

#[test]
fn samplers_stopped_after_any_draw_go_on_with_the_same_bits() {
    SAMPLERS.iter().for_each(|call| stopped_and_resumed(call));
}

fn stopped_and_resumed(call: &str) {
    let stop = AtomicBool::new(false);
    let context = Context { seed: 7, stop: &stop };
    let mut whole: Option<Vec<Arc<Array>>> = None;
    for (interpret, threads) in [(true, 1), (false, 1), (false, 3)] {
        moyal_lang::pipeline::prepare_verified(&sampler(call).program).unwrap();
        let ready = Ready::new(&sampler(call).program, interpret);
        let pool = Pool::new(threads);
        let mut turns = 0;
        let uninterrupted = ready
            .run_from(&[], State::default(), &context, &pool, &mut |_, _, _| {
                turns += 1;
                Control::Continue
            })
            .unwrap();
        assert!(turns >= 4 + 9, "the loops over warm-up and draws are outermost, not {turns} turns");
        let expected = whole.get_or_insert_with(|| uninterrupted.clone());
        assert!(same(expected, &uninterrupted), "engines differ");
        for after in 1..turns {
            let (mut seen, mut saved) = (0, None);
            let stopped = ready.run_from(&[], State::default(), &context, &pool, &mut |state, _, _| {
                seen += 1;
                if seen < after {
                    return Control::Continue;
                }
                saved = Some(state());
                Control::Stop
            });
            assert!(stopped.is_err());
            let resumed = ready.run_from(&[], saved.unwrap(), &context, &pool, &mut |_, _, _| Control::Continue).unwrap();
            assert!(same(&uninterrupted, &resumed), "resumed after turn {after}");
        }
    }
}
