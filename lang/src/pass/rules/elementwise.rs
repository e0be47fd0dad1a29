//! Scalar primitives: the partial derivatives of their rows.

use super::terms::Terms;
use super::*;
use crate::prim::{Partials, Prim, Slope};

pub fn push(b: &mut Builder, row: &Prim, args: &[Var], out: Var, tangents: &[Option<Var>]) -> Option<Var> {
    let slopes = slopes(b, row, args, out);
    let to = b.scalar_of(out);
    let mut sum = Terms::default();
    let mut chosen: Vec<(Var, bool, Var)> = vec![];
    for (slope, tangent) in slopes.into_iter().zip(tangents) {
        let Some(tangent) = *tangent else { continue };
        match slope {
            // Both sides of one choice are chosen at once.
            Slope::Where(condition, side) => chosen.push((condition, side, tangent)),
            slope => {
                if let Some(term) = apply(b, slope, tangent) {
                    let term = term.convert(b, to);
                    sum.add(b, term);
                }
            }
        }
    }
    while let Some((condition, side, tangent)) = chosen.pop() {
        let other = chosen.iter().position(|(c, s, _)| *c == condition && *s != side).map(|k| chosen.remove(k).2);
        let other = other.unwrap_or_else(|| b.zeros_like(tangent));
        let (yes, no) = if side { (tangent, other) } else { (other, tangent) };
        let term = Cotangent::of(b.select(condition, yes, no));
        sum.add(b, term);
    }
    sum.value(b)
}

pub fn pull(b: &mut Builder, row: &Prim, args: &[Var], out: Var, value: Var, to: &[Option<Var>]) -> Vec<(usize, Share)> {
    let slopes = slopes(b, row, args, out);
    let twin = |j: usize, k: usize| match (slopes[j], slopes[k]) {
        (Slope::Is(x), Slope::Is(y)) => x == y && to[j] == to[k],
        (Slope::One, Slope::One) => to[j] == to[k],
        _ => false,
    };
    let mut shares = vec![];
    for k in (0..args.len()).filter(|k| to[*k].is_some() && !(0..*k).any(|j| twin(j, *k))) {
        let Some(mut share) = apply(b, slopes[k], value) else { continue };
        // As in x·x and x + x, whose slopes are 2 x and 2.
        let twins = (k..args.len()).filter(|j| twin(k, *j)).count();
        if twins > 1 {
            let times = Cotangent::multiple(b, twins as f64, value);
            share = share.times(b, &times);
        }
        shares.push((k, Share::Whole(share.convert(b, b.scalar_of(args[k])))));
    }
    shares
}

fn slopes(b: &mut Builder, row: &Prim, args: &[Var], out: Var) -> Vec<Slope> {
    match row.partials {
        Partials::Smooth(partials) => partials(b, args, out),
        Partials::Constant => vec![Slope::Zero; args.len()],
    }
}

/// Slope times tangent or cotangent; None is zero. A slope that is the same everywhere becomes a scale, and so does a literal.
fn apply(b: &mut Builder, slope: Slope, value: Var) -> Option<Cotangent> {
    let plain = Cotangent::of(value);
    Some(match slope {
        Slope::Zero => return None,
        Slope::One => plain,
        Slope::MinusOne => Cotangent { negative: true, ..plain },
        Slope::Is(slope) => match b.uniform(slope).or_else(|| b.literal_of(slope).map(|_| slope)) {
            Some(scale) => Cotangent { scale: Some(scale), ..plain }.settled(b),
            None => Cotangent::of(b.mul(slope, value)),
        },
        Slope::Where(condition, side) => {
            let zero = b.number(b.scalar_of(value), 0.0);
            let (yes, no) = if side { (value, zero) } else { (zero, value) };
            Cotangent::of(b.select(condition, yes, no))
        }
    })
}
