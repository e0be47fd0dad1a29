//! Probabilities of tests: tails of the normal, F and χ² distributions.

use crate::math;

/// The quantile of the normal distribution, to 16 digits (M. J. Wichura, Algorithm AS 241, Appl. Statist. 37, 477 (1988)).
#[rustfmt::skip]
pub fn normal_quantile(p: f64) -> f64 {
    const CENTRE: ([f64; 8], [f64; 8]) = (
        [3.387132872796366608, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
         4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3],
        [1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
         2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3],
    );
    const SIDE: ([f64; 8], [f64; 8]) = (
        [1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504,
         1.27045825245236838258, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4],
        [1.0, 2.05319162663775882187, 1.67638483018380384940, 6.89767334985100004550e-1,
         1.48103976427480074590e-1, 1.51986665636165571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9],
    );
    const FAR: ([f64; 8], [f64; 8]) = (
        [6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 2.96560571828504891230e-1,
         2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7],
        [1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
         7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15],
    );
    let polynomial = |x: f64, c: &[f64; 8]| c.iter().rev().fold(0.0, |sum, c| sum * x + c);
    let ratio = |x: f64, (above, below): &([f64; 8], [f64; 8])| polynomial(x, above) / polynomial(x, below);
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(0.180625 - q * q, &CENTRE);
    }
    let r = (-math::log(if q < 0.0 { p } else { 1.0 - p })).sqrt();
    let size = if r <= 5.0 { ratio(r - 1.6, &SIDE) } else { ratio(r - 5.0, &FAR) };
    if q < 0.0 { -size } else { size }
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

    /// P(X > x) of a normal variable.
    fn normal_tail(x: f64) -> f64 {
        0.5 * math::erfc(x / std::f64::consts::SQRT_2)
    }

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
        // In all three regions it is the inverse of the tail.
        for p in [1e-300, 1e-30, 1e-12, 1e-11, 1e-5, 0.01, 0.074, 0.076, 0.2, 0.49, 0.5] {
            let back = normal_tail(-normal_quantile(p));
            assert!((back / p - 1.0).abs() < 1e-13 * normal_quantile(p).powi(2).max(1.0), "{p} {back}");
            assert!(p < 1e-3 || (normal_quantile(1.0 - p) + normal_quantile(p)).abs() < 1e-12, "{p}");
        }
        assert_eq!((f_tail(f64::INFINITY, 1.0, 9.0), f_tail(f64::NAN, 1.0, 9.0)), (0.0, 1.0));
    }
}
