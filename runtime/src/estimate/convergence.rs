//! Whether several chains have come to the same distribution: R̂ of A. Vehtari, A. Gelman, D. Simpson, B. Carpenter and
//! P.-C. Bürkner, Bayesian Analysis 16, 667 (2021).

use super::chance::normal_quantile;

/// Rank-normalised split R̂: the larger of the values for the draws (location) and for their distances from the median
/// (scale). NaN if a half chain has fewer than two draws or nothing varies.
pub fn r_hat(chains: &[&[f64]]) -> f64 {
    let halves: Vec<&[f64]> = chains.iter().flat_map(|chain| halves(chain)).collect();
    if halves.is_empty() || halves.iter().any(|half| half.len() < 2) {
        return f64::NAN;
    }
    let middle = median(&halves);
    let folded: Vec<Vec<f64>> = halves.iter().map(|half| half.iter().map(|x| (x - middle).abs()).collect()).collect();
    let folded: Vec<&[f64]> = folded.iter().map(Vec::as_slice).collect();
    let (location, scale) = (potential_reduction(&ranked(&halves)), potential_reduction(&ranked(&folded)));
    if scale > location { scale } else { location }
}

/// First and second half; of an odd number the middle draw is left out.
fn halves<'a>(chain: &&'a [f64]) -> [&'a [f64]; 2] {
    let half = chain.len() / 2;
    [&chain[..half], &chain[chain.len() - half..]]
}

fn median(chains: &[&[f64]]) -> f64 {
    let mut all = chains.concat();
    all.sort_by(f64::total_cmp);
    let n = all.len();
    (all[(n - 1) / 2] + all[n / 2]) / 2.0
}

/// Each draw as the normal quantile of its rank among all, equal ones sharing their mean rank (eq. 14).
fn ranked(chains: &[&[f64]]) -> Vec<Vec<f64>> {
    let all = chains.concat();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|i, j| all[*i].total_cmp(&all[*j]));
    let mut score = vec![0.0; all.len()];
    let mut first = 0;
    for group in order.chunk_by(|i, j| all[*i] == all[*j]) {
        let rank = first as f64 + (group.len() as f64 + 1.0) / 2.0;
        let quantile = normal_quantile((rank - 0.375) / (all.len() as f64 + 0.25));
        group.iter().for_each(|i| score[*i] = quantile);
        first += group.len();
    }
    let mut rest = score.into_iter();
    chains.iter().map(|chain| rest.by_ref().take(chain.len()).collect()).collect()
}

/// R̂ of chains of one length (eqs. 1 to 4); of chains of different lengths the first draws of each.
fn potential_reduction(chains: &[Vec<f64>]) -> f64 {
    let n = chains.iter().map(Vec::len).min().unwrap_or(0);
    let moments: Vec<(f64, f64)> = chains.iter().map(|chain| mean_and_variance(&chain[..n])).collect();
    let means: Vec<f64> = moments.iter().map(|m| m.0).collect();
    let within = moments.iter().map(|m| m.1).sum::<f64>() / chains.len() as f64;
    let between = mean_and_variance(&means).1;
    ((n as f64 - 1.0) / n as f64 + between / within).sqrt()
}

fn mean_and_variance(x: &[f64]) -> (f64, f64) {
    let n = x.len() as f64;
    let mean = crate::sum::sum(x) / n;
    let squares: Vec<f64> = x.iter().map(|x| (x - mean) * (x - mean)).collect();
    (mean, crate::sum::sum(&squares) / (n - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise;

    fn normal(chain: u64, length: usize) -> Vec<f64> {
        let mut x = vec![0.0; length];
        noise::normal(noise::key(5, chain, &[]), 0, 0, &mut x);
        x
    }

    fn of(chains: &[Vec<f64>]) -> f64 {
        r_hat(&chains.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    #[test]
    fn chains_of_one_distribution_and_of_several() {
        let mut chains: Vec<Vec<f64>> = (0..4).map(|c| normal(c, 1000)).collect();
        assert!((0.999..1.01).contains(&of(&chains)), "{}", of(&chains));
        let same = chains.clone();
        chains[0].iter_mut().for_each(|x| *x += 1.0);
        assert!(of(&chains) > 1.05);
        chains = same.clone();
        chains[1].iter_mut().for_each(|x| *x *= 3.0);
        assert!(of(&chains) > 1.05, "another scale");
        chains = same;
        chains.iter_mut().for_each(|chain| chain.iter_mut().enumerate().for_each(|(i, x)| *x += i as f64 / 500.0));
        assert!(of(&chains) > 1.05, "a drift of all");
        assert!(of(&[vec![1.0; 3]]).is_nan() && of(&[]).is_nan() && of(&[vec![2.0; 100]]).is_nan());
    }
}
