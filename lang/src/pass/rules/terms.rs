//! Sums of tangents or cotangents, made so that no more is computed than by hand.

use super::*;

/// `± scale · value`. Derivatives are linear, so that their rules act on `value` alone; sign and scale (a scalar) wait until
/// terms meet. The scale of a scalar is a literal: others are multiplied at once.
#[derive(Clone, Copy, Debug)]
pub struct Cotangent {
    pub negative: bool,
    pub scale: Option<Var>,
    pub value: Var,
}

/// A sum: one term for each scale, in the order in which the scales came.
#[derive(Clone, Debug, Default)]
pub struct Terms(Vec<Cotangent>);

impl Cotangent {
    pub fn of(value: Var) -> Cotangent {
        Cotangent { negative: false, scale: None, value }
    }

    /// `number` times `value`.
    pub fn multiple(b: &mut Builder, number: f64, value: Var) -> Cotangent {
        Cotangent { scale: Some(b.number(b.scalar_of(value), number)), ..Cotangent::of(value) }
    }

    /// `scale` everywhere in a shape.
    pub fn uniform(b: &mut Builder, scale: Var, shape: &[usize]) -> Cotangent {
        if shape.is_empty() && b.literal_of(scale).is_none() {
            return Cotangent::of(scale);
        }
        let ones = b.full(b.scalar_of(scale), shape, 1.0);
        Cotangent { negative: false, scale: Some(scale), value: ones }
    }

    /// The same times the sign and scale of `factor`, which may be of another kind.
    pub fn times(self, b: &mut Builder, factor: &Cotangent) -> Cotangent {
        let kind = b.scalar_of(self.value);
        let scale = match (self.scale, factor.scale.map(|s| b.convert(s, kind))) {
            (Some(x), Some(y)) => Some(b.mul(x, y)),
            (x, y) => x.or(y),
        };
        let product = Cotangent { negative: self.negative != factor.negative, scale, value: self.value };
        product.settled(b)
    }

    /// The same where a scale waits only if that can save work.
    pub fn settled(self, b: &mut Builder) -> Cotangent {
        let Some(scale) = self.scale else { return self };
        match b.literal_of(scale) {
            Some(Literal::Real(1.0) | Literal::F32(1.0)) => Cotangent { scale: None, ..self },
            None if b.shape_of(self.value).is_empty() => self.unscaled(b),
            _ => self,
        }
    }

    /// As a number of another kind.
    pub fn convert(self, b: &mut Builder, to: Scalar) -> Cotangent {
        Cotangent { scale: self.scale.map(|s| b.convert(s, to)), value: b.convert(self.value, to), ..self }
    }

    /// The same with no scale but its sign.
    fn unscaled(self, b: &mut Builder) -> Cotangent {
        match self.scale {
            Some(scale) => Cotangent { scale: None, value: b.mul(scale, self.value), ..self },
            None => self,
        }
    }

    pub fn materialise(self, b: &mut Builder) -> Var {
        let Cotangent { negative, value, .. } = self.unscaled(b);
        if negative { b.neg(value) } else { value }
    }
}

impl Terms {
    pub fn add(&mut self, b: &mut Builder, term: Cotangent) {
        match self.0.iter().position(|have| same(b, have.scale, term.scale)) {
            Some(k) => self.0[k] = join(b, self.0[k], term),
            None => self.0.push(term),
        }
    }

    /// The term of a new sum.
    pub fn put(&mut self, term: Cotangent) {
        self.0 = vec![term];
    }

    /// The sum as one term; None if it is empty.
    pub fn total(self, b: &mut Builder) -> Option<Cotangent> {
        if let [only] = self.0[..] {
            return Some(only);
        }
        let terms: Vec<Cotangent> = self.0.into_iter().map(|term| term.unscaled(b)).collect();
        terms.into_iter().reduce(|sum, term| join(b, sum, term))
    }

    pub fn value(self, b: &mut Builder) -> Option<Var> {
        self.total(b).map(|sum| sum.materialise(b))
    }
}

/// The sum of two terms of the same scale.
fn join(b: &mut Builder, x: Cotangent, y: Cotangent) -> Cotangent {
    let (negative, value) = match (x.negative, y.negative) {
        (false, true) => (false, b.sub(x.value, y.value)),
        (true, false) => (false, b.sub(y.value, x.value)),
        (both, _) => (both, b.add(x.value, y.value)),
    };
    Cotangent { negative, scale: x.scale, value }
}

fn same(b: &Builder, x: Option<Var>, y: Option<Var>) -> bool {
    match (x, y) {
        (Some(x), Some(y)) => x == y || b.literal_of(x).is_some_and(|x| b.literal_of(y) == Some(x)),
        (x, y) => x == y,
    }
}
