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
        for (k, out) in out.chunks_exact_mut(n).enumerate() {
            let row = k * n..(k + 1) * n;
            match members.args[0] {
                Numbers::Real(x) => sort(&x[row], out, |x| if x.is_nan() { f64::NAN } else { x + 0.0 }, f64::total_cmp),
                Numbers::F32(x) => sort(&x[row], out, |x| if x.is_nan() { f32::NAN } else { x + 0.0 }, f32::total_cmp),
                Numbers::Int(x) => sort(&x[row], out, |x| x, i64::cmp),
            }
        }
        Ok(())
    },
    derivative: Derivative::Constant,
    ..ROUTINE
};

fn sort<T: Copy>(x: &[T], out: &mut [i64], key: impl Fn(T) -> T, compare: impl Fn(&T, &T) -> std::cmp::Ordering) {
    out.iter_mut().enumerate().for_each(|(k, out)| *out = k as i64);
    out.sort_by(|i, j| compare(&key(x[*i as usize]), &key(x[*j as usize])));
}
