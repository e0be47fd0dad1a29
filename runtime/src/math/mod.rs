//! Functions of real numbers, each as a scalar and as a loop over a slice, in `f64` and `f32`.
//!
//! The scalar and the slice form of a function give the same bits on every processor. NaN gives the canonical NaN.
//! The `f32` forms go through `f64` (0.501 ulp) but for exp, log, sin, cos, tanh and sigmoid, which are below 1 ulp if
//! nothing else is said. Square roots, rounding, |x|, min and max are hardware, so not here.

mod coefficients;
mod elementary;
mod far;
mod parts;
pub(crate) mod single;
mod special;

use crate::simd::versions;
use elementary as body;

pub(crate) use elementary::{log_positive, polynomial};
pub(crate) mod quarter {
    //! Polynomials that the noise needs.
    pub use super::coefficients::{COS_QUARTER, COS_QUARTER_F32, SIN_QUARTER, SIN_QUARTER_F32};
}

// Macros, not functions of closures: a closure is not sure to be inlined, and left outside it is compiled for the baseline.
macro_rules! map {
    ($out:ident, $x:ident => $value:expr) => {
        assert_eq!($x.len(), $out.len());
        for (out, $x) in $out.iter_mut().zip($x) {
            let $x = *$x;
            *out = $value;
        }
    };
    ($out:ident, $x:ident, $y:ident => $value:expr) => {
        assert_eq!($x.len(), $out.len());
        assert_eq!($y.len(), $out.len());
        for ((out, $x), $y) in $out.iter_mut().zip($x).zip($y) {
            let ($x, $y) = (*$x, *$y);
            *out = $value;
        }
    };
}

