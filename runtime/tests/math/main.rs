//! Functions of real numbers: accuracy, special cases, and the same bits in every form and on every instruction set.

mod references;

use moyal_runtime::math::*;
use moyal_runtime::noise;
use moyal_runtime::simd::{Level, limit};

type One = (&'static str, f64, fn(f64) -> f64, fn(&[f64], &mut [f64]), fn(f32) -> f32, fn(&[f32], &mut [f32]));
type Two = (
    &'static str,
    fn(f64, f64) -> f64,
    fn(&[f64], &[f64], &mut [f64]),
    fn(f32, f32) -> f32,
    fn(&[f32], &[f32], &mut [f32]),
);

/// Name, promised ulp, and the four forms.
const UNARY: &[One] = &[
    ("exp", 0.9, exp, exp_slice, exp_f32, exp_f32_slice),
    ("expm1", 0.9, expm1, expm1_slice, expm1_f32, expm1_f32_slice),
    ("log", 0.9, log, log_slice, log_f32, log_f32_slice),
    ("log1p", 0.9, log1p, log1p_slice, log1p_f32, log1p_f32_slice),
    ("sin", 0.8, sin, sin_slice, sin_f32, sin_f32_slice),
    ("cos", 0.8, cos, cos_slice, cos_f32, cos_f32_slice),
    ("tan", 0.9, tan, tan_slice, tan_f32, tan_f32_slice),
    ("asin", 0.7, asin, asin_slice, asin_f32, asin_f32_slice),
    ("acos", 0.7, acos, acos_slice, acos_f32, acos_f32_slice),
    ("atan", 0.7, atan, atan_slice, atan_f32, atan_f32_slice),
    ("sinh", 1.2, sinh, sinh_slice, sinh_f32, sinh_f32_slice),
    ("cosh", 1.0, cosh, cosh_slice, cosh_f32, cosh_f32_slice),
    ("tanh", 0.8, tanh, tanh_slice, tanh_f32, tanh_f32_slice),
    ("sigmoid", 0.8, sigmoid, sigmoid_slice, sigmoid_f32, sigmoid_f32_slice),
    ("softplus", 1.5, softplus, softplus_slice, softplus_f32, softplus_f32_slice),
    ("erf", 1.0, erf, erf_slice, erf_f32, erf_f32_slice),
    ("erfc", 3.0, erfc, erfc_slice, erfc_f32, erfc_f32_slice),
    ("lgamma", 3.0, lgamma, lgamma_slice, lgamma_f32, lgamma_f32_slice),
    ("digamma", 4.0, digamma, digamma_slice, digamma_f32, digamma_f32_slice),
    ("trigamma", 5.0, trigamma, trigamma_slice, trigamma_f32, trigamma_f32_slice),
    ("bessel_i0e", 4.0, bessel_i0e, bessel_i0e_slice, bessel_i0e_f32, bessel_i0e_f32_slice),
    ("bessel_i1e", 7.0, bessel_i1e, bessel_i1e_slice, bessel_i1e_f32, bessel_i1e_f32_slice),
];

const BINARY: &[Two] = &[
    ("pow", pow, pow_slice, pow_f32, pow_f32_slice),
    ("atan2", atan2, atan2_slice, atan2_f32, atan2_f32_slice),
];

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;
const EDGES: [f64; 22] = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, INF, -INF, NAN, 5e-324, -5e-324, 1e-310, f64::MAX, f64::MIN,
    f64::MIN_POSITIVE, 709.9, -745.0, 1e10, -1e300,
];

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits()
}

/// Edges, and normals of many sizes.
fn arguments() -> Vec<f64> {
    let mut sizes = vec![0.0; 3000];
    let mut x = vec![0.0; 3000];
    noise::normal(noise::key(5, 0, &[]), 0, 0, &mut sizes);
    noise::normal(noise::key(5, 1, &[]), 0, 0, &mut x);
    x.iter_mut().zip(&sizes).for_each(|(x, size)| *x *= (4.0 * size).exp());
    x.extend(EDGES);
    x
}

/// |value − exact| in units of the last place of the exact one.
fn ulps(value: f64, exact: f64) -> f64 {
    let size = exact.abs().max(f64::MIN_POSITIVE);
    (value - exact).abs() / (f64::from_bits(size.to_bits() + 1) - size)
}

#[test]
fn values_agree_with_high_precision() {
    for (name, x, exact) in references::UNARY {
        let (_, promise, f, ..) = UNARY.iter().find(|row| row.0 == *name).unwrap();
        // The reference is itself rounded.
        assert!(ulps(f(*x), *exact) <= (promise + 0.5).floor(), "{name}({x}) = {} not {exact}", f(*x));
    }
    for (name, x, y, exact) in references::BINARY {
        let (_, f, ..) = BINARY.iter().find(|row| row.0 == *name).unwrap();
        assert!(ulps(f(*x, *y), *exact) <= 1.0, "{name}({x}, {y}) = {} not {exact}", f(*x, *y));
    }
}

