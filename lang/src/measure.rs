//! What later statements ask of a run is computed as its draws appear. A sampler writes draw after draw into an array that
//! comprehensions of later statements go through; such a comprehension moves into the sampler's loop, and the array of
//! configurations is not made at all if nothing else reads it. Noise is addressed by the member's number, which moves
//! along: the same numbers come out, bit for bit.
//!
//! Only for a text that is known whole, before it runs: the prompt and embedded modules keep their ensembles.

use crate::check::Slot;
use crate::check::script::{Action, Script, Unit};
use crate::core::build::Builder;
use crate::core::*;
use crate::pass::drop;
use std::collections::HashSet;
use std::sync::Arc;

/// Moves comprehensions over the draws of earlier statements to where the draws are made.
pub fn script(script: &mut Script, slots: &mut Vec<Slot>) {
    for maker in 0..script.actions.len() {
        let Action::Run(unit) = &script.actions[maker] else { continue };
        for kept in kept_arrays(unit) {
            if let Some(readers) = readers(script, maker, kept.slot) {
                let asked = readers.iter().map(|k| asked(&script.actions, maker, *k, &kept)).collect::<Option<Vec<_>>>();
                if let Some(asked) = asked.filter(|a| !a.is_empty()) {
                    move_all(script, slots, maker, &kept, readers, asked);
                }
            }
        }
    }
}

/// An array that a loop of a unit writes row by row, and that is one of the unit's results.
struct Kept {
    slot: usize,
    /// The loop's place among the unit's steps, and which of its carried values the array is.
    step: usize,
    carried: usize,
    /// The row that a turn writes: one configuration of each chain.
    row: Var,
    draws: usize,
    chains: usize,
}

/// Finds out of one program after the other whether [`script`] may change it.
#[derive(Default)]
pub struct Movable {
    kept: HashSet<usize>,
}

impl Movable {
    /// Whether a program makes draws that others may go through, or reads such draws of a program before it.
    pub fn may_change(&mut self, unit: &Unit) -> bool {
        let own = kept_arrays(unit);
        self.kept.extend(own.iter().map(|kept| kept.slot));
        !own.is_empty() || unit.inputs.iter().any(|slot| self.kept.contains(slot))
    }
}

fn kept_arrays(unit: &Unit) -> Vec<Kept> {
    let body = &unit.program.body;
    let pairs = unit.outputs.iter().zip(&body.results);
    pairs.filter_map(|(slot, result)| kept_array(unit, *slot, *result)).collect()
}

fn kept_array(unit: &Unit, slot: usize, result: Var) -> Option<Kept> {
    let (program, body) = (&unit.program, &unit.program.body);
    let Op::Reshape { arg, .. } = definition(body, result)?.op else { return None };
    let step = body.steps.iter().position(|s| s.outs.contains(&arg))?;
    let Op::Loop { count, body: turn, .. } = &body.steps[step].op else { return None };
    let carried = body.steps[step].outs.iter().position(|v| *v == arg)?;
    let Op::Update { arg: before, index, value, checked: false } = &definition(turn, turn.results[carried])?.op else { return None };
    let shape = &program.type_of(arg).shape;
    let Op::Constant(Literal::Int(draws)) = definition(body, *count)?.op else { return None };
    let whole = shape.len() >= 2
        && shape[0] == draws as usize
        && program.type_of(result).shape[..] == [&[shape[0] * shape[1]], &shape[2..]].concat()
        && *before == turn.params[carried + 1]
        && index[..] == [turn.params[0]];
    let alone = reads(turn, *before) == 1 && reads(body, arg) == 1 && reads(body, result) == 1;
    (whole && alone).then_some(Kept { slot, step, carried, row: *value, draws: shape[0], chains: shape[1] })
}

fn definition(block: &Block, var: Var) -> Option<&Step> {
    block.steps.iter().find(|s| s.outs.contains(&var))
}

/// How often a block, with the blocks in it, reads a variable.
fn reads(block: &Block, var: Var) -> usize {
    let steps = block.steps.iter().map(|s| {
        let own = s.op.args().iter().filter(|v| **v == var).count();
        own + s.op.blocks().into_iter().map(|b| reads(b, var)).sum::<usize>()
    });
    steps.sum::<usize>() + block.results.iter().filter(|v| **v == var).count()
}

