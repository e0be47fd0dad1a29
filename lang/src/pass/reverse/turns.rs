//! `Loop` and `While`: turns are taken back from the last to the first. A turn needs the carried values that it began with,
//! or some of them. Those are saved at every s-th turn of the first run; then, one segment of s turns after the other, they
//! are computed again and saved for each turn. With s ≈ √n this holds 2√n states and costs one more run. A turn back computes its
//! turn again from the state; what is dear in it is saved beside the state where there is room.
//!
//! Griewank, Walther: Algorithm 799: revolve (2000) does the same with more levels.

use super::*;

/// States that together have no more bytes than this are all saved at once, and dear values beside them.
const SMALL: usize = 1 << 22;
/// A row of at least this cost takes longer than its result takes to be saved and read.
const DEAR: f64 = 20.0;
/// So many states are saved on each level if the number of turns is known only when the program runs.
const SLOTS: usize = 64;

/// A loop, ready to be taken back.
pub struct Saved {
    /// A turn, as far as a turn back needs the state and the dear values.
    turn: Turn,
    /// A turn back that knows the state alone.
    back: Back,
    /// One that finds dear values saved, if they are.
    quick: Option<Back>,
    /// Which carried values are active.
    active: Vec<bool>,
    captured: Vec<Var>,
    names: Names,
    /// What stands for carried values that are not needed.
    init: Vec<Var>,
    parts: Vec<Part>,
}

/// A turn taken back. Params: the turn's number, the carried values, the dear values, cotangents of the active carried values after the
/// turn, sums for the captured variables; results: the cotangents before the turn, and the sums.
struct Back {
    block: Block,
    /// The carried values that it reads.
    needed: Vec<bool>,
    /// The dear values, as a turn calls them.
    dear: Vec<Var>,
}

/// What a turn computes: the carried values that it keeps, and behind them the dear values.
struct Turn {
    keep: Vec<bool>,
    body: Block,
}

/// Consecutive turns.
struct Part {
    from: Var,
    count: Var,
    levels: Vec<Level>,
    start: Start,
}

enum Start {
    /// The carried values before the first turn.
    State(Vec<Var>),
    /// What the first level saves.
    Saved(Vec<Var>),
}

/// A state is saved before each turn whose number in its part or segment is a multiple of `spacing`.
struct Level {
    slots: usize,
    spacing: Var,
    /// Whether there are exactly slots · spacing turns.
    exact: bool,
    /// Whether the spacing is known to be 1.
    single: bool,
}

/// Runs the loop and saves states; also returns its results.
pub fn record(b: &mut Builder, op: &Op, around: &Tape) -> (Vec<Var>, Saved) {
    match op {
        Op::Loop { count, init, body } => {
            let (mut saved, quick) = prepare(b, body, around.all(init), around);
            let plan = saved.plan(b, around.name(*count), body, quick);
            let outs = saved.run(b, plan, body);
            (outs, saved)
        }
        Op::While { init, condition, body } => {
            let init = around.all(init);
            let (mut saved, _) = prepare(b, body, init.clone(), around);
            let (outs, count) = count_turns(b, condition, body, &init, &around.names);
            let from = b.int(0);
            let levels = unknown_levels(b, count);
            saved.parts = vec![Part { from, count, levels, start: Start::State(init) }];
            (outs, saved)
        }
        other => unreachable!("{other:?} has no turns"),
    }
}

/// Takes the loop back.
pub fn pull(b: &mut Builder, saved: &Saved, step: &Step, init: &[Var], around: &Tape, all: &mut Cotangents) {
    let outs = activity::kept(&step.outs, &saved.active);
    let init = activity::kept(init, &saved.active);
    let mut flow: Vec<Var> = vec![];
    for (v, like) in outs.iter().zip(&init).chain(saved.captured.iter().zip(&saved.captured)) {
        let value = all.value(b, *v);
        flow.push(value.unwrap_or_else(|| b.zeros_like(around.name(*like))));
    }
    for part in saved.parts.iter().rev() {
        flow = match &part.start {
            Start::State(state) => saved.segment(b, &part.levels, part.from, part.count, state.clone(), flow),
            Start::Saved(states) => saved.unwind(b, &part.levels, part.from, part.count, states, flow),
        };
    }
    let (carried, sums) = flow.split_at(init.len());
    saved.captured.iter().zip(sums).for_each(|(v, sum)| all.set(*v, *sum));
    for (v, value) in init.iter().zip(carried).filter(|(v, _)| around.active.contains(v)) {
        all.add(b, *v, Cotangent::of(*value));
    }
}

