//! Special functions of one argument, for accuracy rather than speed: branches are allowed here.

use super::coefficients::*;
use super::elementary::{log_positive, polynomial, sin_near, tan_near, two_sum};
use std::f64::consts::PI;

/// ½ ln 2π.
const HALF_LN_TWO_PI: f64 = 0.9189385332046728;
/// B₂ₙ/(2n(2n−1)): Stirling's series.
const STIRLING: [f64; 9] = [
    1.0 / 12.0,
    -1.0 / 360.0,
    1.0 / 1260.0,
    -1.0 / 1680.0,
    1.0 / 1188.0,
    -691.0 / 360360.0,
    1.0 / 156.0,
    -3617.0 / 122400.0,
    43867.0 / 244188.0,
];
/// −B₂ₙ/2n: the series of ψ.
const DIGAMMA_FAR: [f64; 8] = [
    -1.0 / 12.0,
    1.0 / 120.0,
    -1.0 / 252.0,
    1.0 / 240.0,
    -1.0 / 132.0,
    691.0 / 32760.0,
    -1.0 / 12.0,
    3617.0 / 8160.0,
];
/// B₂ₙ: the series of ψ′.
const TRIGAMMA_FAR: [f64; 8] = [
    1.0 / 6.0,
    -1.0 / 30.0,
    1.0 / 42.0,
    -1.0 / 30.0,
    5.0 / 66.0,
    -691.0 / 2730.0,
    7.0 / 6.0,
    -3617.0 / 510.0,
];

/// The nearest integer and what is left over, for |x| < 2⁵².
#[inline(always)]
fn nearest(x: f64) -> (f64, f64) {
    let n = x.round();
    (n, x - n)
}

/// ln |Γ(x)|.
#[inline(always)]
pub fn lgamma(x: f64) -> f64 {
    if x.is_nan() {
        f64::NAN
    } else if x > 0.0 {
        if x == f64::INFINITY { x } else { lgamma_positive(x) }
    } else {
        lgamma_reflected(-x)
    }
}

#[inline(always)]
fn lgamma_positive(x: f64) -> f64 {
    if x >= 8.0 {
        lgamma_stirling(x)
    } else if x >= 1.5 {
        let (product, y) = lower(x);
        let s = y - 2.0;
        let near = s * polynomial(s, &LGAMMA_TWO);
        if product == 1.0 { near } else { log_positive(product) + near }
    } else if x >= 0.7 {
        (x - 1.0) * polynomial(x - 1.0, &LGAMMA_ONE)
    } else if x >= 0.5 {
        (x - 1.0).mul_add(polynomial(x - 1.0, &LGAMMA_TWO), -log_positive(x))
    } else {
        x.mul_add(polynomial(x, &LGAMMA_ONE), -log_positive(x))
    }
}

/// (p, y) with Γ(x) = p Γ(y) and y < 3.
#[inline(always)]
fn lower(x: f64) -> (f64, f64) {
    let (mut product, mut y) = (1.0, x);
    while y >= 3.0 {
        y -= 1.0;
        product *= y;
    }
    (product, y)
}

/// (x − ½) ln x − x + ½ ln 2π + Stirling's series, the first product in two parts.
#[inline(always)]
fn lgamma_stirling(x: f64) -> f64 {
    let l = log_positive(x);
    let product = (x - 0.5) * l;
    let error = (x - 0.5).mul_add(l, -product);
    if x > 1e306 {
        return x * (l - 1.0);
    }
    let (sum, rest) = two_sum(product, -x);
    let inverse = 1.0 / x;
    sum + (HALF_LN_TWO_PI + (rest + error + inverse * polynomial(inverse * inverse, &STIRLING)))
}

/// ln |Γ(−a)| = ln π − ln |a sin πa| − ln Γ(a).
#[inline(always)]
fn lgamma_reflected(a: f64) -> f64 {
    if a == 0.0 || a >= 4503599627370496.0 {
        return f64::INFINITY;
    }
    if a < 1e-20 {
        return -log_positive(a);
    }
    let (_, r) = nearest(a);
    if r == 0.0 {
        return f64::INFINITY;
    }
    let sine = sin_near(PI * r).abs();
    log_positive(PI / (a * sine)) - lgamma_positive(a)
}

