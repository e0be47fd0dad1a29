//! Elementary and special functions. The functions themselves are the runtime's: the system's library is never called.

use super::Slope::*;
use super::arithmetic::MUL;
use super::*;
use moyal_runtime::math;

pub static ROWS: &[&Prim] = &[
    &SQRT, &EXP, &EXPM1, &LOG, &LOG1P, &SIN, &COS, &TAN, &ASIN, &ACOS, &ATAN, &ATAN2, &SINH, &COSH, &TANH, &POW, &POWER_INT,
    &SIGMOID, &SOFTPLUS, &ERF, &ERFC, &LOG_GAMMA, &DIGAMMA, &POLYGAMMA, &BESSEL_I0E, &BESSEL_I1E, &FLOOR, &CEIL, &ROUND, &TRUNC,
];

/// A program calls these by their names.
const ROW: Prim = Prim { public: true, ..super::ROW };

/// `factor`, a number of x's kind.
fn number(b: &mut Builder, like: Var, x: f64) -> Var {
    b.number(b.scalar_of(like), x)
}

/// 1 / x
fn inverse(b: &mut Builder, x: Var) -> Var {
    let one = number(b, x, 1.0);
    b.div(one, x)
}

/// 1 + sign x²
fn one_plus_square(b: &mut Builder, x: Var, sign: f64) -> Var {
    let one = number(b, x, 1.0);
    let square = b.mul(x, x);
    if sign > 0.0 { b.add(one, square) } else { b.sub(one, square) }
}

pub static SQRT: Prim = Prim {
    name: "sqrt",
    doc: "The square root of a number that is not negative.",
    run: Run::Float1(f64::sqrt, f32::sqrt),
    emit: Emit::Inline(|l, x| l.sqrt(x[0])),
    partials: Partials::Smooth(|b, _, y| {
        let half = number(b, y, 0.5);
        vec![Is(b.div(half, y))]
    }),
    domain: &[(0.5, 4.0)],
    guard: Some(&[1.0]),
    cost: 4.0,
    ..ROW
};

pub static EXP: Prim = Prim {
    name: "exp",
    doc: "The exponential function.",
    run: Run::Float1(math::exp, math::exp_f32),
    emit: Emit::Slice1(math::exp_slice, math::exp_f32_slice),
    partials: Partials::Smooth(|_, _, y| vec![Is(y)]),
    domain: &[(-2.0, 2.0)],
    guard: Some(&[0.0]),
    cost: 9.0,
    ..ROW
};

pub static EXPM1: Prim = Prim {
    name: "expm1",
    doc: "exp(x) - 1, accurate near 0.",
    run: Run::Float1(math::expm1, math::expm1_f32),
    emit: Emit::Slice1(math::expm1_slice, math::expm1_f32_slice),
    partials: Partials::Smooth(|b, x, _| vec![Is(b.prim(&EXP, &[x[0]]))]),
    domain: &[(-1.0, 1.0)],
    guard: Some(&[0.0]),
    cost: 19.0,
    ..ROW
};

pub static LOG: Prim = Prim {
    name: "log",
    doc: "The natural logarithm of a positive number.",
    run: Run::Float1(math::log, math::log_f32),
    emit: Emit::Slice1(math::log_slice, math::log_f32_slice),
    partials: Partials::Smooth(|b, x, _| vec![Is(inverse(b, x[0]))]),
    domain: &[(0.5, 4.0)],
    guard: Some(&[1.0]),
    cost: 10.0,
    ..ROW
};

pub static LOG1P: Prim = Prim {
    name: "log1p",
    doc: "log(1 + x), accurate near 0.",
    run: Run::Float1(math::log1p, math::log1p_f32),
    emit: Emit::Slice1(math::log1p_slice, math::log1p_f32_slice),
    partials: Partials::Smooth(|b, x, _| {
        let one = number(b, x[0], 1.0);
        let shifted = b.add(one, x[0]);
        vec![Is(inverse(b, shifted))]
    }),
    domain: &[(-0.5, 2.0)],
    guard: Some(&[0.0]),
    cost: 12.0,
    ..ROW
};

pub static SIN: Prim = Prim {
    name: "sin",
    doc: "The sine of an angle in radians.",
    run: Run::Float1(math::sin, math::sin_f32),
    emit: Emit::Slice1(math::sin_slice, math::sin_f32_slice),
    partials: Partials::Smooth(|b, x, _| vec![Is(b.prim(&COS, &[x[0]]))]),
    domain: &[(-3.0, 3.0)],
    cost: 11.0,
    ..ROW
};