/// Makes the turn back, and sees what it needs. Beside it, the one for which dear values are saved.
fn prepare(b: &mut Builder, body: &Block, init: Vec<Var>, around: &Tape) -> (Saved, Back) {
    let active = around.is_active(&body.params[1..]);
    let captured = around.active_captures(body);
    let mut fresh = |vars: &[Var]| -> Vec<Var> { vars.iter().map(|v| b.fresh_like(*v)).collect() };
    let params = fresh(&body.params);
    let seeds = fresh(&activity::kept(&body.params[1..], &active));
    let sums = fresh(&captured);

    b.open();
    let mut names = around.names.clone();
    names.extend(body.params.iter().copied().zip(params.iter().copied()));
    let tape = Tape::record(b, body, names, &around.active);
    let mut cotangents = Cotangents::default();
    captured.iter().zip(&sums).for_each(|(v, sum)| cotangents.set(*v, *sum));
    let mut given = seeds.iter().copied();
    let given: Vec<Option<Var>> = active.iter().map(|a| if *a { given.next() } else { None }).collect();
    tape.seed(b, &mut cotangents, &given);
    tape.pull(b, &mut cotangents);
    let results: Vec<Var> = activity::kept(&body.params[1..], &active)
        .into_iter()
        .chain(captured.iter().copied())
        .map(|v| cotangents.value(b, v).unwrap_or_else(|| b.zeros_like(tape.name(v))))
        .collect();
    let names_of_dear: Vec<(Var, Var)> = dear(b, body).into_iter().map(|v| (v, tape.name(v))).collect();
    let flow = [seeds, sums].concat();
    let block = b.close([params.clone(), flow.clone()].concat(), results);
    let quick = Back::new(&block, &params, &names_of_dear, &flow);
    let back = Back::new(&block, &params, &[], &flow);
    let turn = Turn::new(body, &back, None);
    let names = around.names.clone();
    (Saved { turn, back, quick: None, active, captured, names, init, parts: vec![] }, quick)
}

/// The values of a turn that cost more to compute than to save and read.
fn dear(b: &Builder, body: &Block) -> Vec<Var> {
    fn is_dear(op: &Op) -> bool {
        match op {
            Op::Prim(row, _) => row.cost >= DEAR,
            Op::Draw { .. } | Op::Routine { .. } | Op::Contract { .. } => true,
            Op::Map { body, .. } => body.steps.iter().any(|step| is_dear(&step.op)),
            _ => false,
        }
    }
    let steps = body.steps.iter().filter(|step| is_dear(&step.op));
    steps.flat_map(|step| step.outs.iter().copied()).filter(|v| b.scalar_of(*v) != Scalar::Bool).collect()
}

impl Back {
    /// From the block with the turn's `params` and the `flow` of cotangents, which computes dear values, by their names in the turn and in it.
    fn new(block: &Block, params: &[Var], dear: &[(Var, Var)], flow: &[Var]) -> Back {
        let given = |v: &Var| dear.iter().any(|(_, name)| name == v);
        let all = vec![true; block.results.len()];
        let mut block = block.clone();
        // A step's results are given all or none.
        let made: VarSet = block.steps.iter().filter(|step| step.outs.iter().all(given)).flat_map(|step| step.outs.iter().copied()).collect();
        block.steps.retain(|step| !step.outs.iter().all(|v| made.contains(v)));
        let mut block = activity::prune(&block, &all);
        let reads = activity::reads(&block);
        let read: Vec<(Var, Var)> = dear.iter().copied().filter(|(_, name)| made.contains(name) && reads.contains(name)).collect();
        block.params = [params, &read.iter().map(|(_, name)| *name).collect::<Vec<Var>>(), flow].concat();
        let needed = params[1..].iter().map(|p| reads.contains(p)).collect();
        Back { block, needed, dear: read.into_iter().map(|(v, _)| v).collect() }
    }
}

