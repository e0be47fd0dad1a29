//! Array routines: the derivatives of their rows.

use crate::core::Var;
use crate::core::build::Builder;
use crate::routine::{Derivative, Routine, Step};

pub fn push(
    b: &mut Builder,
    routine: &Routine,
    batch: usize,
    args: &[Var],
    outs: &[Var],
    tangents: &[Option<Var>],
) -> Vec<Option<Var>> {
    match &routine.derivative {
        Derivative::Smooth { push, .. } => push(b, &Step { batch, args, outs }, tangents),
        Derivative::Constant => vec![None; outs.len()],
    }
}

/// Cotangents of the arguments; None is zero.
pub fn pull(
    b: &mut Builder,
    routine: &Routine,
    batch: usize,
    args: &[Var],
    outs: &[Var],
    cotangents: &[Option<Var>],
) -> Vec<Option<Var>> {
    match &routine.derivative {
        Derivative::Smooth { pull, .. } => pull(b, &Step { batch, args, outs }, cotangents),
        Derivative::Constant => vec![None; args.len()],
    }
}
