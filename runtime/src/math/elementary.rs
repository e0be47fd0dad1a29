//! Bodies of the elementary functions: branch-free, so that a loop over them becomes vector code.
//!
//! Integers are rounded and converted by adding 1.5·2⁵², which puts them into the low bits of a double. Where one
//! double is not enough, a value is a pair (high, low) with |low| at most about an ulp of high.

use super::coefficients::*;
use super::parts::parts;

/// 1.5·2⁵²: added to a small number it rounds it to an integer, kept in the low bits.
pub const SHIFT: f64 = 6755399441055744.0;
const ONE: u64 = 0x3ff0_0000_0000_0000;
const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
const MANTISSA: u64 = 0x000f_ffff_ffff_ffff;
const TWO_52: u64 = 0x4330_0000_0000_0000;
const SIGN: u64 = 1 << 63;

/// ln 2, its high part with 33 bits so that multiples by exponents are exact.
const LN2: (f64, f64) = (6.931_471_803_691_238_165e-1, 1.908_214_929_270_587_7e-10);
/// π/2 in three parts.
const HALF_PI: (f64, f64, f64) = (std::f64::consts::FRAC_PI_2, 6.123233995736766e-17, -1.4973849048591833e-33);
const QUARTER_PI: (f64, f64) = (std::f64::consts::FRAC_PI_4, 3.061616997868383e-17);
const PI: (f64, f64) = (std::f64::consts::PI, 1.2246467991473532e-16);
/// 3π/4.
const THREE_QUARTER_PI: (f64, f64) = (2.356194490192345, 9.184850993605148e-17);
/// tan(π/8).
const TAN_EIGHTH: f64 = 0.41421356237309503;
const TWO_THIRDS: (f64, f64) = (0.6666666666666666, 3.7007434154171886e-17);

parts!(f64, u64, 52);

/// a + b and its rounding error, for |a| ≥ |b| or a = 0.
#[inline(always)]
pub fn fast_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    (sum, (a - sum) + b)
}

#[inline(always)]
fn xor_bits(x: f64, bits: u64) -> f64 {
    f64::from_bits(x.to_bits() ^ bits)
}

/// (n, r, e) with x + tail = n ln 2 + r + e, |r| ≤ ln 2 / 2.
#[inline(always)]
fn reduce_ln2(x: f64, tail: f64) -> (f64, f64, f64) {
    let n = x.mul_add(std::f64::consts::LOG2_E, SHIFT) - SHIFT;
    let high = n.mul_add(-LN2.0, x);
    let low = n.mul_add(-LN2.1, tail);
    let r = high + low;
    (n, r, (high - r) + low)
}

/// exp(x + tail) for a small tail.
#[inline(always)]
pub fn exp_pair(x: f64, tail: f64) -> f64 {
    let (n, r, e) = reduce_ln2(x, tail);
    let p = 1.0 + (r + (r * r).mul_add(polynomial(r, &EXP), e));
    scale(p, n)
}

#[inline(always)]
pub fn exp(x: f64) -> f64 {
    let y = select(x > 710.0, 710.0, select(x < -746.0, -746.0, x));
    select(x.is_nan(), f64::NAN, exp_pair(y, 0.0))
}

/// eˣ − 1 as a pair, for |x| ≤ 700.
#[inline(always)]
fn expm1_pair(x: f64) -> (f64, f64) {
    let (n, r, e) = reduce_ln2(x, 0.0);
    let (high, low) = fast_sum(r, (r * r).mul_add(polynomial(r, &EXP), e));
    let two_n = power_of_two(n + SHIFT);
    let (sum, error) = two_sum(two_n - 1.0, two_n * high);
    fast_sum(sum, two_n.mul_add(low, error))
}

#[inline(always)]
pub fn expm1(x: f64) -> f64 {
    let y = select(x > 60.0, 60.0, select(x < -60.0, -60.0, x));
    let (small, _) = expm1_pair(y);
    let value = select(x > 60.0, exp(x), small);
    select(x.is_nan(), f64::NAN, select(x == 0.0, x, value))
}

