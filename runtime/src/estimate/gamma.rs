//! The Γ-method of U. Wolff, hep-lat/0306017 (Comput. Phys. Commun. 156, 143): the autocorrelation function is summed
//! up to a window that balances the bias of stopping against the noise of going on.

use crate::math;
use crate::simd::versions;

/// What a series of correlated draws says about the error of its mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Error {
    /// Half the width of the interval that holds the truth in 68.27 % of all runs; NaN if one draw or none cannot say.
    pub error: f64,
    /// Integrated autocorrelation time, ½ + Σρ(t), in entries of the series.
    pub tau_int: f64,
    /// Its standard error.
    pub tau_int_error: f64,
    /// Largest t that was summed.
    pub window: usize,
    /// Whether the window ended by itself, not with the chains.
    pub closed: bool,
    /// How many independent draws would give the same error: N/(2τ).
    pub effective: f64,
    /// How well the error itself is known: degrees of freedom of its square.
    pub freedom: f64,
}

/// S of the paper: the assumed ratio of exponential and integrated autocorrelation time. The paper takes 1.5, which stops
/// too early where slow and fast modes mix: the interval of a Binder cumulant then covered 66.2 %, now 67.5 %.
const RATIO: f64 = 2.0;
/// How much of κ/n widens an interval.
const KURTOSIS: f64 = 0.75;
/// Draws whose τ lies by more than this, and by three times its noise, below ½ are taken in pairs.
const ALTERNATING: f64 = 0.1;
/// Series shorter than this are taken as independent draws.
pub const FEW: usize = 8;

/// The error of a mean from the fluctuations about it, one series a chain. Chains may have different lengths; they are
/// the replica of the paper, whose fluctuations are taken about the mean of all.
pub fn gamma_method(chains: &[&[f64]]) -> Error {
    about_means(chains, 1)
}

/// The same if `means` means have been subtracted: one, or each chain's own.
///
/// Where draws alternate, ½ + Σρ(t) is a small difference of large terms, which a window cannot close on: the means of pairs of
/// draws, which have the same mean, hardly alternate. So their error is taken, again and again if need be.
pub fn about_means(chains: &[&[f64]], means: usize) -> Error {
    let found = directly(chains, means);
    let n = chains.iter().map(|chain| chain.len()).sum::<usize>() as f64;
    let longest = chains.iter().map(|chain| chain.len()).max().unwrap_or(0);
    if !(found.tau_int < 0.5 - ALTERNATING.max(3.0 / n.sqrt())) || longest < 4 * FEW {
        return found;
    }
    let pairs: Vec<Vec<f64>> = chains.iter().map(|chain| chain.chunks_exact(2).map(|p| (p[0] + p[1]) / 2.0).collect()).collect();
    let slices: Vec<&[f64]> = pairs.iter().map(Vec::as_slice).collect();
    let of_pairs = about_means(&slices, means);
    if !(of_pairs.error > 0.0) {
        return found;
    }
    // In units of the draws: N times the variance of the mean is 2τ times the variance of one.
    let tau_int = of_pairs.tau_int * 2.0 * (covariance(&slices, 0) / (n / 2.0)) / (covariance(chains, 0) / n);
    Error {
        tau_int,
        tau_int_error: of_pairs.tau_int_error * tau_int / of_pairs.tau_int,
        window: 2 * of_pairs.window + 1,
        effective: n / (2.0 * tau_int),
        ..of_pairs
    }
}

fn directly(chains: &[&[f64]], means: usize) -> Error {
    let n: usize = chains.iter().map(|chain| chain.len()).sum();
    if n <= means {
        return Error { error: f64::NAN, ..independent(0.0, n, 0) };
    }
    let squares = covariance(chains, 0);
    let longest = chains.iter().map(|chain| chain.len()).max().unwrap_or(0);
    if n < FEW || longest < 4 || squares == 0.0 || !squares.is_finite() {
        return independent(squares / (n - means) as f64, n, n - means);
    }
    let (gamma, closed) = autocovariance(chains, n);
    summed(chains, gamma, closed, n as f64, means as f64)
}

/// The usual error of n independent draws.
fn independent(variance: f64, n: usize, freedom: usize) -> Error {
    let size = n as f64;
    Error {
        error: (variance / size).sqrt(),
        tau_int: 0.5,
        tau_int_error: 0.0,
        window: 0,
        closed: true,
        effective: size,
        freedom: freedom as f64,
    }
}

