//! Steps whose results nobody reads, dropped; also carried values of loops and results of regions.

use crate::core::*;
use crate::pass::activity;
use std::collections::HashSet;

pub fn program(mut program: Program) -> Program {
    let wanted = program.body.results.iter().copied().collect();
    program.body = block(program.body, wanted).0;
    program
}

/// The same for a block by itself.
pub fn region(block: Block) -> Block {
    let wanted = block.results.iter().copied().collect();
    self::block(block, wanted).0
}

/// The block without unused steps, given what is read of it (its results and what its steps must not lose), and what it
/// reads itself.
fn block(mut block: Block, mut live: HashSet<Var>) -> (Block, HashSet<Var>) {
    let mut kept = vec![];
    for mut step in block.steps.drain(..).rev() {
        if !required(&step.op) && !step.outs.iter().any(|v| live.contains(v)) {
            continue;
        }
        let used: Vec<bool> = step.outs.iter().map(|v| live.contains(v)).collect();
        narrow(&mut step, &used);
        for inner in step.op.blocks_mut() {
            let wanted = inner.results.iter().copied().collect();
            *inner = self::block(std::mem::take(inner), wanted).0;
        }
        live.extend(step.op.args());
        for inner in step.op.blocks() {
            live.extend(inner.captures());
        }
        kept.push(step);
    }
    kept.reverse();
    block.steps = kept;
    (block, live)
}

/// Whether a step must run whoever reads it: it may fail the run.
fn required(op: &Op) -> bool {
    matches!(op, Op::Require { .. } | Op::Gather { checked: true, .. } | Op::Update { checked: true, .. })
        || matches!(op, Op::Routine { routine, .. } if routine.may_fail())
        || op.blocks().into_iter().any(|b| b.steps.iter().any(|s| required(&s.op)))
}

/// A region without the results that are not used.
fn narrow(step: &mut Step, used: &[bool]) {
    if used.iter().all(|u| *u) {
        return;
    }
    match &mut step.op {
        // A turn that may fail keeps all that it carries.
        Op::Loop { body, .. } if body.steps.iter().any(|s| required(&s.op)) => {}
        Op::Loop { init, body, .. } => {
            let (keep, mut closed) = activity::closed_turn(body, used.to_vec(), &HashSet::new());
            closed.params = [vec![body.params[0]], activity::kept(&body.params[1..], &keep)].concat();
            *body = closed;
            *init = activity::kept(init, &keep);
            step.outs = activity::kept(&step.outs, &keep);
        }
        Op::Map { body, .. } => {
            *body = Block { results: activity::kept(&body.results, used), ..body.clone() };
            step.outs = activity::kept(&step.outs, used);
        }
        Op::If { then, otherwise, .. } => {
            for branch in [then, otherwise] {
                *branch = Block { results: activity::kept(&branch.results, used), ..branch.clone() };
            }
            step.outs = activity::kept(&step.outs, used);
        }
        _ => {}
    }
}
