//! Derivatives of the operations: for each its tangent (`push`) and the transpose of that (`pull`), side by side. Regions
//! are run anew for their derivatives; see `forward` and `reverse`.

mod contract;
mod elementwise;
mod position;
mod reduce;
mod routine;
mod shape;
pub mod terms;

use crate::core::build::Builder;
use crate::core::*;
use moyal_runtime::array::Scalar;
use terms::Cotangent;

/// What the cotangent of a result gives to an argument.
pub enum Share {
    /// An array of the argument's shape.
    Whole(Cotangent),
    /// As much at some positions, and nothing elsewhere.
    At(Entries),
}

/// `value` at the positions `index`, as in [`Op::Scatter`]. They are `checked` where the operation that they stem from is: it
/// may stand in a branch, outside which its positions mean nothing.
pub struct Entries {
    pub index: Vec<Var>,
    pub value: Var,
    pub checked: bool,
}

impl Share {
    pub fn of(value: Var) -> Share {
        Share::Whole(Cotangent::of(value))
    }
}

/// The tangents of the results of `op`, which is not a region, given those of its arguments in the order of [`Op::args`].
/// None is zero; not all are.
pub fn push(b: &mut Builder, op: &Op, outs: &[Var], tangents: &[Option<Var>]) -> Vec<Option<Var>> {
    match op {
        Op::Routine { routine, batch, args } => routine::push(b, routine, *batch, args, outs, tangents),
        op => vec![push_one(b, op, outs[0], tangents)],
    }
}

fn push_one(b: &mut Builder, op: &Op, out: Var, tangents: &[Option<Var>]) -> Option<Var> {
    match op {
        Op::Prim(row, args) => elementwise::push(b, row, args, out, tangents),
        Op::Spread { .. } | Op::Reshape { .. } | Op::Shift { .. } | Op::Around { .. } | Op::Slice { .. } | Op::Embed { .. } => {
            tangents[0].map(|t| shape::push(b, op, t))
        }
        Op::Concat { args, dim } => Some(shape::push_concat(b, args, *dim, tangents)),
        Op::Reduce { monoid, arg, dims } => tangents[0].and_then(|t| reduce::push(b, *monoid, *arg, dims, out, t)),
        Op::Gather { index, checked, .. } => tangents[0].map(|t| b.gather(t, index.clone(), *checked)),
        Op::Scatter { shape, index, .. } => tangents.last().unwrap().map(|t| b.scatter(shape.clone(), index.clone(), t)),
        Op::Update { arg, index, value, checked } => Some(position::push_update(b, *arg, index, *value, *checked, tangents)),
        Op::Contract { left, right, batch, sum } => contract::push(b, *left, *right, batch, sum, tangents),
        Op::Constant(_) | Op::Table(_) | Op::Iota(_) | Op::ShiftTable { .. } | Op::Draw { .. } | Op::Require { .. } | Op::Note { .. } => None,
        Op::Routine { .. } => unreachable!("several results"),
        Op::Loop { .. } | Op::While { .. } | Op::If { .. } | Op::Map { .. } => unreachable!("a region"),
    }
}

/// What the cotangents of the results of a routine give to its arguments.
pub use routine::pull as pull_routine;

/// What the cotangent `value` of the result of `op`, which has one and is not a region, gives to its arguments in the order of
/// [`Op::args`]. `to` says to which variable the share of each goes, or that none is asked for.
pub fn pull(b: &mut Builder, op: &Op, out: Var, value: Var, to: &[Option<Var>]) -> Vec<(usize, Share)> {
    match op {
        Op::Prim(row, args) => elementwise::pull(b, row, args, out, value, to),
        Op::Spread { arg, dims, .. } => vec![(0, Share::of(shape::pull_spread(b, *arg, dims, value)))],
        Op::Reshape { .. } | Op::Shift { .. } | Op::Around { .. } | Op::Slice { .. } | Op::Embed { .. } => {
            vec![(0, Share::of(shape::pull(b, op, value)))]
        }
        Op::Concat { args, dim } => shape::pull_concat(b, args, *dim, value, to),
        Op::Reduce { monoid, arg, dims } => {
            reduce::pull(b, *monoid, *arg, dims, out, value).map(|share| (0, share)).into_iter().collect()
        }
        Op::Gather { index, checked, .. } => vec![(0, Share::At(Entries { index: index.clone(), value, checked: *checked }))],
        Op::Scatter { index, .. } => vec![(index.len(), Share::of(b.gather(value, index.clone(), false)))],
        Op::Update { index, checked, .. } => position::pull_update(b, index, *checked, value, to),
        Op::Contract { left, right, batch, sum } => contract::pull(b, *left, *right, batch, sum, value, to),
        Op::Constant(_) | Op::Table(_) | Op::Iota(_) | Op::ShiftTable { .. } | Op::Draw { .. } | Op::Require { .. } | Op::Note { .. } => vec![],
        Op::Routine { .. } => unreachable!("several results"),
        Op::Loop { .. } | Op::While { .. } | Op::If { .. } | Op::Map { .. } => unreachable!("a region"),
    }
}
