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
    let mut draws: Vec<Draw> = halves.concat().into_iter().enumerate().map(|(place, value)| Draw { value, place }).collect();
    draws.sort_unstable_by(|x, y| x.value.total_cmp(&y.value));
    let n = draws.len();
    let middle = (draws[(n - 1) / 2].value + draws[n / 2].value) / 2.0;
    let quantiles = quantiles(n);
    let reduction = |sorted: &[Draw]| potential_reduction(&ranked(sorted, &quantiles, &halves));
    let (location, scale) = (reduction(&draws), reduction(&folded(&draws, middle)));
    if scale > location { scale } else { location }
}

/// A draw, and its place among all of them, one chain after the other.
#[derive(Clone, Copy)]
struct Draw {
    value: f64,
    place: usize,
}

/// First and second half; of an odd number the middle draw is left out.
fn halves<'a>(chain: &&'a [f64]) -> [&'a [f64]; 2] {
    let half = chain.len() / 2;
    [&chain[..half], &chain[chain.len() - half..]]
}

/// The distances from the middle, sorted, of sorted draws: those below it backwards and those above it are sorted already.
fn folded(draws: &[Draw], middle: f64) -> Vec<Draw> {
    let fold = |d: &Draw| Draw { value: (d.value - middle).abs(), place: d.place };
    let (below, above) = draws.split_at(draws.partition_point(|d| d.value < middle));
    let (mut below, mut above) = (below.iter().rev().map(fold).peekable(), above.iter().map(fold).peekable());
    let mut sorted = Vec::with_capacity(draws.len());
    loop {
        let lower = match (below.peek(), above.peek()) {
            (Some(x), Some(y)) => x.value <= y.value,
            (x, _) => x.is_some(),
        };
        match if lower { below.next() } else { above.next() } {
            Some(draw) => sorted.push(draw),
            None => return sorted,
        }
    }
}

/// The normal quantile of each rank among n (eq. 14).
fn quantiles(n: usize) -> Vec<f64> {
    let mut quantiles = vec![0.0; n];
    for k in 0..n / 2 {
        quantiles[k] = quantile(k as f64 + 1.0, n);
        quantiles[n - 1 - k] = -quantiles[k];
    }
    quantiles
}

fn quantile(rank: f64, n: usize) -> f64 {
    normal_quantile((rank - 0.375) / (n as f64 + 0.25))
}

/// Each draw as the normal quantile of its rank among all, equal ones sharing their mean rank (eq. 14), in the form of the chains.
fn ranked(sorted: &[Draw], quantiles: &[f64], chains: &[&[f64]]) -> Vec<Vec<f64>> {
    let mut score = vec![0.0; sorted.len()];
    let mut first = 0;
    for group in sorted.chunk_by(|x, y| x.value == y.value) {
        let score_of_all = match group.len() {
            1 => quantiles[first],
            many => quantile(first as f64 + (many as f64 + 1.0) / 2.0, sorted.len()),
        };
        group.iter().for_each(|draw| score[draw.place] = score_of_all);
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
