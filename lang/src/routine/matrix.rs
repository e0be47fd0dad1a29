//! Matrices in Core, for the derivative rules: real ones, and complex ones as two parts, with `batch` leading dimensions.

use crate::core::build::Builder;
use crate::core::Var;
use moyal_runtime::array::{Array, Data};

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

    /// Each part by itself.
    pub fn each(self, mut f: impl FnMut(Var) -> Var) -> Matrix {
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

    pub fn conjugate(self, b: &mut Builder) -> Matrix {
        Matrix { im: self.im.map(|im| b.neg(im)), ..self }
    }

    /// (A + A†)/2
    pub fn hermitian_part(self, b: &mut Builder) -> Matrix {
        let adjoint = self.adjoint(b);
        self.add(b, adjoint).each(|x| b.scale(x, 0.5))
    }

    /// The product of elements at equal places; both may be scalars too.
    pub fn elementwise(self, b: &mut Builder, other: Matrix) -> Matrix {
        let (Some(p), Some(q)) = (self.im, other.im) else {
            return Matrix { re: b.mul(self.re, other.re), ..self };
        };
        let (rr, ii, ri, ir) = (b.mul(self.re, other.re), b.mul(p, q), b.mul(self.re, q), b.mul(p, other.re));
        Matrix { re: b.sub(rr, ii), im: Some(b.add(ri, ir)), ..self }
    }

    /// Σᵢⱼ Aᵢⱼ* Bᵢⱼ, a scalar.
    pub fn overlap(self, b: &mut Builder, other: Matrix) -> Matrix {
        let products = self.conjugate(b).elementwise(b, other);
        products.each(|x| b.sum(x, vec![self.batch, self.batch + 1]))
    }

    /// The real part of Σᵢ Aᵢⱼ* Bᵢⱼ for each column.
    pub fn column_overlaps(self, b: &mut Builder, other: Matrix) -> Var {
        let mut products = b.mul(self.re, other.re);
        if let (Some(p), Some(q)) = (self.im, other.im) {
            let more = b.mul(p, q);
            products = b.add(products, more);
        }
        b.sum(products, vec![self.batch])
    }

    /// Column j times the j-th of real numbers.
    pub fn times_columns(self, b: &mut Builder, numbers: Var) -> Matrix {
        let dims = (0..self.batch).chain([self.batch + 1]).collect();
        let numbers = b.spread(numbers, b.shape_of(self.re).to_vec(), dims);
        self.times(b, numbers)
    }

    /// A scalar spread over the matrix `like`.
    pub fn spread_like(self, b: &mut Builder, like: Var) -> Matrix {
        let (shape, dims) = (b.shape_of(like).to_vec(), (0..self.batch).collect::<Vec<_>>());
        self.each(|x| b.spread(x, shape.clone(), dims.clone()))
    }

    /// The same constant of this matrix's precision, in row-major order, for each member.
    pub fn constant(self, b: &mut Builder, values: Vec<f64>) -> Var {
        let shape = b.shape_of(self.re).to_vec();
        let table = b.table(Array::new(shape[self.batch..].to_vec(), Data::Real(values)));
        let table = b.convert(table, b.scalar_of(self.re));
        b.spread(table, shape, vec![self.batch, self.batch + 1])
    }

    /// As a block of a matrix of zeros of `size`, at row and column `at`.
    pub fn put(self, b: &mut Builder, size: (usize, usize), at: (usize, usize)) -> Matrix {
        let lead = b.shape_of(self.re)[..self.batch].to_vec();
        let start = [vec![0; self.batch], vec![at.0, at.1]].concat();
        let shape = [lead, vec![size.0, size.1]].concat();
        self.each(|x| b.embed(x, shape.clone(), start.clone(), vec![1; shape.len()]))
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
