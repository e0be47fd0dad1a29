//! Symmetric and Hermitian matrices: the Cholesky factor, eigenvalues and eigenvectors.

use super::Element;

/// Beside entries of size 1 this is nothing, and so near the smallest number of all that its inverse would overflow.
const NOTHING: f64 = 1e-290;

/// The entries at which a matrix is not its own adjoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asymmetry {
    pub row: usize,
    pub column: usize,
}

/// (A + A†)/2 of a matrix of `n` rows that is Hermitian up to `tolerance` times its largest entry; else where it is least so.
pub fn hermitian<T: Element>(a: &[T], n: usize, tolerance: f64) -> Result<Vec<T>, Asymmetry> {
    let largest = a.iter().map(|x| x.norm()).fold(0.0, f64::max);
    let mut out = a.to_vec();
    let mut worst = (tolerance * largest, None);
    for row in 0..n {
        for column in 0..=row {
            let (x, y) = (a[row * n + column], a[column * n + row].conjugate());
            let difference = (x - y).norm();
            if difference > worst.0 {
                worst = (difference, Some(Asymmetry { row, column }));
            }
            let mean = (x + y).scale(0.5);
            out[row * n + column] = mean;
            out[column * n + row] = mean.conjugate();
        }
    }
    worst.1.map_or(Ok(out), Err)
}

/// The lower triangular L with positive diagonal for which A = L L†; None if A is not positive definite. Of A the lower half
/// is read.
pub fn cholesky<T: Element>(a: &[T], n: usize) -> Option<Vec<T>> {
    let mut l = vec![T::ZERO; n * n];
    for i in 0..n {
        let (done, rest) = l.split_at_mut(i * n);
        let row = &mut rest[..n];
        for j in 0..i {
            let other = &done[j * n..(j + 1) * n];
            row[j] = (a[i * n + j] - product(&row[..j], &other[..j])) / other[j];
        }
        let square = a[i * n + i].re() - row[..i].iter().map(|x| x.norm2()).sum::<f64>();
        // What is left of a zero by rounding is not positive. NaN goes on.
        if square <= n as f64 * f64::EPSILON * a[i * n + i].re().abs() {
            return None;
        }
        row[i] = T::real(square.sqrt());
    }
    Some(l)
}

/// The same of a matrix some of whose eigenvalues may be 0: where rounding (`epsilon`, of one operation) alone is left of a diagonal, L
/// has a column of zeros. None if an eigenvalue is negative by more than what a matrix computed in many steps may have lost.
pub fn semidefinite_factor<T: Element>(a: &[T], n: usize, epsilon: f64) -> Option<Vec<T>> {
    let lost = epsilon.sqrt();
    let diagonal = |i: usize| a[i * n + i].re();
    let mut l = vec![T::ZERO; n * n];
    for i in 0..n {
        let (done, rest) = l.split_at_mut(i * n);
        let row = &mut rest[..n];
        for j in 0..i {
            let other = &done[j * n..(j + 1) * n];
            let left = a[i * n + j] - product(&row[..j], &other[..j]);
            if other[j].re() != 0.0 {
                row[j] = left / other[j];
            } else if left.norm2() > lost * diagonal(i).abs() * diagonal(j).abs() {
                return None;
            }
        }
        let square = diagonal(i) - row[..i].iter().map(|x| x.norm2()).sum::<f64>();
        if square < -lost * diagonal(i).abs() {
            return None;
        }
        let nothing = square <= n as f64 * epsilon * diagonal(i).abs();
        row[i] = if nothing { T::ZERO } else { T::real(square.sqrt()) };
    }
    Some(l)
}

/// Σ x y*
fn product<T: Element>(x: &[T], y: &[T]) -> T {
    x.iter().zip(y).fold(T::ZERO, |sum, (x, y)| sum + *x * y.conjugate())
}

/// Eigenvalues in ascending order, and if asked for eigenvectors.
pub struct Eigensystem<T> {
    pub values: Vec<f64>,
    /// Each a row, of norm 1.
    pub vectors: Vec<Vec<T>>,
}

