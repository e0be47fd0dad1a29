//! Fields at several neighbours of each site, one behind the other, as one step: what a convolution multiplies by its weights. The same
//! numbers come out, bit for bit.

use super::walk::{self, Walk};
use crate::core::build::Builder;
use crate::core::*;

pub fn program(program: Program) -> Program {
    if !program.body.has(&|op| matches!(op, Op::Concat { .. })) {
        return program;
    }
    walk::program(program, (), step)
}

fn step(walk: &mut Walk, Step { outs, op, .. }: Step) -> Vec<Var> {
    let op = walk.inside(op);
    match around(walk.b, &op) {
        Some(stack) => vec![walk.b.around(stack.arg, stack.dim, stack.sizes, stack.shape, stack.offsets)],
        None => walk.b.rebuild(op, &outs),
    }
}

/// Neighbours of the sites that dimension `dim` of `arg` counts, numbered by dimensions `shape` behind it.
struct Stack {
    arg: Var,
    dim: usize,
    sizes: Vec<usize>,
    shape: Vec<usize>,
    offsets: Vec<Vec<i64>>,
}

/// What a `Concat` stacks, if that is one array at neighbours of its sites.
fn around(b: &Builder, op: &Op) -> Option<Stack> {
    let Op::Concat { args, dim } = op else { return None };
    let parts: Vec<Stack> = args.iter().map(|arg| part(b, *arg, dim.checked_sub(1)?)).collect::<Option<_>>()?;
    // A part that is not shifted does not say which lattice it is on.
    let sizes = parts.iter().map(|p| &p.sizes).find(|sizes| !sizes.is_empty())?.clone();
    let first = &parts[0];
    let alike = |p: &Stack| p.arg == first.arg && p.shape == first.shape && (p.sizes.is_empty() || p.sizes == sizes);
    if !parts.iter().all(alike) {
        return None;
    }
    let here = vec![0; sizes.len()];
    let offsets = parts.iter().flat_map(|p| &p.offsets).map(|o| if o.is_empty() { here.clone() } else { o.clone() }).collect();
    let shape = [&[parts.len()], &first.shape[1..]].concat();
    Some(Stack { arg: first.arg, dim: dim - 1, sizes, shape, offsets })
}

/// One part: a neighbour, or neighbours, with a dimension of one in front.
fn part(b: &Builder, var: Var, dim: usize) -> Option<Stack> {
    let Op::Reshape { arg, shape } = &b.definition(var)?.op else { return None };
    let inner = b.shape_of(*arg);
    if inner.len() <= dim || *shape != [&inner[..=dim], &[1], &inner[dim + 1..]].concat() {
        return None;
    }
    let stack = match b.definition(*arg).map(|s| &s.op) {
        Some(Op::Shift { arg, dim: d, sizes, offset }) if *d == dim => {
            Stack { arg: *arg, dim, sizes: sizes.clone(), shape: vec![], offsets: vec![offset.clone()] }
        }
        Some(Op::Around { arg, dim: d, sizes, shape, offsets }) if *d == dim => {
            Stack { arg: *arg, dim, sizes: sizes.clone(), shape: shape.clone(), offsets: offsets.clone() }
        }
        _ => Stack { arg: *arg, dim, sizes: vec![], shape: vec![], offsets: vec![vec![]] },
    };
    Some(Stack { shape: [&[1], &stack.shape[..]].concat(), ..stack })
}
