//! Errors of means of correlated draws, and how they are printed.
//!
//! The Γ-method of U. Wolff, hep-lat/0306017 (Comput. Phys. Commun. 156, 143): the autocorrelation function is summed
//! up to a window that balances the bias of stopping against the noise of going on.

/// What a series of correlated draws says about the error of its mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Error {
    /// Standard error of the mean; NaN if one draw or none cannot say.
    pub error: f64,
    /// Integrated autocorrelation time, ½ + Σρ(t), in entries of the series.
    pub tau_int: f64,
    /// Its standard error.
    pub tau_int_error: f64,
    /// Largest t that was summed.
    pub window: usize,
    /// How many independent draws would give the same error: N/(2τ).
    pub effective: f64,
}

/// S of the paper: the assumed ratio of exponential and integrated autocorrelation time.
const RATIO: f64 = 1.5;
/// Series shorter than this are taken as independent draws.
const FEW: usize = 8;

/// The error of a mean from the fluctuations about it, one series a chain. Chains may have different lengths.
pub fn gamma_method(chains: &[&[f64]]) -> Error {
    let n: usize = chains.iter().map(|chain| chain.len()).sum();
    let squares = covariance(chains, 0);
    if n < 2 {
        return Error { error: f64::NAN, ..independent(0.0, n) };
    }
    let longest = chains.iter().map(|chain| chain.len()).max().unwrap_or(0);
    if n < FEW || longest < 4 || squares == 0.0 || !squares.is_finite() {
        return independent(squares / (n - 1) as f64, n);
    }
    correlated(chains, n, longest / 2)
}

/// The usual error of n independent draws.
fn independent(variance: f64, n: usize) -> Error {
    Error { error: (variance / n as f64).sqrt(), tau_int: 0.5, tau_int_error: 0.0, window: 0, effective: n as f64 }
}

/// Σ δᵢ δᵢ₊ₜ over all chains.
fn covariance(chains: &[&[f64]], t: usize) -> f64 {
    let one = |chain: &&[f64]| {
        let products: Vec<f64> = chain.iter().zip(chain.iter().skip(t)).map(|(a, b)| a * b).collect();
        crate::sum::sum(&products)
    };
    chains.iter().map(one).sum()
}

/// How many pairs at distance t there are.
fn pairs(chains: &[&[f64]], t: usize) -> usize {
    chains.iter().map(|chain| chain.len().saturating_sub(t)).sum()
}

/// Γ(t) up to the automatic window (eqs. 31, 51, 52), and the results with the bias removed (eqs. 49, 42).
fn correlated(chains: &[&[f64]], n: usize, furthest: usize) -> Error {
    let size = n as f64;
    let mut gamma = vec![covariance(chains, 0) / size];
    let mut tau = 0.5;
    for t in 1..=furthest {
        gamma.push(covariance(chains, t) / pairs(chains, t) as f64);
        tau += gamma[t] / gamma[0];
        let enough = if tau > 0.5 { past_window(tau, t as f64, size) } else { t % 2 == 1 && past_signal(&gamma, size) };
        if enough {
            break;
        }
    }
    let window = gamma.len() - 1;
    let total = |gamma: &[f64]| gamma[0] + 2.0 * gamma[1..].iter().sum::<f64>();
    // The mean that was subtracted follows the draws, so each Γ(t) is too small by the variance of the mean.
    let bias = total(&gamma) / size;
    gamma.iter_mut().for_each(|g| *g += bias);
    let sum = total(&gamma).max(gamma[0] / size);
    let tau = sum / (2.0 * gamma[0]);
    let spread = (4.0 / size * (window as f64 + 0.5 - tau).max(0.0)).sqrt();
    Error {
        error: (sum / size).sqrt(),
        tau_int: tau,
        tau_int_error: tau * spread,
        window,
        effective: size / (2.0 * tau),
    }
}

/// Whether statistical noise at window t has overtaken the systematic error of stopping there (eq. 52).
fn past_window(tau_int: f64, t: f64, n: f64) -> bool {
    let tau = RATIO / ((2.0 * tau_int + 1.0) / (2.0 * tau_int - 1.0)).ln();
    (-t / tau).exp() - tau / (t * n).sqrt() < 0.0
}