impl Turn {
    fn new(body: &Block, back: &Back, quick: Option<&Back>) -> Turn {
        let mut needed = back.needed.clone();
        let mut also = VarSet::default();
        if let Some(quick) = quick {
            needed.iter_mut().zip(&quick.needed).for_each(|(needed, quick)| *needed |= quick);
            let dear = Block { results: quick.dear.clone(), ..body.clone() };
            also = activity::reads(&activity::prune(&dear, &vec![true; quick.dear.len()]));
        }
        let keep = activity::closed(body, needed, &also);
        let whole = Turn::whole(body, quick).body;
        let dear = whole.results.len() - keep.len();
        Turn { body: activity::prune(&whole, &[&keep[..], &vec![true; dear]].concat()), keep }
    }

    /// All of it.
    fn whole(body: &Block, quick: Option<&Back>) -> Turn {
        let dear = quick.map_or(&[][..], |quick| &quick.dear);
        Turn { keep: vec![true; body.results.len()], body: Block { results: [&body.results[..], dear].concat(), ..body.clone() } }
    }
}

impl Saved {
    /// How the turns of a loop are to be saved.
    fn plan(&mut self, b: &mut Builder, count: Var, body: &Block, quick: Back) -> Vec<(Var, Var, Vec<Level>)> {
        let zero = b.int(0);
        let Some(Literal::Int(n)) = b.literal_of(count) else { return vec![(zero, count, unknown_levels(b, count))] };
        let n = n.max(0) as usize;
        let bytes = |needed: &[bool], dear: &[Var]| -> usize {
            activity::kept(&self.init, needed).iter().chain(dear).map(|v| b.type_of(*v).len() * b.scalar_of(*v).size()).sum()
        };
        let all = n <= 1 || n * bytes(&self.back.needed, &[]) <= SMALL;
        let together = if all { n } else { segment_length(n) };
        if n > 1 && !quick.dear.is_empty() && together * bytes(&quick.needed, &quick.dear) <= SMALL {
            self.turn = Turn::new(body, &self.back, Some(&quick));
            self.quick = Some(quick);
        }
        if all {
            let part = |b: &mut Builder| (zero, b.int(n as i64), single_level(b, n));
            return (0..n.min(1)).map(|_| part(b)).collect();
        }
        let segment = together;
        let (segments, rest) = (n / segment, n % segment);
        let spacing = b.int(segment as i64);
        let outer = Level { slots: segments, spacing, exact: true, single: false };
        let levels = [vec![outer], single_level(b, segment)].into_iter().flatten().collect();
        let even = b.int((segments * segment) as i64);
        let mut plan = vec![(zero, even, levels)];
        if rest > 0 {
            plan.push((even, b.int(rest as i64), single_level(b, rest)));
        }
        plan
    }

    /// The first run.
    fn run(&mut self, b: &mut Builder, plan: Vec<(Var, Var, Vec<Level>)>, body: &Block) -> Vec<Var> {
        let whole = Turn::whole(body, self.quick.as_ref());
        let mut state = self.init.clone();
        for (from, count, levels) in plan {
            let start = match levels.first() {
                None => {
                    let start = Start::State(state.clone());
                    state = self.advance(b, &whole, from, count, state);
                    start
                }
                Some(level) => {
                    let saved;
                    (state, saved) = self.fill(b, &whole, level, from, count, state);
                    Start::Saved(saved)
                }
            };
            self.parts.push(Part { from, count, levels, start });
        }
        state
    }

    /// The state after one turn, and the turn's dear values.
    fn one(&self, b: &mut Builder, turn: &Turn, number: Var, state: &[Var]) -> (Vec<Var>, Vec<Var>) {
        let mut names = self.names.clone();
        names.insert(turn.body.params[0], number);
        names.extend(turn.body.params[1..].iter().copied().zip(state.iter().copied()));
        b.copy_steps(&turn.body.steps, &mut names);
        let mut results: Vec<Var> = turn.body.results.iter().map(|v| named(&names, *v)).collect();
        let dear = results.split_off(turn.keep.iter().filter(|keep| **keep).count());
        (self.state(&turn.keep, &results), dear)
    }