/// The eigenvalues of a Hermitian matrix; NaN if one of its entries is not finite.
///
/// Householder reflections make it tridiagonal, then the QL algorithm with implicit shifts (EISPACK: tred2, tql2) diagonal.
/// Values have the same bits with and without vectors. An eigenvector's largest component (of several equal ones but for
/// rounding the first) is real and positive.
pub fn eigensystem<T: Element>(a: &[T], n: usize, vectors: bool) -> Eigensystem<T> {
    if !a.iter().all(|x| x.is_finite()) {
        let rows = if vectors { vec![vec![T::real(f64::NAN); n]; n] } else { vec![] };
        return Eigensystem { values: vec![f64::NAN; n], vectors: rows };
    }
    // A power of two, so that squares neither overflow nor vanish.
    let largest = a.iter().map(|x| x.re().abs().max((*x - T::real(x.re())).norm())).fold(0.0, f64::max);
    let scale = power_of_two_near(largest);
    let scaled: Vec<T> = a.iter().map(|x| x.scale(1.0 / scale)).collect();
    let mut t = tridiagonal(scaled, n, vectors);
    diagonalise(&mut t);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| t.diagonal[*i].total_cmp(&t.diagonal[*j]));
    let values = order.iter().map(|k| t.diagonal[*k] * scale).collect();
    let vectors = if vectors { order.iter().map(|k| oriented(&t.rows[*k])).collect() } else { vec![] };
    Eigensystem { values, vectors }
}

fn power_of_two_near(x: f64) -> f64 {
    if x < 1e-290 { if x == 0.0 { 1.0 } else { 2f64.powi(-960) } } else { f64::from_bits(x.to_bits() & 0x7FF0_0000_0000_0000) }
}

/// Which component of an eigenvector is real and positive.
pub fn leading<T: Element>(vector: &[T]) -> usize {
    let largest = vector.iter().map(|x| x.norm()).fold(0.0, f64::max);
    vector.iter().position(|x| x.norm() >= (1.0 - 1e-6) * largest).unwrap_or(0)
}

fn oriented<T: Element>(vector: &[T]) -> Vec<T> {
    let k = leading(vector);
    let Some(x) = vector.get(k).filter(|x| x.norm() > 0.0) else { return vector.to_vec() };
    let (norm, turn) = (x.norm(), x.conjugate().scale(1.0 / x.norm()));
    let mut out: Vec<T> = vector.iter().map(|x| *x * turn).collect();
    out[k] = T::real(norm);
    out
}

/// A real symmetric tridiagonal matrix, and the rows of the unitary one that goes to it.
struct Tridiagonal<T> {
    diagonal: Vec<f64>,
    /// Below the diagonal; as long as it.
    below: Vec<f64>,
    /// Column k of the transformation is row k; empty if nobody asks for it.
    rows: Vec<Vec<T>>,
}

/// A reflection 1 − factor · v v†, with zeros in front of v.
struct Reflection<T> {
    v: Vec<T>,
    factor: f64,
}

fn tridiagonal<T: Element>(mut a: Vec<T>, n: usize, vectors: bool) -> Tridiagonal<T> {
    let mut below = vec![T::ZERO; n];
    let mut reflections = vec![];
    for k in 0..n.saturating_sub(1) {
        let (reflection, left) = reflect(&a, n, k);
        below[k] = left;
        reflect_both(&mut a, n, k + 1, &reflection);
        reflections.push(reflection);
    }
    let diagonal = (0..n).map(|k| a[k * n + k].re()).collect();
    // Phases make what is below the diagonal real.
    let mut phases = vec![T::ONE; n];
    for k in 1..n {
        let (e, norm) = (below[k - 1], below[k - 1].norm());
        phases[k] = if norm > NOTHING { phases[k - 1] * e.scale(1.0 / norm) } else { phases[k - 1] };
    }
    let rows = if vectors { transformation(&reflections, &phases) } else { vec![] };
    Tridiagonal { diagonal, below: below.iter().map(|e| e.norm()).collect(), rows }
}

/// The reflection that leaves of column `k`, below its diagonal, the first entry alone; and that entry.
fn reflect<T: Element>(a: &[T], n: usize, k: usize) -> (Reflection<T>, T) {
    let mut v: Vec<T> = (k + 1..n).map(|i| a[i * n + k]).collect();
    let rest: f64 = v[1..].iter().map(|x| x.norm2()).sum();
    let first = v[0];
    if rest < NOTHING {
        return (Reflection { v, factor: 0.0 }, first);
    }
    let norm = (first.norm2() + rest).sqrt();
    let phase = if first.norm() > NOTHING { first.scale(1.0 / first.norm()) } else { T::ONE };
    v[0] = first + phase.scale(norm);
    let factor = 2.0 / (v[0].norm2() + rest);
    (Reflection { v, factor }, -phase.scale(norm))
}

