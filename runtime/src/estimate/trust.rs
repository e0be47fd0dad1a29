//! Whether an error can be believed: what a run of correlated draws shows against itself.
//!
//! What no test on the draws can see is a part of configuration space that no chain has visited: a run whose chains all
//! stay in one well of a double well is healthy in every number. Chains started apart (hot ones, of independent starts)
//! end in different wells and then disagree.

use super::chance;
use super::convergence::r_hat;
use super::gamma::{Error, about_means, gamma_method};

/// Why an error cannot be believed. Times are in entries of the series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Doubt {
    /// Chains so short that no correlation can be seen in them.
    Few { draws: usize, chains: usize },
    /// No draw differs from another.
    Constant,
    /// Each chain has one value, and not all the same: a sampler that never accepts.
    Stuck { chains: usize },
    /// Each chain has one sign, and both occur.
    OneSign { positive: usize, negative: usize },
    /// The means of the chains differ by more than their errors: χ² per degree of freedom.
    Disagree { r_hat: f64, chi_square: f64, chains: usize },
    /// Autocorrelations had not died out within half a chain.
    Open { window: usize, tau_int: f64, length: usize },
    /// A chain, or all together, last too few autocorrelation times.
    Short { tau_int: f64, tau_int_error: f64, chain: f64, total: f64 },
    /// The first quarter of the run differs from its last half by so many standard errors.
    Drift { errors: f64 },
}

/// A chain, and all chains together, must last so many autocorrelation times.
pub const CHAIN: f64 = 20.0;
pub const TOTAL: f64 = 50.0;
/// The probability of a false alarm that each test is allowed for one number.
const FALSE_ALARM: f64 = 1e-4;
/// A split R̂ below this is never an alarm (Vehtari et al. 2021 ask for 1.01, but of many effective draws).
const R_HAT: f64 = 1.05;
/// More entries than this are averaged in bins before they are ranked, as long as each chain has [`BINS`].
const RANKED: usize = 1 << 15;
const BINS: usize = 128;
/// Fluctuations smaller than this, relative to the value, are rounding.
const ROUNDING: f64 = 1e-13;

/// The gravest doubt about a mean `value` with these fluctuations about it, one series a chain. If the worst of several
/// `numbers` is sought, each test is made by as much stricter.
pub fn trust(chains: &[&[f64]], value: f64, numbers: usize) -> Option<Doubt> {
    let length = chains.iter().map(|chain| chain.len()).min().unwrap_or(0);
    if let Some(doubt) = degenerate(chains, value, length) {
        return doubt;
    }
    let alarm = FALSE_ALARM / numbers.max(1) as f64;
    let centred = about_own_means(chains);
    let within = about_means(&slices(&centred), chains.len());
    let resolved = within.closed && length as f64 >= CHAIN * within.tau_int;
    let disagree = || if resolved { disagreement(chains, &within, value, alarm) } else { None };
    disagree().or_else(|| short(&gamma_method(chains), length, chains)).or_else(|| drift(chains, alarm))
}

/// What speaks against the autocorrelation time that was found: chains in which it can't be seen.
pub fn unresolved(chains: &[&[f64]], found: &Error) -> Option<Doubt> {
    let length = chains.iter().map(|chain| chain.len()).min().unwrap_or(0);
    let constant = chains.iter().all(|chain| chain.iter().all(|x| x.abs() <= f64::MIN_POSITIVE));
    if constant {
        return Some(Doubt::Constant);
    }
    degenerate(chains, 0.0, length).unwrap_or_else(|| short(found, length, chains))
}

/// Series that no statistics can be made of; `Some(None)` if there is nothing to say about one.
fn degenerate(chains: &[&[f64]], value: f64, length: usize) -> Option<Option<Doubt>> {
    let largest = chains.iter().flat_map(|chain| chain.iter()).fold(0.0f64, |m, x| m.max(x.abs()));
    if chains.iter().any(|chain| chain.iter().any(|x| !x.is_finite())) {
        return Some(None);
    }
    if length < CHAIN as usize / 2 {
        return Some(Some(Doubt::Few { draws: length, chains: chains.len() }));
    }
    if largest <= ROUNDING * value.abs() {
        // An exact zero (m − m) is nobody's mistake.
        return Some((value != 0.0).then_some(Doubt::Constant));
    }
    let stuck = chains.iter().all(|chain| chain.iter().all(|x| x == &chain[0]));
    stuck.then_some(Some(Doubt::Stuck { chains: chains.len() }))
}