/// Functions whose body is branch-free: the slice forms are vector loops over it. A second body is that of `f32`, which
/// else goes through `f64`.
macro_rules! unary {
    (@single $x:ident $body:path) => { $body($x as f64) as f32 };
    (@single $x:ident $body:path, $single:path) => { $single($x) };
    ($($(#[$doc:meta])* $name:ident $slice:ident $single:ident $single_slice:ident
        = $body:path $(, $single_body:path)?;)*) => {versions! {$(
        $(#[$doc])*
        pub fn $name(x: f64) -> f64 { $body(x) }
        #[doc = concat!("[`", stringify!($name), "`] of every element.")]
        pub fn $slice(x: &[f64], out: &mut [f64]) { map!(out, x => $body(x)); }
        #[doc = concat!("[`", stringify!($name), "`] in `f32`.")]
        pub fn $single(x: f32) -> f32 { unary!(@single x $body $(, $single_body)?) }
        #[doc = concat!("[`", stringify!($name), "`] of every element, in `f32`.")]
        pub fn $single_slice(x: &[f32], out: &mut [f32]) { map!(out, x => unary!(@single x $body $(, $single_body)?)); }
    )*}};
}

unary! {
    /// eˣ, below 0.9 ulp (1 ulp in `f32`).
    exp exp_slice exp_f32 exp_f32_slice = body::exp, single::exp;
    /// eˣ − 1, below 0.9 ulp.
    expm1 expm1_slice expm1_f32 expm1_f32_slice = body::expm1;
    /// Natural logarithm, below 0.9 ulp; −∞ at ±0, NaN below.
    log log_slice log_f32 log_f32_slice = body::log, single::log;
    /// ln(1 + x), below 0.9 ulp; −∞ at −1, NaN below.
    log1p log1p_slice log1p_f32 log1p_f32_slice = body::log1p;
    /// Inverse sine, below 0.7 ulp; NaN outside [−1, 1].
    asin asin_slice asin_f32 asin_f32_slice = body::asin;
    /// Inverse cosine, below 0.7 ulp; NaN outside [−1, 1].
    acos acos_slice acos_f32 acos_f32_slice = body::acos;
    /// Inverse tangent, below 0.7 ulp.
    atan atan_slice atan_f32 atan_f32_slice = body::atan;
    /// Hyperbolic sine, below 1.2 ulp.
    sinh sinh_slice sinh_f32 sinh_f32_slice = body::sinh;
    /// Hyperbolic cosine, below 1 ulp.
    cosh cosh_slice cosh_f32 cosh_f32_slice = body::cosh;
    /// Hyperbolic tangent, below 0.8 ulp.
    tanh tanh_slice tanh_f32 tanh_f32_slice = body::tanh, single::tanh;
    /// 1/(1 + e⁻ˣ), below 0.8 ulp (2.5 ulp in `f32`).
    sigmoid sigmoid_slice sigmoid_f32 sigmoid_f32_slice = body::sigmoid, single::sigmoid;
    /// ln(1 + eˣ), below 1.5 ulp.
    softplus softplus_slice softplus_f32 softplus_f32_slice = body::softplus;
    /// The error function, below 1 ulp.
    erf erf_slice erf_f32 erf_f32_slice = body::erf;
    /// 1 − erf x, below 3 ulp where it is normal.
    erfc erfc_slice erfc_f32 erfc_f32_slice = body::erfc;
}

/// Functions of an angle: a vector body for those below a limit, and an exact reduction for the few others (large,
/// infinite or NaN), which are done again one by one.
macro_rules! angular {
    ($($(#[$doc:meta])* $name:ident $slice:ident: $t:ty = $near:path, $limit:path, $far:path;)*) => {versions! {$(
        $(#[$doc])*
        pub fn $name(x: $t) -> $t { if x.abs() < $limit { $near(x) } else { $far(x) } }
        #[doc = concat!("[`", stringify!($name), "`] of every element.")]
        pub fn $slice(x: &[$t], out: &mut [$t]) {
            map!(out, x => $near(x));
            let mut near = true;
            for x in x {
                near &= x.abs() < $limit;
            }
            if !near {
                map!(out, x => if x.abs() < $limit { $near(x) } else { $far(x) });
            }
        }
    )*}};
}

#[inline(always)]
fn tan_near_f32(x: f32) -> f32 {
    body::tan_near(x as f64) as f32
}

fn sin_far_f32(x: f32) -> f32 {
    sin(x as f64) as f32
}

fn cos_far_f32(x: f32) -> f32 {
    cos(x as f64) as f32
}

fn tan_far_f32(x: f32) -> f32 {
    tan(x as f64) as f32
}

angular! {
    /// Sine of any finite angle, below 0.8 ulp.
    sin sin_slice: f64 = body::sin_near, body::FAR, far::sin;
    /// Cosine of any finite angle, below 0.8 ulp.
    cos cos_slice: f64 = body::cos_near, body::FAR, far::cos;
    /// Tangent of any finite angle, below 0.9 ulp.
    tan tan_slice: f64 = body::tan_near, body::FAR, far::tan;
    /// [`sin`] in `f32`, below 0.8 ulp.
    sin_f32 sin_f32_slice: f32 = single::sin_near, single::FAR, sin_far_f32;
    /// [`cos`] in `f32`, below 0.8 ulp.
    cos_f32 cos_f32_slice: f32 = single::cos_near, single::FAR, cos_far_f32;
    /// [`tan`] in `f32`.
    tan_f32 tan_f32_slice: f32 = tan_near_f32, single::FAR, tan_far_f32;
}

/// Functions with branches: the slice forms call the scalar one.
macro_rules! branching {
    ($($(#[$doc:meta])* $name:ident $slice:ident $single:ident $single_slice:ident = $body:path;)*) => {$(
        versions! {
            $(#[$doc])*
            pub fn $name(x: f64) -> f64 { $body(x) }
        }
        #[doc = concat!("[`", stringify!($name), "`] of every element.")]
        pub fn $slice(x: &[f64], out: &mut [f64]) { map!(out, x => $name(x)); }
        #[doc = concat!("[`", stringify!($name), "`] in `f32`.")]
        pub fn $single(x: f32) -> f32 { $name(x as f64) as f32 }
        #[doc = concat!("[`", stringify!($name), "`] of every element, in `f32`.")]
        pub fn $single_slice(x: &[f32], out: &mut [f32]) { map!(out, x => $single(x)); }
    )*};
}

branching! {
    /// ln |Γ(x)|, a few ulp for x > 0; a few ulp of the larger of its two terms for x < 0; ∞ at the poles.
    lgamma lgamma_slice lgamma_f32 lgamma_f32_slice = special::lgamma;
    /// ψ(x) = Γ′/Γ, a few ulp for x > 0; NaN at the negative poles.
    digamma digamma_slice digamma_f32 digamma_f32_slice = special::digamma;
    /// ψ′(x), a few ulp for x > 0; ∞ at the poles.
    trigamma trigamma_slice trigamma_f32 trigamma_f32_slice = special::trigamma;
    /// e^{−|x|} I₀(x), below 4 ulp.
    bessel_i0e bessel_i0e_slice bessel_i0e_f32 bessel_i0e_f32_slice = special::bessel_i0e;
    /// e^{−|x|} I₁(x), below 7 ulp.
    bessel_i1e bessel_i1e_slice bessel_i1e_f32 bessel_i1e_f32_slice = special::bessel_i1e;
}

/// Functions of two arguments with a branch-free body.
macro_rules! binary {
    ($($(#[$doc:meta])* $name:ident $slice:ident $single:ident $single_slice:ident ($x:ident, $y:ident) = $body:path;)*) => {versions! {$(
        $(#[$doc])*
        pub fn $name($x: f64, $y: f64) -> f64 { $body($x, $y) }
        #[doc = concat!("[`", stringify!($name), "`] of every pair.")]
        pub fn $slice($x: &[f64], $y: &[f64], out: &mut [f64]) { map!(out, $x, $y => $body($x, $y)); }
        #[doc = concat!("[`", stringify!($name), "`] in `f32`.")]
        pub fn $single($x: f32, $y: f32) -> f32 { $body($x as f64, $y as f64) as f32 }
        #[doc = concat!("[`", stringify!($name), "`] of every pair, in `f32`.")]
        pub fn $single_slice($x: &[f32], $y: &[f32], out: &mut [f32]) {
            map!(out, $x, $y => $body($x as f64, $y as f64) as f32);
        }
    )*}};
}

binary! {
    /// The angle of the point (x, y) in [−π, π], with the signs of zeros as in C; below 1 ulp.
    atan2 atan2_slice atan2_f32 atan2_f32_slice (y, x) = body::atan2;
    /// xʸ with the special cases of IEEE 754, below 1 ulp.
    pow pow_slice pow_f32 pow_f32_slice (x, y) = body::pow;
}