    /// The state after `count` turns from number `from`.
    fn advance(&self, b: &mut Builder, turn: &Turn, from: Var, count: Var, state: Vec<Var>) -> Vec<Var> {
        if is_one(b, count) {
            return self.one(b, turn, from, &state).0;
        }
        let carried = b.for_loop(count, activity::kept(&state, &turn.keep), |b, i, carried| {
            let number = plus(b, from, i);
            let (state, _) = self.one(b, turn, number, &self.state(&turn.keep, carried));
            activity::kept(&state, &turn.keep)
        });
        self.state(&turn.keep, &carried)
    }

    /// A state of which only the values in `keep` matter.
    fn state(&self, keep: &[bool], values: &[Var]) -> Vec<Var> {
        let mut values = values.iter();
        keep.iter().zip(&self.init).map(|(keep, init)| if *keep { *values.next().unwrap() } else { *init }).collect()
    }

    /// How a turn that a level saves by itself is taken back.
    fn single(&self) -> &Back {
        self.quick.as_ref().unwrap_or(&self.back)
    }

    /// What a level saves of the state.
    fn saves(&self, level: &Level) -> &[bool] {
        if level.single { &self.single().needed } else { &self.turn.keep }
    }

    /// Runs `count` turns and saves states of the level. Returns the state after them and what is saved.
    fn fill(
        &self,
        b: &mut Builder,
        turn: &Turn,
        level: &Level,
        from: Var,
        count: Var,
        state: Vec<Var>,
    ) -> (Vec<Var>, Vec<Var>) {
        let saves = self.saves(level);
        let mut carried = activity::kept(&state, &turn.keep);
        let values = carried.len();
        let dear = if level.single { &self.single().dear[..] } else { &[] };
        for v in activity::kept(&state, saves).iter().chain(dear) {
            let ty = b.type_of(*v).clone();
            carried.push(b.full(ty.scalar, &[&[level.slots][..], &ty.shape].concat(), 0.0));
        }
        let segments = level.segments(b, count);
        let mut carried = b.for_loop(segments, carried, |b, segment, carried| {
            let state = self.state(&turn.keep, &carried[..values]);
            let mut saves = activity::kept(&state, saves);
            let (from, count) = level.segment(b, from, count, segment);
            let state = if level.single {
                let (state, dear) = self.one(b, turn, from, &state);
                saves.extend(dear);
                state
            } else {
                self.advance(b, turn, from, count, state)
            };
            let saved: Vec<Var> = carried[values..].iter().zip(saves).map(|(all, v)| b.update(*all, vec![segment], v, false)).collect();
            [activity::kept(&state, &turn.keep), saved].concat()
        });
        let saved = carried.split_off(values);
        (self.state(&turn.keep, &carried), saved)
    }

    /// Takes back turns of which the first of `levels` has been saved.
    fn unwind(&self, b: &mut Builder, levels: &[Level], from: Var, count: Var, saved: &[Var], flow: Vec<Var>) -> Vec<Var> {
        let (level, rest) = levels.split_first().unwrap();
        let segments = level.segments(b, count);
        b.for_loop(segments, flow, |b, turn, flow| {
            let segment = last_first(b, segments, turn);
            let values: Vec<Var> = saved.iter().map(|all| b.gather(*all, vec![segment], false)).collect();
            let (from, count) = level.segment(b, from, count, segment);
            if level.single {
                let back = self.single();
                let (values, dear) = values.split_at(values.len() - back.dear.len());
                return b.inline(&back.block, &[&[from], &self.state(&back.needed, values)[..], dear, flow].concat());
            }
            self.segment(b, rest, from, count, self.state(self.saves(level), &values), flow.to_vec())
        })
    }