/// The actions that read a slot; None if one of them is no plain statement of the script.
fn readers(script: &Script, maker: usize, slot: usize) -> Option<Vec<usize>> {
    let mut found = vec![];
    for (k, action) in script.actions.iter().enumerate().skip(maker + 1) {
        match action {
            Action::Run(unit) if unit.inputs.contains(&slot) => found.push(k),
            Action::Run(_) => {}
            other if touches(other, slot) => return None,
            _ => {}
        }
    }
    let tests = script.tests.iter().flat_map(|(_, body)| body);
    (!tests.into_iter().any(|a| touches(a, slot))).then_some(found)
}

fn touches(action: &Action, slot: usize) -> bool {
    let unit = |unit: &Unit| unit.inputs.contains(&slot);
    match action {
        Action::Run(u) => unit(u),
        Action::Load { .. } => false,
        Action::For { body, .. } => body.iter().any(|a| touches(a, slot)),
        Action::While { condition, body, .. } => unit(condition) || body.iter().any(|a| touches(a, slot)),
        Action::If { condition, then, otherwise, .. } => unit(condition) || then.iter().chain(otherwise).any(|a| touches(a, slot)),
    }
}

/// Slots that an action fills.
fn fills(action: &Action, found: &mut HashSet<usize>) {
    match action {
        Action::Run(unit) => found.extend(&unit.outputs),
        Action::Load { re, im, .. } => found.extend([Some(*re), *im].into_iter().flatten()),
        Action::For { turn, body, .. } => {
            found.insert(*turn);
            body.iter().for_each(|a| fills(a, found));
        }
        Action::While { condition, turn, body, .. } => {
            found.insert(*turn);
            found.extend(&condition.outputs);
            body.iter().for_each(|a| fills(a, found));
        }
        Action::If { condition, then, otherwise, .. } => {
            found.extend(&condition.outputs);
            then.iter().chain(otherwise).for_each(|a| fills(a, found));
        }
    }
}

/// What a statement asks of the draws: which of its steps are comprehensions over them, and the steps that these need.
struct Asked {
    maps: Vec<usize>,
    needed: Vec<usize>,
}

/// None if the statement reads the array in any other way, or needs what is not yet known when the draws are made.
fn asked(actions: &[Action], maker: usize, reader: usize, kept: &Kept) -> Option<Asked> {
    let Action::Run(unit) = &actions[reader] else { return None };
    let body = &unit.program.body;
    let array = body.params[unit.inputs.iter().position(|s| *s == kept.slot)?];
    let maps: Vec<usize> = (0..body.steps.len()).filter(|k| goes_through(&body.steps[*k], array, kept)).collect();
    let through: usize = maps.iter().flat_map(|k| body.steps[*k].op.blocks()).map(|b| reads(b, array)).sum();
    if maps.is_empty() || through != reads(body, array) {
        return None;
    }
    let mut late = HashSet::new();
    actions[maker..].iter().for_each(|a| fills(a, &mut late));
    late.remove(&kept.slot);
    let late: VarSet = unit.inputs.iter().zip(&body.params).filter(|(s, _)| late.contains(s)).map(|(_, v)| *v).collect();
    let mut needed = HashSet::new();
    for k in &maps {
        let captures = body.steps[*k].op.blocks()[0].captures();
        captures.into_iter().filter(|v| *v != array).try_for_each(|v| early(body, v, array, &late, &mut needed))?;
    }
    let needed = (0..body.steps.len()).filter(|k| needed.contains(k)).collect();
    Some(Asked { maps, needed })
}

/// Whether a step is a comprehension over the draws that reads the array one draw at a time, and cannot fail.
fn goes_through(step: &Step, array: Var, kept: &Kept) -> bool {
    let Op::Map { count, each: Tile::ONE, body } = &step.op else { return false };
    let found = rows(body, array, body.params[0]);
    *count == kept.draws * kept.chains && !found.is_empty() && found.len() == reads(body, array) && !fails(body)
}

