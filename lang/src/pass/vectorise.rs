//! Comprehensions as whole arrays: a `Map` whose body has no loop becomes steps over arrays with one more dimension. The
//! same numbers come out, bit for bit.
//!
//! Every value that depends on the member gets a leading dimension; what does not stays as it is. Reading an array at the
//! member's number is that array; at a neighbouring site it is a `Shift`; at c₀ + c₁ i a `Slice`. A branch on a batched
//! condition is taken both ways and chosen from; what is left out is evaluated where it does no harm (`guard`).

use crate::core::build::Builder;
use crate::core::*;
use crate::prim::{Prim, arithmetic as rows};
use crate::routine::{self, Argument, Routine};
use moyal_runtime::array::{Array, Scalar};
use std::collections::HashMap;

pub fn program(program: Program) -> Program {
    let Program { types, spans, body } = program;
    let mut b = Builder::resume(types, spans);
    let results = steps(&mut b, &body);
    b.finish(body.params, results)
}

/// A block with its comprehensions vectorised.
pub fn block(b: &mut Builder, block: Block) -> Block {
    b.open();
    let results = steps(b, &block);
    b.close(block.params, results)
}

/// Emits a block's steps, vectorised, into the open block; returns what its results are called.
fn steps(b: &mut Builder, block: &Block) -> Vec<Var> {
    let mut names = HashMap::new();
    for step in &block.steps {
        b.set_span(step.span);
        let mut op = step.op.clone().map_args(&mut |v| *names.get(&v).unwrap_or(&v));
        for inner in op.blocks_mut() {
            *inner = renamed(b, inner, &names);
        }
        let outs = match op {
            Op::Map { count, body } if flat(&body) && count > 0 => map(b, count, &body),
            op => b.rebuild(op, &step.outs),
        };
        names.extend(step.outs.iter().copied().zip(outs));
    }
    block.results.iter().map(|v| *names.get(v).unwrap_or(v)).collect()
}

/// An inner block, vectorised, whose captured variables have new names.
fn renamed(b: &mut Builder, block: &Block, names: &HashMap<Var, Var>) -> Block {
    let copy = b.copy_block(block, names);
    self::block(b, copy)
}

fn flat(block: &Block) -> bool {
    block.steps.iter().all(|s| !matches!(s.op, Op::Loop { .. } | Op::While { .. } | Op::Map { .. }) && s.op.blocks().into_iter().all(flat))
}

/// A map's results as arrays.
fn map(b: &mut Builder, count: usize, body: &Block) -> Vec<Var> {
    let members = b.iota(count);
    batch(b, count, body, &[members])
}

/// A block run for `count` members at once: `arguments`, one for each param, have a leading dimension of that size, and so
/// have the results.
pub fn batch(b: &mut Builder, count: usize, block: &Block, arguments: &[Var]) -> Vec<Var> {
    let mut batcher = Batcher { b, count, names: HashMap::new(), mask: None };
    for (param, argument) in block.params.iter().zip(arguments) {
        batcher.names.insert(*param, (*argument, true));
    }
    batcher.steps(&block.steps);
    block.results.iter().map(|v| batcher.batched(*v)).collect()
}

struct Batcher<'b> {
    b: &'b mut Builder,
    count: usize,
    /// What a variable of the block is called, and whether it has the leading dimension.
    names: HashMap<Var, (Var, bool)>,
    /// For which members the branch being walked is taken.
    mask: Option<Var>,
}

