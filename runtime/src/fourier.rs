//! Discrete Fourier transforms: Σₓ e^{∓2πi kx/n} f(x) for any n, over one dimension or several.
//!
//! A length is taken apart into its prime factors (Cooley and Tukey, Math. Comp. 19, 297 (1965)); a large one goes through a
//! convolution (Bluestein, IEEE Trans. AU-18, 451 (1970)). Roots of unity are made by our own sine, so that the bits are the
//! same on every machine: that is why no library does it, whose roots are those of the system.

use crate::linear::{Complex, Element};
use crate::math;

/// Prime factors up to this one are summed directly.
const DIRECT: usize = 64;

/// A transform of one length, ready to run many times.
pub struct Transform {
    n: usize,
    /// e^{−2πi k/n}
    roots: Vec<Complex>,
    /// Prime factors, large ones first; empty for a convolution.
    factors: Vec<usize>,
    convolution: Option<Box<Convolution>>,
}

struct Convolution {
    /// e^{−πi k²/n}
    chirp: Vec<Complex>,
    /// The transform of its conjugate, wrapped around.
    filter: Vec<Complex>,
    transform: Transform,
}

/// e^{−2πi k/n}; exact at multiples of a quarter turn.
fn root(k: usize, n: usize) -> Complex {
    let (quarter, rest) = (4 * k / n, 4 * k % n);
    // Of the two angles that make a quarter turn the smaller one.
    let angle = |part: usize| 0.5 * std::f64::consts::PI * part as f64 / n as f64;
    let (c, s) = if 2 * rest <= n {
        (math::cos(angle(rest)), math::sin(angle(rest)))
    } else {
        (math::sin(angle(n - rest)), math::cos(angle(n - rest)))
    };
    match quarter % 4 {
        0 => Complex::new(c, -s),
        1 => Complex::new(-s, -c),
        2 => Complex::new(-c, s),
        _ => Complex::new(s, c),
    }
}

fn prime_factors(mut n: usize) -> Vec<usize> {
    let mut factors = vec![];
    let mut p = 2;
    while n > 1 {
        if p * p > n {
            p = n;
        }
        while n.is_multiple_of(p) {
            factors.push(p);
            n /= p;
        }
        p += 1;
    }
    // Steps of four are cheaper than two steps of two.
    let twos = factors.iter().filter(|p| **p == 2).count();
    let mut joined: Vec<usize> = factors.into_iter().filter(|p| *p != 2).collect();
    joined.reverse();
    joined.extend(vec![4; twos / 2]);
    joined.extend(vec![2; twos % 2]);
    joined
}

impl Transform {
    pub fn new(n: usize) -> Transform {
        let factors = prime_factors(n);
        if factors.iter().any(|p| *p > DIRECT) {
            return Transform { n, roots: vec![], factors: vec![], convolution: Some(Box::new(Convolution::new(n))) };
        }
        Transform { n, roots: (0..n).map(|k| root(k, n)).collect(), factors, convolution: None }
    }

    /// The transform of `x` into `out`.
    pub fn run(&self, x: &[Complex], out: &mut [Complex]) {
        match &self.convolution {
            Some(convolution) => convolution.run(x, out),
            None => self.part(x, 1, &self.factors, out),
        }
    }

    /// The transform of every `stride`-th number.
    fn part(&self, x: &[Complex], stride: usize, factors: &[usize], out: &mut [Complex]) {
        let Some((&p, rest)) = factors.split_first() else {
            out[0] = x[0];
            return;
        };
        let m = out.len() / p;
        if rest.is_empty() {
            out.iter_mut().enumerate().for_each(|(r, out)| *out = x[r * stride]);
        }
        for r in 0..if rest.is_empty() { 0 } else { p } {
            self.part(&x[r * stride..], stride * p, rest, &mut out[r * m..(r + 1) * m]);
        }
        match p {
            2 => self.join_two(stride, m, out),
            4 => self.join_four(stride, m, out),
            _ => self.join(p, stride, m, out),
        }
    }

    fn join_two(&self, stride: usize, m: usize, out: &mut [Complex]) {
        let (even, odd) = out.split_at_mut(m);
        for (k, (x, y)) in even.iter_mut().zip(odd).enumerate() {
            let (a, b) = (*x, *y * self.roots[k * stride]);
            (*x, *y) = (a + b, a - b);
        }
    }

    fn join_four(&self, stride: usize, m: usize, out: &mut [Complex]) {
        for k in 0..m {
            let a = out[k];
            let [b, c, d] = [1, 2, 3].map(|r| out[k + r * m] * self.roots[r * k * stride]);
            let (p, q, s, t) = (a + c, a - c, b + d, b - d);
            // −i t
            let turned = Complex::new(t.im, -t.re);
            (out[k], out[k + m], out[k + 2 * m], out[k + 3 * m]) = (p + s, q + turned, p - s, q - turned);
        }
    }

    fn join(&self, p: usize, stride: usize, m: usize, out: &mut [Complex]) {
        let mut terms = [Complex::ZERO; DIRECT];
        for k in 0..m {
            for r in 0..p {
                terms[r] = out[k + r * m] * self.roots[r * k * stride];
            }
            for q in 0..p {
                let sum = (1..p).fold(terms[0], |sum, r| sum + terms[r] * self.roots[(q * r % p) * (self.n / p)]);
                out[k + q * m] = sum;
            }
        }
    }
}

