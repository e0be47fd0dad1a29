//! Errors of correlated draws. A member is one observable over [chains, draws].

use super::*;
use moyal_runtime::estimate::{covariance, gamma_method, r_hat};

pub static ROWS: &[&Routine] = &[&GAMMA_METHOD, &R_HAT, &COVARIANCE];

pub static GAMMA_METHOD: Routine = Routine {
    name: "gamma_method",
    doc: "Error of the mean, integrated autocorrelation time and its error, effective draws, of fluctuations about the mean.",
    types: |args| chains(args).map(|_| vec![Type::scalar(Scalar::Real); 4]),
    run: |members| {
        let draws = members.types[0].shape[1];
        members.each(|[x], [error, tau, tau_error, effective]| {
            let found = gamma_method(&rows(x, draws));
            error[0] = found.error;
            tau[0] = found.tau_int;
            tau_error[0] = found.tau_int_error;
            effective[0] = found.effective;
            Ok(())
        })
    },
    samples: &[&[Sample::Any(&[3, 50])], &[Sample::Any(&[1, 1])]],
    ..ROUTINE
};

pub static R_HAT: Routine = Routine {
    name: "r_hat",
    doc: "Rank-normalised split R̂ of chains of draws.",
    types: |args| chains(args).map(|_| vec![Type::scalar(Scalar::Real)]),
    run: |members| {
        let draws = members.types[0].shape[1];
        members.each(|[x], [found]| {
            found[0] = r_hat(&rows(x, draws));
            if found[0].is_nan() { Err("an observable that never changes has no R̂".into()) } else { Ok(()) }
        })
    },
    harmless: Some(|types| types.iter().map(counting).collect()),
    samples: &[&[Sample::Any(&[3, 50])]],
    ..ROUTINE
};

pub static COVARIANCE: Routine = Routine {
    name: "covariance",
    doc: "Covariance of the means of several observables, from their fluctuations over [observables, chains, draws].",
    types: |args| match args {
        [x] if x.scalar == Scalar::Real && x.rank() == 3 => Ok(vec![Type::new(Scalar::Real, vec![x.shape[0]; 2])]),
        other => Err(format!("covariance of {other:?}")),
    },
    run: |members| {
        let [_, chains, draws] = members.types[0].shape[..] else { unreachable!("three dimensions") };
        members.each(|[x], [found]| {
            let observables: Vec<Vec<&[f64]>> = x.chunks(chains * draws).map(|x| rows(x, draws)).collect();
            found.copy_from_slice(&covariance(&observables));
            Ok(())
        })
    },
    samples: &[&[Sample::Any(&[2, 3, 50])]],
    ..ROUTINE
};

fn chains(args: &[Type]) -> Result<(), String> {
    match args {
        [x] if x.scalar == Scalar::Real && x.rank() == 2 && !x.shape.contains(&0) => Ok(()),
        other => Err(format!("chains of draws in {other:?}")),
    }
}

/// An array whose entries all differ.
fn counting(ty: &Type) -> Array {
    Array::new(ty.shape.clone(), Data::Real((0..ty.len()).map(|k| k as f64).collect()))
}

fn rows(x: &[f64], draws: usize) -> Vec<&[f64]> {
    x.chunks(draws).collect()
}
