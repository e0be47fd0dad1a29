//! Operations that move numbers to places known in advance. They are linear: the tangent is moved likewise, the cotangent
//! back.

use super::*;

pub fn push(b: &mut Builder, op: &Op, t: Var) -> Var {
    match op.clone() {
        Op::Spread { shape, dims, .. } => b.spread(t, shape, dims),
        Op::Reshape { shape, .. } => b.reshape(t, shape),
        Op::Shift { dim, sizes, offset, .. } => b.shift(t, dim, sizes, offset),
        Op::Around { dim, sizes, shape, offsets, .. } => b.around(t, dim, sizes, shape, offsets),
        Op::Slice { start, stride, shape, .. } => b.slice(t, start, stride, shape),
        Op::Embed { shape, start, stride, .. } => b.embed(t, shape, start, stride),
        other => unreachable!("{other:?}"),
    }
}

pub fn pull(b: &mut Builder, op: &Op, value: Var) -> Var {
    match op.clone() {
        Op::Reshape { arg, .. } => b.reshape(value, b.shape_of(arg).to_vec()),
        Op::Shift { dim, sizes, offset, .. } => b.shift(value, dim, sizes, offset.iter().map(|o| -o).collect()),
        Op::Around { dim, sizes, shape, offsets, .. } => pull_around(b, dim, sizes, &shape, &offsets, value),
        Op::Slice { arg, start, stride, .. } => b.embed(value, b.shape_of(arg).to_vec(), start, stride),
        Op::Embed { arg, start, stride, .. } => b.slice(value, start, stride, b.shape_of(arg).to_vec()),
        other => unreachable!("{other:?}"),
    }
}

/// What each neighbour gives, carried back and added in their order.
fn pull_around(b: &mut Builder, dim: usize, sizes: Vec<usize>, shape: &[usize], offsets: &[Vec<i64>], value: Var) -> Var {
    let mut flat = b.shape_of(value).to_vec();
    flat.splice(dim + 1..dim + 1 + shape.len(), [offsets.len()]);
    let value = b.reshape(value, flat);
    let mut back = |d: usize| {
        let part = b.pick(value, dim + 1, d);
        b.shift(part, dim, sizes.clone(), offsets[d].iter().map(|o| -o).collect())
    };
    let parts: Vec<Var> = (0..offsets.len()).map(&mut back).collect();
    parts.into_iter().reduce(|sum, part| b.add(sum, part)).expect("at least one neighbour")
}

/// Sums over the dimensions along which `arg` was repeated, and puts the others back in its order.
pub fn pull_spread(b: &mut Builder, arg: Var, dims: &[usize], value: Var) -> Var {
    let repeated = (0..b.shape_of(value).len()).filter(|d| !dims.contains(d)).collect();
    let summed = sum(b, value, repeated);
    let mut remaining = dims.to_vec();
    remaining.sort();
    let order: Vec<usize> = dims.iter().map(|d| remaining.iter().position(|r| r == d).unwrap()).collect();
    debug_assert_eq!(b.shape_of(arg).len(), order.len());
    b.transpose(summed, &order)
}

pub fn push_concat(b: &mut Builder, args: &[Var], dim: usize, tangents: &[Option<Var>]) -> Var {
    let parts = args.iter().zip(tangents).map(|(arg, t)| t.unwrap_or_else(|| b.zeros_like(*arg))).collect();
    b.concat(parts, dim)
}

pub fn pull_concat(b: &mut Builder, args: &[Var], dim: usize, value: Var, to: &[Option<Var>]) -> Vec<(usize, Share)> {
    let mut from = 0;
    let mut shares = vec![];
    for (k, arg) in args.iter().enumerate() {
        let end = from + b.shape_of(*arg)[dim];
        if to[k].is_some() {
            shares.push((k, Share::of(b.part(value, dim, from, end))));
        }
        from = end;
    }
    shares
}

/// A sum, which for a value that is the same everywhere is a product.
fn sum(b: &mut Builder, value: Var, dims: Vec<usize>) -> Var {
    let Some(each) = b.uniform(value) else { return b.sum(value, dims) };
    let shape = b.shape_of(value);
    let count: usize = dims.iter().map(|d| shape[*d]).product();
    let rest: Vec<usize> = (0..shape.len()).filter(|d| !dims.contains(d)).map(|d| shape[d]).collect();
    let total = b.scale(each, count as f64);
    b.broadcast(total, &rest)
}
