//! A text is checked into the same Core each time, whatever order a table of names happens to be in.

use moyal_lang::check::Globals;
use moyal_lang::check::script::{Action, ScriptChecker};
use moyal_lang::core::text;
use moyal_lang::embed::Quiet;
use moyal_lang::source::Source;
use moyal_lang::syntax;
use std::sync::Arc;

const TEXT: &str = "
var position = 0.0
var speed = 1.0
var longest = 0.0
var turns = 0
for n in 40 {
    speed = speed - 0.1 * position
    position = position + 0.1 * speed
    longest = max(longest, position)
    turns = turns + 1
}
print(\"{position} {speed} {longest} {turns}\")
";

fn core() -> String {
    let source = Arc::new(Source { name: "test".into(), text: TEXT.into() });
    let (program, _) = syntax::parse(&source);
    let (mut globals, mut host) = (Globals::default(), Quiet::default());
    let mut checker = ScriptChecker::new(&mut globals, &mut host, moyal_stdlib::module, &[], false);
    checker.prelude();
    let script = checker.script(&program);
    assert!(checker.diagnostics.is_empty(), "{:?}", checker.diagnostics);
    let units = script.actions.iter().filter_map(|a| if let Action::Run(unit) = a { Some(unit) } else { None });
    units.map(|unit| format!("{}{:?} {:?}\n", text::program(&unit.program), unit.inputs, unit.outputs)).collect()
}

#[test]
fn a_text_gives_the_same_core_each_time() {
    let first = core();
    assert!(first.contains("loop"), "{first}");
    (0..20).for_each(|_| assert_eq!(core(), first));
}
