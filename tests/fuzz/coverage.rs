//! What of Core the compared programs have reached: every operation, every row of primitives and routines for each kind of
//! number that it takes, as the checker makes it and as the passes leave it.

use moyal_lang::core::{Block, Distribution, Monoid, Op, Program};
use moyal_lang::prim::{self, Run};
use moyal_lang::routine;
use moyal_runtime::array::Scalar;
use std::collections::BTreeMap;

#[derive(Default)]
pub struct Coverage {
    made: BTreeMap<String, usize>,
    prepared: BTreeMap<String, usize>,
}

impl Coverage {
    pub fn made(&mut self, program: &Program) {
        count(program, &program.body, &mut self.made);
    }

    pub fn prepared(&mut self, program: &Program) {
        count(program, &program.body, &mut self.prepared);
    }

    pub fn add(&mut self, other: &Coverage) {
        for (into, from) in [(&mut self.made, &other.made), (&mut self.prepared, &other.prepared)] {
            from.iter().for_each(|(name, n)| *into.entry(name.clone()).or_default() += n);
        }
    }

    /// What no program has reached, before or after the passes.
    pub fn missing(&self) -> Vec<String> {
        wanted().into_iter().filter(|name| !self.made.contains_key(name) && !self.prepared.contains_key(name)).collect()
    }

    /// What was reached least often.
    pub fn rarest(&self, count: usize) -> Vec<(String, usize)> {
        let times = |name: &String| self.made.get(name).unwrap_or(&0) + self.prepared.get(name).unwrap_or(&0);
        let mut all: Vec<(String, usize)> = wanted().into_iter().map(|name| { let n = times(&name); (name, n) }).collect();
        all.sort_by_key(|(_, n)| *n);
        all.truncate(count);
        all
    }
}

fn count(program: &Program, block: &Block, into: &mut BTreeMap<String, usize>) {
    for step in &block.steps {
        *into.entry(name(program, &step.op)).or_default() += 1;
        step.op.blocks().into_iter().for_each(|b| count(program, b, into));
    }
}

/// What an operation is called here. A new variant of `Op` wants its name in [`OPERATIONS`] too.
fn name(program: &Program, op: &Op) -> String {
    let kind = |v: &moyal_lang::core::Var| program.type_of(*v).scalar;
    match op {
        Op::Constant(literal) => format!("Constant {:?}", literal.scalar()),
        Op::Table(_) => "Table".into(),
        Op::Iota(_) => "Iota".into(),
        Op::ShiftTable { .. } => "ShiftTable".into(),
        Op::Prim(row, args) => row_of(row, args.iter().map(kind).collect()),
        Op::Spread { .. } => "Spread".into(),
        Op::Reshape { .. } => "Reshape".into(),
        Op::Reduce { monoid, arg, .. } => format!("Reduce {monoid:?} {:?}", kind(arg)),
        Op::Shift { arg, .. } => format!("Shift {:?}", kind(arg)),
        Op::Around { .. } => "Around".into(),
        Op::Slice { .. } => "Slice".into(),
        Op::Embed { .. } => "Embed".into(),
        Op::Concat { .. } => "Concat".into(),
        Op::Gather { checked, .. } => format!("Gather{}", if *checked { " checked" } else { "" }),
        Op::Scatter { values, .. } => format!("Scatter {:?}", kind(values)),
        Op::Update { checked, .. } => format!("Update{}", if *checked { " checked" } else { "" }),
        Op::Contract { left, .. } => format!("Contract {:?}", kind(left)),
        Op::Routine { routine, args, .. } => format!("routine {} {:?}", routine.name, kind(&args[0])),
        Op::Draw { distribution, scalar, .. } => format!("Draw {distribution:?} {scalar:?}"),
        Op::Loop { .. } => "Loop".into(),
        Op::While { .. } => "While".into(),
        Op::If { .. } => "If".into(),
        Op::Map { each, .. } => format!("Map{}", if each.size > 1 { " tiled" } else { "" }),
        Op::Require { .. } => "Require".into(),
        Op::Note { .. } => "Note".into(),
    }
}

const OPERATIONS: &[&str] = &[
    "Table", "Iota", "ShiftTable", "Spread", "Reshape", "Around", "Slice", "Embed", "Concat", "Gather", "Gather checked", "Update", "Update checked",
    "Loop", "While", "If", "Map", "Map tiled", "Require", "Note",
];

/// A row with what tells its cases apart: the kind of its last argument, and of a conversion the kind that it begins from.
fn row_of(row: &prim::Prim, args: Vec<Scalar>) -> String {
    let kind = if let Run::FloatInt(..) = row.run { args[0] } else { args[args.len() - 1] };
    format!("row {} {kind:?}", row.name)
}

/// What programs of the language can reach.
fn wanted() -> Vec<String> {
    use Scalar::*;
    let floats = [Real, F32];
    let numbers = [Real, F32, Int];
    let mut all: Vec<String> = OPERATIONS.iter().map(|name| name.to_string()).collect();
    for kind in [Real, F32, Int, Bool] {
        all.push(format!("Constant {kind:?}"));
    }
    for kind in numbers {
        for monoid in [Monoid::Sum, Monoid::Product, Monoid::Max, Monoid::Min] {
            all.push(format!("Reduce {monoid:?} {kind:?}"));
        }
    }
    for monoid in [Monoid::Any, Monoid::All] {
        all.push(format!("Reduce {monoid:?} Bool"));
    }
    for kind in floats {
        for distribution in [Distribution::Normal, Distribution::Uniform] {
            all.push(format!("Draw {distribution:?} {kind:?}"));
        }
        for name in ["Shift", "Scatter", "Contract"] {
            all.push(format!("{name} {kind:?}"));
        }
    }
    for row in prim::all() {
        let kinds: &[Scalar] = match row.run {
            // What is held fixed is a float.
            _ if row.name == "detach" => &floats,
            Run::Float1(..) | Run::Float2(..) | Run::Test(..) | Run::FloatInt(..) => &floats,
            Run::Num1(..) | Run::Num2(..) | Run::Compare(..) => &numbers,
            Run::Int2(..) => &[Int],
            Run::Logic1(..) | Run::Logic2(..) => &[Bool],
            Run::Select => &[Real, F32, Int, Bool],
            Run::Convert(_) => &[],
        };
        all.extend(kinds.iter().map(|kind| row_of(row, vec![*kind; row.arity()])));
    }
    // Kinds between which `as` and arithmetic convert.
    for (name, kind) in [("to_real", F32), ("to_real", Int), ("to_real", Bool), ("to_f32", Real), ("to_f32", Int), ("to_int", Real), ("to_int", F32), ("to_int", Bool)] {
        all.push(format!("row {name} {kind:?}"));
    }
    all.extend(routine::all().map(|r| format!("routine {} Real", r.name)));
    all
}