pub static COS: Prim = Prim {
    name: "cos",
    doc: "The cosine of an angle in radians.",
    run: Run::Float1(math::cos, math::cos_f32),
    emit: Emit::Slice1(math::cos_slice, math::cos_f32_slice),
    partials: Partials::Smooth(|b, x, _| {
        let sine = b.prim(&SIN, &[x[0]]);
        vec![Is(b.neg(sine))]
    }),
    domain: &[(-3.0, 3.0)],
    cost: 11.0,
    ..ROW
};

pub static TAN: Prim = Prim {
    name: "tan",
    doc: "The tangent of an angle in radians.",
    run: Run::Float1(math::tan, math::tan_f32),
    emit: Emit::Slice1(math::tan_slice, math::tan_f32_slice),
    partials: Partials::Smooth(|b, _, y| vec![Is(one_plus_square(b, y, 1.0))]),
    domain: &[(-1.2, 1.2)],
    guard: Some(&[0.0]),
    cost: 16.0,
    ..ROW
};

pub static ASIN: Prim = Prim {
    name: "asin",
    doc: "The angle in [-π/2, π/2] whose sine is x.",
    run: Run::Float1(math::asin, math::asin_f32),
    emit: Emit::Slice1(math::asin_slice, math::asin_f32_slice),
    partials: Partials::Smooth(|b, x, _| {
        let square = one_plus_square(b, x[0], -1.0);
        let root = b.prim(&SQRT, &[square]);
        vec![Is(inverse(b, root))]
    }),
    domain: &[(-0.8, 0.8)],
    guard: Some(&[0.0]),
    cost: 13.0,
    ..ROW
};

pub static ACOS: Prim = Prim {
    name: "acos",
    doc: "The angle in [0, π] whose cosine is x.",
    run: Run::Float1(math::acos, math::acos_f32),
    emit: Emit::Slice1(math::acos_slice, math::acos_f32_slice),
    partials: Partials::Smooth(|b, x, _| {
        let square = one_plus_square(b, x[0], -1.0);
        let root = b.prim(&SQRT, &[square]);
        let slope = inverse(b, root);
        vec![Is(b.neg(slope))]
    }),
    domain: &[(-0.8, 0.8)],
    guard: Some(&[0.0]),
    cost: 15.0,
    ..ROW
};

pub static ATAN: Prim = Prim {
    name: "atan",
    doc: "The angle in (-π/2, π/2) whose tangent is x.",
    run: Run::Float1(math::atan, math::atan_f32),
    emit: Emit::Slice1(math::atan_slice, math::atan_f32_slice),
    partials: Partials::Smooth(|b, x, _| {
        let square = one_plus_square(b, x[0], 1.0);
        vec![Is(inverse(b, square))]
    }),
    domain: &[(-3.0, 3.0)],
    cost: 21.0,
    ..ROW
};

pub static ATAN2: Prim = Prim {
    name: "atan2",
    doc: "The angle in (-π, π] of the point (x, y): atan2(y, x).",
    run: Run::Float2(math::atan2, math::atan2_f32),
    emit: Emit::Slice2(math::atan2_slice, math::atan2_f32_slice),
    partials: Partials::Smooth(|b, a, _| {
        let (y, x) = (a[0], a[1]);
        let (xx, yy) = (b.mul(x, x), b.mul(y, y));
        let square = b.add(xx, yy);
        let (up, down) = (b.div(x, square), b.div(y, square));
        vec![Is(up), Is(b.neg(down))]
    }),
    domain: &[(0.5, 2.0), (-2.0, 2.0)],
    guard: Some(&[0.0, 1.0]),
    cost: 26.0,
    ..ROW
};

pub static SINH: Prim = Prim {
    name: "sinh",
    doc: "The hyperbolic sine.",
    run: Run::Float1(math::sinh, math::sinh_f32),
    emit: Emit::Slice1(math::sinh_slice, math::sinh_f32_slice),
    partials: Partials::Smooth(|b, x, _| vec![Is(b.prim(&COSH, &[x[0]]))]),
    domain: &[(-2.0, 2.0)],
    guard: Some(&[0.0]),
    cost: 12.0,
    ..ROW
};

pub static COSH: Prim = Prim {
    name: "cosh",
    doc: "The hyperbolic cosine.",
    run: Run::Float1(math::cosh, math::cosh_f32),
    emit: Emit::Slice1(math::cosh_slice, math::cosh_f32_slice),
    partials: Partials::Smooth(|b, x, _| vec![Is(b.prim(&SINH, &[x[0]]))]),
    domain: &[(-2.0, 2.0)],
    guard: Some(&[0.0]),
    cost: 11.0,
    ..ROW
};