/// (k, m) with x = 2ᵏ m and m in [√½, √2), for positive finite x.
#[inline(always)]
fn split(x: f64) -> (f64, f64) {
    let tiny = x < f64::MIN_POSITIVE;
    let bits = select(tiny, x * 18014398509481984.0, x).to_bits().wrapping_add(ONE - SQRT_HALF);
    let m = f64::from_bits((bits & MANTISSA).wrapping_add(SQRT_HALF));
    let k = f64::from_bits((bits >> 52) | TWO_52) - select(tiny, 4503599627371573.0, 4503599627371519.0);
    (k, m)
}

/// k ln 2 + ln(1 + f) + c for 1 + f in [√½, √2) and small c (fdlibm's arrangement).
#[inline(always)]
fn log_sum(k: f64, f: f64, c: f64) -> f64 {
    let half_square = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let rest = z * polynomial(z, &LOG);
    let low = s.mul_add(half_square + rest, k.mul_add(LN2.1, c));
    k.mul_add(LN2.0, -((half_square - low) - f))
}

/// ln x for positive normal x; nothing is checked.
#[inline(always)]
pub fn log_positive(x: f64) -> f64 {
    let (k, m) = split(x);
    log_sum(k, m - 1.0, 0.0)
}

#[inline(always)]
pub fn log(x: f64) -> f64 {
    let special = select(x == 0.0, f64::NEG_INFINITY, select(x == f64::INFINITY, x, f64::NAN));
    select((x > 0.0) & (x < f64::INFINITY), log_positive(x), special)
}

#[inline(always)]
pub fn log1p(x: f64) -> f64 {
    let (u, error) = two_sum(1.0, x);
    let (k, m) = split(u);
    // error·2⁻ᵏ/m is the share of what was lost in 1 + x.
    let value = log_sum(k, m - 1.0, error / u);
    let special = select(x == -1.0, f64::NEG_INFINITY, select(x == f64::INFINITY, x, f64::NAN));
    let value = select((x > -1.0) & (x < f64::INFINITY), value, special);
    select(x == 0.0, x, value)
}

/// ln x as a pair with about 68 bits, for positive finite x.
#[inline(always)]
fn log_pair(x: f64) -> (f64, f64) {
    let (k, m) = split(x);
    let f = m - 1.0;
    let (d, d_low) = fast_sum(1.0, m);
    let inverse = 1.0 / d;
    let s = f * inverse;
    let s_low = (-s).mul_add(d_low, (-s).mul_add(d, f)) * inverse;
    let z = s * s;
    let z_low = (2.0 * s).mul_add(s_low, s.mul_add(s, -z));
    let (c, c_low) = fast_sum(TWO_THIRDS.0, z * polynomial(z, &LOG_FAR));
    let c_low = c_low + TWO_THIRDS.1;
    let t = s * z;
    let t_low = s.mul_add(z_low, s_low.mul_add(z, s.mul_add(z, -t)));
    let u = t * c;
    let u_low = t.mul_add(c_low, t_low.mul_add(c, t.mul_add(c, -u)));
    let (sum, e1) = fast_sum(k * LN2.0, 2.0 * s);
    let (sum, e2) = fast_sum(sum, u);
    fast_sum(sum, e1 + (e2 + (2.0f64.mul_add(s_low, k.mul_add(LN2.1, u_low)))))
}

/// Whether a finite or infinite y is an integer, and an odd one.
#[inline(always)]
fn parity(y: f64) -> (bool, bool) {
    let size = y.abs();
    let big = size >= 4503599627370496.0;
    let whole = |v: f64| (v + 4503599627370496.0) - 4503599627370496.0 == v;
    let integer = big | whole(size);
    let half_integer = (size >= 9007199254740992.0) | ((size * 0.5 + 4503599627370496.0) - 4503599627370496.0 == size * 0.5);
    (integer, integer & !half_integer)
}

