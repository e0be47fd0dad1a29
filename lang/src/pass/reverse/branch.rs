//! `If`: the branch that was taken is computed again, with its cotangents. What a branch owes to entries of an array comes
//! out of it as entries; of the branch that is not taken they are zeros at position 0.

use super::*;
use rules::Entries;

pub fn pull(b: &mut Builder, condition: Var, branches: [&Block; 2], step: &Step, around: &Tape, all: &mut Cotangents) {
    let mut captured = around.active_captures(branches[0]);
    let more = around.active_captures(branches[1]);
    captured.extend(more.into_iter().filter(|v| !captured.contains(v)).collect::<Vec<_>>());
    let seeds: Vec<Option<Var>> = step.outs.iter().map(|out| all.value(b, *out)).collect();
    let before: Vec<Option<Var>> = captured.iter().map(|v| all.value(b, *v)).collect();
    let mut sides = branches.map(|branch| back(b, branch, around, &captured, &before, &seeds));

    let mut changed = vec![];
    for (k, v) in captured.iter().enumerate() {
        let sums = [sides[0].sums[k], sides[1].sums[k]];
        if sums == [before[k]; 2] {
            before[k].iter().for_each(|value| all.set(*v, *value));
            continue;
        }
        changed.push(*v);
        for (side, sum) in sides.iter_mut().zip(sums) {
            let same = || before[k].unwrap_or_else(|| b.zeros_like(around.name(*v)));
            side.block.results.push(sum.unwrap_or_else(same));
        }
    }
    let mut places = vec![];
    for side in 0..2 {
        for (v, entries) in std::mem::take(&mut sides[side].entries) {
            let mut values = entries.index;
            places.push((v, values.len()));
            values.push(entries.value);
            let nothing: Vec<Var> = values.iter().map(|value| b.zeros_like(*value)).collect();
            sides[side].block.results.extend(values);
            sides[1 - side].block.results.extend(nothing);
        }
    }

    let [then, otherwise] = sides.map(|side| activity::prune(&side.block, &vec![true; side.block.results.len()]));
    let mut results = b.if_with(around.name(condition), then, otherwise).into_iter();
    changed.into_iter().for_each(|v| all.set(v, results.next().unwrap()));
    for (v, dims) in places {
        let index = results.by_ref().take(dims).collect();
        let entries = Entries { index, value: results.next().unwrap(), checked: false };
        all.add_entries(b, v, around.name(v), entries);
    }
}

/// A branch with its cotangents; its results are still to be said.
struct Side {
    block: Block,
    /// For each captured variable its cotangent after the branch.
    sums: Vec<Option<Var>>,
    entries: Vec<(Var, Entries)>,
}

fn back(
    b: &mut Builder,
    branch: &Block,
    around: &Tape,
    captured: &[Var],
    before: &[Option<Var>],
    seeds: &[Option<Var>],
) -> Side {
    b.open();
    let tape = Tape::record(b, branch, around.names.clone(), &around.active);
    let mut cotangents = Cotangents::default();
    for (v, value) in captured.iter().zip(before) {
        cotangents.list(*v);
        value.iter().for_each(|value| cotangents.set(*v, *value));
    }
    tape.seed(b, &mut cotangents, seeds);
    tape.pull(b, &mut cotangents);
    let sums = captured.iter().map(|v| cotangents.value(b, *v)).collect();
    // Nothing was read from an empty array, which has no position 0.
    let arrays = captured.iter().filter(|v| !b.type_of(around.name(**v)).is_empty());
    let entries = arrays.flat_map(|v| cotangents.take_list(*v).into_iter().map(|e| (*v, e))).collect();
    Side { block: b.close(vec![], vec![]), sums, entries }
}