impl Batcher<'_> {
    fn name(&self, var: Var) -> (Var, bool) {
        self.names.get(&var).copied().unwrap_or((var, false))
    }

    /// The value with the leading dimension.
    fn batched(&mut self, var: Var) -> Var {
        let (value, batched) = self.name(var);
        if batched { value } else { self.lead(value) }
    }

    fn lead(&mut self, value: Var) -> Var {
        let shape = self.b.shape_of(value).to_vec();
        let dims = (1..=shape.len()).collect();
        self.b.spread(value, [vec![self.count], shape].concat(), dims)
    }

    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            self.b.set_span(step.span);
            let outs = self.step(step);
            for (old, new) in step.outs.iter().zip(outs) {
                self.names.insert(*old, new);
            }
        }
    }

    fn step(&mut self, step: &Step) -> Vec<(Var, bool)> {
        let args = step.op.args();
        let mut reads = args.clone();
        for block in step.op.blocks() {
            reads.extend(block.captures());
        }
        let guarded = self.mask.is_some() && self.needs_guard(&step.op);
        if !guarded && !reads.iter().any(|v| self.name(*v).1) {
            let mut names: HashMap<Var, Var> = reads.iter().map(|v| (*v, self.name(*v).0)).collect();
            self.b.copy_step(step, &mut names);
            return step.outs.iter().map(|v| (names[v], false)).collect();
        }
        let one = |v: Var| vec![(v, true)];
        let n = self.count;
        match &step.op {
            Op::Prim(row, args) => one(self.prim(row, args)),
            Op::Spread { arg, shape, dims } => {
                let arg = self.batched(*arg);
                let dims = std::iter::once(0).chain(dims.iter().map(|d| d + 1)).collect();
                one(self.b.spread(arg, [&[n], &shape[..]].concat(), dims))
            }
            Op::Reshape { arg, shape } => {
                let arg = self.batched(*arg);
                one(self.b.reshape(arg, [&[n], &shape[..]].concat()))
            }
            Op::Reduce { monoid, arg, dims } => {
                let arg = self.batched(*arg);
                one(self.b.reduce(*monoid, arg, dims.iter().map(|d| d + 1).collect()))
            }
            Op::Shift { arg, dim, sizes, offset } => {
                let arg = self.batched(*arg);
                one(self.b.shift(arg, dim + 1, sizes.clone(), offset.clone()))
            }
            Op::Slice { arg, start, stride, shape } => {
                let arg = self.batched(*arg);
                one(self.b.slice(arg, lead(0, start), lead(1, stride), lead(n, shape)))
            }
            Op::Embed { arg, shape, start, stride } => {
                let arg = self.batched(*arg);
                one(self.b.embed(arg, lead(n, shape), lead(0, start), lead(1, stride)))
            }
            Op::Concat { args, dim } => {
                let args = args.iter().map(|a| self.batched(*a)).collect();
                one(self.b.concat(args, dim + 1))
            }
            Op::Gather { arg, index, checked } => one(self.gather(*arg, index, *checked)),
            Op::Scatter { shape, index, values } => {
                let values = self.batched(*values);
                let index: Vec<Var> = index.iter().map(|i| self.batched(*i)).collect();
                let members = self.members_like(index[0]);
                one(self.b.scatter(lead(n, shape), [vec![members], index].concat(), values))
            }
            Op::Update { arg, index, value, checked } => one(self.update(*arg, index, *value, *checked)),
            Op::Contract { left, right, batch, sum } => one(self.contract(*left, *right, batch, sum)),
            Op::Routine { routine, batch, args } => {
                self.routine(routine, *batch, args).into_iter().map(|v| (v, true)).collect()
            }
            Op::Draw { distribution, scalar, place, turns, position, shape } => {
                let position = self.batched(*position);
                let turns = turns.iter().map(|t| self.name(*t).0).collect();
                one(self.b.draw(*distribution, *scalar, *place, turns, position, shape.clone()))
            }
            Op::If { condition, then, otherwise } => self.branches(*condition, then, otherwise),
            Op::Require { condition, message } => {
                let (mut condition, batched) = self.name(*condition);
                if let Some(mask) = self.mask {
                    let condition_now = if batched { condition } else { self.lead(condition) };
                    let left_out = self.b.prim(&rows::NOT, &[mask]);
                    condition = self.b.prim(&rows::OR, &[left_out, condition_now]);
                }
                let dims = (0..self.b.shape_of(condition).len()).collect();
                let all = self.b.reduce(Monoid::All, condition, dims);
                self.b.require(all, message.clone());
                vec![]
            }
            Op::Loop { count, init, body } => self.turns(*count, init, body),
            Op::While { init, condition, body } => self.turns_while(init, condition, body),
            Op::Map { count, body } => self.inner_map(*count, body),
            Op::Constant(_) | Op::Table(_) | Op::Iota(_) | Op::ShiftTable { .. } => unreachable!("reads nothing"),
        }
    }

    // ---- elementwise ----

    fn needs_guard(&self, op: &Op) -> bool {
        match op {
            Op::Prim(row, _) => row.guard.is_some(),
            Op::Gather { checked, .. } | Op::Update { checked, .. } => *checked,
            Op::Routine { routine, .. } => routine.may_fail(),
            Op::Require { .. } => true,
            _ => false,
        }
    }

    fn prim(&mut self, row: &'static Prim, args: &[Var]) -> Var {
        let mut args: Vec<Var> = args.iter().map(|a| self.batched(*a)).collect();
        if let (Some(mask), Some(guard)) = (self.mask, row.guard) {
            for (k, arg) in args.iter_mut().enumerate() {
                let Some(safe) = guard.get(k) else { continue };
                *arg = self.guarded(mask, *arg, *safe);
            }
        }
        self.b.prim(row, &args)
    }

    /// `value` where the branch is taken, `safe` elsewhere.
    fn guarded(&mut self, mask: Var, value: Var, safe: f64) -> Var {
        let ty = self.b.type_of(value).clone();
        let safe = self.b.full(ty.scalar, &ty.shape, safe);
        let mask = self.b.spread(mask, ty.shape, vec![0]);
        self.b.select(mask, value, safe)
    }

    // ---- positions ----

    /// The member's number, in the shape of `like`, whose first dimension counts the members.
    fn members_like(&mut self, like: Var) -> Var {
        let shape = self.b.shape_of(like).to_vec();
        let members = self.b.iota(self.count);
        self.b.spread(members, shape, vec![0])
    }

    fn gather(&mut self, arg: Var, index: &[Var], checked: bool) -> Var {
        let (arg, arg_batched) = self.name(arg);
        let mut index: Vec<Var> = index.iter().map(|i| self.batched(*i)).collect();
        if let Some(mask) = self.mask.filter(|_| checked) {
            index = index.into_iter().map(|i| self.guarded(mask, i, 0.0)).collect();
        }
        if arg_batched {
            index.insert(0, self.members_like(index[0]));
        }
        read(self.b, arg, index, checked)
    }

    fn update(&mut self, arg: Var, index: &[Var], value: Var, checked: bool) -> Var {
        let (arg, value) = (self.batched(arg), self.batched(value));
        let rank = self.b.shape_of(arg).len();
        let dims = index.len();
        if self.mask.is_none() && index.iter().all(|i| !self.name(*i).1) {
            // One place for all members: written with the members behind the places.
            let index = index.iter().map(|i| self.name(*i).0).collect();
            let order: Vec<usize> = (1..=dims).chain([0]).chain(dims + 1..rank).collect();
            let turned = self.b.transpose(arg, &order);
            let updated = self.b.update(turned, index, value, checked);
            let back: Vec<usize> = [dims].into_iter().chain(0..dims).chain(dims + 1..rank).collect();
            return self.b.transpose(updated, &back);
        }
        // A place for each member: chosen by comparing positions.
        let shape = self.b.shape_of(arg).to_vec();
        let mut here: Option<Var> = None;
        for (k, i) in index.iter().enumerate() {
            let i = self.batched(*i);
            if checked {
                self.require_inside(i, shape[k + 1]);
            }
            let places = self.b.iota(shape[k + 1]);
            let places = self.b.spread(places, shape.clone(), vec![k + 1]);
            let i = self.b.spread(i, shape.clone(), vec![0]);
            let same = self.b.prim(&rows::EQ, &[places, i]);
            here = Some(match here {
                None => same,
                Some(before) => self.b.prim(&rows::AND, &[before, same]),
            });
        }
        let dims_of_value = std::iter::once(0).chain(dims + 1..rank).collect();
        let value = self.b.spread(value, shape, dims_of_value);
        self.b.select(here.expect("an update has a place"), value, arg)
    }

    fn require_inside(&mut self, index: Var, size: usize) {
        let (zero, end) = (self.b.int(0), self.b.int(size as i64));
        let (above, below) = (self.b.prim(&rows::GE, &[index, zero]), self.b.prim(&rows::LT, &[index, end]));
        let mut inside = self.b.prim(&rows::AND, &[above, below]);
        if let Some(mask) = self.mask {
            let left_out = self.b.prim(&rows::NOT, &[mask]);
            inside = self.b.prim(&rows::OR, &[left_out, inside]);
        }
        let all = self.b.reduce(Monoid::All, inside, vec![0]);
        self.b.require(all, format!("an index lies outside 0 … {}", size as i64 - 1));
    }

    fn contract(&mut self, left: Var, right: Var, batch: &[(usize, usize)], sum: &[(usize, usize)]) -> Var {
        let ((left, l), (right, r)) = (self.name(left), self.name(right));
        let up = |pairs: &[(usize, usize)]| -> Vec<(usize, usize)> {
            pairs.iter().map(|(a, c)| (a + l as usize, c + r as usize)).collect()
        };
        let (mut batch, sum) = (up(batch), up(sum));
        if l && r {
            batch.insert(0, (0, 0));
            return self.b.contract(left, right, batch, sum);
        }
        let behind = if l { batch.len() } else { self.b.shape_of(left).len() - sum.len() };
        let product = self.b.contract(left, right, batch, sum);
        let rank = self.b.shape_of(product).len();
        let order: Vec<usize> = [behind].into_iter().chain((0..rank).filter(|d| *d != behind)).collect();
        self.b.transpose(product, &order)
    }

    fn routine(&mut self, routine: &'static Routine, batch: usize, args: &[Var]) -> Vec<Var> {
        let given: Vec<Argument> = args.iter().map(|a| self.name(*a)).map(|(value, batched)| Argument { value, batched }).collect();
        if let (None, Some(together)) = (self.mask, routine.together)
            && let Some(results) = together(self.b, &given)
        {
            return results;
        }
        let mut args: Vec<Var> = args.iter().map(|a| self.batched(*a)).collect();
        if let (Some(mask), Some(harmless)) = (self.mask, routine.harmless) {
            let types: Vec<Type> = args.iter().map(|a| self.b.type_of(*a).clone()).collect();
            let safe = harmless(&routine::member_types(batch + 1, &types));
            for (arg, safe) in args.iter_mut().zip(safe) {
                *arg = self.guarded_array(mask, *arg, safe, batch + 1);
            }
        }
        self.b.routine(routine, batch + 1, args)
    }

    /// `value` where the branch is taken, elsewhere `safe` for each index of the `batch` leading dimensions.
    fn guarded_array(&mut self, mask: Var, value: Var, safe: Array, batch: usize) -> Var {
        let shape = self.b.shape_of(value).to_vec();
        let safe = self.b.table(safe);
        let safe = self.b.spread(safe, shape.clone(), (batch..shape.len()).collect());
        let mask = self.b.spread(mask, shape, vec![0]);
        self.b.select(mask, value, safe)
    }

    // ---- regions ----

    fn branches(&mut self, condition: Var, then: &Block, otherwise: &Block) -> Vec<(Var, bool)> {
        let (test, batched) = self.name(condition);
        if !batched {
            return self.whole_branches(test, then, otherwise);
        }
        let other = self.b.prim(&rows::NOT, &[test]);
        let yes = self.branch(test, then);
        let no = self.branch(other, otherwise);
        yes.into_iter()
            .zip(no)
            .map(|(x, y)| {
                let shape = self.b.shape_of(x).to_vec();
                let test = self.b.spread(test, shape, vec![0]);
                (self.b.select(test, x, y), true)
            })
            .collect()
    }

    /// One branch of a batched condition, for all members.
    fn branch(&mut self, taken: Var, block: &Block) -> Vec<Var> {
        let outer = self.mask;
        self.mask = Some(match outer {
            None => taken,
            Some(mask) => self.b.prim(&rows::AND, &[mask, taken]),
        });
        self.steps(&block.steps);
        let results = block.results.iter().map(|v| self.batched(*v)).collect();
        self.mask = outer;
        results
    }

    /// All members take the same branch.
    fn whole_branches(&mut self, test: Var, then: &Block, otherwise: &Block) -> Vec<(Var, bool)> {
        let blocks = [then, otherwise].map(|block| {
            self.b.open();
            self.steps(&block.steps);
            let results = block.results.iter().map(|v| self.batched(*v)).collect();
            self.b.close(vec![], results)
        });
        let [then, otherwise] = blocks;
        self.b.if_with(test, then, otherwise).into_iter().map(|v| (v, true)).collect()
    }

    fn turns(&mut self, count: Var, init: &[Var], body: &Block) -> Vec<(Var, bool)> {
        let (count, counts_differ) = self.name(count);
        if counts_differ {
            return self.turns_each(count, init, body);
        }
        let start: Vec<Var> = init.iter().map(|v| self.batched(*v)).collect();
        let types: Vec<Type> = start.iter().map(|v| self.b.type_of(*v).clone()).collect();
        let turn = self.b.fresh(Type::scalar(Scalar::Int));
        let carried: Vec<Var> = types.into_iter().map(|t| self.b.fresh(t)).collect();
        self.b.open();
        self.names.insert(body.params[0], (turn, false));
        for (param, value) in body.params[1..].iter().zip(&carried) {
            self.names.insert(*param, (*value, true));
        }
        self.steps(&body.steps);
        let results = body.results.iter().map(|v| self.batched(*v)).collect();
        let block = self.b.close([vec![turn], carried].concat(), results);
        self.b.loop_with(count, start, block).into_iter().map(|v| (v, true)).collect()
    }

    /// Members with different numbers of turns: as many as the longest has, and the others keep what they have.
    fn turns_each(&mut self, counts: Var, init: &[Var], body: &Block) -> Vec<(Var, bool)> {
        let longest = self.b.reduce(Monoid::Max, counts, vec![0]);
        let start: Vec<Var> = init.iter().map(|v| self.batched(*v)).collect();
        let types: Vec<Type> = start.iter().map(|v| self.b.type_of(*v).clone()).collect();
        let turn = self.b.fresh(Type::scalar(Scalar::Int));
        let carried: Vec<Var> = types.into_iter().map(|t| self.b.fresh(t)).collect();
        self.b.open();
        let active = self.b.prim(&rows::LT, &[turn, counts]);
        let results = self.masked_turn(active, body, turn, &carried);
        let block = self.b.close([vec![turn], carried].concat(), results);
        self.b.loop_with(longest, start, block).into_iter().map(|v| (v, true)).collect()
    }

    fn masked_turn(&mut self, active: Var, body: &Block, turn: Var, carried: &[Var]) -> Vec<Var> {
        self.names.insert(body.params[0], (turn, false));
        for (param, value) in body.params[1..].iter().zip(carried) {
            self.names.insert(*param, (*value, true));
        }
        let new = self.branch(active, &Block { params: vec![], steps: body.steps.clone(), results: body.results.clone() });
        new.into_iter()
            .zip(carried)
            .map(|(new, old)| {
                let shape = self.b.shape_of(new).to_vec();
                let active = self.b.spread(active, shape, vec![0]);
                self.b.select(active, new, *old)
            })
            .collect()
    }

    fn turns_while(&mut self, init: &[Var], condition: &Block, body: &Block) -> Vec<(Var, bool)> {
        let start: Vec<Var> = init.iter().map(|v| self.batched(*v)).collect();
        let types: Vec<Type> = start.iter().map(|v| self.b.type_of(*v).clone()).collect();
        let seen: Vec<Var> = types.iter().map(|t| self.b.fresh(t.clone())).collect();
        self.b.open();
        let holds = self.holds(condition, &seen);
        let any = self.b.reduce(Monoid::Any, holds, vec![0]);
        let test = self.b.close(seen, vec![any]);
        let turn = self.b.fresh(Type::scalar(Scalar::Int));
        let carried: Vec<Var> = types.into_iter().map(|t| self.b.fresh(t)).collect();
        self.b.open();
        let active = self.holds(condition, &carried);
        let results = self.masked_turn(active, body, turn, &carried);
        let block = self.b.close([vec![turn], carried].concat(), results);
        self.b.while_with(start, test, block).into_iter().map(|v| (v, true)).collect()
    }

    /// For which members the condition of a `While` holds.
    fn holds(&mut self, condition: &Block, carried: &[Var]) -> Var {
        for (param, value) in condition.params.iter().zip(carried) {
            self.names.insert(*param, (*value, true));
        }
        self.steps(&condition.steps);
        let holds = self.batched(condition.results[0]);
        match self.mask {
            Some(mask) => self.b.prim(&rows::AND, &[mask, holds]),
            None => holds,
        }
    }

    /// A map inside: its members stay members, each for all of ours.
    fn inner_map(&mut self, count: usize, body: &Block) -> Vec<(Var, bool)> {
        let member = self.b.fresh(Type::scalar(Scalar::Int));
        self.b.open();
        self.names.insert(body.params[0], (member, false));
        self.steps(&body.steps);
        let results = body.results.iter().map(|v| self.batched(*v)).collect();
        let block = self.b.close(vec![member], results);
        let outs = self.b.map_with(count, block);
        outs.into_iter()
            .map(|v| {
                let rank = self.b.shape_of(v).len();
                let order: Vec<usize> = [1, 0].into_iter().chain(2..rank).collect();
                (self.b.transpose(v, &order), true)
            })
            .collect()
    }
}

