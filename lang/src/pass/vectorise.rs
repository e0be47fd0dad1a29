//! Comprehensions as whole arrays: a `Map` whose body has no loop becomes steps over arrays with one more dimension. The
//! same numbers come out, bit for bit.
//!
//! Every value that depends on the member gets a leading dimension (`batch`); reading an array at the member's number is
//! that array, at a neighbouring site a `Shift`, at c₀ + c₁ i a `Slice` (`read`).

use super::batch::{Side, batch};
use crate::core::build::Builder;
use crate::core::*;

pub fn program(program: Program) -> Program {
    if !program.body.has(&|op| matches!(op, Op::Map { each: 1, .. })) {
        return program;
    }
    let Program { types, spans, body } = program;
    let mut b = Builder::resume(types, spans);
    let results = steps(&mut b, body.steps, &body.results, &mut VarMap::default());
    b.finish(body.params, results)
}

/// A block with its comprehensions vectorised; `names` says what is called otherwise around it, and grows.
pub fn block(b: &mut Builder, block: Block, names: &mut VarMap<Var>) -> Block {
    b.open();
    let results = steps(b, block.steps, &block.results, names);
    b.close(block.params, results)
}

/// Emits steps, vectorised, into the open block; returns what `results` are called.
fn steps(b: &mut Builder, steps: Vec<Step>, results: &[Var], names: &mut VarMap<Var>) -> Vec<Var> {
    for step in steps {
        b.set_span(step.span);
        let mut op = step.op.map_args(&mut |v| *names.get(&v).unwrap_or(&v));
        for inner in op.blocks_mut() {
            *inner = block(b, std::mem::take(inner), names);
        }
        let outs = match op {
            Op::Map { count, each: 1, body } if flat(&body) && count > 0 => map(b, count, &body),
            op => b.rebuild(op, &step.outs),
        };
        names.extend(step.outs.into_iter().zip(outs));
    }
    results.iter().map(|v| *names.get(v).unwrap_or(v)).collect()
}

fn flat(block: &Block) -> bool {
    block.steps.iter().all(|s| !matches!(s.op, Op::Loop { .. } | Op::While { .. } | Op::Map { .. }) && s.op.blocks().into_iter().all(flat))
}

/// A map's results as arrays.
fn map(b: &mut Builder, count: usize, body: &Block) -> Vec<Var> {
    let members = b.iota(count);
    batch(b, Side::First, count, body, &[members])
}
