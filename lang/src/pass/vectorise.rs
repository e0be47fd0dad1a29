//! Comprehensions as whole arrays: a `Map` whose body has no loop becomes steps over arrays with one more dimension. The
//! same numbers come out, bit for bit.
//!
//! Every value that depends on the member gets a leading dimension (`batch`); reading an array at the member's number is
//! that array, at a neighbouring site a `Shift`, at c₀ + c₁ i a `Slice` (`read`).

use super::batch::{Side, batch};
use super::walk::{self, Walk};
use crate::core::build::Builder;
use crate::core::*;

pub fn program(program: Program) -> Program {
    if !program.body.has(&|op| matches!(op, Op::Map { each: Tile::ONE, .. })) {
        return program;
    }
    walk::program(program, (), step)
}

/// A block with its comprehensions vectorised.
pub fn block(b: &mut Builder, block: Block) -> Block {
    Walk::new(b, (), step).block(block)
}

fn step(walk: &mut Walk, Step { outs, op, .. }: Step) -> Vec<Var> {
    match walk.inside(op) {
        Op::Map { count, each: Tile::ONE, body } if flat(&body) && count > 0 => map(walk.b, count, &body),
        op => walk.b.rebuild(op, &outs),
    }
}

fn flat(block: &Block) -> bool {
    block.steps.iter().all(|s| !matches!(s.op, Op::Loop { .. } | Op::While { .. } | Op::Map { .. }) && s.op.blocks().into_iter().all(flat))
}

/// A map's results as arrays.
fn map(b: &mut Builder, count: usize, body: &Block) -> Vec<Var> {
    let members = b.iota(count);
    batch(b, Side::First, count, body, &[members])
}