pub static TANH: Prim = Prim {
    name: "tanh",
    doc: "The hyperbolic tangent.",
    run: Run::Float1(math::tanh, math::tanh_f32),
    emit: Emit::Slice1(math::tanh_slice, math::tanh_f32_slice),
    partials: Partials::Smooth(|b, _, y| vec![Is(one_plus_square(b, y, -1.0))]),
    domain: &[(-2.0, 2.0)],
    cost: 18.0,
    ..ROW
};

pub static POW: Prim = Prim {
    name: "pow",
    doc: "x to a real power, for positive x.",
    public: false,
    run: Run::Float2(math::pow, math::pow_f32),
    emit: Emit::Slice2(math::pow_slice, math::pow_f32_slice),
    partials: Partials::Smooth(|b, a, z| {
        let (x, y) = (a[0], a[1]);
        let one = number(b, x, 1.0);
        let lower = b.sub(y, one);
        let power = b.prim(&POW, &[x, lower]);
        let logarithm = b.prim(&LOG, &[x]);
        vec![Is(b.mul(y, power)), Is(b.mul(z, logarithm))]
    }),
    domain: &[(0.5, 3.0), (-2.0, 2.0)],
    guard: Some(&[1.0, 1.0]),
    cost: 43.0,
    ..ROW
};

pub static POWER_INT: Prim = Prim {
    name: "power_int",
    doc: "x to an integer power, by squaring.",
    public: false,
    run: Run::FloatInt(power, power_f32),
    partials: Partials::Smooth(|b, a, _| {
        let (x, n) = (a[0], a[1]);
        // n x^(n−1), for n = 0 without the pole
        let (zero, one) = (b.int(0), b.int(1));
        let constant = b.prim(&arithmetic::EQ, &[n, zero]);
        let below = b.sub(n, one);
        let lower = b.select(constant, zero, below);
        let power = b.prim(&POWER_INT, &[x, lower]);
        let factor = b.convert(n, b.scalar_of(x));
        vec![Is(b.prim(&MUL, &[factor, power])), Zero]
    }),
    domain: &[(0.5, 2.0)],
    guard: Some(&[1.0, 1.0]),
    cost: 27.0,
    ..ROW
};

pub static SIGMOID: Prim = Prim {
    name: "sigmoid",
    doc: "The logistic function 1 / (1 + exp(-x)).",
    run: Run::Float1(math::sigmoid, math::sigmoid_f32),
    emit: Emit::Slice1(math::sigmoid_slice, math::sigmoid_f32_slice),
    partials: Partials::Smooth(|b, _, y| {
        let one = number(b, y, 1.0);
        let rest = b.sub(one, y);
        vec![Is(b.mul(y, rest))]
    }),
    domain: &[(-3.0, 3.0)],
    cost: 18.0,
    ..ROW
};

pub static SOFTPLUS: Prim = Prim {
    name: "softplus",
    doc: "log(1 + exp(x)).",
    run: Run::Float1(math::softplus, math::softplus_f32),
    emit: Emit::Slice1(math::softplus_slice, math::softplus_f32_slice),
    partials: Partials::Smooth(|b, x, _| vec![Is(b.prim(&SIGMOID, &[x[0]]))]),
    domain: &[(-3.0, 3.0)],
    cost: 32.0,
    ..ROW
};

/// sign · 2/√π · exp(-x²)
fn gauss(b: &mut Builder, x: Var, sign: f64) -> Var {
    let square = b.mul(x, x);
    let minus = b.neg(square);
    let bell = b.prim(&EXP, &[minus]);
    b.scale(bell, sign * std::f64::consts::FRAC_2_SQRT_PI)
}

pub static ERF: Prim = Prim {
    name: "erf",
    doc: "The error function.",
    run: Run::Float1(math::erf, math::erf_f32),
    emit: Emit::Slice1(math::erf_slice, math::erf_f32_slice),
    partials: Partials::Smooth(|b, x, _| vec![Is(gauss(b, x[0], 1.0))]),
    domain: &[(-2.0, 2.0)],
    cost: 29.0,
    ..ROW
};

pub static ERFC: Prim = Prim {
    name: "erfc",
    doc: "1 - erf(x), accurate for large x.",
    run: Run::Float1(math::erfc, math::erfc_f32),
    emit: Emit::Slice1(math::erfc_slice, math::erfc_f32_slice),
    partials: Partials::Smooth(|b, x, _| vec![Is(gauss(b, x[0], -1.0))]),
    domain: &[(-2.0, 2.0)],
    cost: 29.0,
    ..ROW
};

