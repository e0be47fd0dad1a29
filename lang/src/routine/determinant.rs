//! Determinants and their logarithms.

use super::linear::{identities, joined, square};
use super::matrix::Matrix;
use super::*;
use crate::routine::linear::INVERSE;
use moyal_runtime::linear::lower_upper::factors;
use moyal_runtime::linear::{Complex, Element};
use moyal_runtime::math;

pub static ROWS: &[&Routine] = &[&DETERMINANT, &LOG_DETERMINANT];

pub static DETERMINANT: Routine = Routine {
    name: "determinant",
    doc: "The determinant of a square matrix. Its derivative needs the inverse.",
    types: scalars,
    run: |members| {
        let n = members.types[0].shape[0];
        match members.args.len() {
            1 => members.each(|[a], [out]| {
                out[0] = determinant(a, n);
                Ok(())
            }),
            _ => members.each(|[re, im], [x, y]| {
                let z = determinant(&joined(re, im), n);
                (x[0], y[0]) = (z.re, z.im);
                Ok(())
            }),
        }
    },
    derivative: Derivative::Smooth { push: push_determinant, pull: pull_determinant },
    samples: &[&[Sample::Any(&[3, 3])], &[Sample::Any(&[3, 3]), Sample::Any(&[3, 3])], &[Sample::Any(&[0, 0])]],
    ..ROUTINE
};

pub static LOG_DETERMINANT: Routine = Routine {
    name: "log_determinant",
    doc: "The logarithm of the determinant: of a real matrix it must be positive; of a complex one the imaginary part is in (−π, π].",
    types: scalars,
    run: |members| {
        let n = members.types[0].shape[0];
        match members.args.len() {
            1 => members.each(|[a], [out]| {
                out[0] = real_logarithm(a, n)?;
                Ok(())
            }),
            _ => members.each(|[re, im], [x, y]| {
                (x[0], y[0]) = complex_logarithm(&joined(re, im), n)?;
                Ok(())
            }),
        }
    },
    derivative: Derivative::Smooth { push: push_logarithm, pull: pull_logarithm },
    harmless: Some(identities),
    samples: &[&[Sample::Positive(3)], &[Sample::Any(&[3, 3]), Sample::Any(&[3, 3])], &[Sample::Any(&[0, 0])]],
    ..ROUTINE
};

const SINGULAR: &str = "the matrix is singular: its determinant is 0 and has no logarithm";
const NEGATIVE: &str = "the determinant is negative and has no real logarithm; \
     log_determinant(A @ A') / 2 is the logarithm of its absolute value";

fn scalars(args: &[Type]) -> Result<Vec<Type>, String> {
    square(args).map(|_| args.iter().map(|a| Type::scalar(a.scalar)).collect())
}

fn determinant<T: Element>(a: &[T], n: usize) -> T {
    let f = factors(a, n);
    f.pivots().fold(f.sign(), |product, pivot| product * pivot)
}

fn real_logarithm(a: &[f64], n: usize) -> Result<f64, String> {
    let f = factors(a, n);
    if f.is_singular() {
        return Err(SINGULAR.into());
    }
    if f.pivots().fold(f.sign(), |sign, pivot| if pivot < 0.0 { -sign } else { sign }) < 0.0 {
        return Err(NEGATIVE.into());
    }
    Ok(f.pivots().map(|pivot| math::log(pivot.abs())).fold(0.0, |sum, x| sum + x))
}

/// Real and imaginary part.
fn complex_logarithm(a: &[Complex], n: usize) -> Result<(f64, f64), String> {
    let f = factors(a, n);
    if f.is_singular() {
        return Err(SINGULAR.into());
    }
    let phase = f.pivots().fold(f.sign(), |phase, pivot| phase * pivot.scale(1.0 / pivot.norm()));
    let size = f.pivots().map(|pivot| math::log(pivot.norm())).fold(0.0, |sum, x| sum + x);
    Ok((size, math::atan2(phase.im, phase.re)))
}

/// The adjoint of A⁻¹.
fn inverse_adjoint(b: &mut Builder, step: &Step) -> Matrix {
    let inverse = b.routine(&INVERSE, step.batch, step.args.to_vec());
    Matrix::of(step.batch, &inverse).adjoint(b)
}

/// tr A⁻¹ dA
fn trace(b: &mut Builder, step: &Step, tangents: &[Option<Var>]) -> Option<Matrix> {
    let tangent = Matrix::some(b, Matrix::of(step.batch, step.args), tangents)?;
    let inverse = inverse_adjoint(b, step);
    Some(inverse.overlap(b, tangent))
}

fn push_determinant(b: &mut Builder, step: &Step, tangents: &[Option<Var>]) -> Vec<Option<Var>> {
    let value = Matrix::of(step.batch, step.outs);
    match trace(b, step, tangents) {
        Some(trace) => value.elementwise(b, trace).some_parts(),
        None => value.no_parts(),
    }
}

/// A⁻† times conjugate determinant and cotangent.
fn pull_determinant(b: &mut Builder, step: &Step, cotangents: &[Option<Var>]) -> Vec<Option<Var>> {
    let value = Matrix::of(step.batch, step.outs);
    let Some(cotangent) = Matrix::some(b, value, cotangents) else { return value.no_parts() };
    let factor = value.conjugate(b).elementwise(b, cotangent);
    inverse_adjoint_times(b, step, factor)
}

fn push_logarithm(b: &mut Builder, step: &Step, tangents: &[Option<Var>]) -> Vec<Option<Var>> {
    trace(b, step, tangents).map_or(vec![None; step.outs.len()], Matrix::some_parts)
}

fn pull_logarithm(b: &mut Builder, step: &Step, cotangents: &[Option<Var>]) -> Vec<Option<Var>> {
    let value = Matrix::of(step.batch, step.outs);
    let Some(cotangent) = Matrix::some(b, value, cotangents) else { return value.no_parts() };
    inverse_adjoint_times(b, step, cotangent)
}

fn inverse_adjoint_times(b: &mut Builder, step: &Step, factor: Matrix) -> Vec<Option<Var>> {
    let inverse = inverse_adjoint(b, step);
    let factor = factor.spread_like(b, inverse.re);
    inverse.elementwise(b, factor).some_parts()
}