/// The same for anticorrelated draws, where eq. 52 would stop at once and miss the alternating signs: the last pair
/// of Γ, whose sum is positive (C. Geyer, Statist. Sci. 7, 473 (1992)), has gone down to its noise.
fn past_signal(gamma: &[f64], n: f64) -> bool {
    let last = gamma.len() - 1;
    gamma[last - 1] + gamma[last] <= gamma[0] * (2.0 / n).sqrt()
}

/// A value with its error in the last digits: `0.5231(17)`, `23889.3(1.3)`, `1.23(4)e-12`.
///
/// The error has two digits if its leading ones are below 355, else one (the rule of the Particle Data Group). An error
/// of zero leaves the number alone.
pub fn format(value: f64, error: f64) -> String {
    if error == 0.0 || !value.is_finite() {
        return plain(value);
    }
    if !error.is_finite() {
        return format!("{}({})", plain(value), if error.is_nan() { "?" } else { "inf" });
    }
    let place = last_place(error.abs());
    let top = exponent(rounded(value, place)).max(exponent(rounded(error, place)));
    if top < -4 || place > 1 || top > 14 {
        let scaled = |x: f64| scale_by_ten(x, -top);
        let text = with_place(scaled(value), scaled(error.abs()), place - top);
        format!("{text}e{top}")
    } else {
        with_place(value, error.abs(), place)
    }
}

/// The shortest decimal that reads back as the number, without needless zeros.
fn plain(value: f64) -> String {
    if value.is_nan() {
        "nan".into()
    } else if value.is_infinite() {
        if value > 0.0 { "inf".into() } else { "-inf".into() }
    } else if value != 0.0 && !(1e-4..1e16).contains(&value.abs()) {
        format!("{value:e}")
    } else {
        format!("{value}")
    }
}

/// The power of ten of the last digit that an error shows.
fn last_place(error: f64) -> i32 {
    let text = format!("{error:.2e}");
    let (digits, power) = text.split_once('e').expect("exponent form");
    let leading: u32 = digits.replace('.', "").parse().expect("three digits");
    let power: i32 = power.parse().expect("exponent");
    match leading {
        ..355 => power - 1,
        355..950 => power,
        _ => power, // 0.097 becomes 0.10, with two digits
    }
}

/// The power of ten of the leading digit; very low for zero.
fn exponent(x: f64) -> i32 {
    if x == 0.0 {
        return -400;
    }
    format!("{x:e}").split_once('e').expect("exponent form").1.parse().expect("exponent")
}

/// x to the nearest multiple of 10^place.
fn rounded(x: f64, place: i32) -> f64 {
    let digits = exponent(x) - place;
    if digits < 0 {
        let unit = scale_by_ten(1.0, place);
        return if x.abs() >= 0.5 * unit { unit.copysign(x) } else { 0.0 };
    }
    format!("{x:.*e}", digits as usize).parse().expect("a number")
}

/// x·10ⁿ, by way of decimal digits so that no rounding shows.
fn scale_by_ten(x: f64, n: i32) -> f64 {
    let text = format!("{x:e}");
    let (digits, power) = text.split_once('e').expect("exponent form");
    let power: i32 = power.parse().expect("exponent");
    format!("{digits}e{}", power + n).parse().expect("a number")
}

