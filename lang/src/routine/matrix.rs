//! Matrices in Core, for the derivative rules: real ones, and complex ones as two parts, with `batch` leading dimensions.

use crate::core::build::Builder;
use crate::core::Var;

#[derive(Clone, Copy, Debug)]
pub struct Matrix {
    pub batch: usize,
    pub re: Var,
    pub im: Option<Var>,
}

impl Matrix {
    /// One part or two.
    pub fn of(batch: usize, parts: &[Var]) -> Matrix {
        Matrix { batch, re: parts[0], im: parts.get(1).copied() }
    }

    /// The same of parts that may be zero, whose types are those of `like`; None if all are.
    pub fn some(b: &mut Builder, like: Matrix, parts: &[Option<Var>]) -> Option<Matrix> {
        if parts.iter().all(Option::is_none) {
            return None;
        }
        let re = parts[0].unwrap_or_else(|| b.zeros_like(like.re));
        let im = like.im.map(|im| parts[1].unwrap_or_else(|| b.zeros_like(im)));
        Some(Matrix { re, im, ..like })
    }

    pub fn parts(self) -> Vec<Var> {
        [Some(self.re), self.im].into_iter().flatten().collect()
    }

    pub fn some_parts(self) -> Vec<Option<Var>> {
        self.parts().into_iter().map(Some).collect()
    }

    /// As many Nones as a matrix like this has parts.
    pub fn no_parts(self) -> Vec<Option<Var>> {
        vec![None; self.parts().len()]
    }

    pub fn rows(self, b: &Builder) -> usize {
        b.shape_of(self.re)[self.batch]
    }

    fn each(self, mut f: impl FnMut(Var) -> Var) -> Matrix {
        Matrix { re: f(self.re), im: self.im.map(f), ..self }
    }

    fn with(self, other: Matrix, mut f: impl FnMut(Var, Var) -> Var) -> Matrix {
        let re = f(self.re, other.re);
        Matrix { re, im: self.im.zip(other.im).map(|(x, y)| f(x, y)), ..self }
    }

    pub fn add(self, b: &mut Builder, other: Matrix) -> Matrix {
        self.with(other, |x, y| b.add(x, y))
    }

    pub fn sub(self, b: &mut Builder, other: Matrix) -> Matrix {
        self.with(other, |x, y| b.sub(x, y))
    }

    pub fn neg(self, b: &mut Builder) -> Matrix {
        self.each(|x| b.neg(x))
    }

    /// Each element times the real number at its place.
    pub fn times(self, b: &mut Builder, real: Var) -> Matrix {
        self.each(|x| b.mul(x, real))
    }

    /// Transposed and conjugated.
    pub fn adjoint(self, b: &mut Builder) -> Matrix {
        let order: Vec<usize> = (0..self.batch).chain([self.batch + 1, self.batch]).collect();
        let turned = self.each(|x| b.transpose(x, &order));
        Matrix { im: turned.im.map(|im| b.neg(im)), ..turned }
    }

    /// The matrix product.
    pub fn product(self, b: &mut Builder, other: Matrix) -> Matrix {
        let batch: Vec<(usize, usize)> = (0..self.batch).map(|d| (d, d)).collect();
        let sum = vec![(self.batch + 1, self.batch)];
        let mut of = |x: Var, y: Var| b.contract(x, y, batch.clone(), sum.clone());
        let (Some(p), Some(q)) = (self.im, other.im) else {
            return Matrix { re: of(self.re, other.re), ..self };
        };
        let (rr, ii, ri, ir) = (of(self.re, other.re), of(p, q), of(self.re, q), of(p, other.re));
        Matrix { re: b.sub(rr, ii), im: Some(b.add(ri, ir)), ..self }
    }
}
