//! Equal steps computed once, steps of a loop that do not change in it computed before it. No bit of a result changes.

use super::walk::{self, Walk};
use crate::core::build::Builder;
use crate::core::*;
use moyal_runtime::array::{Array, Data};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

pub fn program(program: Program) -> Program {
    walk::program(program, vec![Known::default()], step)
}

/// What an operation is, without what it is called: equal keys mean equal values.
type Key = SmallVec<[u64; 8]>;
/// Steps seen, by key.
type Known = HashMap<Key, Vars, Hashing>;
/// With what is known in each open block.
type Sharing<'b> = Walk<'b, Vec<Known>>;

fn step(walk: &mut Sharing, Step { outs, op, .. }: Step) -> Vec<Var> {
    if op.blocks().is_empty() { plain(walk, op, &outs) } else { region(walk, op, &outs) }
}

fn plain(walk: &mut Sharing, op: Op, like: &[Var]) -> Vec<Var> {
    let Some(key) = key(&op) else { return walk.b.rebuild(op, like) };
    if let Some(outs) = walk.state.iter().rev().find_map(|k| k.get(&key)) {
        return outs.to_vec();
    }
    let outs = walk.b.rebuild(op, like);
    walk.state.last_mut().expect("an open block").insert(key, Vars::from_slice(&outs));
    outs
}

fn region(walk: &mut Sharing, mut op: Op, like: &[Var]) -> Vec<Var> {
    if matches!(op, Op::Loop { .. } | Op::While { .. } | Op::Map { .. }) {
        for block in op.blocks_mut() {
            *block = hoisted(walk, std::mem::take(block));
        }
    }
    for block in op.blocks_mut() {
        walk.state.push(Known::default());
        *block = walk.block(std::mem::take(block));
        walk.state.pop();
    }
    walk.b.rebuild(op, like)
}

/// The block without the steps that are the same in every turn; those are computed here, before it.
fn hoisted(walk: &mut Sharing, block: Block) -> Block {
    let mut inside: VarSet = block.params.iter().copied().collect();
    // Steps that do not change but cost nothing: copied out only if something dear needs them.
    let mut cheap: VarMap<Step> = VarMap::default();
    let mut kept = vec![];
    for step in block.steps {
        let fixed = total(&step.op) && step.op.args().iter().all(|v| !inside.contains(v) || cheap.contains_key(v));
        if fixed && dear(&step.op, walk.b, step.outs[0]) {
            moved(walk, &step, &mut cheap, &inside);
            continue;
        }
        if fixed {
            cheap.insert(step.outs[0], step.clone());
        }
        inside.extend(step.outs.iter().copied());
        kept.push(step);
    }
    Block { steps: kept, ..block }
}

fn moved(walk: &mut Sharing, step: &Step, cheap: &mut VarMap<Step>, inside: &VarSet) {
    for arg in step.op.args() {
        if inside.contains(&arg)
            && let Some(needed) = cheap.get(&arg).cloned()
            && !walk.names.contains_key(&arg)
        {
            moved(walk, &needed, cheap, inside);
        }
    }
    walk.b.set_span(step.span);
    let op = step.op.clone().map_args(&mut |v| walk.name(v));
    let outs = plain(walk, op, &step.outs);
    walk.names.extend(step.outs.iter().copied().zip(outs));
}

/// Whether an operation can be done before it is known to be needed: it cannot fail.
fn total(op: &Op) -> bool {
    match op {
        Op::Gather { checked, .. } | Op::Update { checked, .. } => !checked,
        Op::Require { .. } => false,
        Op::Routine { routine, .. } => !routine.may_fail(),
        op => op.blocks().is_empty(),
    }
}

/// Whether keeping the result costs less than making it again.
fn dear(op: &Op, b: &Builder, out: Var) -> bool {
    match op {
        Op::Constant(_) | Op::Iota(_) | Op::ShiftTable { .. } | Op::Table(_) => false,
        Op::Spread { .. } | Op::Reshape { .. } | Op::Slice { .. } => b.shape_of(out).is_empty(),
        // The memory of an array that is about to be written is better made where it is written.
        Op::Update { .. } => false,
        _ => true,
    }
}

fn key(op: &Op) -> Option<Key> {
    let mut key: Key = op.args().iter().map(|v| v.0 as u64).collect();
    let mut add = |numbers: &[usize]| {
        key.push(numbers.len() as u64);
        key.extend(numbers.iter().map(|n| *n as u64));
    };
    match op {
        Op::Constant(literal) => {
            let (tag, bits) = literal.bits();
            key.extend([100, tag, bits]);
        }
        Op::Table(array) => {
            key.extend([101, array.data.scalar() as u64]);
            key.extend(array.shape.iter().map(|n| *n as u64));
            key.extend(content(array));
        }
        Op::Iota(n) => key.extend([102, *n as u64]),
        Op::ShiftTable { sizes, offset } => {
            add(sizes);
            key.extend(offset.iter().map(|o| *o as u64));
            key.push(103);
        }
        Op::Prim(row, _) => {
            // x y is y x to the last bit.
            if matches!(row.name, "add" | "mul") {
                key.sort_unstable();
            }
            key.extend([104, *row as *const _ as u64]);
        }
        Op::Spread { shape, dims, .. } => {
            add(shape);
            add(dims);
            key.push(105);
        }
        Op::Reshape { shape, .. } => {
            add(shape);
            key.push(106);
        }
        Op::Reduce { monoid, dims, .. } => {
            add(dims);
            key.extend([107, *monoid as u64]);
        }
        Op::Shift { dim, sizes, offset, .. } => {
            add(&[*dim]);
            add(sizes);
            key.extend(offset.iter().map(|o| *o as u64));
            key.push(108);
        }
        Op::Around { dim, sizes, shape, offsets, .. } => {
            add(&[*dim]);
            add(sizes);
            add(shape);
            key.extend(offsets.iter().flatten().map(|o| *o as u64));
            key.push(117);
        }
        Op::Slice { start, stride, shape, .. } => {
            add(start);
            add(stride);
            add(shape);
            key.push(109);
        }
        Op::Embed { start, stride, shape, .. } => {
            add(start);
            add(stride);
            add(shape);
            key.push(110);
        }
        Op::Concat { dim, .. } => key.extend([111, *dim as u64]),
        Op::Gather { checked, .. } => key.extend([112, *checked as u64]),
        Op::Scatter { shape, .. } => {
            add(shape);
            key.push(113);
        }
        Op::Contract { batch, sum, .. } => {
            add(&batch.iter().flat_map(|(a, b)| [*a, *b]).collect::<Vec<_>>());
            add(&sum.iter().flat_map(|(a, b)| [*a, *b]).collect::<Vec<_>>());
            key.push(114);
        }
        Op::Routine { routine, batch, .. } => key.extend([116, *routine as *const _ as u64, *batch as u64]),
        Op::Draw { distribution, scalar, place, shape, .. } => {
            add(shape);
            key.extend([115, *distribution as u64, *scalar as u64, *place]);
        }
        _ => return None,
    }
    Some(key)
}

/// Two hashes of an array's bits.
fn content(array: &Array) -> [u64; 2] {
    [1_u64, 2].map(|salt| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        match &array.data {
            Data::Real(v) => v.iter().for_each(|x| x.to_bits().hash(&mut hasher)),
            Data::F32(v) => v.iter().for_each(|x| x.to_bits().hash(&mut hasher)),
            Data::Int(v) => v.hash(&mut hasher),
            Data::Bool(v) => v.hash(&mut hasher),
        }
        hasher.finish()
    })
}