#[inline(always)]
pub fn pow(x: f64, y: f64) -> f64 {
    let size = x.abs();
    let (l, l_low) = log_pair(size);
    let e = select(y > 1e20, 1e20, select(y < -1e20, -1e20, y));
    let p = e * l;
    let p_low = e.mul_add(l_low, e.mul_add(l, -p));
    let (p, p_low) = (select(p > 710.0, 710.0, select(p < -746.0, -746.0, p)), select(p.abs() > 746.0, 0.0, p_low));
    let value = exp_pair(p, p_low);
    let ends = (size == 0.0) | (size == f64::INFINITY);
    let value = select(ends, select((size == 0.0) == (y > 0.0), 0.0, f64::INFINITY), value);
    let value = select((size == 1.0) & y.is_infinite(), 1.0, value);
    let (integer, odd) = parity(y);
    let negative = x.is_sign_negative();
    let value = select(negative & odd, -value, value);
    let value = select(negative & !integer & !ends, f64::NAN, value);
    let value = select(x.is_nan() | y.is_nan(), f64::NAN, value);
    select((x == 1.0) | (y == 0.0), 1.0, value)
}

/// sinh x and cosh x in quarters: (sinh/4, cosh/4), for |x| ≤ 711.
/// With x = n ln 2 + r: sinh x = cosh r·(2ⁿ − 2⁻ⁿ)/2 + sinh r·(2ⁿ + 2⁻ⁿ)/2.
#[inline(always)]
fn hyperbolic(size: f64) -> (f64, f64) {
    let (n, r, e) = reduce_ln2(size, 0.0);
    let z = r * r;
    let s_low = (r * z).mul_add(polynomial(z, &SINH), e);
    let c = z.mul_add(0.5, (z * z).mul_add(polynomial(z, &COSH), r * e));
    let up = power_of_two(n - 3.0 + SHIFT);
    let down = power_of_two(select(n > 60.0, -1020.0, -n) - 3.0 + SHIFT);
    let (minus, plus) = (up - down, up + down);
    let sinh = minus + minus.mul_add(c, plus.mul_add(r, plus * s_low));
    let cosh = plus + plus.mul_add(c, minus.mul_add(r, minus * s_low));
    (sinh, cosh)
}

#[inline(always)]
pub fn sinh(x: f64) -> f64 {
    let size = x.abs();
    let value = 4.0 * hyperbolic(select(size > 711.0, 711.0, size)).0;
    let value = select(size < 1e-300, size, value);
    select(x.is_nan(), f64::NAN, value.copysign(x))
}

#[inline(always)]
pub fn cosh(x: f64) -> f64 {
    let size = x.abs();
    let value = 4.0 * hyperbolic(select(size > 711.0, 711.0, size)).1;
    select(x.is_nan(), f64::NAN, value)
}

/// (a + b)/(c + d) for pairs.
#[inline(always)]
fn quotient((a, b): (f64, f64), (c, d): (f64, f64)) -> f64 {
    let inverse = 1.0 / c;
    let q = a * inverse;
    let rest = (-q).mul_add(d, (-q).mul_add(c, a) + b);
    rest.mul_add(inverse, q)
}

/// tanh x = t/(t + 2) with t = e²ˣ − 1.
#[inline(always)]
pub fn tanh(x: f64) -> f64 {
    let size = x.abs();
    let (t, t_low) = expm1_pair(2.0 * select(size > 22.0, 22.0, size));
    let (d, d_low) = two_sum(t, 2.0);
    let value = quotient((t, t_low), (d, d_low + t_low));
    select(x.is_nan(), f64::NAN, value.copysign(x))
}

/// 1/(1 + e⁻ˣ) = e/(1 + e) with e = eˣ for x < 0.
#[inline(always)]
pub fn sigmoid(x: f64) -> f64 {
    let size = x.abs();
    let (n, r, e) = reduce_ln2(-select(size > 746.0, 746.0, size), 0.0);
    let (p, p_low) = fast_sum(1.0, r);
    let tail = p_low + (r * r).mul_add(polynomial(r, &EXP), e);
    let (p, p_low) = fast_sum(p, tail);
    // Below 2⁻¹⁰⁰ the sum with 1 does not see e, so its power of two may be cut there.
    let two_n = power_of_two(select(n < -100.0, -100.0, n) + SHIFT);
    let (d, d_low) = fast_sum(1.0, two_n * p);
    let d_low = two_n.mul_add(p_low, d_low);
    let above = quotient((1.0, 0.0), (d, d_low));
    let below = scale(quotient((p, p_low), (d, d_low)), n);
    select(x.is_nan(), f64::NAN, select(x < 0.0, below, above))
}

