//! `If`: the branch that was taken is computed again, with its cotangents.

use super::*;

pub fn pull(b: &mut Builder, condition: Var, branches: [&Block; 2], step: &Step, around: &Tape, all: &mut Cotangents) {
    let mut captured = around.active_captures(branches[0]);
    let more = around.active_captures(branches[1]);
    captured.extend(more.into_iter().filter(|v| !captured.contains(v)).collect::<Vec<_>>());
    let seeds: Vec<Option<Var>> = step.outs.iter().map(|out| all.value(b, *out)).collect();
    let before: Vec<Option<Var>> = captured.iter().map(|v| all.value(b, *v)).collect();
    let blocks = branches.map(|branch| {
        b.open();
        let tape = Tape::record(b, branch, around.names.clone(), &around.active);
        let mut cotangents = Cotangents::default();
        for (v, value) in captured.iter().zip(&before) {
            value.iter().for_each(|value| cotangents.set(*v, *value));
        }
        tape.seed(b, &mut cotangents, &seeds);
        tape.pull(b, &mut cotangents);
        let sums: Vec<Var> = captured
            .iter()
            .map(|v| cotangents.value(b, *v).unwrap_or_else(|| b.zeros_like(around.name(*v))))
            .collect();
        let block = b.close(vec![], sums);
        activity::prune(&block, &vec![true; captured.len()])
    });
    let [then, otherwise] = blocks;
    let sums = b.if_with(around.name(condition), then, otherwise);
    captured.iter().zip(sums).for_each(|(v, sum)| all.set(*v, sum));
}
