//! How the means of several observables of one run vary together.

use super::gamma::gamma_method;

/// The covariance matrix of the means of several observables, row by row, from their fluctuations (one series a chain,
/// the same chains for all).
///
/// Correlation coefficients are those of means of bins of 4 τ_int (of the slowest observable), standard errors those of
/// the Γ-method: so the matrix has no negative eigenvalue, and its diagonal is the errors' squares. With fewer bins than
/// observables it is singular.
pub fn covariance(observables: &[Vec<&[f64]>]) -> Vec<f64> {
    let found: Vec<_> = observables.iter().map(|chains| gamma_method(chains)).collect();
    let slowest = found.iter().map(|f| f.tau_int).fold(0.5, f64::max);
    let shortest = observables.iter().flatten().map(|chain| chain.len()).min().unwrap_or(1);
    let length = ((4.0 * slowest).ceil() as usize).clamp(1, shortest.max(1));
    let bins: Vec<Vec<f64>> = observables.iter().map(|chains| normalised(chains, length)).collect();
    let correlation = |i: usize, j: usize| if i == j { 1.0 } else { dot(&bins[i], &bins[j]) };
    let entry = |i: usize, j: usize| found[i].error * found[j].error * correlation(i, j);
    let n = observables.len();
    (0..n * n).map(|k| entry(k / n, k % n)).collect()
}

/// Deviations of bins from their mean, as a vector of length one (zero if they do not vary).
fn normalised(chains: &[&[f64]], length: usize) -> Vec<f64> {
    let bins: Vec<f64> = chains.iter().flat_map(|chain| chain.chunks_exact(length)).map(crate::sum::sum).collect();
    let mean = crate::sum::sum(&bins) / bins.len() as f64;
    let deviations: Vec<f64> = bins.iter().map(|b| b - mean).collect();
    let norm = dot(&deviations, &deviations).sqrt();
    deviations.iter().map(|d| if norm > 0.0 { d / norm } else { 0.0 }).collect()
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    let products: Vec<f64> = x.iter().zip(y).map(|(x, y)| x * y).collect();
    crate::sum::sum(&products)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise;

    #[test]
    fn of_two_observables_that_share_noise() {
        let mut noise = vec![0.0; 80_000];
        noise::normal(noise::key(13, 0, &[]), 0, 0, &mut noise);
        let mut x = vec![0.0; 40_000];
        let mut y = x.clone();
        for i in 1..x.len() {
            x[i] = 0.8 * x[i - 1] + 0.6 * noise[2 * i];
            y[i] = 0.8 * y[i - 1] + 0.6 * (0.6 * noise[2 * i] + 0.8 * noise[2 * i + 1]);
        }
        let found = covariance(&[vec![&x[..20_000], &x[20_000..]], vec![&y[..20_000], &y[20_000..]]]);
        // Variance 1, τ_int = 4.5, correlation 0.6.
        let variance = 9.0 / 40_000.0;
        for (found, known) in found.iter().zip([1.0, 0.6, 0.6, 1.0]) {
            assert!((found / variance - known).abs() < 0.15, "{found} {known}");
        }
        assert_eq!(found[0], gamma_method(&[&x[..20_000], &x[20_000..]]).error.powi(2));
    }
}
