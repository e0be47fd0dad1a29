//! Reverse mode: a block, and then what its inputs owe to cotangents of its results.
//!
//! Steps are computed as they stand, and their values are there when the cotangents come back in the opposite order.
//! Regions are run again for their derivatives: branches and members once, loops from states that were saved on the way.

mod branch;
mod cotangents;
mod member;
mod turns;

use super::{activity, rules};
use crate::core::build::Builder;
use crate::core::*;
use cotangents::Cotangents;
use moyal_runtime::array::Scalar;
use rules::terms::Cotangent;
use std::collections::HashMap;
use std::rc::Rc;

type Names = VarMap<Var>;

/// Computes `block` of `args` here, and the cotangents of `wrt` (params of the block or variables that it captures) for
/// cotangents `seeds` of its results; None is zero.
pub fn vjp(b: &mut Builder, block: &Block, args: &[Var], wrt: &[Var], seeds: &[Option<Var>]) -> (Vec<Var>, Vec<Var>) {
    let seeded: Vec<bool> = seeds.iter().map(|s| s.is_some()).collect();
    let (results, pullback) = linearize(b, block, args, wrt, &seeded);
    let cotangents = pullback.pull(b, seeds);
    (results, cotangents)
}

/// Value and gradient of a block with one scalar result.
pub fn gradient(b: &mut Builder, block: &Block, args: &[Var], wrt: &[Var]) -> (Var, Vec<Var>) {
    let (results, pullback) = linearize(b, block, args, wrt, &[true]);
    let one = b.number(b.scalar_of(results[0]), 1.0);
    let cotangents = pullback.pull(b, &[Some(one)]);
    (results[0], cotangents)
}

/// A block that has been computed, for whose results cotangents may come later, several times perhaps.
pub struct Pullback<'a> {
    tape: Tape<'a>,
    wrt: Vec<Var>,
}

/// Computes `block` of `args` here, prepared for cotangents of the results that are `seeded`.
pub fn linearize<'a>(
    b: &mut Builder,
    block: &'a Block,
    args: &[Var],
    wrt: &[Var],
    seeded: &[bool],
) -> (Vec<Var>, Pullback<'a>) {
    assert_eq!(block.params.len(), args.len());
    let mut varied: VarSet = wrt.iter().copied().filter(|v| b.scalar_of(*v).is_float()).collect();
    activity::varied(&b.types, block, &mut varied);
    let mut active = activity::kept(&block.results, seeded).into_iter().filter(|v| varied.contains(v)).collect();
    activity::useful(block, &varied, &mut active);
    let names = block.params.iter().copied().zip(args.iter().copied()).collect();
    let before = b.span();
    let tape = Tape::record(b, block, names, &Rc::new(active));
    b.set_span(before);
    let results = tape.all(&block.results);
    (results, Pullback { tape, wrt: wrt.to_vec() })
}

impl Pullback<'_> {
    /// The cotangents of the inputs for these ones of the results.
    pub fn pull(&self, b: &mut Builder, seeds: &[Option<Var>]) -> Vec<Var> {
        let mut cotangents = Cotangents::default();
        self.tape.seed(b, &mut cotangents, seeds);
        let before = b.span();
        self.tape.pull(b, &mut cotangents);
        b.set_span(before);
        let wrt = self.wrt.iter();
        wrt.map(|v| cotangents.value(b, *v).unwrap_or_else(|| b.zeros_like(self.tape.name(*v)))).collect()
    }
}

/// A block that has been computed here.
struct Tape<'a> {
    block: &'a Block,
    /// What its variables, and those around it, are called here.
    names: Names,
    /// The variables between inputs and seeded results, those of blocks within included.
    active: Rc<VarSet>,
    /// What was saved for the loops among the steps.
    saved: HashMap<usize, turns::Saved>,
}

impl<'a> Tape<'a> {
    fn record(b: &mut Builder, block: &'a Block, names: Names, active: &Rc<VarSet>) -> Tape<'a> {
        let mut tape = Tape { block, names, active: active.clone(), saved: HashMap::new() };
        for (k, step) in block.steps.iter().enumerate() {
            b.set_span(step.span);
            let carries = matches!(step.op, Op::Loop { .. } | Op::While { .. });
            if carries && step.outs.iter().any(|v| active.contains(v)) {
                let (outs, saved) = turns::record(b, &step.op, &tape);
                tape.names.extend(step.outs.iter().copied().zip(outs));
                tape.saved.insert(k, saved);
            } else {
                b.copy_step(step, &mut tape.names);
            }
        }
        tape
    }

    fn name(&self, var: Var) -> Var {
        named(&self.names, var)
    }

    fn all(&self, vars: &[Var]) -> Vec<Var> {
        vars.iter().map(|v| self.name(*v)).collect()
    }

    fn is_active(&self, vars: &[Var]) -> Vec<bool> {
        vars.iter().map(|v| self.active.contains(v)).collect()
    }

    /// The active variables that a block reads from outside.
    fn active_captures(&self, block: &Block) -> Vec<Var> {
        block.captures().into_iter().filter(|v| self.active.contains(v)).collect()
    }

    /// Gives cotangents to the block's results.
    fn seed(&self, b: &mut Builder, cotangents: &mut Cotangents, seeds: &[Option<Var>]) {
        for (result, seed) in self.block.results.iter().zip(seeds) {
            if let Some(seed) = seed
                && self.active.contains(result)
            {
                cotangents.add(b, *result, Cotangent::of(*seed));
            }
        }
    }

    /// Carries cotangents back through all steps.
    fn pull(&self, b: &mut Builder, cotangents: &mut Cotangents) {
        for (k, step) in self.block.steps.iter().enumerate().rev() {
            if step.outs.iter().any(|v| cotangents.has(*v)) {
                b.set_span(step.span);
                self.pull_step(b, k, step, cotangents);
            }
        }
    }

    fn pull_step(&self, b: &mut Builder, k: usize, step: &Step, cotangents: &mut Cotangents) {
        match &step.op {
            Op::Loop { init, .. } | Op::While { init, .. } => turns::pull(b, &self.saved[&k], step, init, self, cotangents),
            Op::If { condition, then, otherwise } => {
                branch::pull(b, *condition, [then, otherwise], step, self, cotangents)
            }
            Op::Map { count, body, .. } => member::pull(b, *count, body, step, self, cotangents),
            Op::Routine { routine, batch, args } => {
                let seeds: Vec<Option<Var>> = step.outs.iter().map(|out| cotangents.value(b, *out)).collect();
                let (names, outs) = (self.all(args), self.all(&step.outs));
                let found = rules::pull_routine(b, routine, *batch, &names, &outs, &seeds);
                for (var, value) in args.iter().zip(found).filter(|(var, _)| self.active.contains(var)) {
                    value.into_iter().for_each(|value| cotangents.add(b, *var, Cotangent::of(value)));
                }
            }
            op => {
                let args = op.args();
                let to: Vec<Option<Var>> = args.iter().map(|v| self.active.contains(v).then_some(*v)).collect();
                let op = op.clone().map_args(&mut |v| self.name(v));
                let factor = cotangents.take(b, step.outs[0]).unwrap();
                for (k, share) in rules::pull(b, &op, self.name(step.outs[0]), factor.value, &to) {
                    if let Some(var) = to[k] {
                        cotangents.share(b, var, self.name(var), &factor, share);
                    }
                }
            }
        }
    }
}