/// Σ δᵢ δᵢ₊ₜ over all chains.
fn covariance(chains: &[&[f64]], t: usize) -> f64 {
    chains.iter().map(|chain| products(&chain[..chain.len().saturating_sub(t)], &chain[t.min(chain.len())..])).sum()
}

/// Products side by side, each lane of which has a sum of its own.
const LANES: usize = 16;

versions! {
    /// Σ aᵢ bᵢ of two series of one length.
    fn products(a: &[f64], b: &[f64]) -> f64 {
        let (whole_a, rest_a) = a.as_chunks::<LANES>();
        let (whole_b, rest_b) = b.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for (a, b) in whole_a.iter().zip(whole_b) {
            for i in 0..LANES {
                sums[i] = a[i].mul_add(b[i], sums[i]);
            }
        }
        for (i, (a, b)) in rest_a.iter().zip(rest_b).enumerate() {
            sums[i] = a.mul_add(*b, sums[i]);
        }
        sums.iter().sum()
    }
}

/// How many pairs at distance t there are.
fn pairs(chains: &[&[f64]], t: usize) -> usize {
    chains.iter().map(|chain| chain.len().saturating_sub(t)).sum()
}

/// Γ(t) up to the automatic window (eqs. 31, 51, 52), and whether there was one within half the longest chain.
fn autocovariance(chains: &[&[f64]], n: usize) -> (Vec<f64>, bool) {
    let size = n as f64;
    let furthest = chains.iter().map(|chain| chain.len()).max().unwrap_or(0) / 2;
    let mut gamma = vec![covariance(chains, 0) / size];
    let mut tau = 0.5;
    for t in 1..=furthest {
        gamma.push(covariance(chains, t) / pairs(chains, t) as f64);
        tau += gamma[t] / gamma[0];
        let enough = if tau > 0.5 { past_window(tau, t as f64, size) } else { t % 2 == 1 && past_signal(&gamma, size) };
        if enough {
            return (gamma, true);
        }
    }
    (gamma, false)
}

/// Γ(0) + 2 Σ Γ(t): N times the variance of the mean (eq. 35).
fn total(gamma: &[f64]) -> f64 {
    gamma[0] + 2.0 * gamma[1..].iter().sum::<f64>()
}

/// The sum over Γ with its bias removed (eqs. 49, 42).
fn summed(chains: &[&[f64]], mut gamma: Vec<f64>, closed: bool, size: f64, means: f64) -> Error {
    let window = gamma.len() - 1;
    // A mean that was subtracted follows its draws, so each Γ(t) is too small by the variance of that mean.
    let bias = total(&gamma) * means / size;
    gamma.iter_mut().for_each(|g| *g += bias);
    let sum = total(&gamma).max(gamma[0] / size);
    let tau = sum / (2.0 * gamma[0]);
    let spread = (4.0 / size * (window as f64 + 0.5 - tau).max(0.0)).sqrt();
    let freedom = size / (2 * window + 1) as f64;
    Error {
        error: (sum / size).sqrt() * widening(chains, tau, freedom),
        tau_int: tau,
        tau_int_error: tau * spread,
        window,
        closed,
        effective: size / (2.0 * tau),
        freedom,
    }
}

/// By how much an interval must be wider because its width is itself uncertain.
///
/// Γ up to a window W makes a variance of N/(2W + 1) degrees of freedom ν (eq. 42), hence Student's 1 + 1/(2ν). Seldom
/// large fluctuations (⟨m⁴⟩ in a Binder cumulant) make it more uncertain, by their kurtosis κ: the studentised mean then
/// covers less by φ(1) κ/(3n) (P. Hall, Ann. Statist. 16, 927 (1988)), which asks for κ/(6n). But a finite sample shows
/// a part of such a κ only: [`KURTOSIS`] was found by measurement at 500 to 10⁴ effective draws (`tests/estimates.rs`).
fn widening(chains: &[&[f64]], tau: f64, freedom: f64) -> f64 {
    1.0 + 0.5 / freedom.max(1.0) + KURTOSIS * excess(chains, (2.0 * tau).ceil() as usize)
}

