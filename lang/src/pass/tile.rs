//! Maps whose members have loops, some hundred or thousand members at once: the loops stay outside, and every step in them
//! works on a tile of numbers that fits the cache, the members innermost, where vectors need no edges. Paths of a stochastic
//! differential equation and ensembles of small lattices run so. The same numbers come out, bit for bit.

use super::activity;
use super::batch::{Side, batch};
use super::walk::{self, Walk};
use crate::core::build::Builder;
use crate::core::*;

/// How many numbers a step of a tile works on.
const TILE: usize = 2048;

/// A tile of fewer members than this does not pay.
const FEW: usize = 4;

pub fn program(program: Program) -> Program {
    if !program.body.has(&|op| matches!(op, Op::Map { each: Tile::ONE, .. })) {
        return program;
    }
    walk::program(program, (), step)
}

fn step(walk: &mut Walk, Step { outs, op, .. }: Step) -> Vec<Var> {
    if let Op::Map { count, each: Tile::ONE, body } = &op
        && let Some(width) = width(walk.b, *count, body)
    {
        return tiles(walk, *count, width, body);
    }
    let op = walk.inside(op);
    walk.b.rebuild(op, &outs)
}

/// How many members make a tile; None if the map is better left as it is.
fn width(b: &Builder, count: usize, body: &Block) -> Option<usize> {
    let loops = body.steps.iter().any(|s| matches!(s.op, Op::Loop { .. } | Op::While { .. }));
    let mut differ = body.params.iter().copied().collect();
    activity::depending(body, &mut differ);
    if !loops || !body.steps.iter().all(|s| suits(s, &differ)) {
        return None;
    }
    let member = body.steps.iter().map(|s| work(b, s, false, &differ)).max().unwrap_or(1).max(1);
    let widest = (TILE / member).min(count.div_ceil(2));
    let even = (widest.div_ceil(2)..=widest).rev().find(|w| count.is_multiple_of(*w));
    even.or(Some(widest)).filter(|w| *w >= FEW)
}

/// Whether all members can take a step at once without much work in vain: a branch or an inner loop whose turns they decide
/// differently would be taken by all. (A `while` is run until the last is done; the others keep what they have.) What does not
/// `differ` from member to member is computed once.
fn suits(step: &Step, differ: &VarSet) -> bool {
    if !step.outs.iter().any(|v| differ.contains(v)) {
        return true;
    }
    let inner = || step.op.blocks().into_iter().flat_map(|b| &b.steps);
    match &step.op {
        Op::If { .. } => inner().all(|s| s.op.blocks().is_empty() || matches!(s.op, Op::If { .. }) && suits(s, differ)),
        Op::Map { .. } => false,
        _ => inner().all(|s| suits(s, differ)),
    }
}

/// The largest array that a member computes again in each turn of its loops.
fn work(b: &Builder, step: &Step, in_loop: bool, differ: &VarSet) -> usize {
    let kept = matches!(step.op, Op::Update { .. } | Op::Loop { .. } | Op::While { .. } | Op::If { .. });
    let outs = step.outs.iter().filter(|v| differ.contains(v));
    let own = outs.map(|v| b.type_of(*v).len()).max().filter(|_| in_loop && !kept).unwrap_or(0);
    let in_loop = in_loop || matches!(step.op, Op::Loop { .. } | Op::While { .. });
    let inner = step.op.blocks().into_iter().flat_map(|block| &block.steps).map(|s| work(b, s, in_loop, differ)).max();
    own.max(inner.unwrap_or(0))
}

/// The map by tiles of so many members, and what is left over as a smaller one.
fn tiles(walk: &mut Walk, count: usize, width: usize, body: &Block) -> Vec<Var> {
    let (whole, rest) = (count / width, count % width);
    let (b, names) = (&mut *walk.b, &mut walk.names);
    let outs = tiles_of(b, whole, Tile { first: 0, size: width }, body, names);
    if rest == 0 {
        return outs;
    }
    let last = tiles_of(b, 1, Tile { first: whole * width, size: rest }, body, names);
    outs.into_iter().zip(last).map(|(v, end)| b.concat(vec![v, end], 0)).collect()
}

/// So many tiles of one size.
fn tiles_of(b: &mut Builder, count: usize, each: Tile, body: &Block, names: &mut VarMap<Var>) -> Vec<Var> {
    let member = b.fresh(Type::scalar(moyal_runtime::array::Scalar::Int));
    b.open();
    let (size, before) = (b.int(each.size as i64), b.int(each.first as i64));
    let first = b.mul(member, size);
    let first = b.add(first, before);
    let results = tile(b, first, each.size, body, names);
    let turn = b.close(vec![member], results);
    let outs = b.map_with(count, each, turn);
    let outs = outs.into_iter().map(|v| {
        let shape = b.shape_of(v)[2..].to_vec();
        b.reshape(v, [&[count * each.size], &shape[..]].concat())
    });
    outs.collect()
}

/// The results of the members from `first` on, with their dimension in front.
fn tile(b: &mut Builder, first: Var, width: usize, body: &Block, names: &mut VarMap<Var>) -> Vec<Var> {
    let offsets = b.iota(width);
    let members = b.add(offsets, first);
    let body = b.copy_block(body, names);
    let results = batch(b, Side::Last, width, &body, &[members]);
    results
        .into_iter()
        .map(|v| {
            let rank = b.shape_of(v).len();
            let order: Vec<usize> = [rank - 1].into_iter().chain(0..rank - 1).collect();
            b.transpose(v, &order)
        })
        .collect()
}