/// What a block calls the rows of an array at position `member`.
fn rows(block: &Block, array: Var, member: Var) -> Vec<Var> {
    let mut found = vec![];
    for step in &block.steps {
        match &step.op {
            Op::Gather { arg, index, checked: false } if *arg == array && index[..] == [member] => found.push(step.outs[0]),
            op => found.extend(op.blocks().into_iter().flat_map(|b| rows(b, array, member))),
        }
    }
    found
}

fn fails(block: &Block) -> bool {
    let may = |op: &Op| {
        matches!(op, Op::Require { .. } | Op::Gather { checked: true, .. } | Op::Update { checked: true, .. })
            || op.blocks().into_iter().any(fails)
    };
    block.steps.iter().any(|s| may(&s.op))
}

/// Adds the steps that `var` needs; None if it needs the array, a value that is made later, or a step that may fail.
fn early(body: &Block, var: Var, array: Var, late: &VarSet, needed: &mut HashSet<usize>) -> Option<()> {
    if var == array || late.contains(&var) {
        return None;
    }
    let Some(k) = body.steps.iter().position(|s| s.outs.contains(&var)) else { return Some(()) };
    if !needed.insert(k) {
        return Some(());
    }
    let step = &body.steps[k];
    let inner = step.op.blocks();
    if inner.iter().any(|b| fails(b)) || matches!(step.op, Op::Gather { checked: true, .. } | Op::Update { checked: true, .. }) {
        return None;
    }
    all_reads(step).into_iter().try_for_each(|v| early(body, v, array, late, needed))
}

/// What a step and its blocks read.
fn all_reads(step: &Step) -> Vec<Var> {
    step.op.args().into_iter().chain(step.op.blocks().into_iter().flat_map(Block::captures)).collect()
}

// ---- moving ----

/// A comprehension in its new place: what it gives a turn, and the slot of the whole.
struct Moved {
    ty: Type,
    slot: usize,
}

fn move_all(script: &mut Script, slots: &mut Vec<Slot>, maker: usize, kept: &Kept, readers: Vec<usize>, asked: Vec<Asked>) {
    let mut given = vec![];
    for (reader, asked) in readers.into_iter().zip(asked) {
        let Action::Run(unit) = &mut script.actions[reader] else { unreachable!("a plain statement") };
        let before = unit.program.clone();
        let inputs = unit.inputs.clone();
        let moved = taken_out(unit, slots, &asked, kept.slot);
        given.push((before, inputs, asked, moved));
    }
    let Action::Run(unit) = &mut script.actions[maker] else { unreachable!("a plain statement") };
    put_in(unit, kept, &given);
}

/// Takes the comprehensions out of a statement: their results become inputs of it, or leave it altogether if they are what
/// the statement is for.
fn taken_out(unit: &mut Unit, slots: &mut Vec<Slot>, asked: &Asked, array: usize) -> Vec<Moved> {
    let mut program = Program::clone(&unit.program);
    let body = &mut program.body;
    let mut moved = vec![];
    for k in &asked.maps {
        for var in body.steps[*k].outs.clone() {
            let ty = program.types[var.0 as usize].clone();
            let slot = match body.results.iter().position(|v| *v == var) {
                Some(result) => {
                    body.results.remove(result);
                    unit.outputs.remove(result)
                }
                None => {
                    slots.push(Slot { ty: ty.clone(), fluctuations: vec![], literal: None });
                    slots.len() - 1
                }
            };
            body.params.push(var);
            unit.inputs.push(slot);
            moved.push(Moved { ty, slot });
        }
    }
    let mut k = 0;
    body.steps.retain(|_| {
        k += 1;
        !asked.maps.contains(&(k - 1))
    });
    let gone = unit.inputs.iter().position(|s| *s == array).expect("an input");
    unit.inputs.remove(gone);
    body.params.remove(gone);
    unit.change(program);
    moved
}

/// A reader as it was: its program, the slots of its inputs, what it asks, and where the answers go.
type Given = (Arc<Program>, Vec<usize>, Asked, Vec<Moved>);

