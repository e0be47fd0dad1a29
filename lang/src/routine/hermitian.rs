//! Symmetric and Hermitian matrices: Cholesky factor, eigenvalues, eigenvectors; and singular values, which are eigenvalues.
//!
//! A matrix that is symmetric up to rounding is symmetrised first; so the derivatives are those of functions of (A + A†)/2.

use super::linear::{SOLVE, identities, joined, split, square};
use super::matrix::Matrix;
use super::*;
use moyal_runtime::linear::hermitian::{self, eigensystem};
use moyal_runtime::linear::{Complex, Element};

pub static ROWS: &[&Routine] = &[&CHOLESKY, &SEMIDEFINITE_FACTOR, &EIGENVALUES, &EIGENSYSTEM, &SINGULAR_VALUES];

/// (A + A†)/2, or what is wrong with A.
fn symmetric<T: Element + std::fmt::Display>(a: &[T], n: usize, single: bool, name: &str) -> Result<Vec<T>, String> {
    hermitian::hermitian(a, n, if single { 1e-4 } else { 1e-8 }).map_err(|at| {
        let (i, j) = (at.row, at.column);
        let (x, y) = (a[i * n + j], a[j * n + i]);
        match i == j {
            true => format!("the matrix is not {name}: its entry [{i}, {i}] is {x}; (A + A') / 2 is its {name} part"),
            false => {
                format!("the matrix is not {name}: its entry [{j}, {i}] is {y}, but [{i}, {j}] is {x}; (A + A') / 2 is its {name} part")
            }
        }
    })
}

// ---- Cholesky ----

pub static CHOLESKY: Routine = Routine {
    name: "cholesky",
    doc: "The lower triangular L with positive diagonal for which A = L L†.",
    types: |args| square(args).map(|_| args.to_vec()),
    run: |members| {
        const FAULT: &str = "the matrix is not positive definite: one of its eigenvalues is not above 0";
        factors(members, FAULT, hermitian::cholesky, hermitian::cholesky)
    },
    derivative: Derivative::Smooth { push: push_cholesky, pull: pull_cholesky },
    harmless: Some(identities),
    samples: CHOLESKY_SAMPLES,
    ..ROUTINE
};

const CHOLESKY_SAMPLES: &[&[Sample]] = &[&[Sample::Positive(3)], &[Sample::Positive(3), Sample::Antisymmetric(3)]];

/// Where the matrix is singular there is no derivative, and the rules fail.
pub static SEMIDEFINITE_FACTOR: Routine = Routine {
    name: "semidefinite_factor",
    doc: "The lower triangular L for which A = L L†, with columns of zeros if A is singular.",
    types: |args| square(args).map(|_| args.to_vec()),
    run: |members| {
        const FAULT: &str = "the matrix is no covariance: one of its eigenvalues is below 0, so that some combination of the components has a negative variance";
        let epsilon = if members.is_single() { f64::from(f32::EPSILON) } else { f64::EPSILON };
        factors(members, FAULT, |a, n| hermitian::semidefinite_factor(a, n, epsilon), |a, n| hermitian::semidefinite_factor(a, n, epsilon))
    },
    derivative: Derivative::Smooth { push: push_cholesky, pull: pull_cholesky },
    harmless: Some(identities),
    samples: CHOLESKY_SAMPLES,
    ..ROUTINE
};

/// The factor of each member, or the fault of one that has none.
fn factors(
    members: &mut Members,
    fault: &str,
    real: impl Fn(&[f64], usize) -> Option<Vec<f64>>,
    complex: impl Fn(&[Complex], usize) -> Option<Vec<Complex>>,
) -> Result<(), Fault> {
    let (n, single) = (members.types[0].shape[0], members.is_single());
    match members.args.len() {
        1 => members.each(|[a], [l]| {
            l.copy_from_slice(&real(&symmetric(a, n, single, "symmetric")?, n).ok_or(fault)?);
            Ok(())
        }),
        _ => members.each(|[re, im], [x, y]| {
            let a = symmetric(&joined(re, im), n, single, "Hermitian")?;
            split(&complex(&a, n).ok_or(fault)?, x, y);
            Ok(())
        }),
    }
}

