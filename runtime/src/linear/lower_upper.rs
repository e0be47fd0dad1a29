//! Gaussian elimination with the largest pivot of each column: P A = L U.

use super::Element;

pub struct Factors<T> {
    n: usize,
    /// L below the diagonal (its own is 1), U on it and above.
    both: Vec<T>,
    /// Which row of A each row is.
    rows: Vec<usize>,
    /// Whether the rows are an odd permutation.
    odd: bool,
    /// Whether a pivot is zero but for rounding.
    singular: bool,
}

/// The factors of a square matrix of `n` rows.
pub fn factors<T: Element>(a: &[T], n: usize) -> Factors<T> {
    let mut f = Factors { n, both: a.to_vec(), rows: (0..n).collect(), odd: false, singular: false };
    (0..n).for_each(|k| f.eliminate(k));
    f.singular = (0..n).any(|k| f.vanishes(k, a));
    f
}

impl<T: Element> Factors<T> {
    fn eliminate(&mut self, k: usize) {
        let n = self.n;
        let largest = (k..n).fold(k, |best, i| if self.norm(i, k) > self.norm(best, k) { i } else { best });
        if largest != k {
            self.rows.swap(k, largest);
            self.odd = !self.odd;
            let (above, below) = self.both.split_at_mut(largest * n);
            above[k * n..(k + 1) * n].swap_with_slice(&mut below[..n]);
        }
        let (above, below) = self.both.split_at_mut((k + 1) * n);
        let row = &above[k * n..];
        if row[k] == T::ZERO {
            return;
        }
        for other in below.chunks_exact_mut(n) {
            let factor = other[k] / row[k];
            other[k] = factor;
            subtract(&mut other[k + 1..], factor, &row[k + 1..]);
        }
    }

    fn norm(&self, i: usize, k: usize) -> f64 {
        self.both[i * self.n + k].norm()
    }

    /// Whether pivot `k` has lost all its digits: it is a difference of terms of which no more than rounding is left. This
    /// does not depend on how rows and columns are scaled.
    fn vanishes(&self, k: usize, a: &[T]) -> bool {
        let terms: f64 = (0..k).map(|j| self.norm(k, j) * self.norm(j, k)).sum();
        let size = a[self.rows[k] * self.n + k].norm() + terms;
        self.norm(k, k) <= self.n as f64 * f64::EPSILON * size
    }

    pub fn is_singular(&self) -> bool {
        self.singular
    }

    /// The sign of the permutation, as a factor of the determinant.
    pub fn sign(&self) -> T {
        if self.odd { -T::ONE } else { T::ONE }
    }

    /// The diagonal of U.
    pub fn pivots(&self) -> impl Iterator<Item = T> {
        (0..self.n).map(|k| self.both[k * self.n + k])
    }

    /// `x` with A x = b, for matrices of `columns` columns.
    pub fn solve(&self, b: &[T], columns: usize, x: &mut [T]) {
        if columns == 0 {
            return;
        }
        let n = self.n;
        for i in 0..n {
            x[i * columns..(i + 1) * columns].copy_from_slice(&b[self.rows[i] * columns..(self.rows[i] + 1) * columns]);
        }
        for i in 0..n {
            let (done, rest) = x.split_at_mut(i * columns);
            for (j, row) in done.chunks_exact(columns).enumerate() {
                subtract(&mut rest[..columns], self.both[i * n + j], row);
            }
        }
        for i in (0..n).rev() {
            let (rest, done) = x.split_at_mut((i + 1) * columns);
            let row = &mut rest[i * columns..];
            for (j, other) in done.chunks_exact(columns).enumerate() {
                subtract(row, self.both[i * n + i + 1 + j], other);
            }
            row.iter_mut().for_each(|x| *x = *x / self.both[i * n + i]);
        }
    }
}

/// row − factor · other
fn subtract<T: Element>(row: &mut [T], factor: T, other: &[T]) {
    for (x, y) in row.iter_mut().zip(other) {
        *x = *x - factor * *y;
    }
}

/// The identity matrix.
pub fn identity<T: Element>(n: usize) -> Vec<T> {
    let mut out = vec![T::ZERO; n * n];
    (0..n).for_each(|k| out[k * n + k] = T::ONE);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pivots_are_found_and_singular_matrices_known() {
        let f = factors(&[0.0, 2.0, 3.0, 4.0], 2);
        assert!(!f.is_singular());
        let mut x = [0.0; 2];
        f.solve(&[2.0, 7.0], 1, &mut x);
        assert_eq!(x, [1.0, 1.0]);
        assert_eq!(f.sign() * f.pivots().product::<f64>(), -6.0);
        assert!(factors(&[0.1, 0.2, 0.3, 0.6], 2).is_singular());
        assert!(factors(&[0.0; 9], 3).is_singular());
        // Small is not singular, whatever the scales of rows and columns.
        for a in [[1.0, 0.0, 0.0, 1e-30], [1.0, 1e20, 1.0, 0.0], [1e-200, 1e-200, 1e-200, -1e-200]] {
            assert!(!factors(&a, 2).is_singular(), "{a:?}");
        }
        assert!(!factors::<f64>(&[], 0).is_singular());
    }
}
