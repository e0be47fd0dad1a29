//! What a matrix is made of: real or complex numbers.

use std::ops::{Add, Div, Mul, Neg, Sub};

pub trait Element:
    Copy + PartialEq + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    const ZERO: Self;
    const ONE: Self;
    fn real(x: f64) -> Self;
    fn re(self) -> f64;
    fn conjugate(self) -> Self;
    /// |x|²
    fn norm2(self) -> f64;
    fn is_finite(self) -> bool;

    /// |x|
    fn norm(self) -> f64 {
        self.norm2().sqrt()
    }

    fn scale(self, by: f64) -> Self {
        Self::real(by) * self
    }
}

impl Element for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    fn real(x: f64) -> f64 {
        x
    }
    fn re(self) -> f64 {
        self
    }
    fn conjugate(self) -> f64 {
        self
    }
    fn norm2(self) -> f64 {
        self * self
    }
    fn norm(self) -> f64 {
        self.abs()
    }
    fn is_finite(self) -> bool {
        f64::is_finite(self)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Complex {
    pub re: f64,
    pub im: f64,
}

impl Complex {
    pub fn new(re: f64, im: f64) -> Complex {
        Complex { re, im }
    }
}

impl Element for Complex {
    const ZERO: Complex = Complex { re: 0.0, im: 0.0 };
    const ONE: Complex = Complex { re: 1.0, im: 0.0 };
    fn real(x: f64) -> Complex {
        Complex { re: x, im: 0.0 }
    }
    fn re(self) -> f64 {
        self.re
    }
    fn conjugate(self) -> Complex {
        Complex { re: self.re, im: -self.im }
    }
    fn norm2(self) -> f64 {
        self.re * self.re + self.im * self.im
    }
    fn is_finite(self) -> bool {
        self.re.is_finite() && self.im.is_finite()
    }
    fn scale(self, by: f64) -> Complex {
        Complex { re: by * self.re, im: by * self.im }
    }
}

/// As programs write it.
impl std::fmt::Display for Complex {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let sign = if self.im.is_sign_negative() { '-' } else { '+' };
        write!(f, "{} {sign} {}i", self.re, self.im.abs())
    }
}

impl Add for Complex {
    type Output = Complex;
    fn add(self, other: Complex) -> Complex {
        Complex { re: self.re + other.re, im: self.im + other.im }
    }
}

impl Sub for Complex {
    type Output = Complex;
    fn sub(self, other: Complex) -> Complex {
        Complex { re: self.re - other.re, im: self.im - other.im }
    }
}

impl Mul for Complex {
    type Output = Complex;
    fn mul(self, other: Complex) -> Complex {
        Complex { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }
}

impl Div for Complex {
    type Output = Complex;
    fn div(self, other: Complex) -> Complex {
        let (product, norm) = (self * other.conjugate(), other.norm2());
        Complex { re: product.re / norm, im: product.im / norm }
    }
}

impl Neg for Complex {
    type Output = Complex;
    fn neg(self) -> Complex {
        Complex { re: -self.re, im: -self.im }
    }
}
