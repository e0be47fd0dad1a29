//! The `f32` functions that deserve vector code of their own: the bodies of `elementary` with shorter polynomials.

use super::coefficients::*;
use super::parts::parts;

/// 1.5·2²³, which rounds as `elementary::SHIFT` does.
const SHIFT: f32 = 12582912.0;
const ONE: u32 = 0x3f80_0000;
const SQRT_HALF: u32 = 0x3f35_04f3;
/// ln 2, the first part with few bits.
const LN2: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);
/// π/2 in three parts.
const HALF_PI: (f32, f32, f32) = (std::f32::consts::FRAC_PI_2, -4.371_139e-8, -1.715_124_5e-15);
/// From here on angles go through `f64`.
pub const FAR: f32 = 16384.0;

parts!(f32, u32, 23);

/// (n, r) with x = n ln 2 + r.
#[inline(always)]
fn reduce_ln2(x: f32) -> (f32, f32) {
    let n = x.mul_add(std::f32::consts::LOG2_E, SHIFT) - SHIFT;
    (n, n.mul_add(-LN2.1, n.mul_add(-LN2.0, x)))
}

#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let y = select(x > 90.0, 90.0, select(x < -106.0, -106.0, x));
    let (n, r) = reduce_ln2(y);
    let value = scale(1.0 + (r * r).mul_add(polynomial(r, &EXP_F32), r), n);
    select(x.is_nan(), f32::NAN, value)
}

/// ln x for positive normal x times 2⁻ˢ.
#[inline(always)]
fn log_shifted(x: f32, s: f32) -> f32 {
    let bits = x.to_bits().wrapping_add(ONE - SQRT_HALF);
    let m = f32::from_bits((bits & 0x007f_ffff) + SQRT_HALF);
    let k = ((bits >> 23) as i32 - 127) as f32 - s;
    let f = m - 1.0;
    let half_square = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let low = s.mul_add(z.mul_add(polynomial(z, &LOG_F32), half_square), k * 9.058_001e-6);
    k.mul_add(0.693_138_1, -((half_square - low) - f))
}

/// ln x for positive normal x; nothing is checked.
#[inline(always)]
pub fn log_positive(x: f32) -> f32 {
    log_shifted(x, 0.0)
}

#[inline(always)]
pub fn log(x: f32) -> f32 {
    let tiny = x < f32::MIN_POSITIVE;
    let value = log_shifted(select(tiny, x * 33554432.0, x), select(tiny, 25.0, 0.0));
    let special = select(x == 0.0, f32::NEG_INFINITY, select(x == f32::INFINITY, x, f32::NAN));
    select((x > 0.0) & (x < f32::INFINITY), value, special)
}

#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let size = x.abs();
    let (n, r) = reduce_ln2(2.0 * select(size > 10.0, 10.0, size));
    let rest = (r * r) * polynomial(r, &EXP_F32);
    let two_n = power_of_two(n + SHIFT);
    let (sum, error) = two_sum(two_n - 1.0, two_n * r);
    let low = two_n.mul_add(rest, error);
    let (t, t_low) = (sum + low, (sum - (sum + low)) + low);
    let (d, d_low) = two_sum(t, 2.0);
    let inverse = 1.0 / d;
    let q = t * inverse;
    let value = ((-q).mul_add(d, t) + (-q).mul_add(d_low + t_low, t_low)).mul_add(inverse, q);
    select(x.is_nan(), f32::NAN, value.copysign(x))
}

#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    select(x.is_nan(), f32::NAN, select(x < 0.0, e, 1.0) / (1.0 + e))
}

/// sin(n π/2 + r + e).
#[inline(always)]
fn sin_reduced(n: u32, r: f32, e: f32) -> f32 {
    let z = r * r;
    let sine = r + (z * r).mul_add(polynomial(z, &SIN_F32), e);
    let half = 0.5 * z;
    let w = 1.0 - half;
    let cosine = w + (((1.0 - w) - half) + (z * z).mul_add(polynomial(z, &COS_F32), -r * e));
    f32::from_bits(select(n & 1 == 0, sine, cosine).to_bits() ^ ((n & 2) << 30))
}
