//! A block for many members at once: every value that depends on the member gets one more dimension, in front or behind;
//! what does not stays as it is. The same numbers come out, bit for bit.
//!
//! A branch on a condition that members decide differently is taken both ways and chosen from; what is left out is
//! evaluated where it does no harm (`guard`). Loops take as many turns as the longest, and the others keep what they have.

use super::activity;
use super::read::read;
use crate::core::build::Builder;
use crate::core::*;
use crate::prim::{Prim, arithmetic as rows};
use crate::routine::{self, Argument, Routine};
use moyal_runtime::array::{Array, Scalar};

/// Where the dimension that counts the members stands.
#[derive(Clone, Copy, PartialEq)]
pub enum Side {
    First,
    Last,
}

/// A block run for `count` members at once: `arguments`, one for each param, have one more dimension of that size, and so
/// have the results.
pub fn batch(b: &mut Builder, side: Side, count: usize, block: &Block, arguments: &[Var]) -> Vec<Var> {
    let mut batcher = Batcher { b, side, count, names: VarMap::default(), mask: None };
    for (param, argument) in block.params.iter().zip(arguments) {
        batcher.names.insert(*param, (*argument, true));
    }
    batcher.steps(&block.steps);
    block.results.iter().map(|v| batcher.batched(*v)).collect()
}

struct Batcher<'b> {
    b: &'b mut Builder,
    side: Side,
    count: usize,
    /// What a variable of the block is called, and whether it has the members' dimension.
    names: VarMap<(Var, bool)>,
    /// For which members the branch being walked is taken.
    mask: Option<Var>,
}

