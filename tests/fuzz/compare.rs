//! One program on every engine: what the checker made of it is run by the interpreter, by the interpreter after all
//! passes, compiled on one thread and compiled on three, and all must give the same bits or fail in the same way.

use crate::coverage::Coverage;
use moyal_lang::check::Globals;
use moyal_lang::check::script::{Action, Count, Script, ScriptChecker, Unit};
use moyal_lang::check::value::Value;
use moyal_lang::core::{Block, Op, Program, text as core_text};
use moyal_lang::diagnostic::{Diagnostic, Severity};
use moyal_lang::embed::Quiet;
use moyal_lang::engine::{Context, Control, Failure, FailureKind, State};
use moyal_lang::jit::Compiled;
use moyal_lang::source::Source;
use moyal_lang::{execute, interpret, pipeline, syntax};
use moyal_runtime::array::{Array, Data};
use moyal_runtime::simd::{self, Level};
use moyal_runtime::threads::Pool;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Compiled for vectors that are narrower than the machine's. (The limit is the process's: another program that is compiled
/// meanwhile gets narrow vectors too, which changes no bits.)
fn narrower(program: &Program, level: Level) -> Compiled {
    simd::limit(level);
    let compiled = Compiled::new(program).expect("what compiles for wide vectors does for narrow ones");
    simd::limit(Level::Avx512);
    compiled
}

/// What is wrong with a program's treatment.
#[derive(Debug, Clone)]
pub struct Complaint {
    /// Of what sort it is: a smaller program shows the same mistake if it has the same sort.
    pub sort: String,
    pub what: String,
}

impl Complaint {
    pub fn new(sort: impl Into<String>, what: impl Into<String>) -> Complaint {
        Complaint { sort: sort.into(), what: what.into() }
    }
}

pub enum Outcome {
    /// All ways agree.
    Agreed,
    /// It asks for more than is worth comparing.
    TooLarge,
}

/// A program that has been checked, and the values that its statements have made.
pub struct Checked {
    pub globals: Globals,
    pub script: Script,
    pub store: Vec<Option<Arc<Array>>>,
}

pub struct Bench {
    library: Globals,
    one: Pool,
    three: Pool,
    pub stop: Arc<AtomicBool>,
    pub coverage: Coverage,
    /// How many runs threads could share.
    pub large: usize,
    /// How many runs were stopped and resumed.
    pub resumed: usize,
}

/// Bytes that an array may have, and steps for which the interpreter runs a program as it stands.
const BYTES: u64 = 1 << 26;
const STEPS: f64 = 2e4;
/// Numbers computed, beyond which a program takes too long.
const WORK: f64 = 4e7;
/// The work that the engine finds worth sharing among threads.
const SHARED: f64 = 32_768.0;

pub const SEED: u64 = 1;

impl Bench {
    pub fn new(stop: Arc<AtomicBool>) -> Bench {
        let mut library = Globals::default();
        let mut host = Quiet::default();
        ScriptChecker::new(&mut library, &mut host, moyal_stdlib::module, &[], false).prelude();
        Bench { library, one: Pool::new(1), three: Pool::new(3), stop, coverage: Coverage::default(), large: 0, resumed: 0 }
    }

    /// Parsed and checked: what is wrong with it, if anything.
    pub fn checked(&self, text: &str) -> Result<Checked, Vec<Diagnostic>> {
        let source = Arc::new(Source { name: "random.moy".into(), text: text.to_string() });
        let (program, mut mistakes) = syntax::parse(&source);
        let mut globals = self.library.clone();
        let mut host = Quiet::default();
        let mut checker = ScriptChecker::new(&mut globals, &mut host, moyal_stdlib::module, &[], false);
        let script = checker.script(&program);
        if mistakes.is_empty() {
            mistakes.append(&mut checker.diagnostics);
        }
        if mistakes.iter().any(|d| d.severity != Severity::Warning) {
            return Err(mistakes);
        }
        Ok(Checked { globals, script, store: vec![] })
    }

