//! Probabilities of tests: tails of the normal, F and χ² distributions.

use crate::math;

/// The quantile of the normal distribution, by Newton's method on erfc from a rational start (Abramowitz and Stegun
/// 26.2.23).
pub fn normal_quantile(p: f64) -> f64 {
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    let t = (-2.0 * math::log(p)).sqrt();
    let start = (2.30753 + 0.27061 * t) / (1.0 + 0.99229 * t + 0.04481 * t * t) - t;
    let step = |x: f64| {
        let density = math::exp(-x * x / 2.0) / (2.0 * std::f64::consts::PI).sqrt();
        x - (normal_tail(-x) - p) / density
    };
    (0..4).fold(start, |x, _| step(x))
}

/// P(X > x) of a normal variable.
pub fn normal_tail(x: f64) -> f64 {
    0.5 * math::erfc(x / std::f64::consts::SQRT_2)
}

/// P(F > f) with these degrees of freedom of numerator and denominator.
pub fn f_tail(f: f64, above: f64, below: f64) -> f64 {
    if f.is_nan() {
        return 1.0;
    }
    if f == f64::INFINITY {
        return 0.0;
    }
    incomplete_beta(below / (below + above * f), below / 2.0, above / 2.0)
}

/// P(|T| > t) of Student's distribution.
pub fn student_tail(t: f64, freedom: f64) -> f64 {
    f_tail(t * t, 1.0, freedom)
}

/// I_x(a, b), by its continued fraction (Abramowitz and Stegun 26.5.8) where that converges fast, else by symmetry.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let log_front = math::lgamma(a + b) - math::lgamma(a) - math::lgamma(b) + a * math::log(x) + b * math::log(1.0 - x);
    math::exp(log_front) / (a * fraction(x, a, b))
}

/// 1 + d₁/(1 + d₂/(1 + …)) by the modified Lentz method.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    let safe = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let (mut value, mut c, mut d) = (1.0, 1.0, 0.0);
    for k in 1..500 {
        let m = (k / 2) as f64;
        let term = if k % 2 == 0 {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        d = 1.0 / safe(1.0 + term * d);
        c = safe(1.0 + term / c);
        value *= c * d;
        if (c * d - 1.0).abs() < 1e-14 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_agree_with_tables() {
        // scipy.stats: f.sf, t.sf, norm.ppf
        for (found, known) in [
            (f_tail(2.5, 3.0, 20.0), 0.08884375193768917),
            (f_tail(10.0, 7.0, 100.0), 2.031739737955759e-09),
            (f_tail(0.3, 2.0, 5.0), 0.7532774095368846),
            (student_tail(2.0, 10.0), 0.07338803477074037),
            (student_tail(1.0, 1.0), 0.5),
            (normal_tail(3.0), 1.349898e-3),
        ] {
            assert!((found / known - 1.0).abs() < 1e-5, "{found} {known}");
        }
        for (p, known) in [(0.5, 0.0), (0.975, 1.959963985), (0.01, -2.326347874), (1e-6, -4.753424309)] {
            assert!((normal_quantile(p) - known).abs() < 1e-8, "{p}");
        }
        assert_eq!((f_tail(f64::INFINITY, 1.0, 9.0), f_tail(f64::NAN, 1.0, 9.0)), (0.0, 1.0));
    }
}
