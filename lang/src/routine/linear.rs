//! Equations and inverses of square matrices.
//!
//! Derivatives: Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation (2008).

use super::matrix::Matrix;
use super::*;
use moyal_runtime::linear::lower_upper::{self, factors, identity};
use moyal_runtime::linear::{Complex, Element};

pub static ROWS: &[&Routine] = &[&INVERSE, &SOLVE];

const SINGULAR: &str = "the matrix is singular: it has no inverse";

pub static INVERSE: Routine = Routine {
    name: "inverse",
    doc: "The inverse of a square matrix.",
    types: |args| square(args).map(|_| args.to_vec()),
    run: |members| {
        let n = members.types[0].shape[0];
        match members.args.len() {
            1 => members.each(|[a], [x]| inverse(a, n, x)),
            _ => members.each(|[re, im], [x, y]| {
                let mut z = vec![Complex::ZERO; n * n];
                inverse(&joined(re, im), n, &mut z)?;
                split(&z, x, y);
                Ok(())
            }),
        }
    },
    derivative: Derivative::Smooth { push: push_inverse, pull: pull_inverse },
    harmless: Some(identities),
    samples: &[&[Sample::Any(&[3, 3])], &[Sample::Any(&[2, 2]), Sample::Any(&[2, 2])], &[Sample::Any(&[0, 0])]],
    ..ROUTINE
};

fn inverse<T: Element>(a: &[T], n: usize, x: &mut [T]) -> Result<(), String> {
    solve(a, n, &identity(n), n, x)
}

/// −A⁻¹ dA A⁻¹
fn push_inverse(b: &mut Builder, step: &Step, tangents: &[Option<Var>]) -> Vec<Option<Var>> {
    let x = Matrix::of(step.batch, step.outs);
    let Some(tangent) = Matrix::some(b, x, tangents) else { return x.no_parts() };
    sandwich(b, x, tangent, x)
}

fn pull_inverse(b: &mut Builder, step: &Step, cotangents: &[Option<Var>]) -> Vec<Option<Var>> {
    let x = Matrix::of(step.batch, step.outs);
    let Some(cotangent) = Matrix::some(b, x, cotangents) else { return x.no_parts() };
    let x = x.adjoint(b);
    sandwich(b, x, cotangent, x)
}

/// −x y z
fn sandwich(b: &mut Builder, x: Matrix, y: Matrix, z: Matrix) -> Vec<Option<Var>> {
    let product = x.product(b, y).product(b, z);
    product.neg(b).some_parts()
}

pub static SOLVE: Routine = Routine {
    name: "solve",
    doc: "The matrix X for which A X = B: arguments are the parts of A, then those of B.",
    types: |args| {
        let (a, right) = args.split_at(args.len() / 2);
        let n = square(a)?;
        match &right[0].shape[..] {
            [rows, _] if *rows == n && a.iter().zip(right).all(|(a, b)| a.scalar == b.scalar) => Ok(right.to_vec()),
            other => Err(format!("equations of {n} unknowns with right sides {other:?}")),
        }
    },
    run: |members| {
        let (n, columns) = (members.types[0].shape[0], members.types[members.args.len() / 2].shape[1]);
        match members.args.len() {
            2 => members.each(|[a, b], [x]| solve(a, n, b, columns, x)),
            _ => members.each(|[a, b, c, d], [x, y]| {
                let mut z = vec![Complex::ZERO; n * columns];
                solve(&joined(a, b), n, &joined(c, d), columns, &mut z)?;
                split(&z, x, y);
                Ok(())
            }),
        }
    },
    derivative: Derivative::Smooth { push: push_solve, pull: pull_solve },
    harmless: Some(|types| {
        let (a, right) = types.split_at(types.len() / 2);
        [identities(a), right.iter().map(|t| Array::zeros(t.scalar, t.shape.to_vec())).collect()].concat()
    }),
    together: Some(solve_together),
    samples: &[
        &[Sample::Any(&[3, 3]), Sample::Any(&[3, 2])],
        &[Sample::Any(&[2, 2]), Sample::Any(&[2, 2]), Sample::Any(&[2, 3]), Sample::Any(&[2, 3])],
        &[Sample::Any(&[2, 2]), Sample::Any(&[2, 0])],
    ],
    ..ROUTINE
};

fn solve<T: Element>(a: &[T], n: usize, b: &[T], columns: usize, x: &mut [T]) -> Result<(), String> {
    let factors = factors(a, n);
    if factors.is_singular() {
        return Err(SINGULAR.into());
    }
    factors.solve(b, columns, x);
    Ok(())
}