/// Puts comprehensions into the loop that makes the draws, instead of the array.
fn put_in(unit: &mut Unit, kept: &Kept, given: &[Given]) {
    let Program { types, spans, mut body } = Program::clone(&unit.program);
    let mut b = Builder::resume(types, spans);
    let rest = body.steps.split_off(kept.step + 1);
    let mut step = body.steps.pop().expect("the loop");
    let Op::Loop { count, mut init, body: turn } = step.op else { unreachable!("a loop") };
    b.extend(body.steps);
    let mut all_names: Vec<VarMap<Var>> = vec![];
    for (program, inputs, asked, _) in given {
        let mut names = VarMap::default();
        let read: VarSet = asked.maps.iter().chain(&asked.needed).flat_map(|k| all_reads(&program.body.steps[*k])).collect();
        let inputs = inputs.iter().zip(&program.body.params);
        for (slot, var) in inputs.filter(|(slot, var)| **slot != kept.slot && read.contains(var)) {
            let known = unit.inputs.iter().position(|s| s == slot).map(|k| body.params[k]);
            let own = known.unwrap_or_else(|| {
                let own = b.fresh(program.type_of(*var).clone());
                unit.inputs.push(*slot);
                body.params.push(own);
                own
            });
            names.insert(*var, own);
        }
        let needed: Vec<Step> = asked.needed.iter().map(|k| program.body.steps[*k].clone()).collect();
        b.adopt(program, &needed, &mut names);
        all_names.push(names);
    }
    let moved: Vec<&Moved> = given.iter().flat_map(|g| &g.3).collect();
    let by_turn = |ty: &Type| Type::new(ty.scalar, [&[kept.draws, kept.chains], &ty.shape[1..]].concat());
    let carried: Vec<Var> = moved.iter().map(|m| b.fresh(by_turn(&m.ty))).collect();
    init.extend(moved.iter().map(|m| b.full(m.ty.scalar, &by_turn(&m.ty).shape, 0.0)));
    let number = turn.params[0];
    let mut params = turn.params.clone();
    let mut results = b.reopen(*turn);
    let mut rows = vec![];
    for ((program, _, asked, _), names) in given.iter().zip(&all_names) {
        for k in &asked.maps {
            rows.extend(members(&mut b, kept, number, program, &program.body.steps[*k], names));
        }
    }
    params.extend(&carried);
    results.extend(carried.iter().zip(rows).map(|(array, row)| b.update(*array, vec![number], row, false)));
    let mut turn = b.close(params, results);
    let outs: Vec<Var> = moved.iter().map(|m| b.fresh(by_turn(&m.ty))).collect();
    step.outs.extend_from_slice(&outs);
    // The array itself goes.
    let array = step.outs.remove(kept.carried);
    init.remove(kept.carried);
    turn.params.remove(kept.carried + 1);
    let last = turn.results.remove(kept.carried);
    turn.steps.retain(|s| s.outs[..] != [last]);
    b.extend(vec![Step { op: Op::Loop { count, init, body: turn.into() }, ..step }]);
    b.extend(rest.into_iter().filter(|s| !s.op.args().contains(&array)).collect());
    let result = unit.outputs.iter().position(|s| *s == kept.slot).expect("an output");
    unit.outputs.remove(result);
    body.results.remove(result);
    for (moved, out) in moved.iter().zip(outs) {
        body.results.push(b.reshape(out, moved.ty.shape.to_vec()));
        unit.outputs.push(moved.slot);
    }
    // What the array began with goes too.
    unit.change(drop::program(&b.finish(body.params, body.results)));
}

/// The comprehension's members of one turn: one for each chain.
fn members(b: &mut Builder, kept: &Kept, turn: Var, program: &Program, step: &Step, names: &VarMap<Var>) -> Vec<Var> {
    let Op::Map { body, .. } = &step.op else { unreachable!("a comprehension") };
    let span = b.adopted_span(program, step.span);
    b.set_span(span);
    b.map(kept.chains, |b, chain| {
        let chains = b.int(kept.chains as i64);
        let first = b.mul(turn, chains);
        let member = b.add(first, chain);
        let row = b.gather(kept.row, vec![chain], false);
        let mut names = names.clone();
        names.insert(body.params[0], member);
        let arrays: VarSet = body.captures().into_iter().filter(|v| !names.contains_key(v)).collect();
        for array in arrays {
            names.extend(self::rows(body, array, body.params[0]).into_iter().map(|v| (v, row)));
        }
        b.adopt(program, &body.steps, &mut names);
        body.results.iter().map(|v| names[v]).collect()
    })
}
