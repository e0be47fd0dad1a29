//! `[e for x in A]`, `sum(e for x in A if c)`: members of index sets, one after the other or all at once.

use super::value::*;
use super::*;
use crate::core::{Monoid, Tile};
use crate::syntax::ast::{BinaryOp, Comprehension, Expr, ExprKind, Pattern};

/// What a generator runs over.
pub enum Members {
    /// Known one by one (directions, parts of a tuple): each turn is walked by itself.
    Known(IndexSet, Vec<Value>),
    /// Counted: the body is walked once, for all.
    Counted { set: IndexSet, element: Element },
}

/// How a member's number becomes the value that the pattern names.
pub enum Element {
    /// The number itself.
    Index,
    Site(Rc<Lattice>),
    /// A site of one parity: looked up in a table.
    PartSite(Rc<Lattice>, Parity),
    /// A momentum, as its components.
    Momentum(Rc<Lattice>),
    /// A row of an array.
    Row(Value),
}

impl Checker<'_> {
    /// What a generator's set means.
    pub fn members(&mut self, set: Value, span: &Span) -> Checked<Members> {
        let counted = |set: IndexSet, element| Ok(Members::Counted { set, element });
        match set {
            Value::Unknown => Err(Reported),
            Value::Set(IndexSet::Directions(lattice)) => {
                let d = lattice.sizes.len();
                let members = (0..d).map(|k| Value::Displacement(direction(&lattice, k))).collect();
                Ok(Members::Known(IndexSet::Directions(lattice), members))
            }
            Value::Set(set) => {
                let element = match &set {
                    IndexSet::Lattice(lattice) => Element::Site(lattice.clone()),
                    IndexSet::Part(lattice, parity) => Element::PartSite(lattice.clone(), *parity),
                    IndexSet::Momenta(lattice) => Element::Momentum(lattice.clone()),
                    _ => Element::Index,
                };
                counted(set, element)
            }
            Value::Tuple(items) => Ok(Members::Known(IndexSet::Range(items.len()), items.to_vec())),
            Value::Record(fields) if !fields.is_empty() && fields.iter().all(|(_, v)| rows_of(v).is_some()) => {
                let set = rows_of(&fields[0].1).unwrap();
                counted(set, Element::Row(Value::Record(fields)))
            }
            Value::Number(n) if n.is_scalar() => {
                let set = self.index_set(&Value::Number(n), span)?;
                counted(set, Element::Index)
            }
            Value::Number(n) => counted(n.sets[0].clone(), Element::Row(Value::Number(n))),
            other => self.needs(span, "something to run over: an index set or an array", &other),
        }
    }

    /// The value of member number `member`.
    pub fn element(&mut self, element: &Element, set: &IndexSet, member: Var) -> Value {
        match element {
            Element::Index => {
                Value::Number(Number { below: Some(set.size()), ..Number::scalar(Kind::Int, member) })
            }
            Element::Site(lattice) => {
                Value::Site(Site { lattice: lattice.clone(), base: member, offset: vec![0; lattice.sizes.len()] })
            }
            Element::PartSite(lattice, parity) => {
                let base = self.part_site(lattice, *parity, member);
                Value::Site(Site { lattice: lattice.clone(), base, offset: vec![0; lattice.sizes.len()] })
            }
            Element::Momentum(lattice) => Value::Number(self.momentum(lattice, member)),
            Element::Row(value) => self.row(value, member),
        }
    }

    /// Row `member` of every array in a value.
    pub fn row(&mut self, value: &Value, member: Var) -> Value {
        match value {
            Value::Number(n) => {
                let sets = n.sets[1..].to_vec();
                let row = n.clone().map_leaves(&mut |v| self.b.gather(v, vec![member], false));
                Value::Number(Number { sets, loose: false, below: None, ..row })
            }
            Value::Record(fields) => {
                let fields = fields.iter().map(|(n, v)| (n.clone(), self.row(v, member))).collect();
                Value::Record(Rc::new(fields))
            }
            Value::Tuple(items) => {
                let items = items.iter().map(|v| self.row(v, member)).collect();
                Value::Tuple(Rc::new(items))
            }
            other => other.clone(),
        }
    }

    /// An array over the generators' sets.
    pub fn array_of(&mut self, c: &Comprehension, span: &Span) -> Checked<Value> {
        if let Some(filter) = &c.filter {
            return self.fail(errors::filtered_array(&filter.span));
        }
        let mut known = None;
        self.nest(&c.generators, &mut known, span, &mut |checker| checker.expr(&c.body))
    }

    /// Runs `body` for all members of the generators; the results' leaves get the generators' sets in front. `known` tells
    /// whether the first generator's members are known one by one.
    fn nest(
        &mut self,
        generators: &[(Pattern, Expr)],
        known: &mut Option<bool>,
        span: &Span,
        body: &mut dyn FnMut(&mut Self) -> Checked<Value>,
    ) -> Checked<Value> {
        let Some(((pattern, set), rest)) = generators.split_first() else {
            return body(self);
        };
        let value = self.expr(set)?;
        match self.members(value, &set.span)? {
            Members::Known(set, members) => {
                known.get_or_insert(true);
                let size = members.len();
                let mut results = vec![];
                for (turn, member) in members.into_iter().enumerate() {
                    let result = self.deeper(|c| {
                        c.bind_pattern(pattern, member, false)?;
                        let address = c.address.clone();
                        let number = c.b.int(turn as i64);
                        c.address.members.push((number, size));
                        let result = c.nest(rest, known, span, body);
                        c.address = address;
                        result
                    });
                    results.push(result?);
                }
                let spans = vec![span.clone(); results.len()];
                self.stacked(results, &spans, set, span)
            }
            Members::Counted { set, element } => {
                known.get_or_insert(false);
                let size = set.size();
                let member = self.b.fresh(crate::core::Type::scalar(moyal_runtime::array::Scalar::Int));
                let (value, array) = self.opened(|c| {
                    let value = c.deeper(|c| {
                        let value = c.element(&element, &set, member);
                        c.bind_pattern(pattern, value, false)?;
                        let address = c.address.clone();
                        c.address.members.push((member, size));
                        let result = c.nest(rest, known, span, body);
                        c.address = address;
                        result
                    })?;
                    match with_set(&value, &set) {
                        Some(array) => Ok((value, array)),
                        None => c.fail(errors::no_array_of(span, &value)),
                    }
                })?;
                let block = self.b.close(vec![member], value.leaves());
                self.b.at(span);
                let outs = self.b.map_with(size, Tile::ONE, block);
                Ok(array.with_leaves(&outs))
            }
        }
    }

    // ---- reductions ----

    pub fn reduction(&mut self, e: &Expr, function: &Expr, c: &Comprehension) -> Checked<Value> {
        let name = match &*function.kind {
            ExprKind::Name(name) if self.lookup(&name.text).is_none() => Some(name.text.clone()),
            _ => None,
        };
        let monoid = match name.as_deref() {
            Some("sum") => Some(Monoid::Sum),
            Some("prod") => Some(Monoid::Product),
            Some("max") => Some(Monoid::Max),
            Some("min") => Some(Monoid::Min),
            Some("any") => Some(Monoid::Any),
            Some("all") => Some(Monoid::All),
            Some("count") => return self.count(c, &e.span),
            _ => None,
        };
        match monoid {
            Some(monoid) => self.reduced(monoid, c, &e.span),
            None => {
                let array = self.array_of(c, &e.span)?;
                self.call_with(e, function, vec![(None, array, c.body.span.clone())])
            }
        }
    }

    fn count(&mut self, c: &Comprehension, span: &Span) -> Checked<Value> {
        let mut known = None;
        let ones = self.nest(&c.generators, &mut known, span, &mut |checker| {
            let test = checker.number(&c.body)?;
            if test.kind != Kind::Bool || !test.is_scalar() {
                return checker.fail(errors::expected(&c.body.span, "a condition (a bool)", &Value::Number(test)));
            }
            checker.plain(&test, "a count", &c.body.span)?;
            let re = checker.b.convert(test.re, moyal_runtime::array::Scalar::Int);
            let one = Number::scalar(Kind::Int, re);
            match &c.filter {
                None => Ok(Value::Number(one)),
                Some(filter) => checker.filtered(Monoid::Sum, filter, &mut |_| Ok(Value::Number(one.clone())), span),
            }
        })?;
        Ok(self.combine(Monoid::Sum, ones, c.generators.len()))
    }

    fn reduced(&mut self, monoid: Monoid, c: &Comprehension, span: &Span) -> Checked<Value> {
        if let Some(value) = self.contraction(monoid, c, span) {
            return value;
        }
        // Known members alone are combined directly, in the same tree.
        let mut known = None;
        let value = self.nest(&c.generators, &mut known, span, &mut |checker| {
            let mut body = |c2: &mut Self| {
                let value = c2.expr(&c.body)?;
                c2.reducible(monoid, value, &c.body.span)
            };
            match &c.filter {
                None => body(checker),
                Some(filter) => checker.filtered(monoid, filter, &mut body, span),
            }
        })?;
        if c.generators.len() == 1 && known == Some(true) {
            return Ok(self.combine_known(monoid, value));
        }
        Ok(self.combine(monoid, value, c.generators.len()))
    }

    /// A sum of a product of two array reads that both have the summed indices, one of them lacking a free index, is a
    /// contraction: recognised here, where Core is made, for its order of summation is part of its meaning.
    fn contraction(&mut self, monoid: Monoid, c: &Comprehension, span: &Span) -> Option<Checked<Value>> {
        let ExprKind::Binary { op: BinaryOp::Mul, left, right, .. } = &*c.body.kind else { return None };
        let is_read = |e: &Expr| matches!(&*e.kind, ExprKind::Index { .. });
        if monoid != Monoid::Sum || c.filter.is_some() || !is_read(left) || !is_read(right) || self.address.members.is_empty() {
            return None;
        }
        let free = self.address.members.len();
        let mut both = true;
        let result = self.nest(&c.generators, &mut None, span, &mut |checker| {
            let (x, y) = (checker.number(left), checker.number(right));
            let (x, y) = (x?, y?);
            let members: Vec<Var> = checker.address.members.iter().map(|m| m.0).collect();
            let (of_x, of_y) = (checker.b.depends(&x.leaves(), &members), checker.b.depends(&y.leaves(), &members));
            // Members that are known one by one stand in both sides as they are.
            let counted: Vec<bool> = members[free..].iter().map(|m| checker.b.definition(*m).is_none()).collect();
            let summed = |found: &[bool]| counted.contains(&true) && found[free..].iter().zip(&counted).all(|(d, c)| *d || !c);
            let real = x.is_scalar() && y.is_scalar() && x.kind == y.kind && matches!(x.kind, Kind::Real | Kind::F32);
            both &= real && summed(&of_x) && summed(&of_y) && of_x[..free] != of_y[..free];
            Ok(Value::Tuple(Rc::new(vec![Value::Number(x), Value::Number(y)])))
        });
        let sides = match result {
            Ok(value) => value,
            Err(reported) => return Some(Err(reported)),
        };
        let Value::Tuple(sides) = sides else { return None };
        let [Value::Number(x), Value::Number(y)] = &sides[..] else { return None };
        if !both {
            return None;
        }
        let dims = (0..c.generators.len()).map(|d| (d, d)).collect();
        let re = self.b.contract(x.re, y.re, vec![], dims);
        Some(Ok(Value::Number(Number::scalar(x.kind, re))))
    }

    fn reducible(&mut self, monoid: Monoid, value: Value, span: &Span) -> Checked<Value> {
        let logical = matches!(monoid, Monoid::Any | Monoid::All);
        match &value {
            Value::Number(n) if (n.kind == Kind::Bool) == logical => {
                if n.kind == Kind::Complex && matches!(monoid, Monoid::Max | Monoid::Min) {
                    return self.fail(errors::complex_order_of(span));
                }
                if n.kind == Kind::Complex && monoid == Monoid::Product {
                    return self.fail(errors::not_yet(span, "products of complex numbers over an index set"));
                }
                Ok(value)
            }
            Value::Unknown => Err(Reported),
            other if logical => self.needs(span, "a condition (a bool)", other),
            other => self.needs(span, "a number", other),
        }
    }

    /// What is left out by `filter` counts as the neutral element, and is not computed.
    fn filtered(
        &mut self,
        monoid: Monoid,
        filter: &Expr,
        body: &mut dyn FnMut(&mut Self) -> Checked<Value>,
        span: &Span,
    ) -> Checked<Value> {
        let test = self.number(filter)?;
        if test.kind != Kind::Bool || !test.is_scalar() {
            return self.needs(&filter.span, "a condition (a bool)", &Value::Number(test));
        }
        self.plain(&test, "a condition", &filter.span)?;
        let value = self.opened(|c| match body(c)? {
            Value::Number(n) => Ok(n),
            other => c.needs(span, "a number", &other),
        })?;
        let leaves = Value::Number(value.clone()).leaves();
        let then = self.b.close(vec![], leaves.clone());
        self.b.open();
        let neutral = leaves
            .iter()
            .enumerate()
            .map(|(k, v)| {
                let ty = self.b.type_of(*v).clone();
                let x = if k == 0 { neutral(monoid, ty.scalar) } else { 0.0 };
                self.b.full(ty.scalar, &ty.shape, x)
            })
            .collect();
        let otherwise = self.b.close(vec![], neutral);
        let outs = self.b.if_with(test.re, then, otherwise);
        Ok(Value::Number(Number { loose: false, below: None, ..value }).with_leaves(&outs))
    }

    /// Combines over the first `count` index sets.
    pub fn combine(&mut self, monoid: Monoid, value: Value, count: usize) -> Value {
        let Value::Number(n) = value else { return value };
        let dims: Vec<usize> = (0..count).collect();
        let sets = n.sets[count..].to_vec();
        let n = n.map_leaves(&mut |v| self.b.reduce(monoid, v, dims.clone()));
        Value::Number(Number { sets, below: None, ..n })
    }

    /// Combines over the first index set, whose members were walked one by one: the tree of `sum` for that length.
    fn combine_known(&mut self, monoid: Monoid, value: Value) -> Value {
        let Value::Number(n) = &value else { return value };
        let count = n.sets[0].size();
        let row = match monoid {
            Monoid::Sum => &crate::prim::arithmetic::ADD,
            Monoid::Product => &crate::prim::arithmetic::MUL,
            _ => return self.combine(monoid, value, 1),
        };
        if count == 0 || count > 8 {
            return self.combine(monoid, value, 1);
        }
        let sets = n.sets[1..].to_vec();
        let result = n.clone().map_leaves(&mut |stack| {
            let parts: Vec<Var> = (0..count).map(|k| self.unstacked(stack, k)).collect();
            let b = &mut self.b;
            let mut add = |x: Option<Var>, y: Option<Var>| match (x, y) {
                (Some(x), Some(y)) => Some(b.prim(row, &[x, y])),
                (x, y) => x.or(y),
            };
            let lane = |k: usize| parts.get(k).copied();
            let (a, c) = (add(lane(0), lane(4)), add(lane(2), lane(6)));
            let even = add(a, c);
            let (a, c) = (add(lane(1), lane(5)), add(lane(3), lane(7)));
            let odd = add(a, c);
            add(even, odd).expect("at least one part")
        });
        Value::Number(Number { sets, below: None, ..result })
    }

    /// Part `k` of what was just stacked: the value that went in, where it can be seen.
    fn unstacked(&mut self, stack: Var, k: usize) -> Var {
        use crate::core::Op;
        if let Some(step) = self.b.definition(stack) {
            match &step.op {
                Op::Concat { args, .. } => {
                    let part = args[k];
                    if let Some(Op::Reshape { arg, .. }) = self.b.definition(part).map(|s| &s.op) {
                        return *arg;
                    }
                }
                Op::Reshape { arg, .. } => return *arg,
                _ => {}
            }
        }
        self.b.pick(stack, 0, k)
    }
}

