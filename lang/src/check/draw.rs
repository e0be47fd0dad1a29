//! Draws: `x ~ normal(0, 1)`.

use super::expression::tight;
use super::types::Ty;
use super::value::*;
use super::*;
use crate::core::{Distribution as Base, Tile};

impl Checker<'_> {
    /// What a `~` draws: from a distribution, in the shape of the declared type or of the distribution's own numbers.
    /// `ordinal` tells which draw of this body it is.
    pub fn drawn(&mut self, distribution: Value, ty: Option<&Ty>, span: &Span, ordinal: u32) -> Checked<Value> {
        let distribution = match distribution {
            Value::Distribution(d) => d,
            Value::Unknown => return Err(Reported),
            other => return self.needs(span, "a distribution (normal(0, 1), uniform(0, 1), …)", &other),
        };
        if let Some(action) = self.calls.iter().find(|frame| frame.is_action) {
            let mistake = errors::draw_in_action(span, &action.function);
            return self.fail(mistake);
        }
        if let Distribution::Made(record) = &*distribution {
            return self.drawn_from(record, ty, span, ordinal);
        }
        if let Distribution::Standard(zeros) = &*distribution {
            return self.drawn_each(zeros.clone(), ty, span, ordinal);
        }
        let parts: Vec<&Number> = match &*distribution {
            Distribution::Normal { mean, deviation } => vec![mean, deviation],
            Distribution::Uniform { low, high } => vec![low, high],
            Distribution::Exponential { rate } => vec![rate],
            Distribution::Standard(_) | Distribution::Made(_) => unreachable!("drawn above"),
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
            Distribution::Standard(_) | Distribution::Made(_) => unreachable!("drawn above"),
        };
        Ok(tight(Value::Number(Number::new(kind, sets, re))))
    }

    /// Standard normal numbers for each component of a value.
    fn drawn_each(&mut self, zeros: Value, ty: Option<&Ty>, span: &Span, ordinal: u32) -> Checked<Value> {
        self.b.at(span);
        let place = noise::step(self.address.place, "~", ordinal as u64);
        let (turns, position) = (self.address.turns.clone(), self.position());
        let mut part = 0;
        let drawn = zeros.map_leaves(&mut |v| {
            part += 1;
            let ty = self.b.type_of(v).clone();
            self.b.draw(Base::Normal, ty.scalar, noise::step(place, "part", part), turns.clone(), position, ty.shape.to_vec())
        });
        match ty {
            None => Ok(tight(drawn)),
            Some(ty) => self.fit(drawn, ty, span, false).map(tight),
        }
    }

    /// A draw by a record's own function, in the shape of the declared type, or of its mean.
    fn drawn_from(&mut self, record: &Value, ty: Option<&Ty>, span: &Span, ordinal: u32) -> Checked<Value> {
        let Some(Value::Function(draw)) = self.field_of(record, "draw")? else {
            return self.fail(errors::no_draw(span));
        };
        let mean = self.field_of(record, "mean")?;
        let (kind, sets) = match (ty, mean) {
            (Some(Ty::Number(kind, sets)), _) => (*kind, sets.clone()),
            (Some(other), _) => return self.fail(errors::no_draws_of(span, &other.describe())),
            (None, Some(Value::Number(mean))) => (Kind::Real, mean.sets),
            (None, _) => (Kind::Real, vec![]),
        };
        let shape: Vec<usize> = sets.iter().map(IndexSet::size).collect();
        let re = self.b.full(kind.scalar(), &shape, 0.0);
        let im = (kind == Kind::Complex).then_some(re);
        let like = Value::Number(Number { im, ..Number::new(kind, sets, re) });
        let outer = self.address.clone();
        self.address = outer.enter("~", ordinal as u64);
        let drawn = self.apply_function(&draw, vec![(None, like.clone(), span.clone())], span);
        self.address = outer;
        match (drawn?, ty) {
            (value, None) => Ok(tight(value)),
            (value, Some(ty)) => self.fit(value, ty, span, false).map(tight),
        }
    }

    fn add_unless_zero(&mut self, shift: Var, x: Var) -> Var {
        use crate::core::Literal;
        match self.b.uniform_literal(shift) {
            Some(Literal::Real(0.0) | Literal::F32(0.0) | Literal::Int(0)) => x,
            _ => self.b.add(shift, x),
        }
    }
}

// ---- distributions as values ----