    /// Runs a checked program on every engine, statement by statement. The error is the first disagreement.
    pub fn run(&mut self, checked: &mut Checked) -> Result<Outcome, Complaint> {
        let actions = std::mem::take(&mut checked.script.actions);
        let result = self.actions(checked, &actions);
        checked.script.actions = actions;
        match result {
            Ok(()) => Ok(Outcome::Agreed),
            Err(Ended::Failed) => Ok(Outcome::Agreed),
            Err(Ended::TooLarge) => Ok(Outcome::TooLarge),
            Err(Ended::Wrong(complaint)) => Err(complaint),
        }
    }

    fn actions(&mut self, checked: &mut Checked, actions: &[Action]) -> Result<(), Ended> {
        actions.iter().try_for_each(|action| self.action(checked, action))
    }

    fn action(&mut self, checked: &mut Checked, action: &Action) -> Result<(), Ended> {
        match action {
            Action::Run(unit) => self.unit(checked, unit),
            Action::Load { .. } => Ok(()),
            Action::For { count, turn, body } => {
                let count = match count {
                    Count::Known(n) => *n as i64,
                    Count::Slot(slot) => checked.array(*slot).ints()[0],
                };
                (0..count).try_for_each(|k| {
                    checked.set(*turn, Arc::new(Array::int(k)));
                    self.actions(checked, body)
                })
            }
            Action::While { condition, turn, test, body } => {
                for k in 0.. {
                    self.unit(checked, condition)?;
                    if !checked.array(*test).bools()[0] {
                        break;
                    }
                    checked.set(*turn, Arc::new(Array::int(k)));
                    self.actions(checked, body)?;
                }
                Ok(())
            }
            Action::If { condition, test, then, otherwise } => {
                self.unit(checked, condition)?;
                let branch = if checked.array(*test).bools()[0] { then } else { otherwise };
                self.actions(checked, branch)
            }
        }
    }

    fn unit(&mut self, checked: &mut Checked, unit: &Unit) -> Result<(), Ended> {
        if execute::too_large(&unit.program, BYTES).is_some() || work(&unit.program, &unit.program.body, &numbers) > WORK {
            return Err(Ended::TooLarge);
        }
        let inputs: Vec<Arc<Array>> = unit.inputs.iter().map(|slot| checked.array(*slot)).collect();
        let results = self.every_way(&unit.program, &inputs, unit.span.text())?;
        for (slot, value) in unit.outputs.iter().zip(results) {
            checked.set(*slot, value);
        }
        Ok(())
    }

    /// Every way to run one program, and what they agree upon.
    fn every_way(&mut self, program: &Program, inputs: &[Arc<Array>], text: &str) -> Result<Vec<Arc<Array>>, Ended> {
        self.coverage.made(program);
        let prepared = match pipeline::prepare_verified(program) {
            Ok(prepared) => prepared,
            Err(why) => return wrong("an invariant of Core", format!("{why}\nin: {text}")),
        };
        // A body that no member asks for costs nothing as it stands, and all its work once it is done for all members at once.
        if work(&prepared, &prepared.body, &numbers) > WORK {
            return Err(Ended::TooLarge);
        }
        self.coverage.prepared(&prepared);
        let stop = self.stop.clone();
        let context = Context { seed: SEED, stop: &stop };
        let steps = work(program, &program.body, &|_| 1.0);
        let plain = if steps <= STEPS { interpret::run(program, inputs, &context) } else { interpret::run(&prepared, inputs, &context) };
        let named = |failure: Failure| execute::exactly(program, inputs, &context, failure);
        let plain = plain.map_err(named);
        if matches!(&plain, Err(failure) if failure.kind == FailureKind::Stopped) {
            return wrong("a hang", format!("it does not end: {text}"));
        }
        if steps <= STEPS {
            let passed = interpret::run(&prepared, inputs, &context).map_err(named);
            same("the interpreter after all passes", &plain, &passed, text)?;
        }
        let compiled = match Compiled::new(&prepared) {
            Ok(compiled) => compiled,
            Err(why) => return wrong("no compiled code", format!("{why}\nin: {text}")),
        };
        if work(program, &program.body, &numbers) > SHARED {
            self.large += 1;
        }
        let mut watch = |_: &mut dyn FnMut() -> State, _: i64, _: i64| Control::Continue;
        let serial = compiled.run_from(inputs, State::default(), &context, &self.one, &mut watch).map_err(named);
        // A short one is shown as the engine gets it.
        let core = |_: &Complaint| core_text::program(&prepared).lines().take(40).collect::<Vec<_>>().join("\n");
        same("compiled code", &plain, &serial, text).map_err(|ended| ended.with(core))?;
        let (three, level) = (&self.three, if steps as u64 % 2 == 0 { Level::Avx2 } else { Level::Baseline });
        let narrow = narrower(&prepared, level);
        let shared = narrow.run_from(inputs, State::default(), &context, three, &mut watch);
        same(&format!("compiled code for {level:?} on three threads"), &plain, &shared.map_err(named), text)?;
        if prepared.body.steps.iter().any(|step| matches!(step.op, Op::Loop { .. })) {
            self.resumed(&compiled, inputs, &context, &plain, text)?;
        }
        plain.map_err(|_| Ended::Failed)
    }