fn slices(chains: &[Vec<f64>]) -> Vec<&[f64]> {
    chains.iter().map(Vec::as_slice).collect()
}

fn mean(x: &[f64]) -> f64 {
    crate::sum::sum(x) / x.len() as f64
}

fn about_own_means(chains: &[&[f64]]) -> Vec<Vec<f64>> {
    let centred = |chain: &&[f64]| {
        let mean = mean(chain);
        chain.iter().map(|x| x - mean).collect()
    };
    chains.iter().map(centred).collect()
}

/// Whether the chains' means differ by more than the fluctuations within the chains explain (the Q of hep-lat/0306017,
/// eq. 27, with Fisher's distribution for an error that is itself uncertain), or their distributions do (R̂).
fn disagreement(chains: &[&[f64]], within: &Error, value: f64, alarm: f64) -> Option<Doubt> {
    let count = chains.len();
    if count < 2 {
        return None;
    }
    // N times the variance of the mean, as the chains' insides tell it.
    let total: usize = chains.iter().map(|chain| chain.len()).sum();
    // Draws that alternate leave it uncertain: it counts as if they were independent.
    let variance = within.error * within.error * total as f64 * (0.5 / within.tau_int).max(1.0);
    let centre = mean(&chains.concat());
    let squares: f64 = chains.iter().map(|chain| chain.len() as f64 * (mean(chain) - centre).powi(2)).sum();
    let chi_square = squares / variance / (count - 1) as f64;
    let unlikely = chance::f_tail(chi_square, (count - 1) as f64, within.freedom) < alarm;
    let ranked = binned(chains, (total / RANKED).clamp(1, (total / count / BINS).max(1)));
    let r_hat = r_hat(&slices(&ranked));
    if !unlikely && !(r_hat > likely_r_hat(within, &ranked, alarm)) {
        return None;
    }
    Some(signs(chains, value).unwrap_or(Doubt::Disagree { r_hat, chi_square, chains: count }))
}

/// Means of so many consecutive entries; what is left over at a chain's end is not used.
fn binned(chains: &[&[f64]], length: usize) -> Vec<Vec<f64>> {
    chains.iter().map(|chain| chain.chunks_exact(length).map(mean).collect()).collect()
}

/// The R̂ that healthy chains of this error exceed with the probability of a false alarm: their 2m half chains of n entries
/// have R̂² ≈ 1 + (2τ F − 1)/n. At least [`R_HAT`].
fn likely_r_hat(within: &Error, chains: &[Vec<f64>], alarm: f64) -> f64 {
    let count = chains.len();
    let total: usize = chains.iter().map(Vec::len).sum();
    let half = total as f64 / (2 * count) as f64;
    let above = (2 * count - 1) as f64;
    let mut f = 1.0;
    while chance::f_tail(f, above, within.freedom) > alarm / 10.0 {
        f *= 1.1;
    }
    let squares: f64 = about_own_means(&slices(chains)).iter().flatten().map(|x| x * x).sum();
    let twice_tau = within.error.powi(2) * total as f64 / (squares / (total - count) as f64);
    (1.0 + (twice_tau * f - 1.0) / half).sqrt().max(R_HAT)
}

/// Chains of one sign each, both of which occur.
fn signs(chains: &[&[f64]], value: f64) -> Option<Doubt> {
    let of_sign = |sign: f64| chains.iter().filter(|chain| chain.iter().all(|x| (value + x) * sign > 0.0)).count();
    let (positive, negative) = (of_sign(1.0), of_sign(-1.0));
    (positive > 0 && negative > 0 && positive + negative == chains.len()).then_some(Doubt::OneSign { positive, negative })
}

/// Whether the chains last enough autocorrelation times for the window to be believed.
fn short(found: &Error, length: usize, chains: &[&[f64]]) -> Option<Doubt> {
    let total: usize = chains.iter().map(|chain| chain.len()).sum();
    let Error { tau_int, tau_int_error, window, .. } = *found;
    if !found.closed {
        return Some(Doubt::Open { window, tau_int, length });
    }
    let (chain, total) = (length as f64 / tau_int, total as f64 / tau_int);
    (chain < CHAIN || total < TOTAL).then_some(Doubt::Short { tau_int, tau_int_error, chain, total })
}

