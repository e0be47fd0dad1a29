//! Functions of matrices, of the order of numbers, and Fourier transforms: done by array routines.

use super::arithmetic::common_kind;
use super::builtin::{Call, as_number};
use super::expression::tight;
use super::value::*;
use super::*;
use crate::routine::linear as rows;
use crate::routine::{Routine, fourier, hermitian, order};
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, UnaryOp};

/// Functions that mean a matrix as a whole, and for which no one squares its entries.
const OF_MATRICES: &[&str] = &["trace", "determinant", "log_determinant", "inverse", "eigenvalues", "eigensystem"];

impl Checker<'_> {
    /// `trace(A^2)`, `trace(0.5*A^2 + g*A^4)`: the power goes element by element, which is hardly meant there.
    pub fn warn_of_power_in(&mut self, function: &Function, argument: &Expr, value: &Value) {
        let name = function.name();
        let is_ours = match function {
            Function::Builtin(_) => true,
            Function::User(closure) => closure.library,
            _ => false,
        };
        if is_ours
            && OF_MATRICES.contains(&&*name)
            && !self.in_library
        {
            if let Some((matrix, exponent)) = power_of_matrix(argument, value) {
                self.warn_of_power(&argument.span, &name, matrix, exponent);
            } else {
                self.warn_of_power_among_terms(&name, argument);
            }
        }
    }

    fn warn_of_power(&mut self, power: &Span, function: &str, matrix: &Span, exponent: i64) {
        if exponent != 1 {
            self.error(errors::power_in_function(power, function, matrix, exponent));
        }
    }

    /// Powers of named matrices in a sum of terms with factors: those of numbers, `c^2 * A`, are meant as they stand.
    fn warn_of_power_among_terms(&mut self, function: &str, e: &Expr) {
        match &*e.kind {
            ExprKind::Binary { op: BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul, left, right, .. } => {
                self.warn_of_power_among_terms(function, left);
                self.warn_of_power_among_terms(function, right);
            }
            ExprKind::Binary { op: BinaryOp::Div, left: value, .. } | ExprKind::Unary { op: UnaryOp::Neg, value } => {
                self.warn_of_power_among_terms(function, value);
            }
            ExprKind::Binary { op: BinaryOp::Pow, left, .. } => {
                let ExprKind::Name(name) = &*left.kind else { return };
                let Some(value) = self.lookup(&name.text).map(|b| b.value.clone()) else { return };
                if let Some((matrix, exponent)) = power_of_matrix(e, &value) {
                    self.warn_of_power(&e.span, function, matrix, exponent);
                }
            }
            _ => {}
        }
    }

    /// `A^-1 @ b`: reciprocals of the entries, which are hardly meant there.
    pub fn warn_of_reciprocals(&mut self, operand: &Expr, value: &Value, right: Option<&Expr>) {
        if !self.in_library
            && let Some((matrix, -1)) = power_of_matrix(operand, value)
        {
            self.error(errors::reciprocals_for_inverse(&operand.span, matrix, right.map(|e| &e.span)));
        }
    }
}

/// Of `A^2`, where A is a square matrix, the matrix and the exponent.
fn power_of_matrix<'e>(e: &'e Expr, value: &Value) -> Option<(&'e Span, i64)> {
    let ExprKind::Binary { op: BinaryOp::Pow, left, right, .. } = &*e.kind else { return None };
    let Value::Number(n) = value else { return None };
    let is_square = n.sets.len() == 2 && n.sets[0].size() == n.sets[1].size();
    let exponent = match &*right.kind {
        ExprKind::Int(k) => *k,
        ExprKind::Unary { op: UnaryOp::Neg, value } => match &*value.kind {
            ExprKind::Int(k) => -*k,
            _ => return None,
        },
        _ => return None,
    };
    is_square.then_some((&left.span, exponent))
}