/// H A H for the block of A that begins at row and column `from`.
fn reflect_both<T: Element>(a: &mut [T], n: usize, from: usize, h: &Reflection<T>) {
    if h.factor == 0.0 {
        return;
    }
    let p: Vec<T> = (from..n)
        .map(|i| a[i * n + from..(i + 1) * n].iter().zip(&h.v).fold(T::ZERO, |sum, (a, v)| sum + *a * *v).scale(h.factor))
        .collect();
    let along = product(&p, &h.v).scale(0.5 * h.factor);
    let q: Vec<T> = p.iter().zip(&h.v).map(|(p, v)| *p - along * *v).collect();
    for i in from..n {
        let (vi, qi) = (h.v[i - from], q[i - from]);
        for (x, (v, q)) in a[i * n + from..(i + 1) * n].iter_mut().zip(h.v.iter().zip(&q)) {
            *x = *x - vi * q.conjugate() - qi * v.conjugate();
        }
    }
}

/// The columns, as rows, of the product of all reflections and the phases.
fn transformation<T: Element>(reflections: &[Reflection<T>], phases: &[T]) -> Vec<Vec<T>> {
    let n = phases.len();
    let mut rows: Vec<Vec<T>> = (0..n).map(|k| (0..n).map(|i| if i == k { T::ONE } else { T::ZERO }).collect()).collect();
    for (k, h) in reflections.iter().enumerate().rev() {
        for row in &mut rows[k + 1..] {
            let part = &mut row[k + 1..];
            let along = product(part, &h.v).scale(h.factor);
            part.iter_mut().zip(&h.v).for_each(|(x, v)| *x = *x - along * *v);
        }
    }
    rows.iter_mut().zip(phases).for_each(|(row, phase)| row.iter_mut().for_each(|x| *x = *x * *phase));
    rows
}

/// √(x² + y²), also where the squares would overflow or vanish.
fn length(x: f64, y: f64) -> f64 {
    let (long, short) = (x.abs().max(y.abs()), x.abs().min(y.abs()));
    if long == 0.0 {
        return 0.0;
    }
    let ratio = short / long;
    long * (1.0 + ratio * ratio).sqrt()
}

/// QL steps until nothing is left below the diagonal.
fn diagonalise<T: Element>(t: &mut Tridiagonal<T>) {
    let n = t.diagonal.len();
    let (mut shift, mut size) = (0.0, 0.0_f64);
    for l in 0..n {
        size = size.max(t.diagonal[l].abs() + t.below[l].abs());
        let small = |e: f64| e.abs() <= f64::EPSILON * size || e.abs() < NOTHING;
        let m = (l..n).find(|m| small(t.below[*m])).unwrap_or(n - 1);
        // A few steps are enough; the bound only keeps a fault of ours from running for ever.
        for _ in 0..if m > l { 1000 } else { 0 } {
            shift += step(t, l, m);
            if small(t.below[l]) {
                break;
            }
        }
        t.diagonal[l] += shift;
        t.below[l] = 0.0;
    }
}

/// One QL step of rows `l` to `m`; returns by how much it has shifted the diagonal.
fn step<T: Element>(t: &mut Tridiagonal<T>, l: usize, m: usize) -> f64 {
    let (d, e) = (&mut t.diagonal, &mut t.below);
    let mut p = (d[l + 1] - d[l]) / (2.0 * e[l]);
    let r = length(p, 1.0).copysign(p);
    let before = d[l];
    (d[l], d[l + 1]) = (e[l] / (p + r), e[l] * (p + r));
    let (next, shift) = (d[l + 1], before - d[l]);
    d[l + 2..].iter_mut().for_each(|x| *x -= shift);
    p = d[m];
    let (mut c, mut c2, mut c3) = (1.0, 1.0, 1.0);
    let (mut s, mut s2) = (0.0, 0.0);
    let first = e[l + 1];
    for i in (l..m).rev() {
        (c3, c2, s2) = (c2, c, s);
        let (g, h) = (c * e[i], c * p);
        let r = length(p, e[i]);
        e[i + 1] = s * r;
        (s, c) = (e[i] / r, p / r);
        p = c * d[i] - s * g;
        d[i + 1] = h + s * (c * g + s * d[i]);
        if !t.rows.is_empty() {
            let (lower, upper) = t.rows.split_at_mut(i + 1);
            rotate(&mut lower[i], &mut upper[0], c, s);
        }
    }
    p = -s * s2 * c3 * first * e[l] / next;
    (e[l], d[l]) = (s * p, c * p);
    shift
}

fn rotate<T: Element>(x: &mut [T], y: &mut [T], c: f64, s: f64) {
    for (x, y) in x.iter_mut().zip(y) {
        let before = *y;
        *y = x.scale(s) + before.scale(c);
        *x = x.scale(c) - before.scale(s);
    }
}