/// L Φ(L⁻¹ dA L⁻†), where Φ keeps the lower half with half the diagonal: Murray, arXiv:1602.07527.
fn push_cholesky(b: &mut Builder, step: &Step, tangents: &[Option<Var>]) -> Vec<Option<Var>> {
    let l = Matrix::of(step.batch, step.outs);
    let Some(tangent) = Matrix::some(b, l, tangents) else { return l.no_parts() };
    let half = tangent.hermitian_part(b);
    let middle = solved(b, l, half).adjoint(b);
    let middle = solved(b, l, middle);
    let lower = lower_half(b, middle);
    l.product(b, lower).some_parts()
}

fn pull_cholesky(b: &mut Builder, step: &Step, cotangents: &[Option<Var>]) -> Vec<Option<Var>> {
    let l = Matrix::of(step.batch, step.outs);
    let Some(cotangent) = Matrix::some(b, l, cotangents) else { return l.no_parts() };
    let adjoint = l.adjoint(b);
    let product = adjoint.product(b, cotangent);
    let lower = lower_half(b, product);
    let left = solved(b, adjoint, lower).adjoint(b);
    let both = solved(b, adjoint, left);
    both.hermitian_part(b).some_parts()
}

fn solved(b: &mut Builder, a: Matrix, right: Matrix) -> Matrix {
    Matrix::of(a.batch, &b.routine(&SOLVE, a.batch, [a.parts(), right.parts()].concat()))
}

fn lower_half(b: &mut Builder, m: Matrix) -> Matrix {
    let n = m.rows(b);
    let keep = |k: usize| match (k / n).cmp(&(k % n)) {
        std::cmp::Ordering::Greater => 1.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Less => 0.0,
    };
    let mask = m.constant(b, (0..n * n).map(keep).collect());
    m.times(b, mask)
}

// ---- eigenvalues ----

pub static EIGENVALUES: Routine = Routine {
    name: "eigenvalues",
    doc: "The eigenvalues of a symmetric or Hermitian matrix in ascending order.",
    types: |args| square(args).map(|n| vec![Type::new(args[0].scalar, [n])]),
    run: |members| {
        let (n, single) = (members.types[0].shape[0], members.is_single());
        match members.args.len() {
            1 => members.each(|[a], [w]| {
                w.copy_from_slice(&eigensystem(&symmetric(a, n, single, "symmetric")?, n, false).values);
                Ok(())
            }),
            _ => members.each(|[re, im], [w]| {
                let a = symmetric(&joined(re, im), n, single, "Hermitian")?;
                w.copy_from_slice(&eigensystem(&a, n, false).values);
                Ok(())
            }),
        }
    },
    derivative: Derivative::Smooth { push: push_eigenvalues, pull: pull_eigenvalues },
    harmless: Some(identities),
    samples: &[&[Sample::Symmetric(3)], &[Sample::Symmetric(3), Sample::Antisymmetric(3)]],
    ..ROUTINE
};

/// The diagonal of V† dA V.
fn push_eigenvalues(b: &mut Builder, step: &Step, tangents: &[Option<Var>]) -> Vec<Option<Var>> {
    let Some(tangent) = Matrix::some(b, Matrix::of(step.batch, step.args), tangents) else { return vec![None] };
    let vectors = vectors_of(b, step.batch, step.args);
    let moved = tangent.product(b, vectors);
    vec![Some(vectors.column_overlaps(b, moved))]
}

/// V diag(cotangent) V†
fn pull_eigenvalues(b: &mut Builder, step: &Step, cotangents: &[Option<Var>]) -> Vec<Option<Var>> {
    let Some(cotangent) = cotangents[0] else { return vec![None; step.args.len()] };
    let vectors = vectors_of(b, step.batch, step.args);
    let scaled = vectors.times_columns(b, cotangent);
    let right = vectors.adjoint(b);
    scaled.product(b, right).some_parts()
}

/// The matrix of eigenvectors.
fn vectors_of(b: &mut Builder, batch: usize, a: &[Var]) -> Matrix {
    let system = b.routine(&EIGENSYSTEM, batch, a.to_vec());
    Matrix::of(batch, &system[1..=a.len()])
}