pub fn inverse(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let a = argument(c, &mut call)?;
    let sets = a.0.sets.iter().rev().cloned().collect();
    equal_sizes(c, &call, &a)?;
    Ok(number(a.0.kind, sets, &c.b.routine(&rows::INVERSE, 0, parts(&a.0))))
}

pub fn solve(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let [(a, a_span), (b, b_span)] = call.exactly::<2>(c)?;
    let (a, b) = (matrix(c, &call, (a, a_span)), numbers(c, (b, b_span)));
    let ((a, a_span), (b, b_span)) = (a?, b?);
    equal_sizes(c, &call, &(a.clone(), a_span.clone()))?;
    if b.sets.first() != Some(&a.sets[0]) || b.sets.len() > 2 {
        return c.fail(errors::right_side((&a_span, &a), (&b_span, &b)));
    }
    let Some(kind) = common_kind(&a, &b) else {
        return c.fail(errors::wrong_type(&b_span, a.kind.name(), &b.describe()));
    };
    let (a, b) = (c.as_kind(&a, kind), c.as_kind(&b, kind));
    let sets: Vec<IndexSet> = [&a.sets[1..], &b.sets[1..]].concat();
    let columns = b.sets.get(1).map_or(1, IndexSet::size);
    let right = b.map_leaves(&mut |v| c.b.reshape(v, vec![a.sets[0].size(), columns]));
    let solution = c.b.routine(&rows::SOLVE, 0, [parts(&a), parts(&right)].concat());
    let shape: Vec<usize> = sets.iter().map(IndexSet::size).collect();
    let solution: Vec<Var> = solution.into_iter().map(|x| c.b.reshape(x, shape.clone())).collect();
    Ok(number(kind, sets, &solution))
}

/// `determinant`, `log_determinant`: a number. A jacobian over several index sets is a matrix over all of them.
pub fn scalar(c: &mut Checker, mut call: Call, row: &'static Routine) -> Checked<Value> {
    let [given] = call.exactly::<1>(c)?;
    let (n, span) = numbers(c, given)?;
    let given = (Value::Number(jacobian_as_matrix(c, n)), span);
    let a = matrix(c, &call, given)?;
    equal_sets(c, &call, &a)?;
    Ok(number(a.0.kind, vec![], &c.b.routine(row, 0, parts(&a.0))))
}

/// L with A = L L†, by one of the rows that give it.
pub fn factor(c: &mut Checker, mut call: Call, row: &'static Routine) -> Checked<Value> {
    let a = argument(c, &mut call)?;
    equal_sets(c, &call, &a)?;
    c.take_part(&a.0, call.span);
    Ok(number(a.0.kind, a.0.sets.clone(), &c.b.routine(row, 0, parts(&a.0))))
}

pub fn eigenvalues(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let a = argument(c, &mut call)?;
    equal_sets(c, &call, &a)?;
    Ok(real_values(c, &call, &a.0, &hermitian::EIGENVALUES))
}

/// Values, and vectors as columns.
pub fn eigensystem(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let a = argument(c, &mut call)?;
    equal_sets(c, &call, &a)?;
    c.take_part(&a.0, call.span);
    let count = IndexSet::Range(a.0.sets[0].size());
    let outs = c.b.routine(&hermitian::EIGENSYSTEM, 0, parts(&a.0));
    let values = number(real_kind(a.0.kind), vec![count.clone()], &outs[..1]);
    let vectors = number(a.0.kind, vec![a.0.sets[0].clone(), count], &outs[1..outs.len() - 1]);
    Ok(Value::Tuple(Rc::new(vec![values, vectors])))
}

pub fn singular_values(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let (a, _) = argument(c, &mut call)?;
    Ok(real_values(c, &call, &a, &hermitian::SINGULAR_VALUES))
}

/// Real numbers of a matrix, counted by integers: they belong to no row or column.
fn real_values(c: &mut Checker, call: &Call, a: &Number, row: &'static Routine) -> Value {
    c.take_part(a, call.span);
    let outs = c.b.routine(row, 0, parts(a));
    let count = IndexSet::Range(c.b.shape_of(outs[0])[0]);
    number(real_kind(a.kind), vec![count], &outs)
}