    /// Takes back `count` turns that began with `state`.
    fn segment(&self, b: &mut Builder, levels: &[Level], from: Var, count: Var, state: Vec<Var>, flow: Vec<Var>) -> Vec<Var> {
        if is_one(b, count) {
            return b.inline(&self.back.block, &[vec![from], state, flow].concat());
        }
        if let Some(level) = levels.first() {
            let (_, saved) = self.fill(b, &self.turn, level, from, count, state);
            return self.unwind(b, levels, from, count, &saved, flow);
        }
        b.for_loop(count, flow, |b, turn, flow| {
            let last = last_first(b, count, turn);
            let state = self.advance(b, &self.turn, from, last, state);
            let number = plus(b, from, last);
            b.inline(&self.back.block, &[vec![number], state, flow.to_vec()].concat())
        })
    }
}

impl Level {
    /// How many segments `count` turns have.
    fn segments(&self, b: &mut Builder, count: Var) -> Var {
        if self.exact { b.int(self.slots as i64) } else { divide_up(b, count, self.spacing) }
    }

    /// Beginning and length of a segment of `count` turns from `from`.
    fn segment(&self, b: &mut Builder, from: Var, count: Var, segment: Var) -> (Var, Var) {
        let before = b.mul(segment, self.spacing);
        let length = match self.exact {
            true => self.spacing,
            false => {
                let left = b.sub(count, before);
                b.call("min", &[left, self.spacing])
            }
        };
        (plus(b, from, before), length)
    }
}

/// Every one of n states is saved; of a single turn, none need be.
fn single_level(b: &mut Builder, n: usize) -> Vec<Level> {
    match n {
        0 | 1 => vec![],
        n => vec![Level { slots: n, spacing: b.int(1), exact: true, single: true }],
    }
}

/// Two levels of a fixed number of states; within what they leave, states are computed from its beginning. Up to SLOTS²
/// turns, that is nothing.
fn unknown_levels(b: &mut Builder, count: Var) -> Vec<Level> {
    let slots = b.int(SLOTS as i64);
    let one = b.int(1);
    let mut length = count;
    let mut level = || {
        let spacing = divide_up(b, length, slots);
        length = b.call("max", &[spacing, one]);
        Level { slots: SLOTS, spacing: length, exact: false, single: false }
    };
    vec![level(), level()]
}

/// A divisor of n near √n; if there is none, √n rounded up.
fn segment_length(n: usize) -> usize {
    let root = (n as f64).sqrt().ceil() as usize;
    (0..=root / 2).flat_map(|k| [root + k, root - k]).find(|s| *s > 1 && n.is_multiple_of(*s)).unwrap_or(root)
}

/// Runs a `While`; returns its results and how many turns it took.
fn count_turns(b: &mut Builder, condition: &Block, body: &Block, init: &[Var], names: &Names) -> (Vec<Var>, Var) {
    let mut names = names.clone();
    let mut condition = b.copy_block(condition, &mut names);
    condition.params.push(b.fresh(Type::scalar(Scalar::Int)));
    let mut params: Vec<Var> = body.params.iter().map(|p| b.fresh_like(*p)).collect();
    names.extend(body.params.iter().copied().zip(params.iter().copied()));
    params.push(b.fresh(Type::scalar(Scalar::Int)));
    b.open();
    b.copy_steps(&body.steps, &mut names);
    let one = b.int(1);
    let count = b.add(params[0], one);
    let results = body.results.iter().map(|v| named(&names, *v)).chain([count]).collect();
    let body = b.close(params, results);
    let zero = b.int(0);
    let mut outs = b.while_with([init, &[zero]].concat(), condition, body);
    let count = outs.pop().unwrap();
    (outs, count)
}

fn is_one(b: &Builder, count: Var) -> bool {
    b.literal_of(count) == Some(Literal::Int(1))
}

/// x + y, where x may be known to be 0.
fn plus(b: &mut Builder, x: Var, y: Var) -> Var {
    if b.literal_of(x) == Some(Literal::Int(0)) { y } else { b.add(x, y) }
}

/// count − 1 − turn
fn last_first(b: &mut Builder, count: Var, turn: Var) -> Var {
    let one = b.int(1);
    let last = b.sub(count, one);
    b.sub(last, turn)
}

fn divide_up(b: &mut Builder, x: Var, y: Var) -> Var {
    let one = b.int(1);
    let above = b.sub(y, one);
    let sum = b.add(x, above);
    b.call("floor_div", &[sum, y])
}
