//! Sorting. Sorted values are read at the positions that this row gives, so they have derivatives without a rule.

use super::*;

pub static ROWS: &[&Routine] = &[&ORDER];

pub static ORDER: Routine = Routine {
    name: "order",
    doc: "The positions of numbers in ascending order: of equal ones the first comes first, not-a-number comes last.",
    types: |args| match &args[0].shape[..] {
        [n] if args[0].scalar != Scalar::Bool => Ok(vec![Type::new(Scalar::Int, [*n])]),
        other => Err(format!("no row of numbers: {other:?}")),
    },
    run: |members| {
        let n = members.types[0].shape[0].max(1);
        let NumbersMut::Int(out) = &mut members.outs[0] else { unreachable!("positions are ints") };
        let keys: Vec<i64> = match members.args[0] {
            Numbers::Real(x) => x.iter().map(|x| key(*x)).collect(),
            Numbers::F32(x) => x.iter().map(|x| key(*x as f64)).collect(),
            Numbers::Int(x) => x.to_vec(),
        };
        for (keys, out) in keys.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
            let mut pairs: Vec<(i64, usize)> = keys.iter().copied().zip(0..).collect();
            pairs.sort_unstable();
            out.iter_mut().zip(pairs).for_each(|(out, (_, k))| *out = k as i64);
        }
        Ok(())
    },
    derivative: Derivative::Constant,
    ..ROUTINE
};

/// An integer for each float, in the same order; -0 is 0, not-a-number is above all others.
fn key(x: f64) -> i64 {
    let bits = if x.is_nan() { f64::NAN.to_bits() as i64 & i64::MAX } else { (x + 0.0).to_bits() as i64 };
    if bits < 0 { bits ^ i64::MAX } else { bits }
}