fn lead(first: usize, rest: &[usize]) -> Vec<usize> {
    [&[first], rest].concat()
}

// ---- reading at indices ----

/// What an array of positions is along one dimension of the index shape.
enum Along {
    /// start, start + stride, …
    Affine { start: i64, stride: i64 },
    /// All sites of a box, at an offset.
    Shifted { sizes: Vec<usize>, offset: Vec<i64> },
}

/// `Gather`, in the plainest form that says the same.
pub fn read(b: &mut Builder, arg: Var, index: Vec<Var>, checked: bool) -> Var {
    let shape = b.shape_of(index[0]).to_vec();
    let rest = b.shape_of(arg)[index.len()..].to_vec();
    // A table of positions read at all sites in order is the table itself.
    let axes: Vec<Vec<usize>> = index.iter().map(|i| axes_of(b, *i)).collect();
    let mut taken: Vec<Option<(usize, Along)>> = index
        .iter()
        .enumerate()
        .map(|(k, i)| {
            let [axis] = axes[k][..] else { return None };
            let alone = axes.iter().enumerate().all(|(other, a)| other == k || !a.contains(&axis));
            let size = b.shape_of(arg)[k];
            let along = along(b, *i, shape[axis], size)?;
            alone.then_some((axis, along))
        })
        .collect();
    if taken.iter().all(Option::is_none) {
        return b.gather(arg, index, checked);
    }
    // Dimensions read along an axis: shifted or cut to what is read.
    let mut value = arg;
    for (k, t) in taken.iter().enumerate() {
        match t {
            None => {}
            Some((_, Along::Shifted { sizes, offset })) => value = b.shift(value, k, sizes.clone(), offset.clone()),
            Some((axis, Along::Affine { start, stride })) => {
                let mut part = b.shape_of(value).to_vec();
                let (mut starts, mut strides) = (vec![0; part.len()], vec![1; part.len()]);
                (starts[k], strides[k], part[k]) = (*start as usize, *stride as usize, shape[*axis]);
                value = b.slice(value, starts, strides, part);
            }
        }
    }
    // The others in front, gathered over the axes that are left.
    let left: Vec<usize> = (0..index.len()).filter(|k| taken[*k].is_none()).collect();
    let cut: Vec<usize> = (0..index.len()).filter(|k| taken[*k].is_some()).collect();
    let rank = b.shape_of(value).len();
    let order: Vec<usize> = left.iter().chain(&cut).copied().chain(index.len()..rank).collect();
    value = b.transpose(value, &order);
    let cut_axes: Vec<usize> = cut.iter().map(|k| taken[*k].take().expect("a cut dimension").0).collect();
    let mut dims = vec![];
    if !left.is_empty() {
        let kept: Vec<usize> = (0..shape.len()).filter(|a| !cut_axes.contains(a)).collect();
        let kept_shape: Vec<usize> = kept.iter().map(|a| shape[*a]).collect();
        let positions = left.iter().map(|k| narrowed(b, index[*k], &kept, &kept_shape)).collect();
        value = b.gather(value, positions, checked);
        dims.extend(kept);
    }
    dims.extend(cut_axes);
    dims.extend((0..rest.len()).map(|d| shape.len() + d));
    b.spread(value, [shape, rest].concat(), dims)
}