// ---- eigenvectors ----

pub static EIGENSYSTEM: Routine = Routine {
    name: "eigensystem",
    doc: "Eigenvalues in ascending order, the parts of the matrix whose columns are the eigenvectors, and for each of these the \
          number of the component that is real and positive. Nearly equal eigenvalues give no derivative to each other's vectors.",
    types: |args| {
        let n = square(args)?;
        let values = Type::new(args[0].scalar, [n]);
        Ok([vec![values], args.to_vec(), vec![Type::new(Scalar::Int, [n])]].concat())
    },
    run: |members| {
        let (n, single) = (members.types[0].shape[0], members.is_single());
        let leading = members.outs.pop().expect("the numbers of components");
        let NumbersMut::Int(leading) = leading else { unreachable!("numbers of components are ints") };
        let mut leading = leading.chunks_exact_mut(n.max(1));
        match members.args.len() {
            1 => members.each(|[a], [w, v]| {
                let found = eigensystem(&symmetric(a, n, single, "symmetric")?, n, true);
                columns(&found.vectors, v, |x| x);
                leading.next().into_iter().for_each(|out| leading_components(&found.vectors, out));
                w.copy_from_slice(&found.values);
                Ok(())
            }),
            _ => members.each(|[re, im], [w, x, y]| {
                let found = eigensystem(&symmetric(&joined(re, im), n, single, "Hermitian")?, n, true);
                columns(&found.vectors, x, |z: Complex| z.re);
                columns(&found.vectors, y, |z: Complex| z.im);
                leading.next().into_iter().for_each(|out| leading_components(&found.vectors, out));
                w.copy_from_slice(&found.values);
                Ok(())
            }),
        }
    },
    derivative: Derivative::Smooth { push: push_eigensystem, pull: pull_eigensystem },
    harmless: Some(identities),
    samples: &[&[Sample::Symmetric(3)], &[Sample::Symmetric(3), Sample::Antisymmetric(3)]],
    ..ROUTINE
};

fn columns<T: Copy>(vectors: &[Vec<T>], out: &mut [f64], part: impl Fn(T) -> f64) {
    let n = vectors.len();
    for (j, v) in vectors.iter().enumerate() {
        v.iter().enumerate().for_each(|(i, x)| out[i * n + j] = part(*x));
    }
}

fn leading_components<T: Element>(vectors: &[Vec<T>], out: &mut [i64]) {
    out.iter_mut().zip(vectors).for_each(|(out, v)| *out = hermitian::leading(v) as i64);
}

/// For M = V† dA V: the values change by its diagonal, the vectors by V (F ∘ M), Fᵢⱼ = 1/(λⱼ − λᵢ), and a phase that keeps the
/// leading components real.
fn push_eigensystem(b: &mut Builder, step: &Step, tangents: &[Option<Var>]) -> Vec<Option<Var>> {
    let Some(tangent) = Matrix::some(b, Matrix::of(step.batch, step.args), tangents) else { return vec![None; step.outs.len()] };
    let (tangent, vectors) = (tangent.hermitian_part(b), vectors(step));
    let moved = tangent.product(b, vectors);
    let values = vectors.column_overlaps(b, moved);
    let (gaps, adjoint) = (inverse_gaps(b, step), vectors.adjoint(b));
    let mixed = adjoint.product(b, moved).times(b, gaps);
    let change = vectors.product(b, mixed);
    let change = match change.im {
        Some(im) => {
            let (component, real) = leading_entries(b, step);
            let side = b.mul(component, im);
            let side = b.sum(side, vec![step.batch]);
            let angle = b.div(side, real);
            turned(b, vectors, change, angle)
        }
        None => change,
    };
    [vec![Some(values)], change.some_parts(), vec![None]].concat()
}

