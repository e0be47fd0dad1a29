//! Arrays: numbers of one kind in row-major order, with a shape.
//!
//! A complex array is a pair of real ones; nothing here knows of complex numbers.

use crate::simd::versions;
use std::fmt;

/// The kinds of number that an array holds. `Real` and `Int` have 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scalar {
    Real,
    F32,
    Int,
    Bool,
}

impl Scalar {
    /// Bytes of one number.
    pub fn size(self) -> usize {
        match self {
            Scalar::Real | Scalar::Int => 8,
            Scalar::F32 => 4,
            Scalar::Bool => 1,
        }
    }

    pub fn is_float(self) -> bool {
        matches!(self, Scalar::Real | Scalar::F32)
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Scalar::Real => "real",
            Scalar::F32 => "f32",
            Scalar::Int => "int",
            Scalar::Bool => "bool",
        })
    }
}

/// The numbers of an array.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    Real(Vec<f64>),
    F32(Vec<f32>),
    Int(Vec<i64>),
    Bool(Vec<bool>),
}

/// A dense array in row-major order; a scalar has the empty shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub data: Data,
}

impl Data {
    pub fn scalar(&self) -> Scalar {
        match self {
            Data::Real(_) => Scalar::Real,
            Data::F32(_) => Scalar::F32,
            Data::Int(_) => Scalar::Int,
            Data::Bool(_) => Scalar::Bool,
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Data::Real(v) => v.len(),
            Data::F32(v) => v.len(),
            Data::Int(v) => v.len(),
            Data::Bool(v) => v.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Zeros (false for `bool`).
    pub fn zeros(scalar: Scalar, len: usize) -> Data {
        match scalar {
            Scalar::Real => Data::Real(vec![0.0; len]),
            Scalar::F32 => Data::F32(vec![0.0; len]),
            Scalar::Int => Data::Int(vec![0; len]),
            Scalar::Bool => Data::Bool(vec![false; len]),
        }
    }

    /// Whether none of its numbers is infinite or not a number.
    pub fn all_finite(&self) -> bool {
        match self {
            Data::Real(v) => finite(v),
            Data::F32(v) => finite_f32(v),
            Data::Int(_) | Data::Bool(_) => true,
        }
    }

    pub fn as_ptr(&self) -> *const u8 {
        match self {
            Data::Real(v) => v.as_ptr().cast(),
            Data::F32(v) => v.as_ptr().cast(),
            Data::Int(v) => v.as_ptr().cast(),
            Data::Bool(v) => v.as_ptr().cast(),
        }
    }

    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        match self {
            Data::Real(v) => v.as_mut_ptr().cast(),
            Data::F32(v) => v.as_mut_ptr().cast(),
            Data::Int(v) => v.as_mut_ptr().cast(),
            Data::Bool(v) => v.as_mut_ptr().cast(),
        }
    }
}

/// Numbers that are looked at together, without a branch for each.
const TOGETHER: usize = 256;

versions! {
    fn finite(numbers: &[f64]) -> bool {
        numbers.chunks(TOGETHER).all(|some| some.iter().fold(true, |all, x| all & x.is_finite()))
    }

    fn finite_f32(numbers: &[f32]) -> bool {
        numbers.chunks(TOGETHER).all(|some| some.iter().fold(true, |all, x| all & x.is_finite()))
    }
}

impl Array {
    /// Panics if `data` does not hold as many numbers as `shape` says.
    pub fn new(shape: Vec<usize>, data: Data) -> Array {
        assert_eq!(shape.iter().product::<usize>(), data.len());
        Array { shape, data }
    }

    pub fn zeros(scalar: Scalar, shape: Vec<usize>) -> Array {
        let len = shape.iter().product();
        Array { shape, data: Data::zeros(scalar, len) }
    }

    pub fn real(x: f64) -> Array {
        Array { shape: vec![], data: Data::Real(vec![x]) }
    }

    pub fn f32(x: f32) -> Array {
        Array { shape: vec![], data: Data::F32(vec![x]) }
    }

    pub fn int(x: i64) -> Array {
        Array { shape: vec![], data: Data::Int(vec![x]) }
    }

    pub fn bool(x: bool) -> Array {
        Array { shape: vec![], data: Data::Bool(vec![x]) }
    }

    pub fn scalar(&self) -> Scalar {
        self.data.scalar()
    }

    pub fn len(&self) -> usize {
        self.data.len()
    }

    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The numbers of a `real` array; panics for another kind.
    pub fn reals(&self) -> &[f64] {
        match &self.data {
            Data::Real(v) => v,
            other => panic!("real expected, {} found", other.scalar()),
        }
    }

    /// The numbers of an `f32` array; panics for another kind.
    pub fn f32s(&self) -> &[f32] {
        match &self.data {
            Data::F32(v) => v,
            other => panic!("f32 expected, {} found", other.scalar()),
        }
    }

    /// The numbers of an `int` array; panics for another kind.
    pub fn ints(&self) -> &[i64] {
        match &self.data {
            Data::Int(v) => v,
            other => panic!("int expected, {} found", other.scalar()),
        }
    }

    /// The values of a `bool` array; panics for another kind.
    pub fn bools(&self) -> &[bool] {
        match &self.data {
            Data::Bool(v) => v,
            other => panic!("bool expected, {} found", other.scalar()),
        }
    }

    /// Same shape, kind and bits (so NaN equals the same NaN, and 0 differs from −0).
    pub fn same_bits(&self, other: &Array) -> bool {
        self.shape == other.shape
            && match (&self.data, &other.data) {
                (Data::Real(a), Data::Real(b)) => a.iter().zip(b).all(|(x, y)| x.to_bits() == y.to_bits()),
                (Data::F32(a), Data::F32(b)) => a.iter().zip(b).all(|(x, y)| x.to_bits() == y.to_bits()),
                (a, b) => a == b,
            }
    }
}