/// Both numbers to 10^place; the error as bare digits if it lies behind the point.
fn with_place(value: f64, error: f64, place: i32) -> String {
    let decimals = (-place).max(0) as usize;
    let (value, error) = (rounded(value, place), rounded(error, place));
    let shown = if decimals > 0 && error < 1.0 {
        format!("{:.0}", scale_by_ten(error, -place))
    } else {
        format!("{error:.decimals$}")
    };
    format!("{value:.decimals$}({shown})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise;

    /// AR(1) about its overall mean: x' = a x + √(1−a²) ξ, with τ = (1 + a)/(2 (1 − a)). Returns the mean too.
    fn autoregressive(a: f64, chains: usize, length: usize, run: u64) -> (f64, Vec<Vec<f64>>) {
        let draw = |chain: usize| {
            let mut x = vec![0.0; length];
            noise::normal(noise::key(3, run, &[chain as u64]), 0, 0, &mut x);
            for i in 1..length {
                x[i] = a * x[i - 1] + (1.0 - a * a).sqrt() * x[i];
            }
            x
        };
        let mut all: Vec<Vec<f64>> = (0..chains).map(draw).collect();
        let mean = all.iter().flatten().sum::<f64>() / (chains * length) as f64;
        all.iter_mut().flatten().for_each(|x| *x -= mean);
        (mean, all)
    }

    fn slices(chains: &[Vec<f64>]) -> Vec<&[f64]> {
        chains.iter().map(Vec::as_slice).collect()
    }

    #[test]
    fn autocorrelation_times_of_ar1() {
        for (a, chains) in [(0.0, 1), (0.5, 1), (0.8, 4), (0.95, 2), (-0.5, 1)] {
            let (_, x) = autoregressive(a, chains, 40_000 / chains, 1);
            let found = gamma_method(&slices(&x));
            let tau = (1.0 + a) / (2.0 * (1.0 - a));
            assert!((found.tau_int - tau).abs() < 4.0 * found.tau_int_error + 0.03 * tau, "{a} {found:?}");
            let error = (2.0 * tau / 40_000.0f64).sqrt();
            assert!((found.error / error - 1.0).abs() < 0.12, "{a} {found:?}");
            assert!((found.effective * 2.0 * found.tau_int / 40_000.0 - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn two_thirds_of_the_means_lie_within_the_error() {
        let inside = |run: u64| {
            let (mean, x) = autoregressive(0.7, 2, 1000, 100 + run);
            mean.abs() < gamma_method(&slices(&x)).error
        };
        let hits = (0..1000).filter(|run| inside(*run)).count();
        assert!((640..720).contains(&hits), "{hits}");
    }

    #[test]
    fn degenerate_series() {
        assert!(gamma_method(&[]).error.is_nan() && gamma_method(&[&[0.0]]).error.is_nan());
        assert_eq!(gamma_method(&[&[0.0; 50]]).error, 0.0);
        let few = gamma_method(&[&[1.0, -1.0, 1.0, -1.0]]);
        assert_eq!((few.error, few.tau_int), ((4.0f64 / 3.0 / 4.0).sqrt(), 0.5));
        let singles: Vec<&[f64]> = [&[1.0][..], &[-1.0]].repeat(10);
        assert!((gamma_method(&singles).error - (20.0f64 / 19.0 / 20.0).sqrt()).abs() < 1e-15);
        assert!(gamma_method(&[&[f64::NAN; 20]]).error.is_nan());
        assert!(gamma_method(&[&[1.0, -1.0].repeat(50)]).error > 0.0);
    }

    #[test]
    fn errors_in_brackets() {
        for (value, error, text) in [
            (0.52312, 0.00172, "0.5231(17)"),
            (0.12588, 0.00091, "0.1259(9)"),
            (23889.31, 1.31, "23889.3(1.3)"),
            (23889.31, 13.4, "23889(13)"),
            (23889.31, 4.4, "23889(4)"),
            (23889.31, 134.0, "23890(130)"),
            (23889.31, 1340.0, "2.39(13)e4"),
            (1.234e-12, 4.4e-14, "1.23(4)e-12"),
            (-0.5, 0.01, "-0.500(10)"),
            (1.0, 0.0354, "1.000(35)"),
            (1.0, 0.0356, "1.00(4)"),
            (1.0, 0.0949, "1.00(9)"),
            (1.0, 0.0951, "1.00(10)"),
            (1.0, 0.996, "1.0(1.0)"),
            (0.001, 2.5, "0.0(2.5)"),
            (0.0, 0.0012, "0.0000(12)"),
            (123.456, 123.456, "120(120)"),
            (6.02214e23, 1.5e18, "6.022140(15)e23"),
            (9.996, 0.04, "10.00(4)"),
            (0.99996, 0.002, "1.0000(20)"),
            (2.5e-5, 3.0e-3, "0.0000(30)"),
            (3.25, 0.0, "3.25"),
            (1e-30, 0.0, "1e-30"),
            (2.0, 0.0, "2"),
            (f64::NAN, 0.1, "nan"),
            (f64::INFINITY, 0.1, "inf"),
            (f64::NEG_INFINITY, 0.0, "-inf"),
            (0.5, f64::NAN, "0.5(?)"),
            (0.5, f64::INFINITY, "0.5(inf)"),
        ] {
            assert_eq!(format(value, error), text, "{value} {error}");
        }
    }
}