fn real_kind(kind: Kind) -> Kind {
    if kind == Kind::Complex { Kind::Real } else { kind }
}

// ---- order ----

pub fn sort(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let (x, positions) = positions(c, &mut call)?;
    let sorted = c.b.gather(x.re, vec![positions], false);
    Ok(number(x.kind, vec![IndexSet::Range(x.sets[0].size())], &[sorted]))
}

pub fn order(c: &mut Checker, mut call: Call) -> Checked<Value> {
    let (x, positions) = positions(c, &mut call)?;
    Ok(number(Kind::Int, vec![IndexSet::Range(x.sets[0].size())], &[positions]))
}

/// An array over one index set, and the positions of its entries in ascending order.
fn positions(c: &mut Checker, call: &mut Call) -> Checked<(Number, Var)> {
    let (x, span) = call.one_number(c)?;
    match x.kind {
        Kind::Complex => return c.fail(errors::complex_order_of(&span)),
        Kind::Bool => return c.needs(&span, "an array of numbers", &Value::Number(x)),
        _ => {}
    }
    if x.sets.len() != 1 {
        return c.fail(errors::row_needed(&span, call.builtin.name, &x));
    }
    let positions = c.b.routine(&order::ORDER, 0, vec![x.re]);
    Ok((x, positions[0]))
}

// ---- Fourier transforms ----

/// Over the first index set: a field's momenta, or an integer as large.
pub fn fourier(c: &mut Checker, mut call: Call) -> Checked<Value> {
    transform(c, &mut call, &fourier::FOURIER, |set| match set {
        IndexSet::Lattice(lattice) => Ok((lattice.sizes.clone(), IndexSet::Momenta(lattice.clone()))),
        IndexSet::Range(n) => Ok((vec![*n], set.clone())),
        IndexSet::Momenta(_) => Err("write inverse_fourier(x)"),
        IndexSet::Ensemble(_) => Err("of each draw: [fourier(φ) for φ in …]"),
        _ => Err("it goes from a lattice Λ to Λ.momenta, or along an integer"),
    })
}

pub fn inverse_fourier(c: &mut Checker, mut call: Call) -> Checked<Value> {
    transform(c, &mut call, &fourier::INVERSE_FOURIER, |set| match set {
        IndexSet::Momenta(lattice) => Ok((lattice.sizes.clone(), IndexSet::Lattice(lattice.clone()))),
        IndexSet::Range(n) => Ok((vec![*n], set.clone())),
        IndexSet::Lattice(_) => Err("write fourier(x)"),
        IndexSet::Ensemble(_) => Err("of each draw: [inverse_fourier(x) for x in …]"),
        _ => Err("it goes from the momenta of a lattice Λ to Λ, or along an integer"),
    })
}

/// Further index sets count components.
fn transform(
    c: &mut Checker,
    call: &mut Call,
    row: &'static Routine,
    of: fn(&IndexSet) -> Result<(Vec<usize>, IndexSet), &'static str>,
) -> Checked<Value> {
    let [given] = call.exactly::<1>(c)?;
    let (x, span) = numbers(c, given)?;
    let Some(first) = x.sets.first() else { return c.needs(&span, "an array", &Value::Number(x)) };
    let (sizes, result) = match of(first) {
        Ok(found) => found,
        Err(help) => return c.fail(errors::no_transform(&span, call.builtin.name, &x, help)),
    };
    if let IndexSet::Lattice(lattice) | IndexSet::Momenta(lattice) = first
        && lattice.boundary.iter().any(|b| *b != Boundary::Periodic)
    {
        return c.fail(errors::transform_without_period(&span, call.builtin.name, lattice));
    }
    let z = c.as_kind(&x, Kind::Complex);
    let parts: Vec<Var> = parts(&z).into_iter().map(|v| unfolded(c, v, &sizes)).collect();
    let outs = c.b.routine(row, x.sets.len() - 1, parts);
    let outs: Vec<Var> = outs.into_iter().map(|v| folded(c, v, sizes.len())).collect();
    Ok(number(Kind::Complex, [&[result], &x.sets[1..]].concat(), &outs))
}

