//! Reading at positions, in the plainest form that says the same: the array itself, a `Shift` to neighbouring sites, a
//! `Slice`, or a `Gather`.

use crate::core::build::Builder;
use crate::core::*;
use crate::prim::arithmetic as rows;

/// What an array of positions is along one dimension of the index shape.
enum Along {
    /// start, start + stride, …
    Affine { start: i64, stride: i64 },
    /// All sites of a box, at an offset.
    Shifted { sizes: Vec<usize>, offset: Vec<i64> },
}

/// `Gather`, in the plainest form that says the same.
pub fn read(b: &mut Builder, arg: Var, index: Vec<Var>, checked: bool) -> Var {
    let shape = b.shape_of(index[0]).to_vec();
    let rest = b.shape_of(arg)[index.len()..].to_vec();
    // A table of positions read at all sites in order is the table itself.
    let axes: Vec<Vec<usize>> = index.iter().map(|i| axes_of(b, *i)).collect();
    let mut taken: Vec<Option<(usize, Along)>> = index
        .iter()
        .enumerate()
        .map(|(k, i)| {
            let [axis] = axes[k][..] else { return None };
            let alone = axes.iter().enumerate().all(|(other, a)| other == k || !a.contains(&axis));
            let size = b.shape_of(arg)[k];
            let along = along(b, *i, shape[axis], size)?;
            alone.then_some((axis, along))
        })
        .collect();
    if taken.iter().all(Option::is_none) {
        return b.gather(arg, index, checked);
    }
    // Dimensions read along an axis: shifted or cut to what is read.
    let mut value = arg;
    for (k, t) in taken.iter().enumerate() {
        match t {
            None => {}
            Some((_, Along::Shifted { sizes, offset })) => value = b.shift(value, k, sizes.clone(), offset.clone()),
            Some((axis, Along::Affine { start, stride })) => {
                let mut part = b.shape_of(value).to_vec();
                let (mut starts, mut strides) = (vec![0; part.len()], vec![1; part.len()]);
                (starts[k], strides[k], part[k]) = (*start as usize, *stride as usize, shape[*axis]);
                value = b.slice(value, starts, strides, part);
            }
        }
    }
    // The others in front, gathered over the axes that are left.
    let left: Vec<usize> = (0..index.len()).filter(|k| taken[*k].is_none()).collect();
    let cut: Vec<usize> = (0..index.len()).filter(|k| taken[*k].is_some()).collect();
    let rank = b.shape_of(value).len();
    let order: Vec<usize> = left.iter().chain(&cut).copied().chain(index.len()..rank).collect();
    value = b.transpose(value, &order);
    let cut_axes: Vec<usize> = cut.iter().map(|k| taken[*k].take().expect("a cut dimension").0).collect();
    let mut dims = vec![];
    if !left.is_empty() {
        let kept: Vec<usize> = (0..shape.len()).filter(|a| !cut_axes.contains(a)).collect();
        let kept_shape: Vec<usize> = kept.iter().map(|a| shape[*a]).collect();
        let positions = left.iter().map(|k| narrowed(b, index[*k], &kept, &kept_shape)).collect();
        value = b.gather(value, positions, checked);
        dims.extend(kept);
    }
    dims.extend(cut_axes);
    dims.extend((0..rest.len()).map(|d| shape.len() + d));
    b.spread(value, [shape, rest].concat(), dims)
}

/// The dimensions along which an array may vary.
fn axes_of(b: &Builder, var: Var) -> Vec<usize> {
    match b.definition(var).map(|s| &s.op) {
        Some(Op::Spread { dims, .. }) => dims.clone(),
        _ => (0..b.shape_of(var).len()).collect(),
    }
}

/// The same positions over the dimensions `kept` alone (along the others they do not vary).
fn narrowed(b: &mut Builder, var: Var, kept: &[usize], shape: &[usize]) -> Var {
    let (source, dims) = match b.definition(var).map(|s| s.op.clone()) {
        Some(Op::Spread { arg, dims, .. }) => (arg, dims),
        _ => (var, (0..kept.len()).collect()),
    };
    let dims = dims.iter().map(|d| kept.iter().position(|k| k == d).expect("varies along kept dimensions only")).collect();
    b.spread(source, shape.to_vec(), dims)
}

/// What positions are along the single axis that they vary along, if that is simple and inside a dimension of `size`.
fn along(b: &Builder, var: Var, count: usize, size: usize) -> Option<Along> {
    let var = match b.definition(var).map(|s| &s.op) {
        Some(Op::Spread { arg, .. }) => *arg,
        _ => var,
    };
    if let Some(Op::ShiftTable { sizes, offset }) = b.definition(var).map(|s| &s.op) {
        return (count == size).then(|| Along::Shifted { sizes: sizes.clone(), offset: offset.clone() });
    }
    let (start, stride) = affine(b, var)?;
    let last = start + stride * (count as i64 - 1);
    (start >= 0 && stride > 0 && last < size as i64 && count > 0).then_some(Along::Affine { start, stride })
}

/// `start + stride · i` for an array that is made of its own index so.
fn affine(b: &Builder, var: Var) -> Option<(i64, i64)> {
    if let Some(Literal::Int(n)) = b.uniform_literal(var) {
        return Some((n, 0));
    }
    match &b.definition(var)?.op {
        Op::Iota(_) => Some((0, 1)),
        Op::Prim(row, args) if args.len() == 2 => {
            let ((p, q), (r, s)) = (affine(b, args[0])?, affine(b, args[1])?);
            if std::ptr::eq(*row, &rows::ADD) {
                Some((p.checked_add(r)?, q.checked_add(s)?))
            } else if std::ptr::eq(*row, &rows::SUB) {
                Some((p.checked_sub(r)?, q.checked_sub(s)?))
            } else if std::ptr::eq(*row, &rows::MUL) && (q == 0 || s == 0) {
                Some((p.checked_mul(r)?, p.checked_mul(s)?.checked_add(q.checked_mul(r)?)?))
            } else {
                None
            }
        }
        _ => None,
    }
}