impl Batcher<'_> {
    fn name(&self, var: Var) -> (Var, bool) {
        self.names.get(&var).copied().unwrap_or((var, false))
    }

    /// The value with the members' dimension.
    fn batched(&mut self, var: Var) -> Var {
        let (value, batched) = self.name(var);
        if batched { value } else { self.repeated(value) }
    }

    fn repeated(&mut self, value: Var) -> Var {
        let shape = self.b.shape_of(value).to_vec();
        let dims = (0..shape.len()).map(|d| self.at(d)).collect();
        self.b.spread(value, self.with(self.count, &shape), dims)
    }

    // ---- the members' dimension ----

    /// Where dimension `d` of one member's value stands in all members'.
    fn at(&self, d: usize) -> usize {
        d + (self.side == Side::First) as usize
    }

    /// Where the members' dimension stands if a member's value has so many dimensions.
    fn own(&self, rank: usize) -> usize {
        if self.side == Side::First { 0 } else { rank }
    }

    /// One number for each dimension, with `own` for the members'.
    fn with(&self, own: usize, rest: &[usize]) -> Vec<usize> {
        let mut all = rest.to_vec();
        all.insert(self.own(rest.len()), own);
        all
    }

    /// A value whose members' dimension is number `from`, with it in its place.
    fn settled(&mut self, value: Var, from: usize) -> Var {
        let rank = self.b.shape_of(value).len();
        let mut order: Vec<usize> = (0..rank).filter(|d| *d != from).collect();
        order.insert(self.own(rank - 1), from);
        self.b.transpose(value, &order)
    }

    /// A value with its members' dimension moved to place `to`.
    fn unsettled(&mut self, value: Var, to: usize) -> Var {
        let rank = self.b.shape_of(value).len();
        let own = self.own(rank - 1);
        let mut order: Vec<usize> = (0..rank).filter(|d| *d != own).collect();
        order.insert(to, own);
        self.b.transpose(value, &order)
    }

    /// A number for each member, for each element of a value of all members of this shape.
    fn for_each(&mut self, members: Var, shape: &[usize]) -> Var {
        self.b.spread(members, shape.to_vec(), vec![self.own(shape.len() - 1)])
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
            let mut names: VarMap<Var> = reads.iter().map(|v| (*v, self.name(*v).0)).collect();
            self.b.copy_step(step, &mut names);
            return step.outs.iter().map(|v| (names[v], false)).collect();
        }
        let one = |v: Var| vec![(v, true)];
        let n = self.count;
        match &step.op {
            Op::Prim(row, args) => one(self.prim(row, args)),
            Op::Spread { arg, shape, dims } => {
                let arg = self.batched(*arg);
                let dims: Vec<usize> = dims.iter().map(|d| self.at(*d)).collect();
                let dims = self.with(self.own(shape.len()), &dims);
                one(self.b.spread(arg, self.with(n, shape), dims))
            }
            Op::Reshape { arg, shape } => {
                let arg = self.batched(*arg);
                one(self.b.reshape(arg, self.with(n, shape)))
            }
            Op::Reduce { monoid, arg, dims } => {
                let arg = self.batched(*arg);
                let dims = dims.iter().map(|d| self.at(*d)).collect();
                one(self.b.reduce(*monoid, arg, dims))
            }
            Op::Shift { arg, dim, sizes, offset } => {
                let arg = self.batched(*arg);
                one(self.b.shift(arg, self.at(*dim), sizes.clone(), offset.clone()))
            }
            Op::Around { arg, dim, sizes, shape, offsets } => {
                let arg = self.batched(*arg);
                one(self.b.around(arg, self.at(*dim), sizes.clone(), shape.clone(), offsets.clone()))
            }
            Op::Slice { arg, start, stride, shape } => {
                let arg = self.batched(*arg);
                one(self.b.slice(arg, self.with(0, start), self.with(1, stride), self.with(n, shape)))
            }
            Op::Embed { arg, shape, start, stride } => {
                let arg = self.batched(*arg);
                one(self.b.embed(arg, self.with(n, shape), self.with(0, start), self.with(1, stride)))
            }
            Op::Concat { args, dim } => {
                let args = args.iter().map(|a| self.batched(*a)).collect();
                one(self.b.concat(args, self.at(*dim)))
            }
            Op::Gather { arg, index, checked } => one(self.gather(*arg, index, *checked)),
            Op::Scatter { shape, index, values } => one(self.scatter(shape, index, *values)),
            Op::Update { arg, index, value, checked } => one(self.update(*arg, index, *value, *checked)),
            Op::Contract { left, right, batch, sum } => one(self.contract(*left, *right, batch, sum)),
            Op::Routine { routine, batch, args } => {
                self.routine(routine, *batch, args).into_iter().map(|v| (v, true)).collect()
            }
            Op::Draw { distribution, scalar, place, turns, position, shape } => {
                let position = self.batched(*position);
                let turns = self.turns_of_draw(turns, position);
                let drawn = self.b.draw(*distribution, *scalar, *place, turns, position, shape.clone());
                // Drawn position by position.
                one(self.settled(drawn, self.own(self.b.shape_of(position).len() - 1)))
            }
            Op::If { condition, then, otherwise } => self.branches(*condition, then, otherwise),
            Op::Require { condition, message } => {
                let (mut condition, batched) = self.name(*condition);
                if let Some(mask) = self.mask {
                    let condition_now = if batched { condition } else { self.repeated(condition) };
                    let left_out = self.b.prim(&rows::NOT, &[mask]);
                    condition = self.b.prim(&rows::OR, &[left_out, condition_now]);
                }
                let dims = (0..self.b.shape_of(condition).len()).collect();
                let all = self.b.reduce(Monoid::All, condition, dims);
                self.b.require(all, message.clone());
                vec![]
            }
            Op::Note { .. } => vec![],
            Op::Loop { count, init, body } => self.turns(*count, init, body),
            Op::While { init, condition, body } => self.turns_while(init, condition, body),
            Op::Map { count, each, body } => self.inner_map(*count, *each, body),
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
        let mask = self.for_each(mask, &ty.shape);
        self.b.select(mask, value, safe)
    }

    // ---- positions ----

    /// The member's number, in the shape of `like`.
    fn members_like(&mut self, like: Var) -> Var {
        let shape = self.b.shape_of(like).to_vec();
        let members = self.b.iota(self.count);
        self.for_each(members, &shape)
    }

    fn gather(&mut self, arg: Var, index: &[Var], checked: bool) -> Var {
        let (mut arg, arg_batched) = self.name(arg);
        let same = !index.iter().any(|i| self.name(*i).1) && self.mask.is_none();
        if same && arg_batched && self.side == Side::Last {
            // The same places of all members: whole rows.
            let index = index.iter().map(|i| self.name(*i).0).collect();
            return read(self.b, arg, index, checked);
        }
        let mut index: Vec<Var> = index.iter().map(|i| self.batched(*i)).collect();
        if let Some(mask) = self.mask.filter(|_| checked) {
            index = index.into_iter().map(|i| self.guarded(mask, i, 0.0)).collect();
        }
        let rank = self.b.shape_of(index[0]).len();
        if arg_batched {
            // Members are the first thing that is read at.
            arg = self.unsettled(arg, 0);
            index.insert(0, self.members_like(index[0]));
        }
        let found = read(self.b, arg, index, checked);
        self.settled(found, self.own(rank - 1))
    }

    fn scatter(&mut self, shape: &[usize], index: &[Var], values: Var) -> Var {
        let index: Vec<Var> = index.iter().map(|i| self.batched(*i)).collect();
        let rank = self.b.shape_of(index[0]).len();
        let values = self.batched(values);
        let values = self.unsettled(values, self.own(rank - 1));
        let members = self.members_like(index[0]);
        let sums = self.b.scatter([&[self.count], shape].concat(), [vec![members], index].concat(), values);
        self.settled(sums, 0)
    }

    fn update(&mut self, arg: Var, index: &[Var], value: Var, checked: bool) -> Var {
        let (arg, value) = (self.batched(arg), self.batched(value));
        let (rank, dims) = (self.b.shape_of(arg).len() - 1, index.len());
        if self.mask.is_none() && index.iter().all(|i| !self.name(*i).1) {
            // One place for all members: written with the members behind the places.
            let index = index.iter().map(|i| self.name(*i).0).collect();
            let behind = if self.side == Side::First { dims } else { rank };
            let turned = self.unsettled(arg, behind);
            let updated = self.b.update(turned, index, value, checked);
            return self.settled(updated, behind);
        }
        // A place for each member: chosen by comparing positions.
        let shape = self.b.shape_of(arg).to_vec();
        let mut here: Option<Var> = None;
        for (k, i) in index.iter().enumerate() {
            let i = self.batched(*i);
            let size = shape[self.at(k)];
            if checked {
                self.require_inside(i, size);
            }
            let places = self.b.iota(size);
            let places = self.b.spread(places, shape.clone(), vec![self.at(k)]);
            let i = self.for_each(i, &shape);
            let same = self.b.prim(&rows::EQ, &[places, i]);
            here = Some(match here {
                None => same,
                Some(before) => self.b.prim(&rows::AND, &[before, same]),
            });
        }
        let dims_of_value: Vec<usize> = (dims..rank).map(|d| self.at(d)).collect();
        let value = self.b.spread(value, shape, self.with(self.own(rank), &dims_of_value));
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
        let (left_rank, right_rank) = (self.b.shape_of(left).len(), self.b.shape_of(right).len());
        let up = |pairs: &[(usize, usize)]| -> Vec<(usize, usize)> {
            pairs.iter().map(|(a, c)| (if l { self.at(*a) } else { *a }, if r { self.at(*c) } else { *c })).collect()
        };
        let (mut batch, sum) = (up(batch), up(sum));
        if l && r {
            batch.insert(0, (self.own(left_rank - 1), self.own(right_rank - 1)));
            let product = self.b.contract(left, right, batch, sum);
            return self.settled(product, 0);
        }
        let right_free = right_rank - batch.len() - sum.len();
        if r && self.side == Side::First && batch.is_empty() && right_free == 1 {
            // Members of the right side alone: as the left one they stand first in the product.
            let sum = sum.iter().map(|(a, c)| (*c, *a)).collect();
            return self.b.contract(right, left, vec![], sum);
        }
        // The members are a free dimension of one side.
        let (own, of_left) = if l { (self.own(left_rank - 1), true) } else { (self.own(right_rank - 1), false) };
        let taken = |pair: &(usize, usize)| if of_left { pair.0 } else { pair.1 };
        let free_before = (0..own).filter(|d| !batch.iter().chain(&sum).any(|p| taken(p) == *d)).count();
        let before = if of_left { batch.len() } else { left_rank - sum.len() };
        let product = self.b.contract(left, right, batch, sum);
        self.settled(product, before + free_before)
    }

    /// A routine's batch dimensions lead: the members' is the first of them while it runs.
    fn routine(&mut self, routine: &'static Routine, batch: usize, args: &[Var]) -> Vec<Var> {
        let mut given = vec![];
        for arg in args {
            let (value, batched) = self.name(*arg);
            given.push(Argument { value: if batched { self.unsettled(value, 0) } else { value }, batched });
        }
        if let (None, Some(together)) = (self.mask, routine.together)
            && let Some(results) = together(self.b, &given)
        {
            return results.into_iter().map(|v| self.settled(v, 0)).collect();
        }
        let mut args: Vec<Var> = given.iter().map(|a| if a.batched { a.value } else { self.in_front(a.value) }).collect();
        if let (Some(mask), Some(harmless)) = (self.mask, routine.harmless) {
            let types: Vec<Type> = args.iter().map(|a| self.b.type_of(*a).clone()).collect();
            let safe = harmless(&routine::member_types(batch + 1, &types));
            for (arg, safe) in args.iter_mut().zip(safe) {
                *arg = self.guarded_array(mask, *arg, safe, batch + 1);
            }
        }
        let results = self.b.routine(routine, batch + 1, args);
        results.into_iter().map(|v| self.settled(v, 0)).collect()
    }

    /// The same for all members, whose dimension leads.
    fn in_front(&mut self, value: Var) -> Var {
        let shape = self.b.shape_of(value).to_vec();
        let dims = (1..=shape.len()).collect();
        self.b.spread(value, [vec![self.count], shape].concat(), dims)
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
                let test = self.for_each(test, &shape);
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
        let differ = self.differing(init, body);
        let start: Vec<Var> = init.iter().zip(&differ).map(|(v, d)| self.batched_if(*v, *d)).collect();
        let types: Vec<Type> = start.iter().map(|v| self.b.type_of(*v).clone()).collect();
        let turn = self.b.fresh(Type::scalar(Scalar::Int));
        let carried: Vec<Var> = types.into_iter().map(|t| self.b.fresh(t)).collect();
        self.b.open();
        self.names.insert(body.params[0], (turn, false));
        for ((param, value), differ) in body.params[1..].iter().zip(&carried).zip(&differ) {
            self.names.insert(*param, (*value, *differ));
        }
        self.steps(&body.steps);
        let results = body.results.iter().zip(&differ).map(|(v, d)| self.batched_if(*v, *d)).collect();
        let block = self.b.close([vec![turn], carried].concat(), results);
        self.b.loop_with(count, start, block).into_iter().zip(differ).collect()
    }

    /// The turns of a draw: counters of loops, which all members share, and perhaps a last one that each has for itself.
    fn turns_of_draw(&mut self, turns: &[Var], position: Var) -> Vec<Var> {
        let Some((last, outer)) = turns.split_last() else { return vec![] };
        let mut named: Vec<Var> = outer.iter().map(|t| self.name(*t).0).collect();
        let (turn, batched) = self.name(*last);
        let shape = self.b.shape_of(position).to_vec();
        named.push(match (batched, self.b.shape_of(turn).len()) {
            (false, 0) => turn,
            (true, 1) if shape.len() > 1 => self.for_each(turn, &shape),
            (true, _) => turn,
            (false, _) => self.batched(*last),
        });
        named
    }

    /// Which of the values that a loop carries differ from member to member. What they all carry alike (the time of a step, its
    /// number) is computed once.
    fn differing(&self, init: &[Var], body: &Block) -> Vec<bool> {
        if self.mask.is_some() {
            return vec![true; init.len()];
        }
        let mut found: VarSet = self.names.iter().filter(|(_, (_, batched))| *batched).map(|(v, _)| *v).collect();
        loop {
            let before = found.len();
            for (k, param) in body.params[1..].iter().enumerate() {
                if found.contains(&init[k]) || found.contains(&body.results[k]) {
                    found.insert(*param);
                }
            }
            activity::depending(body, &mut found);
            if found.len() == before {
                return body.params[1..].iter().map(|v| found.contains(v)).collect();
            }
        }
    }

    fn batched_if(&mut self, var: Var, batched: bool) -> Var {
        if batched { self.batched(var) } else { self.name(var).0 }
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
                let active = self.for_each(active, &shape);
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
    fn inner_map(&mut self, count: usize, each: Tile, body: &Block) -> Vec<(Var, bool)> {
        let member = self.b.fresh(Type::scalar(Scalar::Int));
        self.b.open();
        self.names.insert(body.params[0], (member, false));
        self.steps(&body.steps);
        let results = body.results.iter().map(|v| self.batched(*v)).collect();
        let block = self.b.close(vec![member], results);
        let outs = self.b.map_with(count, each, block);
        // A member of theirs holds all of ours.
        let ours = |rank: usize| if self.side == Side::First { 1 } else { rank - 1 };
        let ours: Vec<usize> = outs.iter().map(|v| ours(self.b.shape_of(*v).len())).collect();
        outs.into_iter().zip(ours).map(|(v, from)| (self.settled(v, from), true)).collect()
    }
}