/// A⁻¹ (dB − dA X)
fn push_solve(b: &mut Builder, step: &Step, tangents: &[Option<Var>]) -> Vec<Option<Var>> {
    let (a, x) = sides(step, step.args);
    let (of_a, of_b) = tangents.split_at(tangents.len() / 2);
    let solution = Matrix::of(step.batch, step.outs);
    let of_a = Matrix::some(b, a, of_a).map(|t| t.product(b, solution));
    let right = match (Matrix::some(b, x, of_b), of_a) {
        (Some(of_b), Some(of_a)) => of_b.sub(b, of_a),
        (Some(of_b), None) => of_b,
        (None, Some(of_a)) => of_a.neg(b),
        (None, None) => return solution.no_parts(),
    };
    b.routine(&SOLVE, step.batch, [a.parts(), right.parts()].concat()).into_iter().map(Some).collect()
}

/// Of B it is C = A⁻† times the cotangent, of A it is −C X†.
fn pull_solve(b: &mut Builder, step: &Step, cotangents: &[Option<Var>]) -> Vec<Option<Var>> {
    let (a, x) = (sides(step, step.args).0, Matrix::of(step.batch, step.outs));
    let Some(cotangent) = Matrix::some(b, x, cotangents) else { return vec![None; step.args.len()] };
    let transposed = a.adjoint(b);
    let of_b = b.routine(&SOLVE, step.batch, [transposed.parts(), cotangent.parts()].concat());
    let right = x.adjoint(b);
    let of_a = Matrix::of(step.batch, &of_b).product(b, right).neg(b);
    [of_a.some_parts(), of_b.into_iter().map(Some).collect()].concat()
}

fn sides(step: &Step, vars: &[Var]) -> (Matrix, Matrix) {
    let (a, x) = vars.split_at(vars.len() / 2);
    (Matrix::of(step.batch, a), Matrix::of(step.batch, x))
}

/// One matrix for all members is taken apart once: right sides of all members become columns of one.
fn solve_together(b: &mut Builder, args: &[Argument]) -> Option<Vec<Var>> {
    let (a, right) = args.split_at(args.len() / 2);
    if a.iter().any(|a| a.batched) || b.shape_of(a[0].value).len() != 2 || !right.iter().all(|r| r.batched) {
        return None;
    }
    let [members, rows, columns] = b.shape_of(right[0].value)[..] else { return None };
    let side_by_side = |b: &mut Builder, v: Var| {
        let front = b.transpose(v, &[1, 0, 2]);
        b.reshape(front, vec![rows, members * columns])
    };
    let columns_of: Vec<Var> = right.iter().map(|r| side_by_side(b, r.value)).collect();
    let args = a.iter().map(|a| a.value).chain(columns_of).collect();
    let solved = b.routine(&SOLVE, 0, args);
    let apart = |x: Var| {
        let split = b.reshape(x, vec![rows, members, columns]);
        b.transpose(split, &[1, 0, 2])
    };
    Some(solved.into_iter().map(apart).collect())
}

// ---- shared by the rows of linear algebra ----

/// The rows of a square matrix of floats, in one part or two.
pub fn square(parts: &[Type]) -> Result<usize, String> {
    match &parts[0].shape[..] {
        [n, m] if n == m && parts.iter().all(|p| *p == parts[0] && p.scalar.is_float()) => Ok(*n),
        other => Err(format!("no square matrix: {other:?}")),
    }
}

/// Identity matrices (the imaginary part is zero).
pub fn identities(types: &[Type]) -> Vec<Array> {
    let part = |(k, t): (usize, &Type)| {
        let one: Vec<f64> = lower_upper::identity(t.shape[0]);
        let values = if k == 0 { one } else { vec![0.0; one.len()] };
        let data = match t.scalar {
            Scalar::F32 => Data::F32(values.into_iter().map(|x| x as f32).collect()),
            _ => Data::Real(values),
        };
        Array::new(t.shape.to_vec(), data)
    };
    types.iter().enumerate().map(part).collect()
}

/// Complex numbers of their parts.
pub fn joined(re: &[f64], im: &[f64]) -> Vec<Complex> {
    re.iter().zip(im).map(|(x, y)| Complex::new(*x, *y)).collect()
}

pub fn split(z: &[Complex], re: &mut [f64], im: &mut [f64]) {
    for (k, z) in z.iter().enumerate() {
        (re[k], im[k]) = (z.re, z.im);
    }
}
