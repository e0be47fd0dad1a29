//! Discrete Fourier transforms: over all dimensions of a member, real and imaginary part. They are linear.

use super::linear::{joined, split};
use super::*;
use moyal_runtime::fourier::Transforms;

pub static ROWS: &[&Routine] = &[&FOURIER, &INVERSE_FOURIER];

pub static FOURIER: Routine = Routine {
    name: "fourier",
    doc: "Σₓ e^{−ipx} f(x) for all momenta p.",
    types,
    run: |members| {
        let transforms = Transforms::new(&members.types[0].shape);
        members.each(|[re, im], [x, y]| {
            let mut z = joined(re, im);
            transforms.forward(&mut z);
            split(&z, x, y);
            Ok(())
        })
    },
    derivative: Derivative::Smooth {
        push: |b, step, tangents| linear(b, &FOURIER, step, tangents),
        pull: |b, step, cotangents| {
            let back = linear(b, &INVERSE_FOURIER, step, cotangents);
            scaled(b, step, back, |volume| volume)
        },
    },
    samples: &[&[Sample::Any(&[5]), Sample::Any(&[5])], &[Sample::Any(&[2, 3]), Sample::Any(&[2, 3])]],
    ..ROUTINE
};

pub static INVERSE_FOURIER: Routine = Routine {
    name: "inverse_fourier",
    doc: "Σₚ e^{ipx} f(p) / V for all sites x.",
    types,
    run: |members| {
        let transforms = Transforms::new(&members.types[0].shape);
        members.each(|[re, im], [x, y]| {
            let mut z = joined(re, im);
            transforms.back(&mut z);
            split(&z, x, y);
            Ok(())
        })
    },
    derivative: Derivative::Smooth {
        push: |b, step, tangents| linear(b, &INVERSE_FOURIER, step, tangents),
        pull: |b, step, cotangents| {
            let back = linear(b, &FOURIER, step, cotangents);
            scaled(b, step, back, |volume| 1.0 / volume)
        },
    },
    samples: &[&[Sample::Any(&[5]), Sample::Any(&[5])], &[Sample::Any(&[2, 3]), Sample::Any(&[2, 3])]],
    ..ROUTINE
};

fn types(args: &[Type]) -> Result<Vec<Type>, String> {
    let fits = args.len() == 2 && args[0] == args[1] && args[0].scalar == Scalar::Real && args[0].rank() > 0;
    if fits { Ok(args.to_vec()) } else { Err("a transform of something else than two parts".into()) }
}

fn linear(b: &mut Builder, row: &'static Routine, step: &Step, parts: &[Option<Var>]) -> Vec<Option<Var>> {
    let parts = parts.iter().map(|p| p.unwrap_or_else(|| b.zeros_like(step.args[0]))).collect();
    b.routine(row, step.batch, parts).into_iter().map(Some).collect()
}

fn scaled(b: &mut Builder, step: &Step, parts: Vec<Option<Var>>, factor: fn(f64) -> f64) -> Vec<Option<Var>> {
    let volume: usize = b.shape_of(step.args[0])[step.batch..].iter().product();
    parts.into_iter().map(|p| p.map(|p| b.scale(p, factor(volume as f64)))).collect()
}
