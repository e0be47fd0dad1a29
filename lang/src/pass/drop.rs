//! Steps whose results nobody reads, dropped; also carried values of loops and results of regions.

use crate::core::*;
use crate::pass::activity;

pub fn program(mut program: Program) -> Program {
    program.body = region(program.body);
    program
}

/// The same for a block by itself.
pub fn region(block: Block) -> Block {
    self::block(block, &mut VarSet::default())
}

/// The block without unused steps; `live` is what is read of it by others, and grows by what it and the blocks within read.
fn block(mut block: Block, live: &mut VarSet) -> Block {
    live.extend(block.results.iter().copied());
    let mut kept = vec![];
    for mut step in block.steps.drain(..).rev() {
        if !required(&step.op) && !step.outs.iter().any(|v| live.contains(v)) {
            continue;
        }
        let used: Vec<bool> = step.outs.iter().map(|v| live.contains(v)).collect();
        narrow(&mut step, &used);
        for inner in step.op.blocks_mut() {
            *inner = self::block(std::mem::take(inner), live);
        }
        step.op.each_arg(&mut |v| {
            live.insert(v);
        });
        kept.push(step);
    }
    kept.reverse();
    block.steps = kept;
    block
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
            let (keep, mut closed) = activity::closed_turn(body, used.to_vec(), &VarSet::default());
            closed.params = [vec![body.params[0]], activity::kept(&body.params[1..], &keep)].concat();
            *body = closed;
            *init = activity::kept(init, &keep);
            step.outs = activity::kept(&step.outs, &keep).into();
        }
        Op::Map { body, .. } => {
            body.results = activity::kept(&body.results, used);
            step.outs = activity::kept(&step.outs, used).into();
        }
        Op::If { then, otherwise, .. } => {
            for branch in [then, otherwise] {
                branch.results = activity::kept(&branch.results, used);
            }
            step.outs = activity::kept(&step.outs, used).into();
        }
        _ => {}
    }
}
