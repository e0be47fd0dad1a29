//! Errors by leaving out or drawing anew, as checks of the Γ-method: they need no derivative and no window, but bins so
//! long that their means are independent. (B. Efron, Ann. Statist. 7, 1 (1979))

use crate::noise;

/// A function of means, and what resampling says about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resampled {
    /// The function at the means of all bins.
    pub value: f64,
    /// Standard error; NaN of fewer than two bins.
    pub error: f64,
    /// By how much `value` is expected to be too large.
    pub bias: f64,
}

/// Bins of several observables: one row a bin.
#[derive(Clone, Debug)]
pub struct Bins {
    rows: Vec<f64>,
    observables: usize,
}

impl Bins {
    /// Means of `length` consecutive draws of each chain; what is left over at its end is not used. A chain holds, draw
    /// by draw, the values of all observables.
    pub fn new(chains: &[&[f64]], observables: usize, length: usize) -> Bins {
        let bin = |draws: &[f64], k: usize| draws.iter().skip(k).step_by(observables).sum::<f64>() / length as f64;
        let cut = chains.iter().flat_map(|chain| chain.chunks_exact(observables * length));
        let rows = cut.flat_map(|draws| (0..observables).map(move |k| bin(draws, k))).collect();
        Bins { rows, observables }
    }

    pub fn count(&self) -> usize {
        self.rows.len() / self.observables
    }

    fn row(&self, k: usize) -> &[f64] {
        &self.rows[k * self.observables..(k + 1) * self.observables]
    }

    /// Sums over the bins of these numbers.
    fn sums(&self, which: impl Iterator<Item = usize>) -> Vec<f64> {
        let mut sums = vec![0.0; self.observables];
        for k in which {
            sums.iter_mut().zip(self.row(k)).for_each(|(sum, x)| *sum += x);
        }
        sums
    }
}

/// Each bin is left out in turn: the variance is (n − 1) times the mean square deviation of the n values.
pub fn jackknife(bins: &Bins, f: impl Fn(&[f64]) -> f64) -> Resampled {
    let count = bins.count();
    let n = count as f64;
    let all = bins.sums(0..count);
    let without = |k: usize| {
        let means: Vec<f64> = all.iter().zip(bins.row(k)).map(|(sum, x)| (sum - x) / (n - 1.0)).collect();
        f(&means)
    };
    let value = f(&divided(&all, n));
    let (mean, square) = spread(&(0..count).map(without).collect::<Vec<f64>>());
    let error = if count < 2 { f64::NAN } else { ((n - 1.0) * square).sqrt() };
    Resampled { value, error, bias: (n - 1.0) * (mean - value) }
}

/// As many bins are drawn anew, with repetition, `samples` times: the same ones for the same key.
pub fn bootstrap(bins: &Bins, samples: usize, key: [u32; 2], f: impl Fn(&[f64]) -> f64) -> Resampled {
    let count = bins.count();
    let n = count as f64;
    let mut words = vec![0; count];
    let mut sample = |turn: usize| {
        noise::bits(key, turn as u64, 0, &mut words);
        let chosen = words.iter().map(|word| ((*word as u128 * count as u128) >> 64) as usize);
        f(&divided(&bins.sums(chosen), n))
    };
    let (mean, square) = spread(&(0..samples).map(&mut sample).collect::<Vec<f64>>());
    let value = f(&divided(&bins.sums(0..count), n));
    let error = if count < 2 { f64::NAN } else { (square * n / (n - 1.0)).sqrt() };
    Resampled { value, error, bias: mean - value }
}

fn divided(sums: &[f64], n: f64) -> Vec<f64> {
    sums.iter().map(|sum| sum / n).collect()
}

/// Mean and mean square deviation.
fn spread(x: &[f64]) -> (f64, f64) {
    let n = x.len() as f64;
    let mean = crate::sum::sum(x) / n;
    let squares: Vec<f64> = x.iter().map(|x| (x - mean) * (x - mean)).collect();
    (mean, crate::sum::sum(&squares) / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 5000 independent normal draws with their squares.
    fn draws() -> Vec<f64> {
        let mut x = vec![0.0; 5000];
        noise::normal(noise::key(11, 0, &[]), 0, 0, &mut x);
        x.iter().flat_map(|x| [*x, x * x]).collect()
    }

    #[test]
    fn a_mean_has_its_usual_error() {
        let draws = draws();
        let bins = Bins::new(&[&draws[..6000], &draws[6000..]], 2, 10);
        assert_eq!(bins.count(), 500);
        let (mean, square) = spread(&bins.rows.iter().step_by(2).copied().collect::<Vec<f64>>());
        let usual = (square / 499.0).sqrt();
        let jack = jackknife(&bins, |m| m[0]);
        assert!((jack.error / usual - 1.0).abs() < 1e-10 && jack.bias.abs() < 1e-10 && (jack.value - mean).abs() < 1e-12);
        let boot = bootstrap(&bins, 1000, noise::key(1, 2, &[]), |m| m[0]);
        assert!((boot.error / usual - 1.0).abs() < 0.08, "{boot:?}");
        assert_eq!(boot, bootstrap(&bins, 1000, noise::key(1, 2, &[]), |m| m[0]));
    }

    #[test]
    fn a_variance_is_biased_by_one_over_the_number() {
        let draws = draws();
        let bins = Bins::new(&[&draws[..200]], 2, 1);
        let variance = |m: &[f64]| m[1] - m[0] * m[0];
        let jack = jackknife(&bins, variance);
        assert!((jack.bias + jack.value / 99.0).abs() < 1e-12, "{jack:?}");
        let boot = bootstrap(&bins, 20_000, noise::key(1, 2, &[]), variance);
        assert!((boot.bias + jack.value / 100.0).abs() < 0.3 * jack.value / 100.0, "{boot:?}");
        assert!((boot.error / jack.error - 1.0).abs() < 0.1);
    }

    #[test]
    fn too_few_bins_have_no_error() {
        let bins = Bins::new(&[&[1.0, 2.0, 3.0]], 1, 2);
        assert!(bins.count() == 1 && jackknife(&bins, |m| m[0]).error.is_nan());
        assert!(bootstrap(&bins, 10, [1, 2], |m| m[0]).error.is_nan());
    }
}
