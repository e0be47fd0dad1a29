//! What depends on what: the variables through which a derivative flows, and the steps that a result needs.

use crate::core::*;
use crate::prim::Partials;

/// Adds to `found` whatever `block` computes from what is in it, blocks within included. A value that a loop carries is found if
/// it begins with something found or becomes it in some turn.
pub fn depending(block: &Block, found: &mut VarSet) {
    for step in &block.steps {
        match &step.op {
            Op::Loop { count, init, body } => {
                let all = found.contains(count);
                carried(step, init, body, all, found);
            }
            Op::While { init, condition, body } => {
                carried(step, init, body, false, found);
                for (param, turn) in condition.params.iter().zip(&body.params[1..]) {
                    if found.contains(turn) {
                        found.insert(*param);
                    }
                }
                depending(condition, found);
                if found.contains(&condition.results[0]) {
                    carried(step, init, body, true, found);
                }
            }
            Op::If { condition, then, otherwise } => {
                let either = found.contains(condition);
                for branch in [then, otherwise] {
                    depending(branch, found);
                    mark(found, &step.outs, &branch.results);
                }
                if either {
                    found.extend(&step.outs);
                }
            }
            Op::Map { body, .. } => {
                depending(body, found);
                mark(found, &step.outs, &body.results);
            }
            op if op.args().iter().any(|v| found.contains(v)) => found.extend(&step.outs),
            _ => {}
        }
    }
}

/// The part of [`depending`] that follows a loop's carried values: all of them, or those that are reached.
fn carried(step: &Step, init: &[Var], body: &Block, all: bool, found: &mut VarSet) {
    loop {
        let before = found.len();
        for (k, param) in body.params[1..].iter().enumerate() {
            if all || found.contains(&init[k]) || found.contains(&body.results[k]) {
                found.insert(*param);
            }
        }
        depending(body, found);
        if found.len() == before {
            mark(found, &step.outs, &body.params[1..]);
            return;
        }
    }
}

/// Adds to `varied` whatever `block` computes smoothly from what is in it, blocks within included.
pub fn varied(types: &[Type], block: &Block, varied: &mut VarSet) {
    block.steps.iter().for_each(|step| varied_step(types, step, varied));
}

/// The same of one step.
pub fn varied_step(types: &[Type], step: &Step, varied: &mut VarSet) {
    match &step.op {
        Op::Loop { init, body, .. } | Op::While { init, body, .. } => loop {
            let before = varied.len();
            for (k, param) in body.params[1..].iter().enumerate() {
                if varied.contains(&init[k]) || varied.contains(&body.results[k]) {
                    varied.insert(*param);
                }
            }
            self::varied(types, body, varied);
            if varied.len() == before {
                mark(varied, &step.outs, &body.params[1..]);
                break;
            }
        },
        Op::If { then, otherwise, .. } => {
            for branch in [then, otherwise] {
                self::varied(types, branch, varied);
                mark(varied, &step.outs, &branch.results);
            }
        }
        Op::Map { body, .. } => {
            self::varied(types, body, varied);
            mark(varied, &step.outs, &body.results);
        }
        op if !is_constant(op) && op.args().iter().any(|v| varied.contains(v)) => {
            varied.extend(step.outs.iter().copied().filter(|v| types[v.0 as usize].scalar.is_float()));
        }
        _ => {}
    }
}

/// Adds to `useful` those of the `varied` on which something in it depends, blocks within included.
pub fn useful(block: &Block, varied: &VarSet, useful: &mut VarSet) {
    let add = |useful: &mut VarSet, var: Var| {
        if varied.contains(&var) {
            useful.insert(var);
        }
    };
    for step in block.steps.iter().rev() {
        if !step.outs.iter().any(|v| useful.contains(v)) {
            continue;
        }
        match &step.op {
            Op::Loop { init, body, .. } | Op::While { init, body, .. } => loop {
                let before = useful.len();
                for (k, param) in body.params[1..].iter().enumerate() {
                    if useful.contains(&step.outs[k]) || useful.contains(param) {
                        [*param, body.results[k], init[k]].into_iter().for_each(|v| add(useful, v));
                    }
                }
                self::useful(body, varied, useful);
                if useful.len() == before {
                    break;
                }
            },
            Op::If { then, otherwise, .. } => {
                for branch in [then, otherwise] {
                    for (out, result) in step.outs.iter().zip(&branch.results) {
                        if useful.contains(out) {
                            add(useful, *result);
                        }
                    }
                    self::useful(branch, varied, useful);
                }
            }
            Op::Map { body, .. } => {
                for (out, result) in step.outs.iter().zip(&body.results) {
                    if useful.contains(out) {
                        add(useful, *result);
                    }
                }
                self::useful(body, varied, useful);
            }
            op if !is_constant(op) => op.args().into_iter().for_each(|v| add(useful, v)),
            _ => {}
        }
    }
}

/// The block for a second run of what has been run before: with the kept results only, without the steps, carried
/// values and results of regions that these do not need, and without the requirements, which have been met.
pub fn prune(block: &Block, keep: &[bool]) -> Block {
    let results: Vec<Var> = kept(&block.results, keep);
    let mut live: VarSet = results.iter().copied().collect();
    let mut steps = vec![];
    for step in block.steps.iter().rev() {
        let wanted: Vec<bool> = step.outs.iter().map(|v| live.contains(v)).collect();
        if !wanted.contains(&true) {
            continue;
        }
        let (wanted, op) = prune_op(&step.op, wanted);
        live.extend(op.args());
        op.blocks().into_iter().for_each(|block| read(block, &mut live));
        steps.push(Step { outs: kept(&step.outs, &wanted).into(), op, span: step.span });
    }
    steps.reverse();
    Block { params: block.params.clone(), steps, results }
}