/// ψ(x) = Γ′(x)/Γ(x).
#[inline(always)]
pub fn digamma(x: f64) -> f64 {
    if x.is_nan() || x == f64::NEG_INFINITY {
        f64::NAN
    } else if x == 0.0 {
        f64::INFINITY.copysign(-x)
    } else if x > 0.0 {
        digamma_positive(x)
    } else if x <= -4503599627370496.0 || nearest(x).1 == 0.0 {
        f64::NAN
    } else {
        digamma_positive(1.0 - x) - PI / tan_near(PI * nearest(x).1)
    }
}

#[inline(always)]
fn digamma_positive(x: f64) -> f64 {
    if x >= 10.0 {
        if x == f64::INFINITY {
            return x;
        }
        let z = (1.0 / x) * (1.0 / x);
        return log_positive(x) + z.mul_add(polynomial(z, &DIGAMMA_FAR), -0.5 / x);
    }
    if x < 1.0 {
        return digamma_near(x + 1.0) - 1.0 / x;
    }
    let (mut sum, mut y) = (0.0, x);
    while y >= 2.0 {
        y -= 1.0;
        sum += 1.0 / y;
    }
    sum + digamma_near(y)
}

/// ψ on [1, 2], with its zero taken out.
#[inline(always)]
fn digamma_near(x: f64) -> f64 {
    ((x - DIGAMMA_ROOT.0) - DIGAMMA_ROOT.1) * polynomial(x - 1.5, &DIGAMMA)
}

/// ψ′(x).
#[inline(always)]
pub fn trigamma(x: f64) -> f64 {
    if x.is_nan() {
        f64::NAN
    } else if x > 0.0 {
        trigamma_positive(x)
    } else if x == f64::NEG_INFINITY {
        f64::NAN
    } else if x <= -4503599627370496.0 || nearest(x).1 == 0.0 {
        f64::INFINITY
    } else {
        let sine = sin_near(PI * nearest(x).1) / PI;
        1.0 / (sine * sine) - trigamma_positive(1.0 - x)
    }
}

#[inline(always)]
fn trigamma_positive(x: f64) -> f64 {
    let (mut sum, mut y) = (0.0, x);
    while y < 10.0 {
        sum += (1.0 / y) * (1.0 / y);
        y += 1.0;
    }
    let inverse = 1.0 / y;
    let z = inverse * inverse;
    sum + inverse * z.mul_add(polynomial(z, &TRIGAMMA_FAR), 0.5f64.mul_add(inverse, 1.0))
}

/// Σ cⱼ Tⱼ(t) by Clenshaw's rule.
#[inline(always)]
fn chebyshev<const N: usize>(t: f64, c: &[f64; N]) -> f64 {
    let (mut b, mut before) = (0.0, 0.0);
    for j in (1..N).rev() {
        (b, before) = ((2.0 * t).mul_add(b, c[j] - before), b);
    }
    t.mul_add(b, c[0] - before)
}

/// e^{−|x|} I₀(x).
#[inline(always)]
pub fn bessel_i0e(x: f64) -> f64 {
    let size = x.abs();
    if x.is_nan() {
        f64::NAN
    } else if size <= 4.0 {
        chebyshev(size / 2.0 - 1.0, &I0_NEAR)
    } else if size <= 8.0 {
        chebyshev(size / 2.0 - 3.0, &I0_MIDDLE)
    } else {
        chebyshev(16.0 / size - 1.0, &I0_FAR) / size.sqrt()
    }
}

/// e^{−|x|} I₁(x).
#[inline(always)]
pub fn bessel_i1e(x: f64) -> f64 {
    let size = x.abs();
    if x.is_nan() {
        f64::NAN
    } else if size <= 4.0 {
        x * chebyshev(size / 2.0 - 1.0, &I1_NEAR)
    } else if size <= 8.0 {
        chebyshev(size / 2.0 - 3.0, &I1_MIDDLE).copysign(x)
    } else {
        (chebyshev(16.0 / size - 1.0, &I1_FAR) / size.sqrt()).copysign(x)
    }
}
