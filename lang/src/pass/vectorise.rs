//! Comprehensions as whole arrays: a `Map` whose body has no loop becomes steps over arrays with one more dimension. The
//! same numbers come out, bit for bit.
//!
//! Every value that depends on the member gets a leading dimension (`batch`); reading an array at the member's number is
//! that array, at a neighbouring site a `Shift`, at c₀ + c₁ i a `Slice` (`read`).

use super::batch::{Side, batch};
use crate::core::build::Builder;
use crate::core::*;
use std::collections::HashMap;

pub fn program(program: Program) -> Program {
    let Program { types, spans, body } = program;
    let mut b = Builder::resume(types, spans);
    let results = steps(&mut b, &body);
    b.finish(body.params, results)
}

/// A block with its comprehensions vectorised.
pub fn block(b: &mut Builder, block: Block) -> Block {
    b.open();
    let results = steps(b, &block);
    b.close(block.params, results)
}

/// Emits a block's steps, vectorised, into the open block; returns what its results are called.
fn steps(b: &mut Builder, block: &Block) -> Vec<Var> {
    let mut names = HashMap::new();
    for step in &block.steps {
        b.set_span(step.span);
        let mut op = step.op.clone().map_args(&mut |v| *names.get(&v).unwrap_or(&v));
        for inner in op.blocks_mut() {
            *inner = renamed(b, inner, &names);
        }
        let outs = match op {
            Op::Map { count, each: 1, body } if flat(&body) && count > 0 => map(b, count, &body),
            op => b.rebuild(op, &step.outs),
        };
        names.extend(step.outs.iter().copied().zip(outs));
    }
    block.results.iter().map(|v| *names.get(v).unwrap_or(v)).collect()
}

/// An inner block, vectorised, whose captured variables have new names.
fn renamed(b: &mut Builder, block: &Block, names: &HashMap<Var, Var>) -> Block {
    let copy = b.copy_block(block, names);
    self::block(b, copy)
}

fn flat(block: &Block) -> bool {
    block.steps.iter().all(|s| !matches!(s.op, Op::Loop { .. } | Op::While { .. } | Op::Map { .. }) && s.op.blocks().into_iter().all(flat))
}

/// A map's results as arrays.
fn map(b: &mut Builder, count: usize, body: &Block) -> Vec<Var> {
    let members = b.iota(count);
    batch(b, Side::First, count, body, &[members])
}