/// V (F ∘ V† G + diag(of the values)) V†
fn pull_eigensystem(b: &mut Builder, step: &Step, cotangents: &[Option<Var>]) -> Vec<Option<Var>> {
    let vectors = vectors(step);
    let of_vectors = &cotangents[1..=step.args.len()];
    let scaled = cotangents[0].map(|values| vectors.times_columns(b, values));
    let mixed = Matrix::some(b, vectors, of_vectors).map(|g| {
        let g = without_phase(b, step, vectors, g);
        let (gaps, adjoint) = (inverse_gaps(b, step), vectors.adjoint(b));
        let mixed = adjoint.product(b, g).times(b, gaps);
        vectors.product(b, mixed)
    });
    let left = match (scaled, mixed) {
        (Some(x), Some(y)) => x.add(b, y),
        (x, y) => match x.or(y) {
            Some(only) => only,
            None => return vec![None; step.args.len()],
        },
    };
    let right = vectors.adjoint(b);
    left.product(b, right).hermitian_part(b).some_parts()
}

fn vectors(step: &Step) -> Matrix {
    Matrix::of(step.batch, &step.outs[1..=step.args.len()])
}

/// 1/(λⱼ − λᵢ), and 0 where these are equal but for rounding.
fn inverse_gaps(b: &mut Builder, step: &Step) -> Var {
    let (values, batch) = (step.outs[0], step.batch);
    let ty = b.type_of(values).clone();
    let shape = [&ty.shape[..], &ty.shape[batch..]].concat();
    let lead: Vec<usize> = (0..batch).collect();
    let along = |b: &mut Builder, d: usize| b.spread(values, shape.clone(), [&lead[..], &[d]].concat());
    let (left, right) = (along(b, batch), along(b, batch + 1));
    let gaps = b.sub(right, left);
    let size = b.call("abs", &[values]);
    let largest = b.reduce(crate::core::Monoid::Max, size, vec![batch]);
    let rounding = b.scale(largest, if ty.scalar == Scalar::F32 { 1e-5 } else { 1e-12 });
    let rounding = b.spread(rounding, shape.clone(), lead);
    let distance = b.call("abs", &[gaps]);
    let apart = b.call("gt", &[distance, rounding]);
    let (one, zero) = (b.number(ty.scalar, 1.0), b.number(ty.scalar, 0.0));
    let safe = b.select(apart, gaps, one);
    let inverse = b.div(one, safe);
    b.select(apart, inverse, zero)
}

/// 1 at the leading component of each vector, 0 elsewhere; and these components.
fn leading_entries(b: &mut Builder, step: &Step) -> (Var, Var) {
    let (batch, vectors) = (step.batch, vectors(step));
    let (shape, scalar) = (b.shape_of(vectors.re).to_vec(), b.scalar_of(vectors.re));
    let lead: Vec<usize> = (0..batch).collect();
    let rows = b.iota(shape[batch]);
    let rows = b.spread(rows, shape.clone(), vec![batch]);
    let leading = *step.outs.last().expect("the numbers of components");
    let leading = b.spread(leading, shape, [&lead[..], &[batch + 1]].concat());
    let here = b.call("eq", &[rows, leading]);
    let here = b.convert(here, scalar);
    let entries = b.mul(here, vectors.re);
    (here, b.sum(entries, vec![batch]))
}

/// change − i angle · V, column by column.
fn turned(b: &mut Builder, vectors: Matrix, change: Matrix, angle: Var) -> Matrix {
    let by = vectors.times_columns(b, angle);
    let (re, im) = (b.add(change.re, by.im.expect("complex")), b.sub(change.im.expect("complex"), by.re));
    Matrix { re, im: Some(im), ..change }
}

/// The transpose of [`turned`]: what a cotangent gives to the vectors' change before their phases are fixed.
fn without_phase(b: &mut Builder, step: &Step, vectors: Matrix, g: Matrix) -> Matrix {
    let (Some(v), Some(im)) = (vectors.im, g.im) else { return g };
    let (along, across) = (b.mul(g.re, v), b.mul(im, vectors.re));
    let difference = b.sub(across, along);
    let by_angle = b.sum(difference, vec![step.batch]);
    let (component, real) = leading_entries(b, step);
    let share = b.div(by_angle, real);
    let columns = Matrix { im: None, re: component, batch: step.batch }.times_columns(b, share);
    Matrix { im: Some(b.sub(im, columns.re)), ..g }
}