impl Checker<'_> {
    /// What a distribution tells of itself: `d.log_density(x)`, `d.mean`. The library knows, by family.
    pub fn distribution_field(&mut self, d: &Distribution, name: &str) -> Checked<Option<Value>> {
        let span = self.b.place();
        let number = |n: &Number| (None, Value::Number(n.clone()), span.clone());
        let record = match d {
            Distribution::Normal { mean, deviation } => self.library_call("_normal_family", vec![number(mean), number(deviation)], &span)?,
            Distribution::Uniform { low, high } => self.library_call("_uniform_family", vec![number(low), number(high)], &span)?,
            Distribution::Exponential { rate } => self.library_call("_exponential_family", vec![number(rate)], &span)?,
            Distribution::Standard(zeros) => self.library_call("_standard_family", vec![(None, zeros.clone(), span.clone())], &span)?,
            Distribution::Made(record) => record.clone(),
        };
        let found = self.field_of(&record, name)?;
        // The score follows from the density.
        let found = match (name, found) {
            ("score", None) => match self.field_of(&record, "log_density")? {
                Some(Value::Function(f)) => Some(Value::Function(Rc::new(Function::Derived(Derived::Gradient, f)))),
                _ => None,
            },
            ("moment_generating", None) => match self.field_of(&record, "cumulant_generating")? {
                Some(f) => Some(self.library_call("_exponential_of", vec![(None, f, span.clone())], &span)?),
                None => None,
            },
            (_, found) => found,
        };
        match (name, found) {
            ("log_density" | "score", Some(mut of_one)) => Ok({
                let single = record.leaves().iter().any(|v| self.b.type_of(*v).scalar == moyal_runtime::array::Scalar::F32);
                if !single {
                    of_one = self.library_call("_of_either_precision", vec![(None, of_one, span.clone())], &span)?;
                }
                Some(self.library_call("_of_each_draw", vec![(None, of_one, span.clone())], &span)?)
            }),
            (_, found) => Ok(found),
        }
    }
}

/// `distribution({draw: like -> x, …})`: a distribution of one's own.
pub fn distribution(c: &mut Checker, mut call: super::builtin::Call) -> Checked<Value> {
    let [(record, span)] = call.exactly::<1>(c)?;
    match &record {
        Value::Unknown => Err(Reported),
        Value::Record(fields) if fields.iter().any(|(n, v)| &**n == "draw" && matches!(v, Value::Function(_))) => {
            Ok(Value::Distribution(Rc::new(Distribution::Made(record))))
        }
        _ => c.fail(errors::no_draw(&span)),
    }
}

/// `with_field(record, "name", value)`: the record with one field more.
pub fn with_field(c: &mut Checker, mut call: super::builtin::Call) -> Checked<Value> {
    match call.exactly::<3>(c)? {
        [(Value::Record(fields), _), (Value::Text(name), _), (value, _)] => {
            let mut fields: Vec<(Rc<str>, Value)> = fields.iter().filter(|(n, _)| *n != name).cloned().collect();
            fields.push((name, value));
            Ok(Value::Record(Rc::new(fields)))
        }
        [(other, span), ..] => c.needs(&span, "a record and the name of a field in quotes", &other),
    }
}

/// `field_of(record, "name")`: the field of that name.
pub fn named_field(c: &mut Checker, mut call: super::builtin::Call) -> Checked<Value> {
    match call.exactly::<2>(c)? {
        [(record, span), (Value::Text(name), _)] => match c.field_of(&record, &name)? {
            Some(value) => Ok(value),
            None => c.needs(&span, &format!("a value with a field {name}"), &record),
        },
        [_, (other, span)] => c.needs(&span, "the name of a field in quotes", &other),
    }
}

/// `each_element(x, f)`: an array of the type of x of f(), each element at its own position.
pub fn each_element(c: &mut Checker, mut call: super::builtin::Call) -> Checked<Value> {
    let [(like, span), (f, f_span)] = call.exactly::<2>(c)?;
    let Value::Function(f) = f else {
        return c.needs(&f_span, "a function", &f);
    };
    let like = super::builtin::as_number(c, like, &span)?;
    let size: usize = like.shape().iter().product();
    if like.is_scalar() {
        let found = c.apply_function(&f, vec![], &span)?;
        return c.of_type(found, &Value::Number(like), &span);
    }
    let member = c.b.fresh(Type::scalar(moyal_runtime::array::Scalar::Int));
    let mut one = |c: &mut Checker| {
        let address = c.address.clone();
        c.address.members.push((member, size));
        let found = c.apply_function(&f, vec![], &span);
        c.address = address;
        match found? {
            Value::Number(n) if n.is_scalar() => Ok(c.as_kind(&n, like.kind)),
            other => c.needs(&f_span, "a function of nothing that gives a number", &other),
        }
    };
    let element = c.opened(|c| c.deeper(&mut one))?;
    let block = c.b.close(vec![member], element.leaves());
    let outs = c.b.map_with(size, Tile::ONE, block);
    let shape = like.shape();
    let mut leaves = outs.into_iter();
    Ok(Value::Number(like.map_leaves(&mut |_| c.b.reshape(leaves.next().expect("as many parts"), shape.clone()))))
}