/// What a block and the blocks within read.
pub fn reads(block: &Block) -> VarSet {
    let mut found = VarSet::default();
    read(block, &mut found);
    found
}

/// Those of `all` for which `keep` holds.
pub fn kept(all: &[Var], keep: &[bool]) -> Vec<Var> {
    all.iter().zip(keep).filter(|(_, keep)| **keep).map(|(v, _)| *v).collect()
}

/// A turn that keeps the `wanted` carried values and all that these need from the turn before.
pub fn closed_turn(body: &Block, wanted: Vec<bool>, also: &VarSet) -> (Vec<bool>, Block) {
    let wanted = closed(body, wanted, also);
    let block = prune(body, &wanted);
    (wanted, block)
}

/// The `wanted` carried values of a turn and all that these need from the turn before.
pub fn closed(body: &Block, mut wanted: Vec<bool>, also: &VarSet) -> Vec<bool> {
    loop {
        let mut read = VarSet::default();
        needed(body, &wanted, &mut read);
        let more: Vec<bool> = body.params[1..].iter().zip(&wanted).map(|(p, w)| *w || read.contains(p) || also.contains(p)).collect();
        if more == wanted {
            return wanted;
        }
        wanted = more;
    }
}

/// Adds what the block reads once it is pruned.
fn needed(block: &Block, keep: &[bool], read: &mut VarSet) {
    read.extend(block.results.iter().zip(keep).filter(|(_, keep)| **keep).map(|(v, _)| *v));
    for step in block.steps.iter().rev() {
        let wanted: Vec<bool> = step.outs.iter().map(|v| read.contains(v)).collect();
        if !wanted.contains(&true) {
            continue;
        }
        let mut add = |all: &[Var], keep: &[bool]| read.extend(all.iter().zip(keep).filter(|(_, keep)| **keep).map(|(v, _)| *v));
        match &step.op {
            Op::Loop { count, init, body } => {
                let wanted = closed(body, wanted, &VarSet::default());
                add(&[*count], &[true]);
                add(init, &wanted);
                needed(body, &wanted, read);
            }
            Op::While { init, condition, body } => {
                let wanted = closed(body, wanted, &asked(condition, body));
                add(init, &wanted);
                needed(condition, &[true], read);
                needed(body, &wanted, read);
            }
            Op::If { condition, then, otherwise } => {
                add(&[*condition], &[true]);
                needed(then, &wanted, read);
                needed(otherwise, &wanted, read);
            }
            Op::Map { body, .. } => needed(body, &wanted, read),
            op => op.each_arg(&mut |v| {
                read.insert(v);
            }),
        }
    }
}

/// The carried values, as a turn calls them, that a loop's condition needs.
pub fn asked(condition: &Block, body: &Block) -> VarSet {
    let mut read = VarSet::default();
    needed(condition, &[true], &mut read);
    condition.params.iter().zip(&body.params[1..]).filter(|(c, _)| read.contains(c)).map(|(_, p)| *p).collect()
}

fn prune_op(op: &Op, wanted: Vec<bool>) -> (Vec<bool>, Op) {
    match op {
        Op::Loop { count, init, body } => {
            let (wanted, mut turn) = closed_turn(body, wanted, &VarSet::default());
            turn.params = [vec![body.params[0]], kept(&body.params[1..], &wanted)].concat();
            let init = kept(init, &wanted);
            (wanted, Op::Loop { count: *count, init, body: turn.into() })
        }
        Op::While { init, condition, body } => {
            let mut condition = prune(condition, &[true]);
            let (wanted, mut turn) = closed_turn(body, wanted, &asked(&condition, body));
            turn.params = [vec![body.params[0]], kept(&body.params[1..], &wanted)].concat();
            condition.params = kept(&condition.params, &wanted);
            let init = kept(init, &wanted);
            (wanted, Op::While { init, condition: condition.into(), body: turn.into() })
        }
        Op::If { condition, then, otherwise } => {
            let (then, otherwise) = (prune(then, &wanted).into(), prune(otherwise, &wanted).into());
            (wanted, Op::If { condition: *condition, then, otherwise })
        }
        Op::Map { count, each, body } => {
            let body = prune(body, &wanted);
            (wanted, Op::Map { count: *count, each: *each, body: body.into() })
        }
        // All results or none.
        op => (vec![true; wanted.len()], op.clone()),
    }
}

fn read(block: &Block, found: &mut VarSet) {
    for step in &block.steps {
        found.extend(step.op.args());
        step.op.blocks().into_iter().for_each(|block| read(block, found));
    }
    found.extend(&block.results);
}

fn mark(set: &mut VarSet, outs: &[Var], like: &[Var]) {
    for (out, like) in outs.iter().zip(like) {
        if set.contains(like) {
            set.insert(*out);
        }
    }
}

/// Whether each element of the block's results depends on that element alone of the params, all of one shape: nothing is
/// read at another place.
pub fn elementwise(block: &Block, params: &[Var], shape: &[usize], shape_of: impl Fn(Var) -> Vec<usize>) -> bool {
    let mut local: VarSet = params.iter().copied().collect();
    for step in &block.steps {
        if !step.reads().iter().any(|v| local.contains(v)) {
            continue;
        }
        let in_place = matches!(step.op, Op::Prim(..)) && step.outs.iter().all(|v| shape_of(*v) == shape);
        if !in_place {
            return false;
        }
        local.extend(step.outs.iter().copied());
    }
    true
}

/// Whether no derivative flows through an operation, whatever it is given.
fn is_constant(op: &Op) -> bool {
    match op {
        Op::Prim(row, _) => matches!(row.partials, Partials::Constant),
        Op::Routine { routine, .. } => routine.is_constant(),
        _ => false,
    }
}