impl Convolution {
    fn new(n: usize) -> Convolution {
        let size = (2 * n - 1).next_power_of_two();
        let chirp: Vec<Complex> = (0..n).map(|k| root((k as u128 * k as u128 % (2 * n as u128)) as usize, 2 * n)).collect();
        let mut wrapped = vec![Complex::ZERO; size];
        for (k, c) in chirp.iter().enumerate() {
            wrapped[k] = c.conjugate();
            wrapped[(size - k) % size] = c.conjugate();
        }
        let transform = Transform::new(size);
        let mut filter = vec![Complex::ZERO; size];
        transform.run(&wrapped, &mut filter);
        Convolution { chirp, filter, transform }
    }

    fn run(&self, x: &[Complex], out: &mut [Complex]) {
        let size = self.filter.len();
        let mut padded = vec![Complex::ZERO; size];
        padded.iter_mut().zip(x.iter().zip(&self.chirp)).for_each(|(p, (x, c))| *p = *x * *c);
        let mut product = vec![Complex::ZERO; size];
        self.transform.run(&padded, &mut product);
        // The transform back is that of the conjugate, conjugated.
        padded.iter_mut().zip(product.iter().zip(&self.filter)).for_each(|(p, (x, f))| *p = (*x * *f).conjugate());
        self.transform.run(&padded, &mut product);
        let scale = 1.0 / size as f64;
        out.iter_mut().zip(product.iter().zip(&self.chirp)).for_each(|(out, (x, c))| *out = x.conjugate().scale(scale) * *c);
    }
}

/// Transforms along each dimension of an array, in place.
pub struct Transforms {
    shape: Vec<usize>,
    each: Vec<Transform>,
}

impl Transforms {
    pub fn new(shape: &[usize]) -> Transforms {
        Transforms { shape: shape.to_vec(), each: shape.iter().map(|n| Transform::new((*n).max(1))).collect() }
    }

    /// Multiplied with e^{−2πi kx/n} and summed over x, for each k.
    pub fn forward(&self, x: &mut [Complex]) {
        if x.is_empty() {
            return;
        }
        for (d, transform) in self.each.iter().enumerate() {
            let inner: usize = self.shape[d + 1..].iter().product();
            along(x, self.shape[d], inner, transform);
        }
    }

    /// The inverse: with e^{+2πi kx/n}, over the number of sites.
    pub fn back(&self, x: &mut [Complex]) {
        // With both parts exchanged, i times the conjugate, the other sign stands in the exponent.
        let scale = 1.0 / x.len() as f64;
        x.iter_mut().for_each(|x| *x = Complex::new(x.im, x.re));
        self.forward(x);
        x.iter_mut().for_each(|x| *x = Complex::new(x.im, x.re).scale(scale));
    }
}

/// One dimension of size n, whose neighbours lie `inner` apart.
fn along(x: &mut [Complex], n: usize, inner: usize, transform: &Transform) {
    let (mut line, mut out) = (vec![Complex::ZERO; n], vec![Complex::ZERO; n]);
    for block in x.chunks_exact_mut(n * inner) {
        for i in 0..inner {
            (0..n).for_each(|k| line[k] = block[k * inner + i]);
            transform.run(&line, &mut out);
            (0..n).for_each(|k| block[k * inner + i] = out[k]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize) -> Vec<Complex> {
        (0..n).map(|k| Complex::new(math::sin((k * k + 1) as f64), math::cos(3.0 * k as f64))).collect()
    }

    fn slow(x: &[Complex]) -> Vec<Complex> {
        let n = x.len();
        let one = |k: usize| x.iter().enumerate().fold(Complex::ZERO, |sum, (j, x)| sum + *x * root(k * j % n, n));
        (0..n).map(one).collect()
    }

    #[test]
    fn every_length() {
        for n in (1..70).chain([128, 97, 194, 360, 1009, 1000]) {
            let x = numbers(n);
            let mut found = x.clone();
            let transforms = Transforms::new(&[n]);
            transforms.forward(&mut found);
            for (a, b) in found.iter().zip(slow(&x)) {
                assert!((*a - b).norm() < 1e-14 * n as f64, "length {n}: {a:?} and {b:?}");
            }
            transforms.back(&mut found);
            assert!(found.iter().zip(&x).all(|(a, b)| (*a - *b).norm() < 1e-14), "length {n}: back");
        }
    }

    #[test]
    fn several_dimensions() {
        let shape = [3, 4, 5];
        let x = numbers(60);
        let mut found = x.clone();
        Transforms::new(&shape).forward(&mut found);
        for k in 0..60 {
            let of = |k: usize| [k / 20, k / 5 % 4, k % 5];
            let phase = |j: usize| (0..3).fold(Complex::ONE, |z, d| z * root(of(k)[d] * of(j)[d] % shape[d], shape[d]));
            let sum = (0..60).fold(Complex::ZERO, |sum, j| sum + x[j] * phase(j));
            assert!((found[k] - sum).norm() < 1e-13);
        }
    }
}