/// The first quarter of all chains against their last half, whose fluctuations say how much they may differ. (J. Geweke,
/// in Bayesian Statistics 4 (1992), takes a tenth and a half)
fn drift(chains: &[&[f64]], alarm: f64) -> Option<Doubt> {
    let first: Vec<f64> = chains.iter().flat_map(|chain| chain[..chain.len() / 4].iter().copied()).collect();
    let last: Vec<&[f64]> = chains.iter().map(|chain| &chain[chain.len() / 2..]).collect();
    let centred = about_own_means(&last);
    let scale = about_means(&slices(&centred), chains.len());
    let n = last.concat().len() as f64;
    let error = scale.error * (0.5 / scale.tau_int).max(1.0).sqrt() * (1.0 + n / first.len() as f64).sqrt();
    let errors = (mean(&first) - mean(&last.concat())) / error;
    let unlikely = scale.closed && chance::student_tail(errors, scale.freedom) < alarm;
    unlikely.then_some(Doubt::Drift { errors: errors.abs() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise;

    /// AR(1) of this a, mean 0 and variance 1.
    fn chain(a: f64, length: usize, run: u64) -> Vec<f64> {
        let mut x = vec![0.0; length];
        noise::normal(noise::key(9, run, &[]), 0, 0, &mut x);
        for i in 1..length {
            x[i] = a * x[i - 1] + (1.0 - a * a).sqrt() * x[i];
        }
        x
    }

    /// The doubt about the mean of these chains.
    fn doubt(chains: Vec<Vec<f64>>) -> Option<Doubt> {
        let centre = mean(&chains.concat());
        let about: Vec<Vec<f64>> = chains.iter().map(|chain| chain.iter().map(|x| x - centre).collect()).collect();
        trust(&slices(&about), centre, 1)
    }

    fn chains(a: f64, count: u64, length: usize) -> Vec<Vec<f64>> {
        (0..count).map(|c| chain(a, length, c)).collect()
    }

    fn shifted(x: Vec<f64>, by: f64) -> Vec<f64> {
        x.into_iter().map(|x| x + by).collect()
    }

    #[test]
    fn healthy_chains_are_believed() {
        for (a, count, length) in [(0.0, 1, 200), (0.0, 4, 100), (0.8, 2, 3000), (-0.5, 3, 400), (0.95, 8, 4000)] {
            assert_eq!(doubt(chains(a, count, length)), None, "{a} {count} {length}");
        }
    }

    #[test]
    fn degenerate_chains() {
        assert_eq!(doubt(vec![vec![1.0]]), Some(Doubt::Few { draws: 1, chains: 1 }));
        assert_eq!(doubt(chains(0.0, 8, 5)), Some(Doubt::Few { draws: 5, chains: 8 }));
        assert_eq!(doubt(vec![vec![2.5; 100]; 3]), Some(Doubt::Constant));
        assert_eq!(doubt(vec![vec![0.0; 100]; 3]), None);
        assert_eq!(doubt(vec![vec![1.0; 100], vec![2.0; 100]]), Some(Doubt::Stuck { chains: 2 }));
        assert_eq!(trust(&[], 1.0, 1), Some(Doubt::Few { draws: 0, chains: 0 }));
        assert_eq!(trust(&[&[f64::NAN; 50]], 1.0, 1), None);
    }

    #[test]
    fn slow_chains_are_short_ones() {
        for (count, length) in [(1, 300), (4, 300), (2, 2000)] {
            let found = doubt(chains(0.99, count, length));
            assert!(matches!(found, Some(Doubt::Short { .. } | Doubt::Open { .. })), "{count} {length} {found:?}");
        }
    }

    #[test]
    fn chains_that_disagree() {
        let apart = |by: f64| doubt((0..4).map(|c| shifted(chain(0.5, 2000, c), by * (c % 2) as f64)).collect());
        assert!(matches!(apart(0.6), Some(Doubt::Disagree { chains: 4, .. })), "{:?}", apart(0.6));
        let wells = doubt((0..4).map(|c| shifted(chain(0.5, 2000, c), if c == 0 { 6.0 } else { -6.0 })).collect());
        assert_eq!(wells, Some(Doubt::OneSign { positive: 1, negative: 3 }));
        let widths = doubt((0..4).map(|c| chain(0.5, 2000, c).into_iter().map(|x| x * (1 + 2 * (c / 3)) as f64).collect()).collect());
        assert!(matches!(widths, Some(Doubt::Disagree { .. })), "another width: {widths:?}");
    }

    #[test]
    fn a_start_far_away_is_a_drift() {
        let relaxing = |c: u64| chain(0.5, 2000, c).into_iter().enumerate().map(|(i, x)| x + 4.0 * (-(i as f64) / 60.0).exp()).collect();
        let found = doubt((0..4).map(relaxing).collect());
        assert!(matches!(found, Some(Doubt::Drift { .. })), "{found:?}");
    }
}