/// The first dimension behind the others, and apart into `sizes`.
fn unfolded(c: &mut Checker, v: Var, sizes: &[usize]) -> Var {
    let rank = c.b.shape_of(v).len();
    let order: Vec<usize> = (1..rank).chain([0]).collect();
    let last = c.b.transpose(v, &order);
    let shape = [&c.b.shape_of(last)[..rank - 1], sizes].concat();
    c.b.reshape(last, shape)
}

/// The last dimensions as one, in front of the others.
fn folded(c: &mut Checker, v: Var, dimensions: usize) -> Var {
    let shape = c.b.shape_of(v).to_vec();
    let (rest, sizes) = shape.split_at(shape.len() - dimensions);
    let flat = c.b.reshape(v, [rest, &[sizes.iter().product()]].concat());
    let order: Vec<usize> = [rest.len()].into_iter().chain(0..rest.len()).collect();
    c.b.transpose(flat, &order)
}

// ---- arguments and results ----

/// The only argument: a matrix of floats.
fn argument(c: &mut Checker, call: &mut Call) -> Checked<(Number, Span)> {
    let [given] = call.exactly::<1>(c)?;
    matrix(c, call, given)
}

fn matrix(c: &mut Checker, call: &Call, given: (Value, Span)) -> Checked<(Number, Span)> {
    let (n, span) = numbers(c, given)?;
    if n.sets.len() == 2 { Ok((n, span)) } else { c.fail(errors::matrix_needed(&span, call.builtin.name, &n)) }
}

/// An array over the same index sets twice, as a matrix; others as they are.
fn jacobian_as_matrix(c: &mut Checker, n: Number) -> Number {
    let half = n.sets.len() / 2;
    if half < 2 || n.sets[..half] != n.sets[half..] {
        return n;
    }
    let size = n.sets[..half].iter().map(IndexSet::size).product();
    let matrix = n.map_leaves(&mut |v| c.b.reshape(v, vec![size, size]));
    Number { sets: vec![IndexSet::Range(size); 2], ..matrix }
}

/// Numbers, as floats.
fn numbers(c: &mut Checker, (value, span): (Value, Span)) -> Checked<(Number, Span)> {
    let n = as_number(c, value, &span)?;
    match n.kind {
        Kind::Bool => c.needs(&span, "an array of numbers", &Value::Number(n)),
        Kind::Int => Ok((c.as_kind(&n, Kind::Real), span)),
        _ => Ok((n, span)),
    }
}

/// As many rows as columns; over what they run may differ.
fn equal_sizes(c: &mut Checker, call: &Call, (a, span): &(Number, Span)) -> Checked<()> {
    let sizes = a.shape();
    if sizes[0] == sizes[1] { Ok(()) } else { c.fail(errors::not_square(span, call.builtin.name, a)) }
}

/// Rows and columns over one index set.
fn equal_sets(c: &mut Checker, call: &Call, a: &(Number, Span)) -> Checked<()> {
    equal_sizes(c, call, a)?;
    let (a, span) = a;
    if a.sets[0] == a.sets[1] { Ok(()) } else { c.fail(errors::rows_and_columns(span, call.builtin.name, a)) }
}

fn parts(n: &Number) -> Vec<Var> {
    [Some(n.re), n.im].into_iter().flatten().collect()
}

/// An array of the parts that a routine gives.
fn number(kind: Kind, sets: Vec<IndexSet>, parts: &[Var]) -> Value {
    tight(Value::Number(Number { im: parts.get(1).copied(), ..Number::new(kind, sets, parts[0]) }))
}
