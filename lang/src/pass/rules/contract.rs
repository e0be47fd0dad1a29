//! Sums of products: linear in each factor.

use super::terms::Terms;
use super::*;

type Pairs = [(usize, usize)];

pub fn push(b: &mut Builder, left: Var, right: Var, batch: &Pairs, sum: &Pairs, tangents: &[Option<Var>]) -> Option<Var> {
    let mut terms = Terms::default();
    for (l, r) in [(tangents[0], Some(right)), (Some(left), tangents[1])] {
        if let (Some(l), Some(r)) = (l, r) {
            let term = Cotangent::of(b.contract(l, r, batch.to_vec(), sum.to_vec()));
            terms.add(b, term);
        }
    }
    terms.value(b)
}

pub fn pull(
    b: &mut Builder,
    left: Var,
    right: Var,
    batch: &Pairs,
    sum: &Pairs,
    value: Var,
    to: &[Option<Var>],
) -> Vec<(usize, Share)> {
    let (l, r) = (b.shape_of(left).to_vec(), b.shape_of(right).to_vec());
    let used = |d: usize, side: fn(&(usize, usize)) -> usize| batch.iter().chain(sum).any(|pair| side(pair) == d);
    let left_free: Vec<usize> = (0..l.len()).filter(|d| !used(*d, |p| p.0)).collect();
    let right_free: Vec<usize> = (0..r.len()).filter(|d| !used(*d, |p| p.1)).collect();
    // Where the free dimensions begin in the result.
    let (lefts, rights) = (batch.len(), batch.len() + left_free.len());
    let mut shares = vec![];
    if to[0].is_some() {
        let batches = batch.iter().enumerate().map(|(k, pair)| (k, pair.1)).collect();
        let sums = right_free.iter().enumerate().map(|(k, d)| (rights + k, *d)).collect();
        let product = multiply(b, value, right, batches, sums);
        let mut summed = sum.to_vec();
        summed.sort_by_key(|pair| pair.1);
        let dims = batch.iter().map(|p| p.0).chain(left_free.iter().copied()).chain(summed.iter().map(|p| p.0)).collect();
        shares.push((0, Share::of(b.spread(product, l, dims))));
    }
    if to[1].is_some() {
        let batches = batch.iter().enumerate().map(|(k, pair)| (pair.0, k)).collect();
        let sums = left_free.iter().enumerate().map(|(k, d)| (*d, lefts + k)).collect();
        let product = multiply(b, left, value, batches, sums);
        let mut summed = sum.to_vec();
        summed.sort_by_key(|pair| pair.0);
        let dims = batch.iter().map(|p| p.1).chain(summed.iter().map(|p| p.1)).chain(right_free.iter().copied()).collect();
        shares.push((1, Share::of(b.spread(product, r, dims))));
    }
    shares
}

/// A contraction, or the product of all pairs where nothing is summed.
fn multiply(b: &mut Builder, left: Var, right: Var, batch: Vec<(usize, usize)>, sum: Vec<(usize, usize)>) -> Var {
    if !sum.is_empty() {
        return b.contract(left, right, batch, sum);
    }
    let (l, r) = (b.shape_of(left).to_vec(), b.shape_of(right).to_vec());
    let mut shape: Vec<usize> = batch.iter().map(|pair| l[pair.0]).collect();
    let mut place = |of: &[usize], paired: &dyn Fn(usize) -> Option<usize>| -> Vec<usize> {
        let dims = (0..of.len()).map(|d| {
            paired(d).unwrap_or_else(|| {
                shape.push(of[d]);
                shape.len() - 1
            })
        });
        dims.collect()
    };
    let left_dims = place(&l, &|d| batch.iter().position(|pair| pair.0 == d));
    let right_dims = place(&r, &|d| batch.iter().position(|pair| pair.1 == d));
    let left = b.spread(left, shape.clone(), left_dims);
    let right = b.spread(right, shape, right_dims);
    b.mul(left, right)
}
