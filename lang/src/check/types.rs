//! Written types, and values made to fit them.

use super::value::*;
use super::*;
use crate::core::Literal;
use crate::syntax::ast::{Name, TypeExpr, TypeKind};
use moyal_runtime::array::Scalar;

/// What a written type says.
#[derive(Clone)]
pub enum Ty {
    Number(Kind, Vec<IndexSet>),
    Site(Rc<Lattice>),
    Direction(Rc<Lattice>),
    Text,
    Tuple(Vec<Ty>),
    Record(Vec<(Rc<str>, Ty)>),
}

impl Ty {
    pub fn describe(&self) -> String {
        match self {
            Ty::Number(kind, sets) => describe(*kind, sets),
            Ty::Site(l) => format!("site({})", l.name),
            Ty::Direction(l) => format!("direction({})", l.name),
            Ty::Text => "string".into(),
            Ty::Tuple(items) => format!("({})", items.iter().map(Ty::describe).collect::<Vec<_>>().join(", ")),
            Ty::Record(fields) => {
                let fields: Vec<String> = fields.iter().map(|(n, t)| format!("{n}: {}", t.describe())).collect();
                format!("{{{}}}", fields.join(", "))
            }
        }
    }
}

impl Checker<'_> {
    /// The meaning of a written type, all of whose names are known.
    pub fn ty(&mut self, written: &TypeExpr) -> Checked<Ty> {
        match &written.kind {
            TypeKind::Named { name, dims } => {
                if &*name.text == "string" && dims.is_empty() {
                    return Ok(Ty::Text);
                }
                let kind = self.kind(name)?;
                Ok(Ty::Number(kind, self.dims(dims)?))
            }
            TypeKind::Site { lattice, dims } => {
                self.no_dims(written, dims)?;
                Ok(Ty::Site(self.lattice(lattice)?))
            }
            TypeKind::Direction { lattice, dims } => {
                self.no_dims(written, dims)?;
                Ok(Ty::Direction(self.lattice(lattice)?))
            }
            TypeKind::Tuple(items) => Ok(Ty::Tuple(items.iter().map(|t| self.ty(t)).collect::<Checked<_>>()?)),
            TypeKind::Record(fields) => {
                let fields = fields.iter().map(|(n, t)| Ok((n.text.clone(), self.ty(t)?))).collect::<Checked<_>>()?;
                Ok(Ty::Record(fields))
            }
            TypeKind::SpecialUnitary { .. } => self.fail(errors::not_yet(&written.span, "values in SU(N)")),
        }
    }

    fn no_dims(&mut self, written: &TypeExpr, dims: &[crate::syntax::ast::Expr]) -> Checked<()> {
        if dims.is_empty() { Ok(()) } else { self.fail(errors::not_yet(&written.span, "arrays of sites and directions")) }
    }

    fn lattice(&mut self, written: &crate::syntax::ast::Expr) -> Checked<Rc<Lattice>> {
        match self.expr(written)? {
            Value::Set(IndexSet::Lattice(lattice)) => Ok(lattice),
            Value::Unknown => Err(Reported),
            other => self.needs(&written.span, "a lattice", &other),
        }
    }

    fn kind(&mut self, name: &Name) -> Checked<Kind> {
        Ok(match &*name.text {
            "real" => Kind::Real,
            "f32" => Kind::F32,
            "complex" => Kind::Complex,
            "int" => Kind::Int,
            "bool" => Kind::Bool,
            // A real number of which only the remainder by 2π counts: a process knows it of its states.
            "angle" => Kind::Real,
            "U1" => return self.fail(errors::phase_as_angle(&name.span)),
            other => {
                // A generic of the function: bound to a number of that kind.
                if let Some(Binding { value: Value::Number(n), .. }) = self.locals.get(&format!("type {other}")) {
                    return Ok(n.kind);
                }
                if let Some(Binding { value: Value::Set(_), .. }) = self.lookup(other) {
                    return self.fail(errors::set_as_type(name));
                }
                let known = ["real", "f32", "complex", "angle", "int", "bool", "string"];
                return self.fail(errors::unknown_type(name, scope::nearest(other, known.into_iter())));
            }
        })
    }

    fn dims(&mut self, dims: &[crate::syntax::ast::Expr]) -> Checked<Vec<IndexSet>> {
        dims.iter()
            .map(|dim| {
                let value = self.expr(dim)?;
                self.index_set(&value, &dim.span)
            })
            .collect()
    }

    /// The index set that a value means: an integer n is 0 … n−1.
    pub fn index_set(&mut self, value: &Value, span: &Span) -> Checked<IndexSet> {
        match value {
            Value::Set(set) => Ok(set.clone()),
            Value::Unknown => Err(Reported),
            Value::Number(n) if n.kind == Kind::Int && n.is_scalar() => match self.b.literal_of(n.re) {
                Some(Literal::Int(size)) if size >= 0 => Ok(IndexSet::Range(size as usize)),
                Some(Literal::Int(size)) => self.fail(errors::negative_size(span, size)),
                _ => self.fail(errors::unknown_size(span)),
            },
            other => self.fail(errors::index_set_needed(span, other)),
        }
    }

    /// A value made to fit a type: int becomes real, real complex, a constant takes the declared precision. With `spread`
    /// a scalar fills an array.
    pub fn fit(&mut self, value: Value, ty: &Ty, span: &Span, spread: bool) -> Checked<Value> {
        match (value, ty) {
            (Value::Unknown, _) => Err(Reported),
            (Value::Number(n), Ty::Number(kind, sets)) => {
                if n.sets != *sets && !(spread && n.is_scalar()) {
                    return self.misfit(span, ty, &Value::Number(n));
                }
                let Some(wide) = self.widen(&n, *kind) else {
                    return self.misfit(span, ty, &Value::Number(n));
                };
                let n = wide;
                Ok(Value::Number(self.spread_over(n, sets)))
            }
            (value @ Value::Site(_), Ty::Site(lattice)) => {
                let Value::Site(site) = &value else { unreachable!() };
                if site.lattice.identity == lattice.identity {
                    return Ok(value);
                }
                self.fail(errors::wrong_type(span, &ty.describe(), &value.describe()))
            }
            (value @ Value::Displacement(_), Ty::Direction(lattice)) => {
                let Value::Displacement(d) = &value else { unreachable!() };
                if d.lattice.identity == lattice.identity {
                    return Ok(value);
                }
                self.fail(errors::wrong_type(span, &ty.describe(), &value.describe()))
            }
            (value @ Value::Text(_), Ty::Text) => Ok(value),
            (Value::Tuple(items), Ty::Tuple(types)) if items.len() == types.len() => {
                let items = items.iter().zip(types).map(|(v, t)| self.fit(v.clone(), t, span, spread)).collect::<Checked<_>>()?;
                Ok(Value::Tuple(Rc::new(items)))
            }
            (Value::Record(fields), Ty::Record(types)) if fields.len() == types.len() => {
                let mut fitted = vec![];
                for (name, ty) in types {
                    let Some((_, value)) = fields.iter().find(|(n, _)| n == name) else {
                        return self.fail(errors::missing_field(span, name));
                    };
                    fitted.push((name.clone(), self.fit(value.clone(), ty, span, spread)?));
                }
                Ok(Value::Record(Rc::new(fitted)))
            }
            (value, ty) => self.misfit(span, ty, &value),
        }
    }

    fn misfit<T>(&mut self, span: &Span, ty: &Ty, value: &Value) -> Checked<T> {
        if let Value::Number(n) = value
            && self.is_estimate(n)
            && n.is_scalar()
        {
            return self.needs(span, &ty.describe(), value);
        }
        self.fail(errors::wrong_type(span, &ty.describe(), &value.describe()))
    }

    /// `n` as a wider kind; None if it does not become one by itself.
    pub fn widen(&mut self, n: &Number, kind: Kind) -> Option<Number> {
        use Kind::*;
        let allowed = match (n.kind, kind) {
            (a, b) if a == b => return Some(n.clone()),
            (Int, Real | Complex | F32) | (Real, Complex) => true,
            (Real, F32) => n.loose,
            _ => false,
        };
        allowed.then(|| self.as_kind(n, kind))
    }

    /// `n` converted, as `as` does it.
    pub fn as_kind(&mut self, n: &Number, kind: Kind) -> Number {
        let re = self.b.convert(n.re, kind.scalar());
        let im = (kind == Kind::Complex).then(|| match n.im {
            Some(im) => im,
            None => self.b.zeros_like(re),
        });
        Number { kind, re, im, below: None, ..n.clone() }
    }

    pub fn spread_over(&mut self, n: Number, sets: &[IndexSet]) -> Number {
        if n.sets == sets {
            return n;
        }
        let shape: Vec<usize> = sets.iter().map(IndexSet::size).collect();
        let n = n.map_leaves(&mut |v| self.b.broadcast(v, &shape));
        Number { sets: sets.to_vec(), below: None, ..n }
    }

    /// An argument made to fit a parameter's written type, which may name generics: those are bound.
    pub fn fit_parameter(&mut self, value: Value, written: &TypeExpr, generics: &[Name], span: &Span) -> Checked<Value> {
        if generics.is_empty() {
            let ty = self.ty(written)?;
            return self.fit(value, &ty, span, false);
        }
        let TypeKind::Named { name, dims } = &written.kind else {
            let ty = self.ty(written)?;
            return self.fit(value, &ty, span, false);
        };
        let Value::Number(number) = &value else {
            if let Value::Unknown = value {
                return Err(Reported);
            }
            return self.fail(errors::wrong_type(span, written.span.text(), &value.describe()));
        };
        if number.sets.len() != dims.len() {
            return self.fail(errors::wrong_type(span, written.span.text(), &number.describe()));
        }
        let is_generic = |n: &str| generics.iter().any(|g| &*g.text == n);
        let type_key = format!("type {}", name.text);
        if is_generic(&name.text) && self.locals.get(&type_key).is_none() {
            self.bind_hidden(&type_key, Value::Number(number.clone()));
        }
        for (dim, set) in dims.iter().zip(number.sets.clone()) {
            if let crate::syntax::ast::ExprKind::Name(n) = &*dim.kind
                && is_generic(&n.text)
                && self.locals.get(&n.text).is_none_or(|b| b.level != self.level)
            {
                let meaning = match set {
                    IndexSet::Range(size) => Value::Number(self.known_int(size as i64)),
                    other => Value::Set(other),
                };
                self.bind(n, meaning, false);
            }
        }
        let ty = self.ty(written)?;
        self.fit(value, &ty, span, false)
    }

    fn bind_hidden(&mut self, name: &str, value: Value) {
        let binding = Binding { value, mutable: false, level: self.level, stored: false, span: None };
        self.locals.bind(name.into(), binding);
    }

    pub fn known_int(&mut self, n: i64) -> Number {
        let re = self.b.int(n);
        Number { loose: true, ..Number::scalar(Kind::Int, re) }
    }

    /// An integer that is known now.
    pub fn literal_int(&self, value: &Value) -> Option<i64> {
        match value {
            Value::Number(n) if n.kind == Kind::Int && n.is_scalar() => match self.b.literal_of(n.re) {
                Some(Literal::Int(n)) => Some(n),
                _ => None,
            },
            _ => None,
        }
    }

    pub fn literal_bool(&self, n: &Number) -> Option<bool> {
        match self.b.literal_of(n.re) {
            Some(Literal::Bool(b)) if n.is_scalar() => Some(b),
            _ => None,
        }
    }

    pub fn literal_real(&self, n: &Number) -> Option<f64> {
        match self.b.literal_of(n.re)? {
            Literal::Real(x) => Some(x),
            Literal::F32(x) => Some(x as f64),
            Literal::Int(x) => Some(x as f64),
            Literal::Bool(_) => None,
        }
    }

    /// A value of a type whose numbers are not known yet: new variables without a step that defines them.
    pub fn unknown_of(&mut self, ty: &Ty) -> Value {
        match ty {
            Ty::Number(kind, sets) => {
                let shape: Vec<usize> = sets.iter().map(IndexSet::size).collect();
                let mut fresh = || self.b.fresh(crate::core::Type::new(kind.scalar(), shape.clone()));
                let re = fresh();
                let im = (*kind == Kind::Complex).then(fresh);
                Value::Number(Number { im, ..Number::new(*kind, sets.clone(), re) })
            }
            Ty::Site(lattice) => {
                let base = self.b.fresh(crate::core::Type::scalar(Scalar::Int));
                Value::Site(Site { lattice: lattice.clone(), base, offset: vec![0; lattice.sizes.len()] })
            }
            Ty::Direction(lattice) => {
                let mut vector = vec![0; lattice.sizes.len()];
                vector[0] = 1;
                Value::Displacement(Displacement { lattice: lattice.clone(), vector })
            }
            Ty::Text => Value::Text("".into()),
            Ty::Tuple(items) => Value::Tuple(Rc::new(items.iter().map(|t| self.unknown_of(t)).collect())),
            Ty::Record(fields) => Value::Record(Rc::new(fields.iter().map(|(n, t)| (n.clone(), self.unknown_of(t))).collect())),
        }
    }
}
