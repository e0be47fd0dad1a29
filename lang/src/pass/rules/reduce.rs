//! Reductions.

use super::*;

pub fn push(b: &mut Builder, monoid: Monoid, arg: Var, dims: &[usize], out: Var, t: Var) -> Option<Var> {
    Some(match monoid {
        Monoid::Sum => b.sum(t, dims.to_vec()),
        Monoid::Product => {
            let others = others(b, arg, dims);
            let terms = b.mul(others, t);
            b.sum(terms, dims.to_vec())
        }
        Monoid::Max | Monoid::Min => {
            let (attained, count) = extremes(b, arg, dims, out);
            let zero = b.number(b.scalar_of(t), 0.0);
            let terms = b.select(attained, t, zero);
            let sum = b.sum(terms, dims.to_vec());
            b.div(sum, count)
        }
        Monoid::Any | Monoid::All => return None,
    })
}

pub fn pull(b: &mut Builder, monoid: Monoid, arg: Var, dims: &[usize], out: Var, value: Var) -> Option<Share> {
    Some(match monoid {
        Monoid::Sum if b.shape_of(out).is_empty() => {
            let shape = b.shape_of(arg).to_vec();
            Share::Whole(Cotangent::uniform(b, value, &shape))
        }
        Monoid::Sum => Share::of(back(b, value, arg, dims)),
        Monoid::Product => {
            let others = others(b, arg, dims);
            let each = back(b, value, arg, dims);
            Share::of(b.mul(each, others))
        }
        Monoid::Max | Monoid::Min => {
            let (attained, count) = extremes(b, arg, dims, out);
            let part = b.div(value, count);
            let each = back(b, part, arg, dims);
            let zero = b.number(b.scalar_of(each), 0.0);
            Share::of(b.select(attained, each, zero))
        }
        Monoid::Any | Monoid::All => return None,
    })
}

/// What was reduced, over the shape of `arg` again.
fn back(b: &mut Builder, reduced: Var, arg: Var, dims: &[usize]) -> Var {
    let shape = b.shape_of(arg).to_vec();
    let rest = (0..shape.len()).filter(|d| !dims.contains(d)).collect();
    b.spread(reduced, shape, rest)
}

/// Where the extreme value is attained, and at how many places.
fn extremes(b: &mut Builder, arg: Var, dims: &[usize], out: Var) -> (Var, Var) {
    let extreme = back(b, out, arg, dims);
    let attained = b.call("eq", &[arg, extreme]);
    let ones = b.convert(attained, b.scalar_of(arg));
    (attained, b.sum(ones, dims.to_vec()))
}

/// For each element the product of all others with which it is multiplied. No division, so zeros do no harm; the products
/// are those of a binary tree.
fn others(b: &mut Builder, arg: Var, dims: &[usize]) -> Var {
    let shape = b.shape_of(arg).to_vec();
    let order: Vec<usize> = (0..shape.len()).filter(|d| !dims.contains(d)).chain(dims.iter().copied()).collect();
    let ordered: Vec<usize> = order.iter().map(|d| shape[*d]).collect();
    let count: usize = dims.iter().map(|d| shape[*d]).product();
    let rows = ordered[..shape.len() - dims.len()].iter().product();
    let last = b.transpose(arg, &order);
    let flat = b.reshape(last, vec![rows, count]);
    let products = others_in_row(b, flat);
    let unflat = b.reshape(products, ordered);
    b.spread(unflat, shape, order)
}

fn others_in_row(b: &mut Builder, x: Var) -> Var {
    let (scalar, rows, count) = (b.scalar_of(x), b.shape_of(x)[0], b.shape_of(x)[1]);
    if count <= 1 {
        return b.full(scalar, &[rows, count], 1.0);
    }
    let half = count.div_ceil(2);
    let one = b.full(scalar, &[rows, 1], 1.0);
    let even = if count % 2 == 1 { b.concat(vec![x, one], 1) } else { x };
    let pairs = b.reshape(even, vec![rows, half, 2]);
    let (left, right) = (b.pick(pairs, 2, 0), b.pick(pairs, 2, 1));
    let both = b.mul(left, right);
    let rest = others_in_row(b, both);
    let (of_left, of_right) = (b.mul(rest, right), b.mul(rest, left));
    let sides = [of_left, of_right].map(|side| b.reshape(side, vec![rows, half, 1]));
    let joined = b.concat(sides.to_vec(), 2);
    let row = b.reshape(joined, vec![rows, 2 * half]);
    b.part(row, 1, 0, count)
}
