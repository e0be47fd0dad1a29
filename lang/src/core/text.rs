//! Core as text, one step a line, for people: `:core` in the REPL, and tests.

use super::*;
use std::fmt::Write;

/// The whole program.
pub fn program(program: &Program) -> String {
    let mut text = String::new();
    block(program, &program.body, 0, &mut text);
    text
}

fn block(program: &Program, block: &Block, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    if !block.params.is_empty() {
        writeln!(text, "{indent}params {}", typed(program, &block.params)).unwrap();
    }
    for step in &block.steps {
        let left = if step.outs.is_empty() { String::new() } else { format!("{} = ", typed(program, &step.outs)) };
        writeln!(text, "{indent}{left}{}", operation(&step.op)).unwrap();
        for inner in step.op.blocks() {
            self::block(program, inner, depth + 1, text);
        }
    }
    writeln!(text, "{indent}results {}", names(&block.results)).unwrap();
}

fn names(vars: &[Var]) -> String {
    vars.iter().map(|v| format!("v{}", v.0)).collect::<Vec<_>>().join(", ")
}

fn typed(program: &Program, vars: &[Var]) -> String {
    let one = |v: &Var| {
        let ty = program.type_of(*v);
        let shape = if ty.shape.is_empty() { String::new() } else { format!("{:?}", ty.shape) };
        format!("v{}: {}{shape}", v.0, ty.scalar)
    };
    vars.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn operation(op: &Op) -> String {
    let args = names(&op.args());
    match op {
        Op::Constant(Literal::Real(x)) => format!("{x:?}"),
        Op::Constant(Literal::F32(x)) => format!("{x:?}f32"),
        Op::Constant(Literal::Int(n)) => format!("{n}"),
        Op::Constant(Literal::Bool(c)) => format!("{c}"),
        Op::Table(array) => format!("table {:?}", array.shape),
        Op::Iota(n) => format!("iota {n}"),
        Op::ShiftTable { sizes, offset } => format!("shift_table {sizes:?} by {offset:?}"),
        Op::Prim(row, _) => format!("{} {args}", row.name),
        Op::Spread { dims, .. } => format!("spread {args} to {dims:?}"),
        Op::Reshape { .. } => format!("reshape {args}"),
        Op::Reduce { monoid, dims, .. } => format!("reduce {monoid:?} {args} over {dims:?}"),
        Op::Shift { dim, sizes, offset, .. } => format!("shift {args} dimension {dim} of {sizes:?} by {offset:?}"),
        Op::Around { dim, sizes, shape, offsets, .. } => format!("around {args} dimension {dim} of {sizes:?} by {shape:?} {offsets:?}"),
        Op::Slice { start, stride, .. } => format!("slice {args} from {start:?} by {stride:?}"),
        Op::Embed { start, stride, .. } => format!("embed {args} at {start:?} by {stride:?}"),
        Op::Concat { dim, .. } => format!("concat {args} along {dim}"),
        Op::Gather { checked, .. } => format!("gather{} {args}", if *checked { " checked" } else { "" }),
        Op::Scatter { .. } => format!("scatter {args}"),
        Op::Update { checked, .. } => format!("update{} {args}", if *checked { " checked" } else { "" }),
        Op::Contract { batch, sum, .. } => format!("contract {args} batch {batch:?} sum {sum:?}"),
        Op::Routine { routine, batch: 0, .. } => format!("routine {} {args}", routine.name),
        Op::Routine { routine, batch, .. } => format!("routine {} {args} batch {batch}", routine.name),
        Op::Draw { distribution, place, .. } => format!("draw {distribution:?} at {place:016x}: {args}"),
        Op::Loop { .. } => format!("loop {args}"),
        Op::While { .. } => format!("while {args}"),
        Op::If { .. } => format!("if {args}"),
        Op::Map { count, each: Tile::ONE, .. } => format!("map {count}"),
        Op::Map { count, each, .. } => format!("map {count} of {} from {}", each.size, each.first),
        Op::Require { message, .. } => format!("require {args}: {message}"),
        Op::Note { .. } => format!("note {args}"),
    }
}