/// ln(1 + eˣ) = max(x, 0) + ln(1 + e^{−|x|}).
#[inline(always)]
pub fn softplus(x: f64) -> f64 {
    let value = select(x > 0.0, x, 0.0) + log1p(exp(-x.abs()));
    select(x.is_nan(), f64::NAN, value)
}

/// From here on sin, cos and tan take `reduce_far`.
pub const FAR: f64 = 1073741824.0;

/// sin(r + e) as r and the rest.
#[inline(always)]
fn sin_rest(r: f64, e: f64) -> f64 {
    let z = r * r;
    (z * r).mul_add(polynomial(z, &SIN), z.mul_add(-0.5 * e, e))
}

/// cos(r + e) as a pair.
#[inline(always)]
fn cos_parts(r: f64, e: f64) -> (f64, f64) {
    let z = r * r;
    let half = 0.5 * z;
    let w = 1.0 - half;
    (w, ((1.0 - w) - half) + (z * z).mul_add(polynomial(z, &COS), -r * e))
}

/// sin(n π/2 + r + e); n + 1 gives the cosine.
#[inline(always)]
pub fn sin_reduced(n: u64, r: f64, e: f64) -> f64 {
    let (w, rest) = cos_parts(r, e);
    let value = select(n & 1 == 0, r + sin_rest(r, e), w + rest);
    xor_bits(value, (n & 2) << 62)
}

/// tan(n π/2 + r + e).
#[inline(always)]
pub fn tan_reduced(n: u64, r: f64, e: f64) -> f64 {
    let (s, s_low) = fast_sum(r, sin_rest(r, e));
    let (w, rest) = cos_parts(r, e);
    let (c, c_low) = fast_sum(w, rest);
    let even = n & 1 == 0;
    let above = (select(even, s, c), select(even, s_low, c_low));
    let below = (select(even, c, -s), select(even, c_low, -s_low));
    quotient(above, below)
}

/// tan x for |x| < FAR.
#[inline(always)]
pub fn tan_near(x: f64) -> f64 {
    let (n, r, e) = reduce_half_pi(x);
    select(x == 0.0, x, tan_reduced(n, r, e))
}

/// What asin and acos share: with a = |x|, (s, e, p) where asin(s + e) = s + (e + p), and s + e is a below ½ and
/// √((1 − a)/2) above it.
#[inline(always)]
fn asin_parts(size: f64) -> (f64, f64, f64) {
    let inner = size < 0.5;
    let z = select(inner, size * size, 0.5 * (1.0 - size));
    let root = z.sqrt();
    let error = (-root).mul_add(root, z) / select(root == 0.0, 1.0, 2.0 * root);
    let s = select(inner, size, root);
    (s, select(inner, 0.0, error), s * z * polynomial(z, &ASIN))
}

#[inline(always)]
pub fn asin(x: f64) -> f64 {
    let size = x.abs();
    let (s, e, p) = asin_parts(size);
    let (difference, error) = fast_sum(HALF_PI.0, -2.0 * s);
    let outer = difference + (error + (HALF_PI.1 - 2.0 * (e + p)));
    let value = select(size < 0.5, s + p, outer);
    select(size <= 1.0, value.copysign(x), f64::NAN)
}

#[inline(always)]
pub fn acos(x: f64) -> f64 {
    let size = x.abs();
    let (s, e, p) = asin_parts(size);
    let sign = x.to_bits() & SIGN;
    let (middle, error) = fast_sum(HALF_PI.0, -xor_bits(s, sign));
    let inner = middle + (error + (HALF_PI.1 - xor_bits(p, sign)));
    let right = 2.0 * (s + (e + p));
    let (far, far_error) = fast_sum(PI.0, -2.0 * s);
    let left = far + (far_error + (PI.1 - 2.0 * (e + p)));
    let value = select(size < 0.5, inner, select(sign == 0, right, left));
    select(size <= 1.0, value, f64::NAN)
}

/// atan(a/b) as (turned, q, rest) for 0 ≤ a ≤ b, b > 0: the angle is q + rest, plus π/4 if turned.
#[inline(always)]
fn atan_parts(a: f64, b: f64) -> (bool, f64, f64) {
    let turned = a > TAN_EIGHTH * b;
    let (difference, d_low) = fast_sum(-b, a);
    let (sum, s_low) = fast_sum(b, a);
    let (over, over_low) = (select(turned, difference, a), select(turned, d_low, 0.0));
    let (under, under_low) = (select(turned, sum, b), select(turned, s_low, 0.0));
    let inverse = 1.0 / under;
    let q = over * inverse;
    let q_low = (-q).mul_add(under_low, (-q).mul_add(under, over) + over_low) * inverse;
    let z = q * q;
    (turned, q, (z * q).mul_add(polynomial(z, &ATAN), z.mul_add(-q_low, q_low)))
}

