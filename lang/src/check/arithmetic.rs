//! Operators and elementary functions: kinds made equal, arrays matched, complex numbers taken apart.

use super::value::*;
use super::*;
use crate::core::{Literal, Monoid};
use crate::prim::{self, Partials, Prim, Run, arithmetic as rows};
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use moyal_runtime::array::Scalar;

impl Checker<'_> {
    pub fn unary(&mut self, op: UnaryOp, value: &Expr, span: &Span) -> Checked<Value> {
        let operand = self.expr(value)?;
        match (op, operand) {
            (_, Value::Unknown) => Err(Reported),
            (UnaryOp::Neg, Value::Number(n)) if n.kind != Kind::Bool => {
                let loose = n.loose;
                let n = n.map_leaves(&mut |v| self.b.neg(v));
                Ok(Value::Number(Number { loose, below: None, ..n }))
            }
            (UnaryOp::Neg, Value::Displacement(d)) => {
                Ok(Value::Displacement(Displacement { vector: d.vector.iter().map(|x| -x).collect(), ..d }))
            }
            (UnaryOp::Neg, Value::Differential(d)) => Ok(Value::Differential(Rc::new(self.negated(&d, span)?))),
            (UnaryOp::Neg, value @ (Value::Record(_) | Value::Tuple(_))) => self.each_part(value, &mut |c, part| match part {
                Value::Number(n) if n.kind != Kind::Bool => {
                    let n = n.map_leaves(&mut |v| c.b.neg(v));
                    Ok(Value::Number(Number { below: None, ..n }))
                }
                other => c.fail(errors::operand(span, "-", "a number", &other)),
            }),
            (UnaryOp::Not, Value::Number(n)) if n.kind == Kind::Bool => {
                let re = self.b.prim(&rows::NOT, &[n.re]);
                Ok(Value::Number(Number { re, ..n }))
            }
            (UnaryOp::Neg, other) => self.fail(errors::operand(span, "-", "a number", &other)),
            (UnaryOp::Not, other) => self.fail(errors::operand(span, "not", "a bool", &other)),
        }
    }

    pub fn binary(&mut self, op: BinaryOp, op_span: &Span, left: &Expr, right: &Expr) -> Checked<Value> {
        if let BinaryOp::And | BinaryOp::Or = op {
            return self.logic(op, op_span, left, right);
        }
        if op == BinaryOp::Div {
            self.no_differentials(left, right)?;
        }
        // Both sides are looked at even if the first is wrong: two mistakes are told at once.
        let (a, b) = (self.expr(left), self.expr(right));
        let (a, b) = (a?, b?);
        if op == BinaryOp::MatMul {
            self.warn_of_reciprocals(left, &a, Some(right));
            self.warn_of_reciprocals(right, &b, None);
        }
        self.operate(op, op_span, (a, &left.span), (b, &right.span))
    }

    /// Refuses `df/dx`, if neither is a name.
    fn no_differentials(&mut self, left: &Expr, right: &Expr) -> Checked<()> {
        let of = |c: &Self, e: &Expr| -> Option<String> {
            match &*e.kind {
                ExprKind::Name(name) if c.lookup(&name.text).is_none() => name.span.text().strip_prefix('d').filter(|rest| !rest.is_empty()).map(str::to_string),
                _ => None,
            }
        };
        let (Some(f), Some(x)) = (of(self, left), of(self, right)) else { return Ok(()) };
        if x == "t" || f.starts_with(['W', 'Z']) {
            // A process's own.
            return Ok(());
        }
        let is_known = self.lookup(&crate::syntax::latin(&f)).is_some_and(|b| matches!(b.value, Value::Function(_)));
        self.fail(errors::quotient_of_differentials(&left.span.to(&right.span), &f, &x, is_known))
    }

    /// `and`, `or`: the right side is not looked at if the left one decides already.
    fn logic(&mut self, op: BinaryOp, op_span: &Span, left: &Expr, right: &Expr) -> Checked<Value> {
        let a = self.expr(left)?;
        if let Value::Number(n) = &a
            && n.kind == Kind::Bool
            && self.literal_bool(n) == Some(op == BinaryOp::Or)
        {
            return Ok(a);
        }
        let b = self.expr(right)?;
        self.operate(op, op_span, (a, &left.span), (b, &right.span))
    }

    pub fn operate(&mut self, op: BinaryOp, op_span: &Span, left: (Value, &Span), right: (Value, &Span)) -> Checked<Value> {
        use Value::*;
        self.b.at(&left.1.to(right.1));
        match (left.0, right.0) {
            (Unknown, _) | (_, Unknown) => Err(Reported),
            (Number(a), Number(b)) => self.numbers(op, op_span, (a, left.1), (b, right.1)).map(Number),
            (a @ Differential(_), b) | (a, b @ Differential(_)) => self.differentials(op, op_span, (a, left.1), (b, right.1)),
            (a @ (Record(_) | Tuple(_)), b @ (Record(_) | Tuple(_))) if matches!(op, BinaryOp::Add | BinaryOp::Sub) => {
                self.part_by_part(op, op_span, (a, left.1), (b, right.1))
            }
            (Number(n), value @ (Record(_) | Tuple(_))) if op == BinaryOp::Mul && n.is_scalar() => {
                self.each_part(value, &mut |c, part| c.operate(op, op_span, (Number(n.clone()), left.1), (part, right.1)))
            }
            (value @ (Record(_) | Tuple(_)), Number(n)) if matches!(op, BinaryOp::Mul | BinaryOp::Div) && n.is_scalar() => {
                self.each_part(value, &mut |c, part| c.operate(op, op_span, (part, left.1), (Number(n.clone()), right.1)))
            }
            (Site(s), Displacement(d)) if matches!(op, BinaryOp::Add | BinaryOp::Sub) => {
                self.same_lattice(&s.lattice, left.1, &d.lattice, right.1)?;
                let sign = if op == BinaryOp::Add { 1 } else { -1 };
                let offset = s.offset.iter().zip(&d.vector).map(|(o, v)| o + sign * v).collect();
                Ok(Site(value::Site { offset, ..s }))
            }
            (Displacement(a), Displacement(b)) if matches!(op, BinaryOp::Add | BinaryOp::Sub) => {
                self.same_lattice(&a.lattice, left.1, &b.lattice, right.1)?;
                let sign = if op == BinaryOp::Add { 1 } else { -1 };
                let vector = a.vector.iter().zip(&b.vector).map(|(x, y)| x + sign * y).collect();
                Ok(Displacement(value::Displacement { vector, ..a }))
            }
            (Number(n), Displacement(d)) | (Displacement(d), Number(n)) if op == BinaryOp::Mul => {
                let Some(factor) = self.literal_int(&Number(n)) else {
                    return self.fail(errors::unknown_displacement(&left.1.to(right.1)));
                };
                let vector = d.vector.iter().map(|v| v * factor).collect();
                Ok(Displacement(value::Displacement { vector, ..d }))
            }
            (Displacement(a), Displacement(b)) if matches!(op, BinaryOp::Eq | BinaryOp::Ne) => {
                self.same_lattice(&a.lattice, left.1, &b.lattice, right.1)?;
                let re = self.b.bool((a.vector == b.vector) == (op == BinaryOp::Eq));
                Ok(Number(value::Number::scalar(Kind::Bool, re)))
            }
            (Site(a), Site(b)) if matches!(op, BinaryOp::Eq | BinaryOp::Ne) => {
                self.same_lattice(&a.lattice, left.1, &b.lattice, right.1)?;
                let (x, y) = (self.site_number(&a), self.site_number(&b));
                let row = if op == BinaryOp::Eq { &rows::EQ } else { &rows::NE };
                let re = self.b.prim(row, &[x, y]);
                Ok(Number(value::Number::scalar(Kind::Bool, re)))
            }
            (Text(a), Text(b)) if matches!(op, BinaryOp::Eq | BinaryOp::Ne) => {
                let re = self.b.bool((a == b) == (op == BinaryOp::Eq));
                Ok(Number(value::Number::scalar(Kind::Bool, re)))
            }
            (Set(a), Set(b)) if matches!(op, BinaryOp::Eq | BinaryOp::Ne) => {
                let re = self.b.bool((a == b) == (op == BinaryOp::Eq));
                Ok(Number(value::Number::scalar(Kind::Bool, re)))
            }
            (a, b) => self.fail(errors::operands(op_span, op, (left.1, &a), (right.1, &b))),
        }
    }

    fn same_lattice(&mut self, a: &Rc<Lattice>, a_span: &Span, b: &Rc<Lattice>, b_span: &Span) -> Checked<()> {
        if a.identity == b.identity {
            return Ok(());
        }
        self.fail(errors::other_lattice(a_span, a, b_span, b))
    }

    fn numbers(&mut self, op: BinaryOp, op_span: &Span, left: (Number, &Span), right: (Number, &Span)) -> Checked<Number> {
        use BinaryOp::*;
        match op {
            MatMul => return self.matrix_product(op_span, left, right),
            Pow => return self.power(op_span, left, right),
            Stratonovich => return self.fail(errors::stratonovich_outside(op_span)),
            Range => return self.range(left, right),
            _ => {}
        }
        let loose = left.0.loose && right.0.loose;
        if left.0.kind == Kind::Int && right.0.kind == Kind::Int {
            self.known_ints(op, op_span, &left.0, &right.0)?;
            if matches!(op, FloorDiv | Rem) && self.literal_int(&Value::Number(right.0.clone())) == Some(0) {
                return self.fail(errors::division_by_zero(op_span, op, right.1));
            }
        }
        let (left_span, right_span) = (left.1, right.1);
        // What jumps has no error.
        if matches!(op, Lt | Le | Gt | Ge | Eq | Ne | FloorDiv) {
            let what = if op == FloorDiv { "`//`" } else { "a comparison" };
            self.plain(&left.0, what, left.1)?;
            self.plain(&right.0, what, right.1)?;
        }
        let bounded = (left.0.clone(), right.0.clone());
        let (a, b) = self.alike(op, op_span, left, right)?;
        let sets = a.sets.clone();
        let result = |kind, re| Number { loose, ..Number::new(kind, sets.clone(), re) };
        if a.kind == Kind::Complex {
            return match op {
                Add | Sub | Mul | Div => {
                    let n = self.complex_operation(op, &a, &b);
                    Ok(Number { loose, ..n })
                }
                Eq | Ne => {
                    let same = [(a.re, b.re), (a.im.unwrap(), b.im.unwrap())].map(|(x, y)| self.b.prim(&rows::EQ, &[x, y]));
                    let both = self.b.prim(&rows::AND, &same);
                    let re = if op == Eq { both } else { self.b.prim(&rows::NOT, &[both]) };
                    Ok(result(Kind::Bool, re))
                }
                _ => self.fail(errors::complex_order(op_span, op)),
            };
        }
        if a.kind == Kind::Bool {
            let row = match op {
                And => &rows::AND,
                Or => &rows::OR,
                Eq | Ne => {
                    let (x, y) = (self.b.convert(a.re, Scalar::Int), self.b.convert(b.re, Scalar::Int));
                    let re = self.b.prim(if op == Eq { &rows::EQ } else { &rows::NE }, &[x, y]);
                    return Ok(result(Kind::Bool, re));
                }
                _ => return self.fail(errors::bool_arithmetic(op_span, op)),
            };
            let re = self.b.prim(row, &[a.re, b.re]);
            return Ok(result(Kind::Bool, re));
        }
        let (row, kind) = match op {
            Add => (&rows::ADD, a.kind),
            Sub => (&rows::SUB, a.kind),
            Mul => (&rows::MUL, a.kind),
            Div => (&rows::DIV, a.kind),
            FloorDiv => (&rows::FLOOR_DIV, a.kind),
            Rem => (&rows::REM, a.kind),
            Eq => (&rows::EQ, Kind::Bool),
            Ne => (&rows::NE, Kind::Bool),
            Lt => (&rows::LT, Kind::Bool),
            Le => (&rows::LE, Kind::Bool),
            Gt => (&rows::GT, Kind::Bool),
            Ge => (&rows::GE, Kind::Bool),
            // Left are `and` and `or`.
            _ => return self.fail(errors::numbers_for_conditions(op_span, op, (left_span, &a), (right_span, &b))),
        };
        if a.kind == Kind::Int && !self.in_library {
            match op {
                FloorDiv | Rem => self.nonzero(op, b.re, right_span),
                Mul => self.product_fits(&bounded.0, &bounded.1, (a.re, b.re), &left_span.to(right_span)),
                _ => {}
            }
        }
        let re = self.b.prim(row, &[a.re, b.re]);
        Ok(result(kind, re))
    }

    /// Fails the run where a divisor is 0 that is known only then.
    fn nonzero(&mut self, op: BinaryOp, divisor: Var, place: &Span) {
        if self.b.uniform_literal(divisor).is_some() {
            return;
        }
        let zero = self.b.zeros_like(divisor);
        let differs = self.b.prim(&rows::NE, &[divisor, zero]);
        self.must_hold(differs, errors::by_zero(op), place);
    }

    /// Fails the run where a product of integers leaves their range. What counts members of index sets can't, and is not tested.
    fn product_fits(&mut self, left: &Number, right: &Number, (a, b): (Var, Var), place: &Span) {
        let literal = |c: &Self, v: Var| match c.b.uniform_literal(v) {
            Some(Literal::Int(n)) => Some(n),
            _ => None,
        };
        let fits = match (literal(self, a), literal(self, b)) {
            (Some(_), Some(_)) => return,
            _ if left.below.is_some() && right.below.is_some() => return,
            (Some(n), None) | (None, Some(n)) if left.below.is_some() || right.below.is_some() || n.unsigned_abs() < 2 => {
                return;
            }
            (Some(n), None) => self.within(b, i64::MAX / n.saturating_abs()),
            (None, Some(n)) => self.within(a, i64::MAX / n.saturating_abs()),
            (None, None) => {
                // The product divided by one of them is the other, if nothing was lost; only 0 divides nothing.
                let product = self.b.mul(a, b);
                let back = self.b.prim(&rows::FLOOR_DIV, &[product, a]);
                let (same, zero) = (self.b.prim(&rows::EQ, &[back, b]), self.b.zeros_like(a));
                let nothing = self.b.prim(&rows::EQ, &[a, zero]);
                self.b.prim(&rows::OR, &[same, nothing])
            }
        };
        self.must_hold(fits, errors::TOO_LARGE.to_string(), place);
    }

    /// Whether an integer lies in -bound … bound.
    fn within(&mut self, x: Var, bound: i64) -> Var {
        let shape = self.b.shape_of(x).to_vec();
        let (low, high) = (self.b.int(-bound), self.b.int(bound));
        let (low, high) = (self.b.broadcast(low, &shape), self.b.broadcast(high, &shape));
        let (above, below) = (self.b.prim(&rows::GE, &[x, low]), self.b.prim(&rows::LE, &[x, high]));
        self.b.prim(&rows::AND, &[above, below])
    }

    /// Fails the run with a message at a place unless a condition holds everywhere.
    fn must_hold(&mut self, condition: Var, message: String, place: &Span) {
        let before = self.b.at(place);
        let dims = (0..self.b.shape_of(condition).len()).collect();
        let all = self.b.reduce(Monoid::All, condition, dims);
        self.b.require(all, message);
        self.b.set_span(before);
    }

    // ---- tuples and records, part by part ----

    /// `f` of every part: tuples and records of numbers are vectors, which scalars multiply.
    fn each_part(&mut self, value: Value, f: &mut dyn FnMut(&mut Self, Value) -> Checked<Value>) -> Checked<Value> {
        match value {
            Value::Tuple(items) => {
                let items: Checked<Vec<Value>> = items.iter().map(|v| self.each_part(v.clone(), f)).collect();
                Ok(Value::Tuple(Rc::new(items?)))
            }
            Value::Record(fields) => {
                let fields: Checked<Vec<_>> = fields.iter().map(|(n, v)| Ok((n.clone(), self.each_part(v.clone(), f)?))).collect();
                Ok(Value::Record(Rc::new(fields?)))
            }
            part => f(self, part),
        }
    }

    /// The sum or difference of two tuples or records with the same parts.
    fn part_by_part(&mut self, op: BinaryOp, op_span: &Span, left: (Value, &Span), right: (Value, &Span)) -> Checked<Value> {
        match (&left.0, &right.0) {
            (Value::Tuple(a), Value::Tuple(b)) if a.len() == b.len() => {
                let pairs = a.iter().zip(b.iter());
                let items: Checked<Vec<Value>> =
                    pairs.map(|(x, y)| self.operate(op, op_span, (x.clone(), left.1), (y.clone(), right.1))).collect();
                Ok(Value::Tuple(Rc::new(items?)))
            }
            (Value::Record(a), Value::Record(b)) if a.len() == b.len() && a.iter().all(|(n, _)| b.iter().any(|(m, _)| m == n)) => {
                let pairs = a.iter().map(|(n, x)| (n, x, &b.iter().find(|(m, _)| m == n).expect("just found").1));
                let fields: Checked<Vec<_>> = pairs
                    .map(|(n, x, y)| Ok((n.clone(), self.operate(op, op_span, (x.clone(), left.1), (y.clone(), right.1))?)))
                    .collect();
                Ok(Value::Record(Rc::new(fields?)))
            }
            (a, b) => self.fail(errors::operands(op_span, op, (left.1, a), (right.1, b))),
        }
    }

    /// Refuses arithmetic of known integers that leaves the range of 64 bits.
    fn known_ints(&mut self, op: BinaryOp, op_span: &Span, a: &Number, b: &Number) -> Checked<()> {
        use BinaryOp::*;
        let known = |c: &Self, n: &Number| c.literal_int(&Value::Number(n.clone()));
        let (Some(x), Some(y)) = (known(self, a), known(self, b)) else { return Ok(()) };
        let within = match op {
            Add => x.checked_add(y).is_some(),
            Sub => x.checked_sub(y).is_some(),
            Mul => x.checked_mul(y).is_some(),
            Pow => y < 0 || u32::try_from(y).ok().and_then(|y| x.checked_pow(y)).is_some() || x.abs() <= 1,
            _ => true,
        };
        if within { Ok(()) } else { self.fail(errors::int_overflow(op_span)) }
    }

    /// Two operands with one kind and one shape.
    fn alike(&mut self, op: BinaryOp, op_span: &Span, left: (Number, &Span), right: (Number, &Span)) -> Checked<(Number, Number)> {
        let (mut a, mut b) = (left.0, right.0);
        if a.sets != b.sets && !a.is_scalar() && !b.is_scalar() {
            return self.fail(errors::other_sets(op_span, op, (left.1, &a), (right.1, &b)));
        }
        let Some(mut kind) = common_kind(&a, &b) else {
            return self.fail(errors::other_kind(op_span, op, (left.1, &a), (right.1, &b)));
        };
        if op == BinaryOp::Div && kind == Kind::Int {
            kind = Kind::Real; // `/` is never integer division
        }
        (a, b) = (self.as_kind(&a, kind), self.as_kind(&b, kind));
        let sets = if a.is_scalar() { b.sets.clone() } else { a.sets.clone() };
        Ok((self.spread_over(a, &sets), self.spread_over(b, &sets)))
    }

    /// Numbers brought to their common kind and shape, for functions of several arguments.
    pub fn all_alike(&mut self, numbers: Vec<(Number, Span)>) -> Checked<Vec<Number>> {
        let mut kind = numbers[0].0.clone();
        let mut sets = vec![];
        for (n, span) in &numbers {
            let Some(common) = common_kind(&kind, n) else {
                return self.fail(errors::wrong_type(span, kind.kind.name(), &n.describe()));
            };
            kind = Number { kind: common, loose: kind.loose && n.loose, ..kind };
            if sets.is_empty() {
                sets = n.sets.clone();
            } else if !n.is_scalar() && n.sets != sets {
                return self.fail(errors::wrong_type(span, &describe(common, &sets), &n.describe()));
            }
        }
        Ok(numbers
            .into_iter()
            .map(|(n, _)| {
                let n = self.as_kind(&n, kind.kind);
                self.spread_over(n, &sets)
            })
            .collect())
    }

    /// `a..b`: the integers from a to b − 1.
    fn range(&mut self, left: (Number, &Span), right: (Number, &Span)) -> Checked<Number> {
        let mut ends = vec![];
        for (n, span) in [&left, &right] {
            match self.literal_int(&Value::Number(n.clone())) {
                Some(k) => ends.push(k),
                None => return self.fail(errors::unknown_range(span)),
            }
        }
        let size = (ends[1] - ends[0]).max(0) as usize;
        if ends[0] > ends[1] && !self.in_library && is_written_downwards(left.1, right.1, ends[1]) {
            self.error(errors::empty_range(&left.1.to(right.1), ends[0], ends[1]));
        }
        let count = self.b.iota(size);
        let start = self.b.int(ends[0]);
        let re = self.b.add(start, count);
        Ok(Number::new(Kind::Int, vec![IndexSet::Range(size)], re))
    }

    fn power(&mut self, op_span: &Span, base: (Number, &Span), exponent: (Number, &Span)) -> Checked<Number> {
        let loose = base.0.loose && exponent.0.loose;
        let (mut x, n) = (base.0, exponent.0);
        if n.kind == Kind::Int && n.is_scalar() && x.kind != Kind::Bool {
            if let Some(k) = self.literal_int(&Value::Number(n.clone())) {
                if x.kind == Kind::Int {
                    self.known_ints(BinaryOp::Pow, op_span, &x, &n)?;
                }
                if x.kind == Kind::Int && k < 0 {
                    x = self.as_kind(&x, Kind::Real);
                }
                if x.kind == Kind::Int && k > 1 && x.below.is_none() && self.b.uniform_literal(x.re).is_none() && !self.in_library {
                    let fits = self.within(x.re, largest_root(k));
                    self.must_hold(fits, errors::TOO_LARGE.to_string(), &base.1.to(exponent.1));
                }
                if k.abs() <= 64 || x.kind == Kind::Int || x.kind == Kind::Complex {
                    let result = self.integer_power(&x, k);
                    return Ok(Number { loose, below: None, ..result });
                }
            }
            if x.kind == Kind::Complex {
                return self.fail(errors::unknown_exponent(exponent.1));
            }
            let x = if x.kind == Kind::Int { self.as_kind(&x, Kind::Real) } else { x };
            let n = self.spread_over(n, &x.sets);
            let re = self.b.prim(&prim::math::POWER_INT, &[x.re, n.re]);
            return Ok(Number { loose, below: None, re, ..x });
        }
        let (x, y) = self.alike(BinaryOp::Div, op_span, (x, base.1), (n, exponent.1))?;
        if x.kind == Kind::Bool {
            return self.fail(errors::bool_arithmetic(op_span, BinaryOp::Pow));
        }
        if x.kind == Kind::Complex {
            // z^w = exp(w log z), on the principal branch
            let logarithm = self.complex_function("log", &x).expect("log is defined for complex numbers");
            let product = self.complex_operation(BinaryOp::Mul, &y, &logarithm);
            let result = self.complex_function("exp", &product).expect("exp is defined for complex numbers");
            return Ok(Number { loose, ..result });
        }
        let re = self.b.prim(&prim::math::POW, &[x.re, y.re]);
        Ok(Number { loose, re, ..x })
    }

    /// By squaring from the lowest bit, like the row `power_int`.
    fn integer_power(&mut self, x: &Number, k: i64) -> Number {
        let mut result: Option<Number> = None;
        let mut square = x.clone();
        let mut rest = k.unsigned_abs();
        while rest > 0 {
            if rest & 1 == 1 {
                result = Some(match result {
                    None => square.clone(),
                    Some(r) => self.product(&r, &square),
                });
            }
            rest >>= 1;
            if rest > 0 {
                square = self.product(&square, &square);
            }
        }
        let result = result.unwrap_or_else(|| self.ones_like(x));
        if k >= 0 {
            return result;
        }
        let one = self.ones_like(x);
        if x.kind == Kind::Complex {
            return self.complex_operation(BinaryOp::Div, &one, &result);
        }
        let re = self.b.div(one.re, result.re);
        Number { re, ..result }
    }

    fn ones_like(&mut self, x: &Number) -> Number {
        let shape = x.shape();
        let re = self.b.full(x.kind.scalar(), &shape, 1.0);
        let im = x.im.map(|_| self.b.full(x.kind.scalar(), &shape, 0.0));
        Number { re, im, below: None, ..x.clone() }
    }

    pub fn product(&mut self, a: &Number, b: &Number) -> Number {
        if a.kind == Kind::Complex {
            return self.complex_operation(BinaryOp::Mul, a, b);
        }
        let re = self.b.mul(a.re, b.re);
        Number { re, below: None, ..a.clone() }
    }

    // ---- complex numbers ----

    pub fn complex(&mut self, sets: Vec<IndexSet>, re: Var, im: Var) -> Number {
        Number { im: Some(im), ..Number::new(Kind::Complex, sets, re) }
    }

    pub fn complex_operation(&mut self, op: BinaryOp, a: &Number, b: &Number) -> Number {
        let (x, y) = (a.re, a.im.unwrap());
        let (u, v) = (b.re, b.im.unwrap());
        // A number without an imaginary (real) part has none: no product with a zero, which an infinite factor would make a NaN.
        let zero = |c: &Builder, part: Var| matches!(c.uniform_literal(part), Some(Literal::Real(0.0) | Literal::F32(0.0)));
        let (real, imaginary) = ((zero(&self.b, y), zero(&self.b, v)), (zero(&self.b, x), zero(&self.b, u)));
        let c = &mut self.b;
        let (re, im) = match op {
            BinaryOp::Mul if real.1 => (c.mul(x, u), c.mul(y, u)),
            BinaryOp::Mul if real.0 => (c.mul(x, u), c.mul(x, v)),
            BinaryOp::Mul if imaginary.1 => {
                let yv = c.mul(y, v);
                (c.neg(yv), c.mul(x, v))
            }
            BinaryOp::Mul if imaginary.0 => {
                let yv = c.mul(y, v);
                (c.neg(yv), c.mul(y, u))
            }
            BinaryOp::Div if real.1 => (c.div(x, u), c.div(y, u)),
            BinaryOp::Add => (c.add(x, u), c.add(y, v)),
            BinaryOp::Sub => (c.sub(x, u), c.sub(y, v)),
            BinaryOp::Mul => {
                let (xu, yv, xv) = (c.mul(x, u), c.mul(y, v), c.mul(x, v));
                // The derivative of a square is then twice that of one product.
                let yu = if (x, y) == (u, v) { xv } else { c.mul(y, u) };
                (c.sub(xu, yv), c.add(xv, yu))
            }
            BinaryOp::Div => {
                let (uu, vv) = (c.mul(u, u), c.mul(v, v));
                let norm = c.add(uu, vv);
                let (xu, yv, yu, xv) = (c.mul(x, u), c.mul(y, v), c.mul(y, u), c.mul(x, v));
                let (top, side) = (c.add(xu, yv), c.sub(yu, xv));
                (c.div(top, norm), c.div(side, norm))
            }
            _ => unreachable!("not an operation of complex numbers"),
        };
        self.complex(a.sets.clone(), re, im)
    }

    /// An elementary function of a complex number; None if it has none here.
    pub fn complex_function(&mut self, name: &str, z: &Number) -> Option<Number> {
        let (x, y) = (z.re, z.im.unwrap());
        let sets = z.sets.clone();
        let real = |re| Some(Number::new(Kind::Real, sets.clone(), re));
        let c = &mut self.b;
        let (re, im) = match name {
            "abs" => {
                let (xx, yy) = (c.mul(x, x), c.mul(y, y));
                let square = c.add(xx, yy);
                return real(c.call("sqrt", &[square]));
            }
            "exp" => {
                let (size, cos, sin) = (c.call("exp", &[x]), c.call("cos", &[y]), c.call("sin", &[y]));
                (c.mul(size, cos), c.mul(size, sin))
            }
            "log" => {
                let (xx, yy) = (c.mul(x, x), c.mul(y, y));
                let square = c.add(xx, yy);
                let twice = c.call("log", &[square]);
                (c.scale(twice, 0.5), c.call("atan2", &[y, x]))
            }
            "sin" | "cos" => {
                let (sin, cos, sinh, cosh) =
                    (c.call("sin", &[x]), c.call("cos", &[x]), c.call("sinh", &[y]), c.call("cosh", &[y]));
                if name == "sin" {
                    (c.mul(sin, cosh), c.mul(cos, sinh))
                } else {
                    let im = c.mul(sin, sinh);
                    (c.mul(cos, cosh), c.neg(im))
                }
            }
            "sinh" | "cosh" => {
                let (sin, cos, sinh, cosh) =
                    (c.call("sin", &[y]), c.call("cos", &[y]), c.call("sinh", &[x]), c.call("cosh", &[x]));
                if name == "sinh" { (c.mul(sinh, cos), c.mul(cosh, sin)) } else { (c.mul(cosh, cos), c.mul(sinh, sin)) }
            }
            "tan" | "tanh" => {
                let (top, bottom) = if name == "tan" { ("sin", "cos") } else { ("sinh", "cosh") };
                let (top, bottom) = (self.complex_function(top, z)?, self.complex_function(bottom, z)?);
                return Some(self.complex_operation(BinaryOp::Div, &top, &bottom));
            }
            "sqrt" => {
                // √z = √|z| (cos θ/2 + i sin θ/2)
                let (xx, yy) = (c.mul(x, x), c.mul(y, y));
                let square = c.add(xx, yy);
                let size = c.call("sqrt", &[square]);
                let root = c.call("sqrt", &[size]);
                let angle = c.call("atan2", &[y, x]);
                let half = c.scale(angle, 0.5);
                let (cos, sin) = (c.call("cos", &[half]), c.call("sin", &[half]));
                (c.mul(root, cos), c.mul(root, sin))
            }
            _ => return None,
        };
        Some(self.complex(sets, re, im))
    }

    // ---- primitives called by name ----

    /// A row applied to numbers, elementwise.
    pub fn apply(&mut self, row: &'static Prim, arguments: Vec<(Number, Span)>, call: &Span) -> Checked<Number> {
        if arguments.len() != row.arity() {
            return self.fail(errors::primitive_arguments(call, row.name, row.doc, row.arity(), arguments.len()));
        }
        let loose = arguments.iter().all(|(n, _)| n.loose);
        let spans: Vec<Span> = arguments.iter().map(|(_, s)| s.clone()).collect();
        if matches!(row.partials, Partials::Constant) && !matches!(row.run, Run::Test(..)) {
            for (n, span) in &arguments {
                self.plain(n, &format!("`{}`", row.name), span)?;
            }
        }
        if let Run::FloatInt(..) = row.run {
            return self.apply_to_integer(row, arguments, call, loose);
        }
        let mut numbers = self.all_alike(arguments)?;
        if numbers[0].kind == Kind::Complex {
            if row.name == "abs" {
                let z = numbers[0].clone();
                self.take_part(&z, call);
            }
            let found = if numbers.len() == 1 { self.complex_function(row.name, &numbers[0]) } else { None };
            return match found {
                Some(result) => Ok(Number { loose, ..result }),
                None => self.fail(errors::no_complex(call, row.name)),
            };
        }
        if numbers[0].kind == Kind::Bool {
            return self.fail(errors::wrong_type(&spans[0], "a number", &numbers[0].describe()));
        }
        if numbers[0].kind == Kind::Int && matches!(row.run, Run::Float1(..) | Run::Float2(..) | Run::Test(..)) {
            numbers = numbers.iter().map(|n| self.as_kind(n, Kind::Real)).collect();
        }
        let args: Vec<Var> = numbers.iter().map(|n| n.re).collect();
        let re = self.b.prim(row, &args);
        let kind = if self.b.scalar_of(re) == Scalar::Bool { Kind::Bool } else { numbers[0].kind };
        Ok(Number { loose, ..Number::new(kind, numbers[0].sets.clone(), re) })
    }

    /// A row of a float and an integer, which keep their kinds.
    fn apply_to_integer(&mut self, row: &'static Prim, arguments: Vec<(Number, Span)>, call: &Span, loose: bool) -> Checked<Number> {
        let Ok([(x, x_span), (n, n_span)]) = <[_; 2]>::try_from(arguments) else { unreachable!("two were counted") };
        match x.kind {
            Kind::Complex => return self.fail(errors::no_complex(call, row.name)),
            Kind::Bool => return self.fail(errors::wrong_type(&x_span, "a number", &x.describe())),
            _ => {}
        }
        if n.kind != Kind::Int {
            return self.fail(errors::wrong_type(&n_span, "int", &n.describe()));
        }
        if x.sets != n.sets && !x.is_scalar() && !n.is_scalar() {
            return self.fail(errors::wrong_type(&n_span, &describe(Kind::Int, &x.sets), &n.describe()));
        }
        let x = if x.kind == Kind::Int { self.as_kind(&x, Kind::Real) } else { x };
        let (kind, sets) = (x.kind, if x.is_scalar() { n.sets.clone() } else { x.sets.clone() });
        let args = [self.spread_over(x, &sets).re, self.spread_over(n, &sets).re];
        let re = self.b.prim(row, &args);
        Ok(Number { loose, ..Number::new(kind, sets, re) })
    }

    // ---- matrices ----

    fn matrix_product(&mut self, op_span: &Span, left: (Number, &Span), right: (Number, &Span)) -> Checked<Number> {
        let (a, b) = (&left.0, &right.0);
        let (m, n) = (a.sets.len(), b.sets.len());
        if m == 0 || n == 0 || m > 2 || n > 2 {
            return self.fail(errors::not_matrices(op_span, (left.1, a), (right.1, b)));
        }
        if a.sets[m - 1] != b.sets[0] {
            return self.fail(errors::matrix_mismatch(op_span, (left.1, a), (right.1, b)));
        }
        let Some(kind) = common_kind(a, b).filter(|k| *k != Kind::Bool) else {
            return self.fail(errors::other_kind(op_span, BinaryOp::MatMul, (left.1, a), (right.1, b)));
        };
        let kind = if kind == Kind::Int { Kind::Real } else { kind };
        let (a, b) = (self.as_kind(a, kind), self.as_kind(b, kind));
        let sets: Vec<IndexSet> = a.sets[..m - 1].iter().chain(&b.sets[1..]).cloned().collect();
        let mut product = |x: Var, y: Var| self.b.contract(x, y, vec![], vec![(m - 1, 0)]);
        let (Some(ai), Some(bi)) = (a.im, b.im) else {
            let re = product(a.re, b.re);
            return Ok(Number::new(kind, sets, re));
        };
        let (rr, ii, ri, ir) = (product(a.re, b.re), product(ai, bi), product(a.re, bi), product(ai, b.re));
        let (re, im) = (self.b.sub(rr, ii), self.b.add(ri, ir));
        Ok(self.complex(sets, re, im))
    }

    /// `A'`: transposed, and conjugated if complex.
    pub fn transpose(&mut self, n: &Number) -> Number {
        let order: Vec<usize> = (0..n.sets.len()).rev().collect();
        let mut turned = n.clone().map_leaves(&mut |v| if order.len() < 2 { v } else { self.b.transpose(v, &order) });
        turned.im = turned.im.map(|im| self.b.neg(im));
        turned.sets.reverse();
        turned
    }
}