/// The singular values of a matrix of these rows, the largest first: one-sided Jacobi rotations, which find small values to
/// their own precision (Demmel and Veselić, SIAM J. Matrix Anal. Appl. 13, 1204 (1992)).
pub fn singular_values<T: Element>(a: &[T], rows: usize, columns: usize) -> Vec<f64> {
    if !a.iter().all(|x| x.is_finite()) {
        return vec![f64::NAN; rows.min(columns)];
    }
    let largest = a.iter().map(|x| x.re().abs().max((*x - T::real(x.re())).norm())).fold(0.0, f64::max);
    let scale = power_of_two_near(largest);
    // The shorter side is rotated.
    let at = |i: usize, j: usize| if rows <= columns { a[i * columns + j] } else { a[j * columns + i].conjugate() };
    let (few, many) = (rows.min(columns), rows.max(columns));
    let mut vectors: Vec<Vec<T>> = (0..few).map(|i| (0..many).map(|j| at(i, j).scale(1.0 / scale)).collect()).collect();
    for _ in 0..60 {
        if !sweep(&mut vectors) {
            break;
        }
    }
    let mut values: Vec<f64> = vectors.iter().map(|v| v.iter().map(|x| x.norm2()).sum::<f64>().sqrt() * scale).collect();
    values.sort_by(|x, y| y.total_cmp(x));
    values
}

/// Makes each pair orthogonal once; whether one was not yet.
fn sweep<T: Element>(vectors: &mut [Vec<T>]) -> bool {
    let mut changed = false;
    for j in 1..vectors.len() {
        let (before, rest) = vectors.split_at_mut(j);
        for x in before {
            changed |= orthogonalise(x, &mut rest[0]);
        }
    }
    changed
}

fn orthogonalise<T: Element>(x: &mut [T], y: &mut [T]) -> bool {
    let norm2 = |v: &[T]| v.iter().map(|x| x.norm2()).sum::<f64>();
    let (xx, yy, xy) = (norm2(x), norm2(y), product(x, y));
    let size = xy.norm();
    if size <= f64::EPSILON * (xx * yy).sqrt() || size == 0.0 {
        return false;
    }
    let phase = xy.scale(1.0 / size);
    y.iter_mut().for_each(|y| *y = *y * phase);
    let zeta = (yy - xx) / (2.0 * size);
    let t = 1f64.copysign(zeta) / (zeta.abs() + length(zeta, 1.0));
    let c = 1.0 / length(t, 1.0);
    rotate(x, y, c, c * t);
    true
}

#[cfg(test)]
mod tests {
    use super::super::Complex;
    use super::*;