/// base + sign·(angle of `atan_parts`), where base is given with and without the quarter turn.
#[inline(always)]
fn turn(sign: u64, (turned, q, rest): (bool, f64, f64), plain: (f64, f64), quarter: (f64, f64)) -> f64 {
    let base = select(turned, quarter.0, plain.0);
    let base_low = select(turned, quarter.1, plain.1);
    let (sum, error) = fast_sum(base, xor_bits(q, sign));
    sum + (error + (base_low + xor_bits(rest, sign)))
}

#[inline(always)]
pub fn atan(x: f64) -> f64 {
    let size = x.abs();
    let outer = size > 1.0;
    let over = select(outer, 1.0, size);
    let under = select(outer, select(size > 1e300, 1e300, size), 1.0);
    let parts = atan_parts(over, under);
    let inside = turn(0, parts, (0.0, 0.0), QUARTER_PI);
    let outside = turn(SIGN, parts, (HALF_PI.0, HALF_PI.1), QUARTER_PI);
    let value = select(outer, outside, inside);
    select(x.is_nan(), f64::NAN, value.copysign(x))
}

#[inline(always)]
pub fn atan2(y: f64, x: f64) -> f64 {
    let (across, along) = (y.abs(), x.abs());
    let steep = across > along;
    let (a, b) = (select(steep, along, across), select(steep, across, along));
    // Infinities become 1 beside 0 or 1, zero over zero becomes zero over one; the rest is brought away from the ends.
    let a = select(b == f64::INFINITY, select(a == b, 1.0, 0.0), a);
    let b = select((b == f64::INFINITY) | (b == 0.0), 1.0, b);
    let factor = select(b > 1e270, 1e-100, select(b < 1e-200, 1e100, 1.0));
    let parts = atan_parts(a * factor, b * factor);
    let left = x.is_sign_negative();
    let right_flat = turn(0, parts, (0.0, 0.0), QUARTER_PI);
    let right_steep = turn(SIGN, parts, (HALF_PI.0, HALF_PI.1), QUARTER_PI);
    let left_flat = turn(SIGN, parts, PI, THREE_QUARTER_PI);
    let left_steep = turn(0, parts, (HALF_PI.0, HALF_PI.1), THREE_QUARTER_PI);
    let value = select(steep, select(left, left_steep, right_steep), select(left, left_flat, right_flat));
    select(x.is_nan() | y.is_nan(), f64::NAN, value.copysign(y))
}

/// exp(−x²)·(scaled erfc) for ½ ≤ x: erfc x.
#[inline(always)]
fn erfc_outer(x: f64) -> f64 {
    let x = select(x > 28.0, 28.0, x);
    let p = polynomial((x - 3.0) / (x + 3.0), &ERFC) / 2.0f64.mul_add(x, 1.0);
    let square = x * x;
    exp_pair(-square, -x.mul_add(x, -square)) * p
}

/// erf x for |x| ≤ 1.
#[inline(always)]
fn erf_inner(x: f64) -> f64 {
    x.mul_add(polynomial(x * x, &ERF), x)
}

#[inline(always)]
pub fn erf(x: f64) -> f64 {
    let size = x.abs();
    let outer = 1.0 - erfc_outer(select(size < 0.5, 0.5, size));
    let value = select(size < 1.0, erf_inner(size), outer);
    select(x.is_nan(), f64::NAN, value.copysign(x))
}

#[inline(always)]
pub fn erfc(x: f64) -> f64 {
    let size = x.abs();
    let outer = erfc_outer(select(size < 0.5, 0.5, size));
    let inner = 1.0 - erf_inner(select(size < 0.5, x, 0.0));
    let value = select(size < 0.5, inner, select(x < 0.0, 2.0 - outer, outer));
    select(x.is_nan(), f64::NAN, value)
}