#[test]
fn all_forms_and_instruction_sets_give_the_same_bits() {
    let x = arguments();
    let y: Vec<f64> = x.iter().rev().copied().collect();
    let (x32, y32): (Vec<f32>, Vec<f32>) = x.iter().zip(&y).map(|(x, y)| (*x as f32, *y as f32)).unzip();
    let mut first: Vec<Vec<u64>> = Vec::new();
    for level in [Level::Avx512, Level::Avx2, Level::Baseline] {
        limit(level);
        let mut results = Vec::new();
        let (mut out, mut out32) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        for (name, _, f, slice, f32, slice32) in UNARY {
            slice(&x, &mut out);
            slice32(&x32, &mut out32);
            assert!(out.iter().zip(&x).all(|(v, x)| same(*v, f(*x))), "{name}");
            assert!(out32.iter().zip(&x32).all(|(v, x)| v.to_bits() == f32(*x).to_bits()), "{name} in f32");
            results.push(out.iter().map(|v| v.to_bits()).chain(out32.iter().map(|v| v.to_bits() as u64)).collect());
        }
        for (name, f, slice, f32, slice32) in BINARY {
            slice(&x, &y, &mut out);
            slice32(&x32, &y32, &mut out32);
            assert!((0..x.len()).all(|i| same(out[i], f(x[i], y[i]))), "{name}");
            assert!((0..x.len()).all(|i| out32[i].to_bits() == f32(x32[i], y32[i]).to_bits()), "{name} in f32");
            results.push(out.iter().map(|v| v.to_bits()).chain(out32.iter().map(|v| v.to_bits() as u64)).collect());
        }
        if first.is_empty() {
            first = results;
        } else {
            assert_eq!(first, results, "{level:?}");
        }
    }
    limit(Level::Avx512);
}

#[test]
fn edges_agree_with_the_standard_library() {
    let std: &[(&str, fn(f64) -> f64)] = &[
        ("exp", f64::exp), ("expm1", f64::exp_m1), ("log", f64::ln), ("log1p", f64::ln_1p), ("sin", f64::sin),
        ("cos", f64::cos), ("tan", f64::tan), ("asin", f64::asin), ("acos", f64::acos), ("atan", f64::atan),
        ("sinh", f64::sinh), ("cosh", f64::cosh), ("tanh", f64::tanh),
    ];
    for (name, theirs) in std {
        let (_, _, ours, ..) = UNARY.iter().find(|row| row.0 == *name).unwrap();
        for x in arguments() {
            close(name, x, ours(x), theirs(x));
        }
    }
    for x in EDGES {
        for y in EDGES {
            close("atan2", x, atan2(x, y), x.atan2(y));
            close("pow", x, pow(x, y), x.powf(y));
        }
    }
}

/// Equal as special values, or within 2 ulp.
fn close(name: &str, x: f64, ours: f64, theirs: f64) {
    let special = theirs.is_nan() || theirs.is_infinite() || theirs == 0.0;
    let fine = if theirs.is_nan() { same(ours, NAN) } else if special { same(ours, theirs) } else { ulps(ours, theirs) <= 2.0 };
    assert!(fine, "{name}({x:e}) = {ours:e}, std says {theirs:e}");
}

#[test]
fn special_functions_at_their_edges() {
    for (value, exact) in [
        (sigmoid(INF), 1.0), (sigmoid(-INF), 0.0), (sigmoid(0.0), 0.5), (softplus(-INF), 0.0), (softplus(INF), INF),
        (erf(INF), 1.0), (erf(-INF), -1.0), (erf(-0.0), -0.0), (erfc(INF), 0.0), (erfc(-INF), 2.0), (erfc(0.0), 1.0),
        (lgamma(1.0), 0.0), (lgamma(2.0), 0.0), (lgamma(0.0), INF), (lgamma(-3.0), INF), (lgamma(INF), INF),
        (lgamma(-INF), INF), (lgamma(5e-324), 744.4400719213812), (digamma(0.0), -INF), (digamma(-0.0), INF),
        (digamma(-1.0), NAN), (digamma(INF), INF), (trigamma(0.0), INF), (trigamma(-2.0), INF), (trigamma(INF), 0.0),
        (bessel_i0e(0.0), 1.0), (bessel_i1e(0.0), 0.0), (bessel_i0e(INF), 0.0), (bessel_i1e(-INF), -0.0),
    ] {
        assert!(same(value, exact) || ulps(value, exact) <= 1.0, "{value} {exact}");
    }
    assert!(ulps(lgamma(-0.5), 1.265512123484645) < 4.0);
    assert!(ulps(digamma(-0.5), 0.03648997397857652) < 100.0);
    assert!(ulps(trigamma(-0.5), 8.934802200544679) < 8.0);
}