/// The dimensions along which an array may vary.
fn axes_of(b: &Builder, var: Var) -> Vec<usize> {
    match b.definition(var).map(|s| &s.op) {
        Some(Op::Spread { dims, .. }) => dims.clone(),
        _ => (0..b.shape_of(var).len()).collect(),
    }
}

/// The same positions over the dimensions `kept` alone (along the others they do not vary).
fn narrowed(b: &mut Builder, var: Var, kept: &[usize], shape: &[usize]) -> Var {
    let (source, dims) = match b.definition(var).map(|s| s.op.clone()) {
        Some(Op::Spread { arg, dims, .. }) => (arg, dims),
        _ => (var, (0..kept.len()).collect()),
    };
    let dims = dims.iter().map(|d| kept.iter().position(|k| k == d).expect("varies along kept dimensions only")).collect();
    b.spread(source, shape.to_vec(), dims)
}

/// What positions are along the single axis that they vary along, if that is simple and inside a dimension of `size`.
fn along(b: &Builder, var: Var, count: usize, size: usize) -> Option<Along> {
    let var = match b.definition(var).map(|s| &s.op) {
        Some(Op::Spread { arg, .. }) => *arg,
        _ => var,
    };
    if let Some(Op::ShiftTable { sizes, offset }) = b.definition(var).map(|s| &s.op) {
        return (count == size).then(|| Along::Shifted { sizes: sizes.clone(), offset: offset.clone() });
    }
    let (start, stride) = affine(b, var)?;
    let last = start + stride * (count as i64 - 1);
    (start >= 0 && stride > 0 && last < size as i64 && count > 0).then_some(Along::Affine { start, stride })
}

/// `start + stride · i` for an array that is made of its own index so.
fn affine(b: &Builder, var: Var) -> Option<(i64, i64)> {
    if let Some(Literal::Int(n)) = b.uniform_literal(var) {
        return Some((n, 0));
    }
    match &b.definition(var)?.op {
        Op::Iota(_) => Some((0, 1)),
        Op::Prim(row, args) if args.len() == 2 => {
            let ((p, q), (r, s)) = (affine(b, args[0])?, affine(b, args[1])?);
            if std::ptr::eq(*row, &rows::ADD) {
                Some((p.checked_add(r)?, q.checked_add(s)?))
            } else if std::ptr::eq(*row, &rows::SUB) {
                Some((p.checked_sub(r)?, q.checked_sub(s)?))
            } else if std::ptr::eq(*row, &rows::MUL) && (q == 0 || s == 0) {
                Some((p.checked_mul(r)?, p.checked_mul(s)?.checked_add(q.checked_mul(r)?)?))
            } else {
                None
            }
        }
        _ => None,
    }
}