    /// The same run stopped after two of its resume points, and gone on with.
    fn resumed(
        &mut self,
        compiled: &Compiled,
        inputs: &[Arc<Array>],
        context: &Context,
        plain: &Result<Vec<Arc<Array>>, Failure>,
        text: &str,
    ) -> Result<(), Ended> {
        let mut saved = None;
        let mut left = 2;
        let mut watch = |state: &mut dyn FnMut() -> State, _: i64, _: i64| {
            left -= 1;
            if left > 0 {
                return Control::Continue;
            }
            saved = Some(state());
            Control::Stop
        };
        let stopped = compiled.run_from(inputs, State::default(), context, &self.one, &mut watch);
        let (Err(Failure { kind: FailureKind::Stopped, .. }), Some(state)) = (stopped, saved) else { return Ok(()) };
        self.resumed += 1;
        let mut watch = |_: &mut dyn FnMut() -> State, _: i64, _: i64| Control::Continue;
        let rest = compiled.run_from(inputs, state, context, &self.one, &mut watch);
        match (plain, rest) {
            (Ok(plain), Ok(rest)) => same("a resumed run", &Ok(plain.clone()), &Ok(rest), text),
            (Err(_), Err(_)) => Ok(()),
            (plain, rest) => wrong("a resumed run", format!("{:?} instead of {:?} of: {text}", rest.err(), plain.as_ref().err())),
        }
    }
}

enum Ended {
    /// The program fails, the same way everywhere.
    Failed,
    TooLarge,
    Wrong(Complaint),
}

impl Ended {
    /// The complaint with more to read.
    fn with(self, more: impl FnOnce(&Complaint) -> String) -> Ended {
        match self {
            Ended::Wrong(complaint) => Ended::Wrong(Complaint { what: format!("{}\n{}", complaint.what, more(&complaint)), ..complaint }),
            other => other,
        }
    }
}

fn wrong<T>(sort: &str, what: String) -> Result<T, Ended> {
    Err(Ended::Wrong(Complaint::new(sort, what)))
}

fn same(way: &str, plain: &Result<Vec<Arc<Array>>, Failure>, other: &Result<Vec<Arc<Array>>, Failure>, text: &str) -> Result<(), Ended> {
    match (plain, other) {
        (Ok(plain), Ok(other)) => {
            for (a, b) in plain.iter().zip(other) {
                if let Some(difference) = difference(a, b) {
                    return wrong(way, format!("{way} gives other bits: {difference}\nof: {text}"));
                }
            }
            Ok(())
        }
        (Err(a), Err(b)) if a.kind == b.kind && a.span == b.span => Ok(()),
        (a, b) => wrong(&format!("{way}, failing"), format!("{way} ends with {:?}, the interpreter with {:?}\nof: {text}", b.as_ref().err(), a.as_ref().err())),
    }
}

