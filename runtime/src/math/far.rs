//! Angles too large for the vector reduction: the exact one of Payne and Hanek, with as many bits of 2/π as needed.

use super::coefficients::TWO_OVER_PI;
use super::elementary::{fast_sum, sin_reduced, tan_reduced};

/// sin x for large or non-finite x.
pub fn sin(x: f64) -> f64 {
    if x.is_finite() { with_reduced(x, |n, r, e| sin_reduced(n, r, e)) } else { f64::NAN }
}

/// cos x for large or non-finite x.
pub fn cos(x: f64) -> f64 {
    if x.is_finite() { with_reduced(x, |n, r, e| sin_reduced(n.wrapping_add(1), r, e)) } else { f64::NAN }
}

/// tan x for large or non-finite x.
pub fn tan(x: f64) -> f64 {
    if x.is_finite() { with_reduced(x, tan_reduced) } else { f64::NAN }
}

fn with_reduced(x: f64, f: impl Fn(u64, f64, f64) -> f64) -> f64 {
    let (n, r, e) = reduce(x);
    f(n, r, e)
}

/// (n, r, e) with x = n π/2 + r + e modulo 2π and |r| ≤ π/4, for |x| ≥ 2.
fn reduce(x: f64) -> (u64, f64, f64) {
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i64 - 1075;
    let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
    // Bits of 2/π before the first window bit only make multiples of 4 quarter turns.
    let turns = multiply(window(exponent - 2), mantissa);
    let (n, negative, fraction) = nearest(turns);
    let (high, low) = to_pair(fraction);
    let (r, e) = times_half_pi(high, low);
    let flip = negative != (x < 0.0);
    let n = if x < 0.0 { n.wrapping_neg() } else { n };
    if flip { (n, -r, -e) } else { (n, r, e) }
}

/// 192 bits of 2/π after skipping `skip` bits behind the point (zeros if negative), highest word first.
fn window(skip: i64) -> [u64; 3] {
    let word = |i: i64| if i < 0 { 0 } else { TWO_OVER_PI.get(i as usize).copied().unwrap_or(0) };
    let (first, shift) = (skip.div_euclid(64), skip.rem_euclid(64) as u32);
    std::array::from_fn(|j| {
        let i = first + j as i64;
        ((((word(i) as u128) << 64) | word(i + 1) as u128) >> (64 - shift)) as u64
    })
}

/// The low 192 bits of the product.
fn multiply(a: [u64; 3], m: u64) -> [u64; 3] {
    let low = a[2] as u128 * m as u128;
    let middle = a[1] as u128 * m as u128 + (low >> 64);
    let high = (a[0].wrapping_mul(m)).wrapping_add((middle >> 64) as u64);
    [high, middle as u64, low as u64]
}

/// Quarter turns with two bits before the point: the nearest integer, the sign and size of what is left over.
fn nearest(t: [u64; 3]) -> (u64, bool, [u64; 3]) {
    let n = t[0] >> 62;
    let fraction = [(t[0] << 2) | (t[1] >> 62), (t[1] << 2) | (t[2] >> 62), t[2] << 2];
    if fraction[0] >> 63 == 0 { (n, false, fraction) } else { (n + 1, true, negate(fraction)) }
}

fn negate(a: [u64; 3]) -> [u64; 3] {
    let (low, carry) = (!a[2]).overflowing_add(1);
    let (middle, carry) = (!a[1]).overflowing_add(carry as u64);
    [(!a[0]).wrapping_add(carry as u64), middle, low]
}

/// A fraction of 192 bits as a pair of doubles.
fn to_pair(a: [u64; 3]) -> (f64, f64) {
    let zeros = if a[0] != 0 { a[0].leading_zeros() } else { 64 + a[1].leading_zeros() };
    let top = if zeros < 64 { ((a[0] as u128) << 64) | a[1] as u128 } else { ((a[1] as u128) << 64) | a[2] as u128 };
    let next = if zeros < 64 { a[2] } else { 0 };
    let shift = zeros % 64;
    let value = if shift == 0 { top } else { (top << shift) | (next >> (64 - shift)) as u128 };
    let power = |n: u32| f64::from_bits(((1023 - n) as u64) << 52);
    let high = (value >> 75) as f64 * power(53 + zeros);
    let low = ((value >> 22) & ((1 << 53) - 1)) as f64 * power(106 + zeros);
    (high, low)
}

/// (high + low)·π/2.
fn times_half_pi(high: f64, low: f64) -> (f64, f64) {
    const HALF_PI: (f64, f64) = (std::f64::consts::FRAC_PI_2, 6.123233995736766e-17);
    let product = high * HALF_PI.0;
    let error = high.mul_add(HALF_PI.0, -product) + (high * HALF_PI.1 + low * HALF_PI.0);
    fast_sum(product, error)
}
