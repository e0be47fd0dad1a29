//! Steps whose results nobody reads, dropped; also carried values of loops and results of regions. The variables that are left are
//! numbered anew.

use crate::core::*;
use crate::pass::{activity, number};

pub fn program(program: &Program) -> Program {
    let (types, body) = number::block(&program.types, region(&program.body));
    Program { types, spans: program.spans.clone(), body }
}

/// The same for a block by itself, whose variables keep their numbers.
pub fn region(block: &Block) -> Block {
    self::block(block, block.params.clone(), block.results.clone(), &mut VarSet::default())
}

/// The block with these params and results and without unused steps; `live` is what is read of it by others, and grows by what it and the
/// blocks within read.
fn block(block: &Block, params: Vec<Var>, results: Vec<Var>, live: &mut VarSet) -> Block {
    live.extend(results.iter().copied());
    let mut steps: Vec<Step> = vec![];
    for step in block.steps.iter().rev() {
        if step.outs.iter().any(|v| live.contains(v)) || required(&step.op) {
            steps.push(self::step(step, live));
        }
    }
    steps.reverse();
    Block { params, steps, results }
}

/// Whether a step must run whoever reads it: it may fail the run.
fn required(op: &Op) -> bool {
    matches!(op, Op::Require { .. } | Op::Gather { checked: true, .. } | Op::Update { checked: true, .. })
        || matches!(op, Op::Routine { routine, .. } if routine.may_fail())
        || op.blocks().into_iter().any(|b| b.steps.iter().any(|s| required(&s.op)))
}

/// Which values a loop must carry for those that are `used`: all, if a turn may fail. What `activity` finds that the blocks around need is
/// what is left here.
fn carried(op: &Op, body: &Block, used: Vec<bool>, also: &VarSet) -> Vec<bool> {
    match used.contains(&false) && !required(op) {
        true => activity::closed(body, used, also),
        false => vec![true; used.len()],
    }
}

fn turn(body: &Block, keep: &[bool], live: &mut VarSet) -> Block {
    let params = [&body.params[..1], &activity::kept(&body.params[1..], keep)].concat();
    block(body, params, activity::kept(&body.results, keep), live)
}

/// The step without the results that are not used, as far as it can do without.
fn step(step: &Step, live: &mut VarSet) -> Step {
    let used: Vec<bool> = step.outs.iter().map(|v| live.contains(v)).collect();
    let (op, keep) = match &step.op {
        Op::Loop { count, init, body } => {
            let keep = carried(&step.op, body, used, &VarSet::default());
            let turn = turn(body, &keep, live);
            (Op::Loop { count: *count, init: activity::kept(init, &keep), body: turn.into() }, keep)
        }
        Op::While { init, condition, body } => {
            let keep = carried(&step.op, body, used, &activity::asked(condition, body));
            let condition = block(condition, activity::kept(&condition.params, &keep), condition.results.clone(), live);
            let turn = turn(body, &keep, live);
            (Op::While { init: activity::kept(init, &keep), condition: condition.into(), body: turn.into() }, keep)
        }
        Op::If { condition, then, otherwise } => {
            let [then, otherwise] = [then, otherwise].map(|b| block(b, vec![], activity::kept(&b.results, &used), live).into());
            (Op::If { condition: *condition, then, otherwise }, used)
        }
        Op::Map { count, each, body } => {
            let body = block(body, body.params.clone(), activity::kept(&body.results, &used), live);
            (Op::Map { count: *count, each: *each, body: body.into() }, used)
        }
        op => (op.clone(), vec![true; used.len()]),
    };
    op.each_arg(&mut |v| {
        live.insert(v);
    });
    Step { outs: activity::kept(&step.outs, &keep).into(), op, span: step.span }
}
