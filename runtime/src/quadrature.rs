//! Gauss–Legendre collocation on (0, 1): nodes, weights, and the integrals from 0 to each node of the polynomials through all.

pub struct Collocation {
    pub nodes: Vec<f64>,
    pub weights: Vec<f64>,
    /// The matrix Q, row by row: `∫₀^{uᵢ} f = Σⱼ Qᵢⱼ f(uⱼ)` for polynomials f of degree below n.
    pub integrals: Vec<f64>,
    /// Two rows: Σⱼ Lᵢⱼ f(uⱼ) are the Legendre coefficients of f of degree n-2 and n-1, which say how well the nodes resolve f.
    pub last: Vec<f64>,
}

/// With n nodes, two at least.
///
/// The polynomial that is 1 at node j is Σₖ (2k+1)/2 ωⱼ Pₖ(xⱼ) Pₖ(x) on (-1, 1), and Pₖ has the integral
/// (Pₖ₊₁ - Pₖ₋₁)/(2k+1). (Golub and Welsch, Math. Comp. 23 (1969) 221; Hairer, Lubich and Wanner, Geometric Numerical
/// Integration, section II.1.3)
pub fn collocation(n: usize) -> Collocation {
    let nodes: Vec<f64> = (0..n).map(|k| node(n, n - 1 - k)).collect();
    let polynomials: Vec<Vec<f64>> = nodes.iter().map(|x| legendre(n, *x)).collect();
    let weights: Vec<f64> = nodes.iter().zip(&polynomials).map(|(x, p)| weight(n, *x, p)).collect();
    let mut matrix = vec![];
    for row in &polynomials {
        for (column, weight) in polynomials.iter().zip(&weights) {
            let terms = (0..n).map(|k| weight / 2.0 * column[k] * integral(k, row));
            matrix.push(terms.sum::<f64>() / 2.0);
        }
    }
    let last = |k: usize| polynomials.iter().zip(&weights).map(move |(p, w)| (2 * k + 1) as f64 / 2.0 * w * p[k]);
    Collocation {
        last: last(n - 2).chain(last(n - 1)).collect(),
        nodes: nodes.iter().map(|x| (1.0 + x) / 2.0).collect(),
        weights: weights.iter().map(|w| w / 2.0).collect(),
        integrals: matrix,
    }
}

/// Zero number k of P_n, by Newton's method.
fn node(n: usize, k: usize) -> f64 {
    let mut x = crate::math::cos(std::f64::consts::PI * (k as f64 + 0.75) / (n as f64 + 0.5));
    for _ in 0..8 {
        let p = legendre(n, x);
        x -= p[n] / slope(n, x, &p);
    }
    x
}

fn slope(n: usize, x: f64, p: &[f64]) -> f64 {
    n as f64 * (x * p[n] - p[n - 1]) / (x * x - 1.0)
}

fn weight(n: usize, x: f64, p: &[f64]) -> f64 {
    2.0 / ((1.0 - x * x) * slope(n, x, p).powi(2))
}

/// (2k + 1) times the integral of P_k from -1, given P₀ … P_n there.
fn integral(k: usize, p: &[f64]) -> f64 {
    if k == 0 { p[1] + 1.0 } else { p[k + 1] - p[k - 1] }
}

/// P₀ … P_n at x.
fn legendre(n: usize, x: f64) -> Vec<f64> {
    let mut p = vec![1.0, x];
    for k in 1..n {
        let k = k as f64;
        p.push(((2.0 * k + 1.0) * x * p[p.len() - 1] - k * p[p.len() - 2]) / (k + 1.0));
    }
    p
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_integrated_exactly() {
        for n in [2, 3, 5, 16] {
            let Collocation { nodes, weights, integrals: matrix, last } = collocation(n);
            for degree in 0..2 * n as i32 {
                let whole: f64 = nodes.iter().zip(&weights).map(|(u, w)| w * u.powi(degree)).sum();
                assert!((whole - 1.0 / (degree + 1) as f64).abs() < 1e-14, "{n} nodes, degree {degree}: {whole}");
            }
            for (row, k) in [n - 2, n - 1].into_iter().enumerate() {
                for degree in 0..n {
                    let coefficient: f64 = nodes.iter().zip(&last[row * n..]).map(|(u, l)| l * legendre(n, 2.0 * u - 1.0)[degree]).sum();
                    assert!((coefficient - (degree == k) as i32 as f64).abs() < 1e-13, "{n} nodes, P_{degree}: {coefficient}");
                }
            }
            for degree in 0..n as i32 {
                for (i, u) in nodes.iter().enumerate() {
                    let part: f64 = nodes.iter().zip(&matrix[i * n..]).map(|(v, q)| q * v.powi(degree)).sum();
                    let exact = u.powi(degree + 1) / (degree + 1) as f64;
                    assert!((part - exact).abs() < 1e-14, "{n} nodes, degree {degree}, node {i}");
                }
            }
        }
    }
}