/// The kind that two operands take together; None if they do not mix.
pub fn common_kind(a: &Number, b: &Number) -> Option<Kind> {
    use Kind::*;
    let pair = |x: &Number, y: &Number| match (x.kind, y.kind) {
        (p, q) if p == q => Some(p),
        (Int, Real | Complex | F32) => Some(y.kind),
        (Real, Complex) => Some(Complex),
        (Real, F32) if x.loose => Some(F32),
        _ => None,
    };
    pair(a, b).or_else(|| pair(b, a))
}

impl Checker<'_> {
    /// A literal.
    pub fn literal(&mut self, literal: Literal) -> Number {
        let kind = match literal {
            Literal::Real(_) => Kind::Real,
            Literal::F32(_) => Kind::F32,
            Literal::Int(_) => Kind::Int,
            Literal::Bool(_) => Kind::Bool,
        };
        let re = self.b.constant(literal);
        Number { loose: true, ..Number::scalar(kind, re) }
    }
}

/// `10..0`, `n..0`, `n..1`; but `1..n - 3` is empty for some n, as it should be.
fn is_written_downwards(from: &Span, to: &Span, end: i64) -> bool {
    let is_number = |span: &Span| span.text().trim_start_matches('-').chars().all(|c| c.is_ascii_digit() || c == '_');
    is_number(to) && (is_number(from) || end == 0 || end == 1)
}

/// The largest integer whose k-th power is one of 64 bits.
fn largest_root(k: i64) -> i64 {
    let fits = |x: i64| u32::try_from(k).ok().and_then(|k| x.checked_pow(k)).is_some();
    let (mut fit, mut not) = (1, 1 << 32);
    while not - fit > 1 {
        let middle = fit + (not - fit) / 2;
        if fits(middle) { fit = middle } else { not = middle }
    }
    fit
}