// ---- singular values ----

pub static SINGULAR_VALUES: Routine = Routine {
    name: "singular_values",
    doc: "The singular values of a matrix, the largest first.",
    types: |args| match &args[0].shape[..] {
        [m, n] if args.iter().all(|a| *a == args[0] && a.scalar.is_float()) => Ok(vec![Type::new(args[0].scalar, [*m.min(n)])]),
        other => Err(format!("no matrix: {other:?}")),
    },
    run: |members| {
        let (m, n) = (members.types[0].shape[0], members.types[0].shape[1]);
        let put = |values: Vec<f64>, out: &mut [f64]| {
            out.copy_from_slice(&values);
            Ok(())
        };
        match members.args.len() {
            1 => members.each(|[a], [out]| put(hermitian::singular_values(a, m, n), out)),
            _ => members.each(|[re, im], [out]| put(hermitian::singular_values(&joined(re, im), m, n), out)),
        }
    },
    derivative: Derivative::Smooth { push: push_singular, pull: pull_singular },
    samples: &[
        &[Sample::Any(&[3, 2])],
        &[Sample::Any(&[2, 4])],
        &[Sample::Any(&[3, 3])],
        &[Sample::Any(&[2, 3]), Sample::Any(&[2, 3])],
    ],
    ..ROUTINE
};

/// The real part of the diagonal of U† dA W.
fn push_singular(b: &mut Builder, step: &Step, tangents: &[Option<Var>]) -> Vec<Option<Var>> {
    let Some(tangent) = Matrix::some(b, Matrix::of(step.batch, step.args), tangents) else { return vec![None] };
    let (left, right) = singular_vectors(b, step);
    let moved = tangent.product(b, right);
    let ascending = left.column_overlaps(b, moved);
    vec![Some(turned_round(b, ascending, step.batch))]
}

/// U diag(cotangent) W†
fn pull_singular(b: &mut Builder, step: &Step, cotangents: &[Option<Var>]) -> Vec<Option<Var>> {
    let Some(cotangent) = cotangents[0] else { return vec![None; step.args.len()] };
    let (left, right) = singular_vectors(b, step);
    let ascending = turned_round(b, cotangent, step.batch);
    let (scaled, right) = (left.times_columns(b, ascending), right.adjoint(b));
    scaled.product(b, right).some_parts()
}

/// The columns of U and W, the smallest value first. The eigenvectors of the matrix with A and A† beside its diagonal are
/// (u, w)/√2, with singular values as the largest eigenvalues: so higher derivatives follow from those.
fn singular_vectors(b: &mut Builder, step: &Step) -> (Matrix, Matrix) {
    let (a, batch) = (Matrix::of(step.batch, step.args), step.batch);
    let (m, n) = (b.shape_of(a.re)[batch], b.shape_of(a.re)[batch + 1]);
    let below = a.adjoint(b);
    let both = a.put(b, (m + n, m + n), (0, m));
    let other = below.put(b, (m + n, m + n), (m, 0));
    let both = both.add(b, other);
    let vectors = vectors_of(b, batch, &both.parts());
    let first = m + n - m.min(n);
    let root = 2f64.sqrt();
    let part = |b: &mut Builder, from: usize, to: usize| {
        vectors.each(|v| {
            let columns = b.part(v, batch + 1, first, m + n);
            let rows = b.part(columns, batch, from, to);
            b.scale(rows, root)
        })
    };
    (part(b, 0, m), part(b, m, m + n))
}

/// The last dimension backwards.
fn turned_round(b: &mut Builder, x: Var, dim: usize) -> Var {
    let n = b.shape_of(x)[dim];
    let positions = b.table(Array::new(vec![n], Data::Int((0..n as i64).rev().collect())));
    let front: Vec<usize> = [dim].into_iter().chain(0..dim).collect();
    let back: Vec<usize> = (1..=dim).chain([0]).collect();
    let moved = b.transpose(x, &front);
    let read = b.gather(moved, vec![positions], false);
    b.transpose(read, &back)
}