/// Where two arrays differ in a bit. Which NaN it is, is not promised: processors differ in it.
pub fn difference(a: &Array, b: &Array) -> Option<String> {
    if a.shape != b.shape || a.scalar() != b.scalar() {
        return Some(format!("{:?}{:?} and {:?}{:?}", a.scalar(), a.shape, b.scalar(), b.shape));
    }
    let at = match (&a.data, &b.data) {
        (Data::Real(x), Data::Real(y)) => first(x, y, |x, y| x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan())),
        (Data::F32(x), Data::F32(y)) => first(x, y, |x, y| x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan())),
        (Data::Int(x), Data::Int(y)) => first(x, y, |x, y| x == y),
        (Data::Bool(x), Data::Bool(y)) => first(x, y, |x, y| x == y),
        _ => unreachable!("of one kind"),
    };
    at.map(|(k, x, y)| format!("number {k} of {} (shape {:?}) is {x}, interpreted {y}", a.len(), a.shape))
}

fn first<T: std::fmt::Debug>(plain: &[T], other: &[T], same: impl Fn(&T, &T) -> bool) -> Option<(usize, String, String)> {
    let k = plain.iter().zip(other).position(|(x, y)| !same(x, y))?;
    Some((k, format!("{:?}", other[k]), format!("{:?}", plain[k])))
}

/// What a block takes, in the measure that `of` gives for the results of a step; loops of unknown length count for eight turns.
fn work(program: &Program, block: &Block, of: &dyn Fn(usize) -> f64) -> f64 {
    block
        .steps
        .iter()
        .map(|step| {
            let inner: f64 = step.op.blocks().into_iter().map(|b| work(program, b, of)).sum();
            let times = match &step.op {
                Op::Map { count, .. } => *count as f64,
                Op::Loop { .. } | Op::While { .. } => 8.0,
                _ => 1.0,
            };
            let own: usize = step.outs.iter().map(|v| program.type_of(*v).len()).sum();
            let summed = match &step.op {
                Op::Contract { left, sum, .. } => sum.iter().map(|p| program.type_of(*left).shape[p.0]).product::<usize>(),
                _ => 1,
            };
            of(own * summed) + times * inner
        })
        .sum()
}

fn numbers(count: usize) -> f64 {
    count as f64
}

impl Checked {
    pub fn array(&self, slot: usize) -> Arc<Array> {
        if let Some(literal) = self.globals.slots[slot].literal {
            return Arc::new(literal.array());
        }
        self.store[slot].clone().expect("a slot is filled before it is read")
    }

    pub fn set(&mut self, slot: usize, value: Arc<Array>) {
        if self.store.len() <= slot {
            self.store.resize(slot + 1, None);
        }
        self.store[slot] = Some(value);
    }

    /// The slots of the numbers that a name of the program stands for.
    pub fn slots(&self, name: &str) -> Option<Vec<usize>> {
        fn leaves(value: &Value, slots: &mut Vec<usize>) -> Option<()> {
            match value {
                Value::Number(n) => slots.extend([Some(n.re), n.im].into_iter().flatten().map(|v| v.0 as usize)),
                Value::Tuple(items) => items.iter().try_for_each(|v| leaves(v, slots))?,
                Value::Record(fields) => fields.iter().try_for_each(|(_, v)| leaves(v, slots))?,
                _ => return None,
            }
            Some(())
        }
        let mut slots = vec![];
        leaves(&self.globals.names.get(name)?.value, &mut slots)?;
        Some(slots)
    }

    /// The statement that fills a slot.
    pub fn filled_by(&self, slot: usize) -> Option<&Unit> {
        self.script.actions.iter().find_map(|action| match action {
            Action::Run(unit) if unit.outputs.contains(&slot) => Some(unit),
            _ => None,
        })
    }
}
