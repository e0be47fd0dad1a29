//! Functions of matrices, done by array routines.

use super::arithmetic::common_kind;
use super::builtin::{Call, as_number};
use super::expression::tight;
use super::value::*;
use super::*;
use crate::routine::linear as rows;

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

/// Numbers, as floats.
fn numbers(c: &mut Checker, (value, span): (Value, Span)) -> Checked<(Number, Span)> {
    let n = as_number(c, value, &span)?;
    match n.kind {
        Kind::Bool => c.fail(errors::expected(&span, "an array of numbers", &Value::Number(n))),
        Kind::Int => Ok((c.as_kind(&n, Kind::Real), span)),
        _ => Ok((n, span)),
    }
}

/// As many rows as columns; over what they run may differ.
fn equal_sizes(c: &mut Checker, call: &Call, (a, span): &(Number, Span)) -> Checked<()> {
    let sizes = a.shape();
    if sizes[0] == sizes[1] { Ok(()) } else { c.fail(errors::not_square(span, call.builtin.name, a)) }
}

fn parts(n: &Number) -> Vec<Var> {
    [Some(n.re), n.im].into_iter().flatten().collect()
}

/// An array of the parts that a routine gives.
fn number(kind: Kind, sets: Vec<IndexSet>, parts: &[Var]) -> Value {
    tight(Value::Number(Number { im: parts.get(1).copied(), ..Number::new(kind, sets, parts[0]) }))
}
