//! Equal steps computed once, steps of a loop that do not change in it computed before it. No bit of a result changes.

use crate::core::build::Builder;
use crate::core::*;
use moyal_runtime::array::{Array, Data};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

pub fn program(program: Program) -> Program {
    let Program { types, spans, body } = program;
    let b = Builder::resume(types, spans);
    let mut sharer = Sharer { b, known: vec![Known::default()], names: VarMap::default() };
    sharer.steps(body.steps);
    let results = body.results.iter().map(|v| sharer.name(*v)).collect();
    sharer.b.finish(body.params, results)
}

/// What an operation is, without what it is called: equal keys mean equal values.
type Key = SmallVec<[u64; 8]>;
type Known = HashMap<Key, Vars, Hashing>;

struct Sharer {
    b: Builder,
    /// Steps seen, by key, for each open block.
    known: Vec<Known>,
    names: VarMap<Var>,
}

impl Sharer {
    fn name(&self, var: Var) -> Var {
        self.names.get(&var).copied().unwrap_or(var)
    }

    fn steps(&mut self, steps: Vec<Step>) {
        for step in steps {
            self.b.set_span(step.span);
            let op = step.op.map_args(&mut |v| self.name(v));
            let outs = if op.blocks().is_empty() { self.plain(op, &step.outs) } else { self.region(op, &step.outs) };
            self.names.extend(step.outs.into_iter().zip(outs));
        }
    }

    fn plain(&mut self, op: Op, like: &[Var]) -> Vec<Var> {
        let Some(key) = key(&op) else { return self.b.rebuild(op, like) };
        if let Some(outs) = self.known.iter().rev().find_map(|k| k.get(&key)) {
            return outs.to_vec();
        }
        let outs = self.b.rebuild(op, like);
        self.known.last_mut().expect("an open block").insert(key, Vars::from_slice(&outs));
        outs
    }

    fn region(&mut self, mut op: Op, like: &[Var]) -> Vec<Var> {
        if matches!(op, Op::Loop { .. } | Op::While { .. } | Op::Map { .. }) {
            for block in op.blocks_mut() {
                *block = self.hoisted(std::mem::take(block));
            }
        }
        for block in op.blocks_mut() {
            *block = self.block(std::mem::take(block));
        }
        self.b.rebuild(op, like)
    }

    fn block(&mut self, block: Block) -> Block {
        // Params are unique in the program, so they keep their names.
        self.b.open();
        self.known.push(Known::default());
        self.steps(block.steps);
        let results = block.results.iter().map(|v| self.name(*v)).collect();
        self.known.pop();
        self.b.close(block.params, results)
    }

    /// The block without the steps that are the same in every turn; those are computed here, before it.
    fn hoisted(&mut self, block: Block) -> Block {
        let mut inside: VarSet = block.params.iter().copied().collect();
        // Steps that do not change but cost nothing: copied out only if something dear needs them.
        let mut cheap: VarMap<Step> = VarMap::default();
        let mut kept = vec![];
        for step in block.steps {
            let fixed = total(&step.op) && step.op.args().iter().all(|v| !inside.contains(v) || cheap.contains_key(v));
            if fixed && dear(&step.op, &self.b, step.outs[0]) {
                self.moved(&step, &mut cheap, &inside);
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

    fn moved(&mut self, step: &Step, cheap: &mut VarMap<Step>, inside: &VarSet) {
        for arg in step.op.args() {
            if inside.contains(&arg)
                && let Some(needed) = cheap.get(&arg).cloned()
                && !self.names.contains_key(&arg)
            {
                self.moved(&needed, cheap, inside);
            }
        }
        self.b.set_span(step.span);
        let op = step.op.clone().map_args(&mut |v| self.name(v));
        let outs = self.plain(op, &step.outs);
        self.names.extend(step.outs.iter().copied().zip(outs));
    }
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