pub static LOG_GAMMA: Prim = Prim {
    name: "lgamma",
    doc: "The logarithm of |Γ(x)|.",
    run: Run::Float1(math::lgamma, math::lgamma_f32),
    emit: Emit::Slice1(math::lgamma_slice, math::lgamma_f32_slice),
    partials: Partials::Smooth(|b, x, _| vec![Is(b.prim(&DIGAMMA, &[x[0]]))]),
    domain: &[(0.5, 4.0)],
    guard: Some(&[1.0]),
    cost: 93.0,
    ..ROW
};

pub static DIGAMMA: Prim = Prim {
    name: "digamma",
    doc: "The logarithmic derivative of Γ.",
    run: Run::Float1(math::digamma, math::digamma_f32),
    emit: Emit::Slice1(math::digamma_slice, math::digamma_f32_slice),
    partials: Partials::Smooth(|b, x, _| {
        let first = b.int(1);
        vec![Is(b.prim(&POLYGAMMA, &[x[0], first]))]
    }),
    domain: &[(0.5, 4.0)],
    guard: Some(&[1.0]),
    cost: 76.0,
    ..ROW
};

pub static POLYGAMMA: Prim = Prim {
    name: "polygamma",
    doc: "The n-th derivative of digamma at x: polygamma(x, n).",
    run: Run::FloatInt(polygamma, polygamma_f32),
    partials: Partials::Smooth(|b, a, _| {
        let one = b.int(1);
        let next = b.add(a[1], one);
        vec![Is(b.prim(&POLYGAMMA, &[a[0], next])), Zero]
    }),
    domain: &[(0.5, 4.0)],
    guard: Some(&[1.0, 1.0]),
    cost: 475.0,
    ..ROW
};

pub static BESSEL_I0E: Prim = Prim {
    name: "bessel_i0e",
    doc: "exp(-|x|) I₀(x), the modified Bessel function without its growth.",
    run: Run::Float1(math::bessel_i0e, math::bessel_i0e_f32),
    emit: Emit::Slice1(math::bessel_i0e_slice, math::bessel_i0e_f32_slice),
    partials: Partials::Smooth(|b, x, y| {
        let next = b.prim(&BESSEL_I1E, &[x[0]]);
        let sign = b.prim(&arithmetic::SIGN, &[x[0]]);
        let decay = b.mul(sign, y);
        vec![Is(b.sub(next, decay))]
    }),
    domain: &[(0.5, 4.0)],
    cost: 110.0,
    ..ROW
};

pub static BESSEL_I1E: Prim = Prim {
    name: "bessel_i1e",
    doc: "exp(-|x|) I₁(x), the modified Bessel function without its growth.",
    run: Run::Float1(math::bessel_i1e, math::bessel_i1e_f32),
    emit: Emit::Slice1(math::bessel_i1e_slice, math::bessel_i1e_f32_slice),
    partials: Partials::Smooth(|b, x, y| {
        // I₁′ = I₀ − I₁/x, and I₁/x = 1/2 at 0
        let zeroth = b.prim(&BESSEL_I0E, &[x[0]]);
        let (zero, half, one) = (number(b, y, 0.0), number(b, y, 0.5), number(b, y, 1.0));
        let at_zero = b.prim(&arithmetic::EQ, &[x[0], zero]);
        let safe = b.select(at_zero, one, x[0]);
        let quotient = b.div(y, safe);
        let ratio = b.select(at_zero, half, quotient);
        let growth = b.sub(zeroth, ratio);
        let sign = b.prim(&arithmetic::SIGN, &[x[0]]);
        let decay = b.mul(sign, y);
        vec![Is(b.sub(growth, decay))]
    }),
    domain: &[(0.5, 4.0)],
    cost: 115.0,
    ..ROW
};

pub static FLOOR: Prim =
    Prim { name: "floor", doc: "The largest integer not above x.", run: Run::Float1(f64::floor, f32::floor), emit: Emit::Inline(|l, x| l.floor(x[0])), domain: &[(0.1, 0.9)], ..ROW };
pub static CEIL: Prim =
    Prim { name: "ceil", doc: "The smallest integer not below x.", run: Run::Float1(f64::ceil, f32::ceil), emit: Emit::Inline(|l, x| l.ceil(x[0])), domain: &[(0.1, 0.9)], ..ROW };