    /// Numbers between −1 and 1, the same each time.
    fn numbers(count: usize, seed: u64) -> Vec<f64> {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    /// Matrices on which eigen-solvers are known to have failed, and others.
    fn families(n: usize) -> Vec<Vec<f64>> {
        let make = |f: &dyn Fn(usize, usize) -> f64| (0..n * n).map(|k| f(k / n, k % n)).collect::<Vec<f64>>();
        let random = numbers(n * n, n as u64);
        vec![
            make(&|i, j| random[i * n + j] + random[j * n + i]),
            make(&|i, j| if i == j { (n - i) as f64 } else { 0.0 }),
            make(&|i, j| (i == j) as u8 as f64),
            make(&|i, j| (i.abs_diff(j) == 1) as u8 as f64),
            make(&|i, j| 1.0 / (i + j + 1) as f64),
            make(&|i, j| random[i * n + j] + random[j * n + i]).iter().enumerate().map(|(k, x)| x * 10f64.powi(-((k / n + k % n) as i32))).collect(),
            make(&|i, j| (random[i * n + j] * random[j * n + i] > 0.3) as u8 as f64),
            make(&|i, j| if i % 2 == 0 || j % 2 == 0 { 0.0 } else { random[i * n + j] + random[j * n + i] }),
            make(&|_, _| 1.0),
            make(&|i, j| if i.abs_diff(j) <= 1 { 10f64.powi((3 * (i + j) as i32 - 300).min(150)) } else { 0.0 }),
            make(&|i, j| 1e200 * (random[i * n + j] + random[j * n + i])),
            make(&|i, j| 1e-250 * (random[i * n + j] + random[j * n + i])),
        ]
    }

    fn check<T: Element + std::fmt::Debug>(a: &[T], n: usize, what: &str) {
        let largest = a.iter().map(|x| x.norm()).fold(f64::MIN_POSITIVE, f64::max);
        let found = eigensystem(a, n, true);
        assert!(found.values.windows(2).all(|w| w[0] <= w[1]), "{what}: not ascending");
        assert!(eigensystem(a, n, false).values.iter().zip(&found.values).all(|(x, y)| x.to_bits() == y.to_bits()), "{what}: bits");
        let tolerance = 1e-14 * (n as f64 + 10.0);
        for (k, v) in found.vectors.iter().enumerate() {
            for i in 0..n {
                let row = a[i * n..(i + 1) * n].iter().zip(v).fold(T::ZERO, |sum, (a, v)| sum + *a * *v);
                let residual = (row - v[i].scale(found.values[k])).scale(1.0 / largest).norm();
                assert!(residual < tolerance * n as f64, "{what}: residual {residual:e}");
            }
            for (j, w) in found.vectors.iter().enumerate() {
                let overlap = product(v, w) - if j == k { T::ONE } else { T::ZERO };
                assert!(overlap.norm() < tolerance, "{what}: overlap {:e}", overlap.norm());
            }
            assert!(v[leading(v)].re() > 0.0);
        }
    }

    #[test]
    fn eigensystems_of_all_kinds_and_sizes() {
        for n in (1..=12).chain([16, 17, 33, 64, 65, 130]) {
            for (k, a) in families(n).iter().enumerate() {
                check(a, n, &format!("family {k}, {n} rows"));
            }
            let (x, y) = (numbers(n * n, 7), numbers(n * n, 8));
            let hermitian = |scale: f64| -> Vec<Complex> {
                let of = |k: usize| (k / n, k % n);
                let entry = |(i, j): (usize, usize)| Complex::new(x[i * n + j] + x[j * n + i], scale * (y[i * n + j] - y[j * n + i]));
                (0..n * n).map(|k| entry(of(k))).collect()
            };
            check(&hermitian(1.0), n, "Hermitian");
            check(&hermitian(0.0), n, "real in complex numbers");
        }
        assert!(eigensystem(&[f64::NAN], 1, true).values[0].is_nan());
        assert!(eigensystem::<f64>(&[], 0, true).values.is_empty());
    }

    #[test]
    fn known_eigenvalues() {
        let n: usize = 20;
        let chain: Vec<f64> = (0..n * n).map(|k| if (k / n).abs_diff(k % n) == 1 { -1.0 } else { 0.0 }).collect();
        for (k, value) in eigensystem(&chain, n, false).values.iter().enumerate() {
            let exact = -2.0 * (std::f64::consts::PI * (k + 1) as f64 / (n + 1) as f64).cos();
            assert!((value - exact).abs() < 1e-14);
        }
        let spin = [Complex::new(0.0, 0.0), Complex::new(0.0, -1.0), Complex::new(0.0, 1.0), Complex::new(0.0, 0.0)];
        assert!(eigensystem(&spin, 2, false).values.iter().zip([-1.0, 1.0]).all(|(x, y)| (x - y).abs() < 1e-15));
    }

    #[test]
    fn singular_values_are_roots_of_eigenvalues() {
        for (rows, columns) in [(1, 1), (3, 5), (5, 3), (20, 20), (2, 40)] {
            let a = numbers(rows * columns, 3);
            let product: Vec<f64> = (0..rows * rows)
                .map(|k| (0..columns).map(|j| a[k / rows * columns + j] * a[k % rows * columns + j]).sum())
                .collect();
            let squares = eigensystem(&product, rows, false).values;
            for (value, square) in singular_values(&a, rows, columns).iter().zip(squares.iter().rev()) {
                assert!((value * value - square).abs() < 1e-13 * (rows + columns) as f64, "{rows} by {columns}");
            }
        }
        // Small ones have all their digits.
        let graded = [1.0, 0.0, 1.0, 1e-20];
        let small = singular_values(&graded, 2, 2)[1];
        assert!((small / (1e-20 / 2f64.sqrt()) - 1.0).abs() < 1e-14, "{small:e}");
    }

    #[test]
    fn cholesky_factors() {
        assert_eq!(cholesky(&[4.0, 2.0, 2.0, 5.0], 2).unwrap(), [2.0, 0.0, 1.0, 2.0]);
        for a in [[1.0, 2.0, 2.0, 1.0], [0.0; 4], [1.0, 1.0, 1.0, 1.0], [-1.0, 0.0, 0.0, 1.0]] {
            assert!(cholesky(&a, 2).is_none());
        }
        assert!(cholesky(&[1e-300], 1).is_some());
        assert_eq!(hermitian(&[1.0, 2.0, 3.0, 1.0], 2, 1e-8), Err(Asymmetry { row: 1, column: 0 }));
    }
}
