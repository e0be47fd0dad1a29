//! Draws: `x ~ normal(0, 1)`.

use super::expression::tight;
use super::types::Ty;
use super::value::*;
use super::*;
use crate::core::Distribution as Base;

impl Checker<'_> {
    /// What a `~` draws: from a distribution, in the shape of the declared type or of the distribution's own numbers.
    /// `ordinal` tells which draw of this body it is.
    pub fn drawn(&mut self, distribution: Value, ty: Option<&Ty>, span: &Span, ordinal: u32) -> Checked<Value> {
        let distribution = match distribution {
            Value::Distribution(d) => d,
            Value::Unknown => return Err(Reported),
            other => return self.fail(errors::expected(span, "a distribution (normal(0, 1), uniform(0, 1), …)", &other)),
        };
        let parts: Vec<&Number> = match &*distribution {
            Distribution::Normal { mean, deviation } => vec![mean, deviation],
            Distribution::Uniform { low, high } => vec![low, high],
            Distribution::Exponential { rate } => vec![rate],
        };
        let natural = parts.iter().map(|n| n.sets.clone()).max_by_key(Vec::len).unwrap_or_default();
        let (kind, sets) = match ty {
            Some(Ty::Number(kind, sets)) => (*kind, sets.clone()),
            Some(other) => return self.fail(errors::no_draws_of(span, &other.describe())),
            None => {
                let single = parts.iter().any(|n| n.kind == Kind::F32);
                (if single { Kind::F32 } else { Kind::Real }, natural.clone())
            }
        };
        if !natural.is_empty() && natural != sets {
            return self.fail(errors::draw_shape(span, &describe(kind, &sets), &describe(kind, &natural)));
        }
        if !matches!(kind, Kind::Real | Kind::F32) {
            return self.fail(errors::no_draws_of(span, kind.name()));
        }
        let mut numbers = vec![];
        for n in parts {
            let Some(n) = self.widen(n, kind) else {
                return self.fail(errors::wrong_type(span, kind.name(), &n.describe()));
            };
            numbers.push(self.spread_over(n, &sets).re);
        }
        self.b.at(span);
        let shape: Vec<usize> = sets.iter().map(IndexSet::size).collect();
        let base = match &*distribution {
            Distribution::Normal { .. } => Base::Normal,
            _ => Base::Uniform,
        };
        let (place, turns) = (noise::step(self.address.place, "~", ordinal as u64), self.address.turns.clone());
        let position = self.position();
        let raw = self.b.draw(base, kind.scalar(), place, turns, position, shape);
        let re = match &*distribution {
            Distribution::Normal { .. } => {
                let scaled = self.b.mul(numbers[1], raw);
                self.add_unless_zero(numbers[0], scaled)
            }
            Distribution::Uniform { .. } => {
                let width = self.b.sub(numbers[1], numbers[0]);
                let scaled = self.b.mul(width, raw);
                self.add_unless_zero(numbers[0], scaled)
            }
            Distribution::Exponential { .. } => {
                let logarithm = self.b.call("log", &[raw]);
                let minus = self.b.neg(logarithm);
                self.b.div(minus, numbers[0])
            }
        };
        Ok(tight(Value::Number(Number::new(kind, sets, re))))
    }

    fn add_unless_zero(&mut self, shift: Var, x: Var) -> Var {
        use crate::core::Literal;
        match self.b.uniform_literal(shift) {
            Some(Literal::Real(0.0) | Literal::F32(0.0) | Literal::Int(0)) => x,
            _ => self.b.add(shift, x),
        }
    }
}