pub static ROUND: Prim = Prim {
    name: "round",
    doc: "The nearest integer, of two equally near ones the even one.",
    run: Run::Float1(f64::round_ties_even, f32::round_ties_even), emit: Emit::Inline(|l, x| l.nearest(x[0])),
    domain: &[(0.6, 0.9)],
    ..ROW
};
pub static TRUNC: Prim =
    Prim { name: "trunc", doc: "x without its fraction.", run: Run::Float1(f64::trunc, f32::trunc), emit: Emit::Inline(|l, x| l.trunc(x[0])), domain: &[(0.1, 0.9)], ..ROW };

/// By squaring, from the lowest bit of the exponent; both engines and the checker's expansion of `x^3` follow it.
fn power(x: f64, n: i64) -> f64 {
    let (mut result, mut square, mut rest) = (1.0, x, n.unsigned_abs());
    while rest > 0 {
        if rest & 1 == 1 {
            result *= square;
        }
        square *= square;
        rest >>= 1;
    }
    if n < 0 { 1.0 / result } else { result }
}

fn power_f32(x: f32, n: i64) -> f32 {
    let (mut result, mut square, mut rest) = (1.0, x, n.unsigned_abs());
    while rest > 0 {
        if rest & 1 == 1 {
            result *= square;
        }
        square *= square;
        rest >>= 1;
    }
    if n < 0 { 1.0 / result } else { result }
}

/// The n-th derivative of digamma; NaN for n < 0. Upwards by recurrence, then by Stirling's series; left of 0 by reflection.
/// Abramowitz, Stegun: Handbook of Mathematical Functions, 6.4.6, 6.4.7 and 6.4.11.
fn polygamma(x: f64, n: i64) -> f64 {
    match n {
        // Beyond 170 not even n! is a number.
        ..0 | 171.. => f64::NAN,
        0 => math::digamma(x),
        1.. if x <= 0.0 && x == x.floor() => if n % 2 == 1 { f64::INFINITY } else { f64::NAN },
        1.. if x < 0.0 => reflected(x, n),
        _ => if n % 2 == 1 { polygamma_size(x, n) } else { -polygamma_size(x, n) },
    }
}

fn polygamma_f32(x: f32, n: i64) -> f32 {
    polygamma(x as f64, n) as f32
}

/// n! Σ 1 / (x + k)ⁿ⁺¹ for x > 0, n ≥ 1
fn polygamma_size(x: f64, n: i64) -> f64 {
    const BERNOULLI: [f64; 10] = [
        1.0 / 6.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 5.0 / 66.0, -691.0 / 2730.0, 7.0 / 6.0, -3617.0 / 510.0,
        43867.0 / 798.0, -174611.0 / 330.0,
    ];
    let steps = (n as f64 + 15.0 - x).ceil().max(0.0);
    let far = x + steps;
    // In units of (n − 1)! / farⁿ.
    let (order, square) = (n as f64, far * far);
    let mut term = order / far;
    let mut sum = 1.0 + 0.5 * term;
    for (k, bernoulli) in BERNOULLI.iter().enumerate() {
        let even = 2.0 * (k as f64 + 1.0);
        // term = (2k + n − 1)! / ((2k)! (n − 1)! far²ᵏ)
        term *= if k == 0 { (order + 1.0) / (2.0 * far) } else { (order + even - 2.0) * (order + even - 1.0) / ((even - 1.0) * even * square) };
        sum += bernoulli * term;
    }
    let lower: f64 = (1..n).map(|k| k as f64).product();
    let tail = lower * sum / power(far, n);
    let near: f64 = (0..steps as i64).rev().map(|k| 1.0 / power(x + k as f64, n + 1)).sum();
    tail + lower * order * near
}

/// ψ⁽ⁿ⁾(x) = (−1)ⁿ ψ⁽ⁿ⁾(1 − x) − π dⁿ/dxⁿ cot πx, where a derivative of a polynomial in c = cot πx takes c to −π (1 + c²).
fn reflected(x: f64, n: i64) -> f64 {
    let pi = std::f64::consts::PI;
    let mut polynomial = vec![0.0, 1.0];
    for _ in 0..n {
        let mut next = vec![0.0; polynomial.len() + 1];
        for (k, a) in polynomial.iter().enumerate().skip(1) {
            next[k - 1] -= pi * k as f64 * a;
            next[k + 1] -= pi * k as f64 * a;
        }
        polynomial = next;
    }
    // The fraction of x first: it is exact, and cot has its period.
    let cot = 1.0 / math::tan(pi * (x - x.floor()));
    let slope = polynomial.iter().rev().fold(0.0, |sum, a| sum * cot + a);
    let mirrored = polygamma(1.0 - x, n);
    (if n % 2 == 0 { mirrored } else { -mirrored }) - pi * slope
}
