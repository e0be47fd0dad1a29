//! `Map`: each member is computed again, with its cotangents. What members owe to a value that all of them read is summed
//! over the members; what they owe to entries of an array goes to these places only.

use super::*;
use rules::Entries;

pub fn pull(b: &mut Builder, count: usize, body: &Block, step: &Step, around: &Tape, all: &mut Cotangents) {
    let seeds: Vec<Option<Var>> = step.outs.iter().map(|out| all.value(b, *out)).collect();
    let (body, rows) = with_rows(b, count, body, around);
    let mut active = (*around.active).clone();
    active.extend(rows.iter().map(|(_, row)| *row));
    let active = Rc::new(active);
    let captured: Vec<Var> = body.captures().into_iter().filter(|v| active.contains(v)).collect();
    let array_of = |v: Var| rows.iter().find(|(_, row)| *row == v).map(|(array, _)| *array);

    let member = b.fresh(Type::scalar(Scalar::Int));
    b.open();
    let mut names = around.names.clone();
    names.insert(body.params[0], member);
    for (array, row) in &rows {
        names.insert(*row, b.gather(around.name(*array), vec![member], false));
    }
    let tape = Tape::record(b, &body, names, &active);
    let mut cotangents = Cotangents::default();
    captured.iter().filter(|v| array_of(**v).is_none()).for_each(|v| cotangents.list(*v));
    let seeds: Vec<Option<Var>> = seeds.into_iter().map(|s| Some(b.gather(s?, vec![member], false))).collect();
    tape.seed(b, &mut cotangents, &seeds);
    tape.pull(b, &mut cotangents);

    let (mut parts, mut results) = (vec![], vec![]);
    for v in captured {
        for entries in cotangents.take_list(v) {
            parts.push(Part::Entries { of: v, index: entries.index.len() });
            results.extend(entries.index);
            results.push(entries.value);
        }
        if let Some(value) = cotangents.value(b, v) {
            parts.push(array_of(v).map_or(Part::Whole { of: v }, |of| Part::Row { of }));
            results.push(value);
        }
    }
    let kept = vec![true; results.len()];
    let block = b.close(vec![member], results);
    let mut results = b.map_with(count, Tile::ONE, activity::prune(&block, &kept)).into_iter();
    for part in parts {
        match part {
            Part::Row { of } => {
                let shape = b.shape_of(around.name(of)).to_vec();
                let (start, stride) = (vec![0; shape.len()], vec![1; shape.len()]);
                let array = b.embed(results.next().unwrap(), shape, start, stride);
                all.add(b, of, Cotangent::of(array));
            }
            Part::Whole { of } => {
                let sum = b.sum(results.next().unwrap(), vec![0]);
                all.add(b, of, Cotangent::of(sum));
            }
            Part::Entries { of, index } => {
                let index = results.by_ref().take(index).collect();
                let value = results.next().unwrap();
                all.add_entries(b, of, around.name(of), Entries { index, value, checked: false });
            }
        }
    }
}

/// What comes out of the members.
enum Part {
    /// The member's row of an array.
    Row { of: Var },
    /// A term of a sum over the members.
    Whole { of: Var },
    /// Entries at so many indices, and their values.
    Entries { of: Var, index: usize },
}

/// The body with a variable of its own for each row of an active array that belongs to the member, and these pairs of array
/// and row. Then a member owes to its row, not to an array of them.
fn with_rows(b: &mut Builder, count: usize, body: &Block, around: &Tape) -> (Block, Vec<(Var, Var)>) {
    let mut rows = vec![];
    for array in around.active_captures(body) {
        let ty = b.type_of(array).clone();
        if ty.shape.first().is_some_and(|n| *n >= count) && reads_row(body, array, body.params[0]) {
            rows.push((array, b.fresh(Type::new(ty.scalar, &ty.shape[1..]))));
        }
    }
    let member = body.params[0];
    let mut body = body.clone();
    rows.iter().for_each(|(array, row)| read_row(&mut body, *array, *row, b.shape_of(*row), member));
    (body, rows)
}

/// Reads `row` instead of `array` at `member`.
fn read_row(block: &mut Block, array: Var, row: Var, shape: &[usize], member: Var) {
    for step in &mut block.steps {
        match &mut step.op {
            Op::Gather { arg, index, checked } if *arg == array && index[0] == member => {
                let (rest, checked) = (index[1..].to_vec(), *checked);
                step.op = match rest.is_empty() {
                    true => Op::Reshape { arg: row, shape: shape.to_vec() },
                    false => Op::Gather { arg: row, index: rest, checked },
                };
            }
            op => op.blocks_mut().into_iter().for_each(|block| read_row(block, array, row, shape, member)),
        }
    }
}

fn reads_row(block: &Block, array: Var, member: Var) -> bool {
    block.steps.iter().any(|step| match &step.op {
        Op::Gather { arg, index, .. } => *arg == array && index[0] == member,
        op => op.blocks().into_iter().any(|block| reads_row(block, array, member)),
    })
}
