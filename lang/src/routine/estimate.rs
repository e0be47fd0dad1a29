//! Errors of correlated draws. A member is one observable over [chains, draws].

use super::*;
use moyal_runtime::estimate::{Doubt, covariance, gamma_method, r_hat, unresolved};

pub static ROWS: &[&Routine] = &[&GAMMA_METHOD, &R_HAT, &COVARIANCE];

pub static GAMMA_METHOD: Routine = Routine {
    name: "gamma_method",
    doc: "Error of the mean, integrated autocorrelation time and its error, effective draws, of fluctuations about the mean; and \
          what speaks against the time, see `doubt_of`.",
    types: |args| chains(args).map(|_| vec![Type::scalar(Scalar::Real); 5]),
    run: |members| {
        let draws = members.types[0].shape[1];
        members.each(|[x], [error, tau, tau_error, effective, against]| {
            let chains = rows(x, draws);
            let found = gamma_method(&chains);
            against[0] = code(unresolved(&chains, &found));
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

const FEW: f64 = 1.0;
const CONSTANT: f64 = 2.0;
const STUCK: f64 = 3.0;
const OPEN: f64 = 4.0;
const SHORT: f64 = 5.0;

/// A doubt about an autocorrelation time as a number.
fn code(doubt: Option<Doubt>) -> f64 {
    match doubt {
        None => 0.0,
        Some(Doubt::Few { .. }) => FEW,
        Some(Doubt::Constant) => CONSTANT,
        Some(Doubt::Stuck { .. }) => STUCK,
        Some(Doubt::Open { .. }) => OPEN,
        Some(_) => SHORT,
    }
}

/// The doubt that a number stands for, about this τ_int of so many chains with so many entries.
pub fn doubt_of(code: f64, tau_int: f64, tau_int_error: f64, chains: usize, length: usize) -> Option<Doubt> {
    let (chain, total) = (length as f64 / tau_int, (chains * length) as f64 / tau_int);
    [
        (FEW, Doubt::Few { draws: length, chains }),
        (CONSTANT, Doubt::Constant),
        (STUCK, Doubt::Stuck { chains }),
        (OPEN, Doubt::Open { window: length / 2, tau_int, length }),
        (SHORT, Doubt::Short { tau_int, tau_int_error, chain, total }),
    ]
    .into_iter()
    .find_map(|(own, doubt)| (own == code).then_some(doubt))
}

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
    Array::new(ty.shape.to_vec(), Data::Real((0..ty.len()).map(|k| k as f64).collect()))
}

fn rows(x: &[f64], draws: usize) -> Vec<&[f64]> {
    x.chunks(draws).collect()
}