/// κ/n of sums over independent bins of this length: Σb⁴/(Σb²)² − 3/n, at least 0.
fn excess(chains: &[&[f64]], length: usize) -> f64 {
    let bins: Vec<f64> = chains.iter().flat_map(|chain| chain.chunks_exact(length.max(1))).map(crate::sum::sum).collect();
    let squares: f64 = bins.iter().map(|b| b * b).sum();
    let fourth: f64 = bins.iter().map(|b| b * b * b * b).sum();
    let kurtosis = fourth / (squares * squares) - 3.0 / bins.len() as f64;
    if kurtosis > 0.0 { kurtosis } else { 0.0 }
}

/// Whether statistical noise at window t has overtaken the systematic error of stopping there (eq. 52).
fn past_window(tau_int: f64, t: f64, n: f64) -> bool {
    let tau = RATIO / math::log((2.0 * tau_int + 1.0) / (2.0 * tau_int - 1.0));
    math::exp(-t / tau) - tau / (t * n).sqrt() < 0.0
}

/// The same for anticorrelated draws, where eq. 52 would stop at once and miss the alternating signs: the last pair
/// of Γ, whose sum is positive for the draws themselves (C. Geyer, Statist. Sci. 7, 473 (1992)) and negative for means of pairs, has gone down to its
/// noise.
fn past_signal(gamma: &[f64], n: f64) -> bool {
    let last = gamma.len() - 1;
    (gamma[last - 1] + gamma[last]).abs() <= gamma[0] * (2.0 / n).sqrt()
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
        for (a, chains) in [(0.0, 1), (0.5, 1), (0.8, 4), (0.95, 2), (-0.5, 1), (-0.8, 4), (-0.95, 8)] {
            let (_, x) = autoregressive(a, chains, 40_000 / chains, 1);
            let found = gamma_method(&slices(&x));
            let tau = (1.0 + a) / (2.0 * (1.0 - a));
            assert!((found.tau_int - tau).abs() < 4.0 * found.tau_int_error + if a < -0.9 { 0.3 } else { 0.03 } * tau, "{a} {found:?}");
            let error = (2.0 * tau / 40_000.0f64).sqrt();
            assert!((found.error / error - 1.0).abs() < if a < -0.9 { 0.2 } else { 0.12 }, "{a} {found:?}");
            assert!((found.effective * 2.0 * found.tau_int / 40_000.0 - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn two_thirds_of_the_means_lie_within_the_error() {
        // Draws that alternate strongly get errors that are rather too large.
        for (a, length, most) in [(0.7, 1000, 720), (-0.3, 500, 735), (-0.6, 500, 745), (-0.9, 1000, 770), (-0.98, 4001, 850)] {
            let inside = |run: u64| {
                let (mean, x) = autoregressive(a, 2, length, 100 + run);
                mean.abs() < gamma_method(&slices(&x)).error
            };
            let hits = (0..1000).filter(|run| inside(*run)).count();
            assert!((640..most).contains(&hits), "{a}: {hits}");
        }
    }

    /// Autocorrelations r^t cos(2πt/4) and of period 3, whose sums cancel in other ways than draws that alternate.
    #[test]
    fn oscillations_of_other_periods() {
        for (period, r) in [(4.0f64, 0.9f64), (3.0, 0.9), (2.2, 0.95)] {
            let ω = 2.0 * std::f64::consts::PI / period;
            let run = |run: u64| {
                let mut ξ = vec![0.0; 2 * 8000];
                noise::normal(noise::key(5, run, &[]), 0, 0, &mut ξ);
                let (mut u, mut v) = (ξ[0], ξ[1]);
                let mut x = vec![];
                for pair in ξ.chunks_exact(2) {
                    let rest = (1.0 - r * r).sqrt();
                    (u, v) = (r * (ω.cos() * u - ω.sin() * v) + rest * pair[0], r * (ω.sin() * u + ω.cos() * v) + rest * pair[1]);
                    x.push(u);
                }
                let mean = x.iter().sum::<f64>() / x.len() as f64;
                x.iter_mut().for_each(|x| *x -= mean);
                mean.abs() < gamma_method(&[&x]).error
            };
            let hits = (0..600).filter(|k| run(*k)).count();
            assert!((370..450).contains(&hits), "{period} {r}: {hits}");
        }
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
}