pub fn direction(lattice: &Rc<Lattice>, k: usize) -> Displacement {
    let mut vector = vec![0; lattice.sizes.len()];
    vector[k] = 1;
    Displacement { lattice: lattice.clone(), vector }
}

/// The first index set of arrays that can be run over.
pub fn rows_of(value: &Value) -> Option<IndexSet> {
    match value {
        Value::Number(n) => n.sets.first().cloned(),
        Value::Record(fields) => rows_of(&fields.first()?.1),
        Value::Tuple(items) => rows_of(items.first()?),
        _ => None,
    }
}

/// The type of an array of such values over a set; its leaves mean nothing yet. None if there are no such arrays.
fn with_set(value: &Value, set: &IndexSet) -> Option<Value> {
    match value {
        Value::Number(n) => {
            let sets = [vec![set.clone()], n.sets.clone()].concat();
            Some(Value::Number(Number { sets, loose: false, below: None, ..n.clone() }))
        }
        Value::Tuple(items) => {
            Some(Value::Tuple(Rc::new(items.iter().map(|v| with_set(v, set)).collect::<Option<Vec<_>>>()?)))
        }
        Value::Record(fields) => {
            let fields: Option<Vec<_>> = fields.iter().map(|(n, v)| Some((n.clone(), with_set(v, set)?))).collect();
            Some(Value::Record(Rc::new(fields?)))
        }
        _ => None,
    }
}

fn neutral(monoid: Monoid, scalar: moyal_runtime::array::Scalar) -> f64 {
    use moyal_runtime::array::Scalar;
    match monoid {
        Monoid::Sum | Monoid::Any => 0.0,
        Monoid::Product | Monoid::All => 1.0,
        Monoid::Max if scalar == Scalar::Int => i64::MIN as f64,
        Monoid::Min if scalar == Scalar::Int => i64::MAX as f64,
        Monoid::Max => f64::NEG_INFINITY,
        Monoid::Min => f64::INFINITY,
    }
}
