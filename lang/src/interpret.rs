//! The reference interpreter: the definition of what Core means. One step at a time, no fusion, no threads. It is never
//! made faster at the price of being longer.

use crate::core::*;
use crate::engine::{Around, Context, Control, Failure, FailureKind, Noted, State};
use crate::prim::{Prim, Run};
use crate::routine;
use moyal_runtime::array::{Array, Data, Scalar};
use moyal_runtime::contract::Product;
use moyal_runtime::{contract, lattice, noise, sum};
use std::ops::Range;
use std::sync::Arc;

type Value = Arc<Array>;

/// Runs a program from its beginning.
pub fn run(program: &Program, inputs: &[Value], context: &Context) -> Result<Vec<Value>, Failure> {
    run_from(program, inputs, State::default(), context, &mut |_, _, _| Control::Continue)
}

/// Runs a program from a saved state. After each turn of a loop in the outermost block, and after each of its steps,
/// `watch` gets the state to go on from, and how many turns of how many are done.
pub fn run_from(
    program: &Program,
    inputs: &[Value],
    state: State,
    context: &Context,
    watch: &mut dyn FnMut(&mut dyn FnMut() -> State, i64, i64) -> Control,
) -> Result<Vec<Value>, Failure> {
    let mut machine = Machine::new(program, context);
    machine.values.extend(program.body.params.iter().copied().zip(inputs.iter().cloned()));
    machine.values.extend(state.values.iter().cloned());
    let uses = last_uses(&program.body);
    for (k, step) in program.body.steps.iter().enumerate().skip(state.step) {
        let first = if k == state.step { state.turn } else { 0 };
        match &step.op {
            Op::Loop { count, init, body } => machine.outermost_loop(k, step, *count, init, body, first, watch)?,
            _ => machine.step(step)?,
        }
        for var in &uses[k] {
            machine.values.remove(var);
        }
    }
    Ok(program.body.results.iter().map(|v| machine.value(*v)).collect())
}

/// Runs a program once more to find where it fails; with `strict` at the first step whose result is not finite though
/// nothing that it reads is not. None if it does not fail within so many steps.
///
/// Of the outermost comprehension at the place `only`, these members alone are run.
pub fn replay(program: &Program, inputs: &[Value], context: &Context, strict: bool, steps: u64, only: Option<(u32, Range<usize>)>) -> Option<Failure> {
    // Constants may be infinite (an integral's ends): a step is to blame if all it reads is finite.
    let mut machine = Machine { strict, left: steps, notes: true, only, ..Machine::new(program, context) };
    machine.values.extend(program.body.params.iter().copied().zip(inputs.iter().cloned()));
    let failure = program.body.steps.iter().find_map(|step| machine.step(step).err());
    failure.filter(|f| f.kind != FailureKind::Stopped)
}

struct Machine<'p> {
    program: &'p Program,
    context: &'p Context<'p>,
    values: VarMap<Value>,
    around: Vec<Around>,
    /// Results of updates whose argument nobody reads later.
    in_place: VarSet,
    /// Fail at the first result that is not finite.
    strict: bool,
    /// Tell of a failure what the program notes.
    notes: bool,
    /// Of the outermost comprehension at this place these members alone.
    only: Option<(u32, Range<usize>)>,
    /// How many steps it may take.
    left: u64,
}

impl<'p> Machine<'p> {
    fn new(program: &'p Program, context: &'p Context<'p>) -> Machine<'p> {
        let mut in_place = VarSet::default();
        updates_in_place(&program.body, &mut in_place);
        Machine { program, context, values: VarMap::default(), around: vec![], in_place, strict: false, notes: false, only: None, left: u64::MAX }
    }
}

/// For each step the variables that nobody reads after it.
fn last_uses(block: &Block) -> Vec<Vec<Var>> {
    let mut seen: VarSet = block.results.iter().copied().collect();
    let mut last = vec![vec![]; block.steps.len()];
    for (k, step) in block.steps.iter().enumerate().rev() {
        let mut reads = step.op.args();
        for inner in step.op.blocks() {
            reads.extend(inner.captures());
        }
        for var in reads.into_iter().chain(step.outs.iter().copied()) {
            if seen.insert(var) {
                last[k].push(var);
            }
        }
    }
    last
}

impl Machine<'_> {
    fn value(&self, var: Var) -> Value {
        self.values[&var].clone()
    }

    fn int(&self, var: Var) -> i64 {
        self.values[&var].ints()[0]
    }

    fn bool(&self, var: Var) -> bool {
        self.values[&var].bools()[0]
    }

    fn fail<T>(&self, step: &Step, kind: FailureKind) -> Result<T, Failure> {
        Err(Failure { span: step.span, kind, around: self.around.clone() })
    }

    /// Runs a block with these params; what it defines is forgotten afterwards.
    fn block(&mut self, block: &Block, arguments: Vec<Value>, uses: &[Vec<Var>]) -> Result<Vec<Value>, Failure> {
        self.values.extend(block.params.iter().copied().zip(arguments));
        let own = own_variables(block);
        for (step, last) in block.steps.iter().zip(uses) {
            self.step(step)?;
            for var in last {
                if own.contains(var) {
                    self.values.remove(var);
                }
            }
        }
        let results = block.results.iter().map(|v| self.value(*v)).collect();
        for var in own {
            self.values.remove(&var);
        }
        Ok(results)
    }

    fn outermost_loop(
        &mut self,
        k: usize,
        step: &Step,
        count: Var,
        init: &[Var],
        body: &Block,
        first: i64,
        watch: &mut dyn FnMut(&mut dyn FnMut() -> State, i64, i64) -> Control,
    ) -> Result<(), Failure> {
        let count = self.int(count);
        let mut carried: Vec<Value> = if first > 0 {
            step.outs.iter().map(|v| self.value(*v)).collect()
        } else {
            init.iter().map(|v| self.value(*v)).collect()
        };
        // Nobody else holds what is carried, so that an update of it is made in place.
        let later = crate::engine::needed(self.program, k + 1);
        for var in init.iter().chain(&step.outs) {
            if !later.contains(var) && !body.captures().contains(var) {
                self.values.remove(var);
            }
        }
        for var in &step.outs {
            self.values.remove(var);
        }
        let uses = last_uses(body);
        for turn in first..count {
            carried = self.turn(step, body, &uses, turn, carried)?;
            let (values, outs) = (&self.values, &step.outs);
            let mut state = || State {
                step: k,
                turn: turn + 1,
                values: values.iter().map(|(v, a)| (*v, a.clone())).chain(outs.iter().copied().zip(carried.iter().cloned())).collect(),
            };
            if let Control::Stop = watch(&mut state, turn + 1, count) {
                return self.fail(step, FailureKind::Stopped);
            }
        }
        self.values.extend(step.outs.iter().copied().zip(carried));
        Ok(())
    }

    fn turn(&mut self, step: &Step, body: &Block, uses: &[Vec<Var>], turn: i64, carried: Vec<Value>) -> Result<Vec<Value>, Failure> {
        if self.context.stopped() {
            return self.fail(step, FailureKind::Stopped);
        }
        let around = self.around.len();
        self.around.push(Around::Turn(turn, step.span));
        let mut arguments = vec![Arc::new(Array::int(turn))];
        arguments.extend(carried);
        let results = self.block(body, arguments, uses)?;
        self.around.truncate(around);
        Ok(results)
    }

    fn step(&mut self, step: &Step) -> Result<(), Failure> {
        self.left -= 1;
        if self.left == 0 {
            return self.fail(step, FailureKind::Stopped);
        }
        let results = match &step.op {
            Op::Loop { count, init, body } => {
                let mut carried: Vec<Value> = init.iter().map(|v| self.value(*v)).collect();
                let uses = last_uses(body);
                for turn in 0..self.int(*count) {
                    carried = self.turn(step, body, &uses, turn, carried)?;
                }
                carried
            }
            Op::While { init, condition, body } => {
                let mut carried: Vec<Value> = init.iter().map(|v| self.value(*v)).collect();
                let (test_uses, uses) = (last_uses(condition), last_uses(body));
                let mut turn = 0;
                while self.block(condition, carried.clone(), &test_uses)?[0].bools()[0] {
                    carried = self.turn(step, body, &uses, turn, carried)?;
                    turn += 1;
                }
                carried
            }
            Op::If { condition, then, otherwise } => {
                let branch = if self.bool(*condition) { then } else { otherwise };
                self.block(branch, vec![], &last_uses(branch))?
            }
            Op::Map { count, each, body } => self.map(step, *count, *each, body)?,
            Op::Require { condition, message } => {
                if !self.bool(*condition) {
                    return self.fail(step, FailureKind::Required(message.clone()));
                }
                vec![]
            }
            Op::Note { shown } => {
                self.note(shown);
                vec![]
            }
            Op::Routine { routine, batch, args } => self.routine(step, routine, *batch, args)?,
            Op::Update { arg, index, value, checked } => vec![self.update(step, *arg, index, *value, *checked)?],
            Op::Gather { arg, index, checked } => vec![Arc::new(self.gather(step, *arg, index, *checked)?)],
            op => vec![Arc::new(self.array(op, step))],
        };
        if self.strict && step.op.blocks().is_empty() && !results.iter().all(|r| r.data.all_finite()) {
            let constant = matches!(step.op, Op::Constant(_) | Op::Table(_));
            // An argument used for the last time may be gone.
            let inherited = step.op.args().iter().any(|v| self.values.get(v).is_some_and(|x| !x.data.all_finite()));
            if !constant && !inherited {
                self.around.extend(results.iter().find_map(|r| first_not_finite(r)));
                let value = results.iter().find_map(|r| not_finite(r)).map_or(f64::NAN, |(_, value)| value);
                let of = match &step.op {
                    Op::Prim(row, _) => Some(row.name),
                    _ => None,
                };
                return self.fail(step, FailureKind::NotFinite { value, of });
            }
        }
        self.values.extend(step.outs.iter().copied().zip(results));
        Ok(())
    }

    /// What is known of this turn or member, in place of what it noted before.
    fn note(&mut self, shown: &[Shown]) {
        if !self.notes {
            return;
        }
        if let Some(Around::At(before)) = self.around.last()
            && before.iter().map(|n| &n.name).eq(shown.iter().map(|s| &s.name))
        {
            self.around.pop();
        }
        let noted = |s: &Shown| Noted { name: s.name.clone(), format: s.format.clone(), re: self.value(s.re), im: s.im.map(|im| self.value(im)) };
        self.around.push(Around::At(shown.iter().map(noted).collect()));
    }

    fn map(&mut self, step: &Step, count: usize, each: usize, body: &Block) -> Result<Vec<Value>, Failure> {
        let uses = last_uses(body);
        let mut outs: Vec<Array> = step.outs.iter().map(|v| {
            let ty = self.program.type_of(*v);
            Array::zeros(ty.scalar, ty.shape.to_vec())
        }).collect();
        let only = self.only.as_ref().filter(|(span, _)| *span == step.span && self.around.is_empty()).map(|(_, members)| members.clone());
        let among = only.is_some();
        for member in only.map_or(0..count, |members| members.start..members.end.min(count)) {
            if self.context.stopped() {
                return self.fail(step, FailureKind::Stopped);
            }
            let around = self.around.len();
            self.around.push(Around::of_member(member, each, step.span));
            let results = self.block(body, vec![Arc::new(Array::int(member as i64))], &uses)?;
            self.around.truncate(around);
            for (out, result) in outs.iter_mut().zip(results) {
                copy(&result.data, 0, &mut out.data, member * result.len(), result.len());
            }
        }
        // What follows would read members that were not run.
        if among {
            return self.fail(step, FailureKind::Stopped);
        }
        Ok(outs.into_iter().map(Arc::new).collect())
    }

    fn routine(&self, step: &Step, routine: &routine::Routine, batch: usize, args: &[Var]) -> Result<Vec<Value>, Failure> {
        let args: Vec<&Array> = args.iter().map(|v| &*self.values[v]).collect();
        let types: Vec<Type> = step.outs.iter().map(|v| self.program.type_of(*v).clone()).collect();
        match routine::evaluate(routine, batch, &args, &types) {
            Ok(results) => Ok(results.into_iter().map(Arc::new).collect()),
            Err(fault) => Err(fault.failure(step.span, &args[0].shape[..batch], self.around.clone())),
        }
    }

    fn positions(&self, step: &Step, index: &[Var], shape: &[usize], checked: bool) -> Result<Vec<usize>, Failure> {
        let count = index.first().map_or(1, |v| self.values[v].len());
        let mut positions = vec![0; count];
        for (dim, var) in index.iter().enumerate() {
            for (position, i) in positions.iter_mut().zip(self.values[var].ints()) {
                if checked && (*i < 0 || *i >= shape[dim] as i64) {
                    return self.fail(step, FailureKind::IndexOutside { index: *i, size: shape[dim] });
                }
                // An unchecked position lies outside only where a branch is not taken: what is read there is not used.
                let i = if *i < 0 || *i >= shape[dim] as i64 { 0 } else { *i as usize };
                *position = *position * shape[dim] + i;
            }
        }
        Ok(positions)
    }

    fn gather(&self, step: &Step, arg: Var, index: &[Var], checked: bool) -> Result<Array, Failure> {
        let arg = &self.values[&arg];
        let positions = self.positions(step, index, &arg.shape, checked)?;
        let row: usize = arg.shape[index.len()..].iter().product();
        let mut out = self.zeros(step);
        for (k, position) in positions.iter().enumerate() {
            copy(&arg.data, position * row, &mut out.data, k * row, row);
        }
        Ok(out)
    }

    fn update(&mut self, step: &Step, arg: Var, index: &[Var], value: Var, checked: bool) -> Result<Value, Failure> {
        let shape = self.values[&arg].shape.clone();
        let position = self.positions(step, index, &shape, checked)?[0];
        let value = self.value(value);
        // Taken out, so that it is changed in place if nobody else holds it.
        let dead = self.in_place.contains(&step.outs[0]);
        let mut target = if dead { self.values.remove(&arg).expect("defined") } else { self.value(arg) };
        copy(&value.data, 0, &mut Arc::make_mut(&mut target).data, position * value.len(), value.len());
        Ok(target)
    }

    fn zeros(&self, step: &Step) -> Array {
        let ty = self.program.type_of(step.outs[0]);
        Array::zeros(ty.scalar, ty.shape.to_vec())
    }

    /// Operations that cannot fail.
    fn array(&self, op: &Op, step: &Step) -> Array {
        let value = |v: &Var| &*self.values[v];
        let mut out = self.zeros(step);
        match op {
            Op::Constant(literal) => out = literal.array(),
            Op::Table(array) => out = (**array).clone(),
            Op::Iota(n) => out.data = Data::Int((0..*n as i64).collect()),
            Op::ShiftTable { sizes, offset } => out.data = Data::Int(lattice::shift_table(sizes, offset)),
            Op::Prim(row, args) => out.data = elementwise(row, &args.iter().map(|a| &value(a).data).collect::<Vec<_>>()),
            Op::Spread { arg, shape, dims } => {
                let arg = value(arg);
                let from = strides(&arg.shape);
                for_each_index(shape, |k, i| copy(&arg.data, dims.iter().zip(&from).map(|(d, s)| i[*d] * s).sum(), &mut out.data, k, 1));
            }
            Op::Reshape { arg, .. } => out.data = value(arg).data.clone(),
            Op::Reduce { monoid, arg, dims } => reduce(*monoid, value(arg), dims, &mut out),
            Op::Shift { arg, dim, sizes, offset } => {
                let arg = value(arg);
                let row: usize = arg.shape[dim + 1..].iter().product();
                let table = lattice::shift_table(sizes, offset);
                let outer: usize = arg.shape[..*dim].iter().product();
                for o in 0..outer {
                    for (x, y) in table.iter().enumerate() {
                        copy(&arg.data, (o * table.len() + *y as usize) * row, &mut out.data, (o * table.len() + x) * row, row);
                    }
                }
            }
            Op::Around { arg, dim, sizes, shape, offsets } => {
                let arg = value(arg);
                let row: usize = arg.shape[dim + 1..].iter().product();
                let outer: usize = arg.shape[..*dim].iter().product();
                let neighbours: usize = shape.iter().product();
                for (d, offset) in offsets.iter().enumerate() {
                    let table = lattice::shift_table(sizes, offset);
                    for k in 0..outer * table.len() {
                        let (o, x) = (k / table.len(), k % table.len());
                        let from = o * table.len() + table[x] as usize;
                        copy(&arg.data, from * row, &mut out.data, (k * neighbours + d) * row, row);
                    }
                }
            }
            Op::Slice { arg, start, stride, shape } => {
                let arg = value(arg);
                let from = strides(&arg.shape);
                let at = |i: &[usize]| (0..i.len()).map(|d| (start[d] + i[d] * stride[d]) * from[d]).sum();
                for_each_index(shape, |k, i| copy(&arg.data, at(i), &mut out.data, k, 1));
            }
            Op::Embed { arg, shape, start, stride } => {
                let arg = value(arg);
                let to = strides(shape);
                let at = |i: &[usize]| (0..i.len()).map(|d| (start[d] + i[d] * stride[d]) * to[d]).sum();
                for_each_index(&arg.shape, |k, i| copy(&arg.data, k, &mut out.data, at(i), 1));
            }
            Op::Concat { args, dim } => {
                let outer: usize = out.shape[..*dim].iter().product();
                let row: usize = out.shape[*dim..].iter().product();
                let mut first = 0;
                for arg in args {
                    let arg = value(arg);
                    let part: usize = arg.shape[*dim..].iter().product();
                    for o in 0..outer {
                        copy(&arg.data, o * part, &mut out.data, o * row + first, part);
                    }
                    first += part;
                }
            }
            Op::Scatter { shape, index, values } => {
                let positions = self.positions(step, index, shape, false).expect("known to be inside");
                scatter(&positions, value(values), &mut out);
            }
            Op::Contract { left, right, batch, sum } => contraction(value(left), value(right), batch, sum, &mut out),
            Op::Draw { distribution, place, turns, position, shape, .. } => {
                let outer: Vec<u64> = turns.iter().rev().skip(1).rev().map(|t| self.int(*t) as u64).collect();
                let inner = turns.last().map_or(&[0][..], |t| value(t).ints());
                let key = noise::key(self.context.seed, *place, &outer);
                draw(*distribution, key, inner, value(position).ints(), shape.iter().product(), &mut out.data);
            }
            _ => unreachable!("a region"),
        }
        out
    }
}

/// The first number of an array that is not finite.
fn first_not_finite(array: &Array) -> Option<Around> {
    not_finite(array).filter(|_| array.len() > 1).map(|(k, _)| Around::Element(k as i64, array.len()))
}

/// The first number of an array that is not finite, and which number it is.
fn not_finite(array: &Array) -> Option<(usize, f64)> {
    match &array.data {
        Data::Real(v) => v.iter().copied().enumerate().find(|(_, x)| !x.is_finite()),
        Data::F32(v) => v.iter().map(|x| *x as f64).enumerate().find(|(_, x)| !x.is_finite()),
        _ => None,
    }
}

/// The results of every `Update` whose argument nobody reads after it.
fn updates_in_place(block: &Block, found: &mut VarSet) {
    let last = last_uses(block);
    let own = own_variables(block);
    for (step, last) in block.steps.iter().zip(last) {
        if let Op::Update { arg, .. } = step.op
            && last.contains(&arg)
            && own.contains(&arg)
        {
            found.insert(step.outs[0]);
        }
        step.op.blocks().into_iter().for_each(|b| updates_in_place(b, found));
    }
}

/// The variables that a block itself defines.
fn own_variables(block: &Block) -> VarSet {
    block.params.iter().copied().chain(block.steps.iter().flat_map(|s| s.outs.iter().copied())).collect()
}

/// Copies numbers between arrays of one kind.
fn copy(from: &Data, at: usize, to: &mut Data, start: usize, count: usize) {
    match (from, to) {
        (Data::Real(a), Data::Real(b)) => b[start..start + count].copy_from_slice(&a[at..at + count]),
        (Data::F32(a), Data::F32(b)) => b[start..start + count].copy_from_slice(&a[at..at + count]),
        (Data::Int(a), Data::Int(b)) => b[start..start + count].copy_from_slice(&a[at..at + count]),
        (Data::Bool(a), Data::Bool(b)) => b[start..start + count].copy_from_slice(&a[at..at + count]),
        _ => unreachable!("arrays of one kind"),
    }
}

fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for d in (1..shape.len()).rev() {
        strides[d - 1] = strides[d] * shape[d];
    }
    strides
}

/// Every index of a shape in row-major order, with its number.
fn for_each_index(shape: &[usize], mut f: impl FnMut(usize, &[usize])) {
    let mut index = vec![0; shape.len()];
    for k in 0..shape.iter().product() {
        f(k, &index);
        for d in (0..shape.len()).rev() {
            index[d] += 1;
            if index[d] < shape[d] {
                break;
            }
            index[d] = 0;
        }
    }
}

/// A row applied to each element.
fn elementwise(row: &Prim, args: &[&Data]) -> Data {
    use Data::*;
    fn one<T: Copy, U>(x: &[T], f: impl Fn(T) -> U) -> Vec<U> {
        x.iter().map(|x| f(*x)).collect()
    }
    fn two<T: Copy, S: Copy, U>(x: &[T], y: &[S], f: impl Fn(T, S) -> U) -> Vec<U> {
        x.iter().zip(y).map(|(x, y)| f(*x, *y)).collect()
    }
    fn choose<T: Copy>(c: &[bool], x: &[T], y: &[T]) -> Vec<T> {
        c.iter().zip(x.iter().zip(y)).map(|(c, (x, y))| if *c { *x } else { *y }).collect()
    }
    match (&row.run, args) {
        (Run::Float1(f, _) | Run::Num1(f, ..), [Real(x)]) => Real(one(x, f)),
        (Run::Float1(_, f) | Run::Num1(_, f, _), [F32(x)]) => F32(one(x, f)),
        (Run::Num1(_, _, f), [Int(x)]) => Int(one(x, f)),
        (Run::Float2(f, _) | Run::Num2(f, ..), [Real(x), Real(y)]) => Real(two(x, y, f)),
        (Run::Float2(_, f) | Run::Num2(_, f, _), [F32(x), F32(y)]) => F32(two(x, y, f)),
        (Run::Num2(_, _, f) | Run::Int2(f), [Int(x), Int(y)]) => Int(two(x, y, f)),
        (Run::Compare(f, ..), [Real(x), Real(y)]) => Bool(two(x, y, f)),
        (Run::Compare(_, f, _), [F32(x), F32(y)]) => Bool(two(x, y, f)),
        (Run::Compare(_, _, f), [Int(x), Int(y)]) => Bool(two(x, y, f)),
        (Run::Test(f, _), [Real(x)]) => Bool(one(x, f)),
        (Run::Test(_, f), [F32(x)]) => Bool(one(x, f)),
        (Run::Logic1(f), [Bool(x)]) => Bool(one(x, f)),
        (Run::Logic2(f), [Bool(x), Bool(y)]) => Bool(two(x, y, f)),
        (Run::FloatInt(f, _), [Real(x), Int(n)]) => Real(two(x, n, f)),
        (Run::FloatInt(_, f), [F32(x), Int(n)]) => F32(two(x, n, f)),
        (Run::Select, [Bool(c), Real(x), Real(y)]) => Real(choose(c, x, y)),
        (Run::Select, [Bool(c), F32(x), F32(y)]) => F32(choose(c, x, y)),
        (Run::Select, [Bool(c), Int(x), Int(y)]) => Int(choose(c, x, y)),
        (Run::Select, [Bool(c), Bool(x), Bool(y)]) => Bool(choose(c, x, y)),
        (Run::Convert(to), [x]) => converted(x, *to),
        _ => unreachable!("{} of these kinds", row.name),
    }
}

fn converted(x: &Data, to: Scalar) -> Data {
    let literals: Box<dyn Iterator<Item = Literal>> = match x {
        Data::Real(v) => Box::new(v.iter().map(|x| Literal::Real(*x))),
        Data::F32(v) => Box::new(v.iter().map(|x| Literal::F32(*x))),
        Data::Int(v) => Box::new(v.iter().map(|x| Literal::Int(*x))),
        Data::Bool(v) => Box::new(v.iter().map(|x| Literal::Bool(*x))),
    };
    let mut out = Data::zeros(to, x.len());
    for (k, literal) in literals.enumerate() {
        match (crate::prim::convert(literal, to), &mut out) {
            (Literal::Real(x), Data::Real(v)) => v[k] = x,
            (Literal::F32(x), Data::F32(v)) => v[k] = x,
            (Literal::Int(x), Data::Int(v)) => v[k] = x,
            (Literal::Bool(x), Data::Bool(v)) => v[k] = x,
            _ => unreachable!("converted to its kind"),
        }
    }
    out
}

fn reduce(monoid: Monoid, arg: &Array, dims: &[usize], out: &mut Array) {
    // The kept dimensions in front, the others behind them in order: each output is one run of numbers.
    let kept: Vec<usize> = (0..arg.shape.len()).filter(|d| !dims.contains(d)).collect();
    let order: Vec<usize> = kept.iter().chain(dims).copied().collect();
    let from = strides(&arg.shape);
    let shape: Vec<usize> = order.iter().map(|d| arg.shape[*d]).collect();
    let mut rows = Data::zeros(arg.scalar(), arg.len());
    for_each_index(&shape, |k, i| copy(&arg.data, order.iter().zip(i).map(|(d, i)| from[*d] * i).sum(), &mut rows, k, 1));
    let n: usize = dims.iter().map(|d| arg.shape[*d]).product();
    macro_rules! rows {
        ($x:expr, $out:expr, $f:path) => {
            for (k, o) in $out.iter_mut().enumerate() {
                *o = $f(&$x[k * n..(k + 1) * n]);
            }
        };
    }
    match (monoid, &rows, &mut out.data) {
        (Monoid::Sum, Data::Real(x), Data::Real(o)) => rows!(x, o, sum::sum),
        (Monoid::Sum, Data::F32(x), Data::F32(o)) => rows!(x, o, sum::sum_f32),
        (Monoid::Sum, Data::Int(x), Data::Int(o)) => rows!(x, o, sum::sum_int),
        (Monoid::Product, Data::Real(x), Data::Real(o)) => rows!(x, o, sum::product),
        (Monoid::Product, Data::F32(x), Data::F32(o)) => rows!(x, o, sum::product_f32),
        (Monoid::Product, Data::Int(x), Data::Int(o)) => rows!(x, o, sum::product_int),
        (Monoid::Max, Data::Real(x), Data::Real(o)) => rows!(x, o, sum::max),
        (Monoid::Max, Data::F32(x), Data::F32(o)) => rows!(x, o, sum::max_f32),
        (Monoid::Max, Data::Int(x), Data::Int(o)) => rows!(x, o, sum::max_int),
        (Monoid::Min, Data::Real(x), Data::Real(o)) => rows!(x, o, sum::min),
        (Monoid::Min, Data::F32(x), Data::F32(o)) => rows!(x, o, sum::min_f32),
        (Monoid::Min, Data::Int(x), Data::Int(o)) => rows!(x, o, sum::min_int),
        (Monoid::Any, Data::Bool(x), Data::Bool(o)) => rows!(x, o, sum::any),
        (Monoid::All, Data::Bool(x), Data::Bool(o)) => rows!(x, o, sum::all),
        _ => unreachable!("a reduction of this kind"),
    }
}

fn scatter(positions: &[usize], values: &Array, out: &mut Array) {
    let row = values.len() / positions.len().max(1);
    macro_rules! add {
        ($v:expr, $o:expr, $add:expr) => {
            for (k, position) in positions.iter().enumerate() {
                for i in 0..row {
                    $o[position * row + i] = $add($o[position * row + i], $v[k * row + i]);
                }
            }
        };
    }
    match (&values.data, &mut out.data) {
        (Data::Real(v), Data::Real(o)) => add!(v, o, |a: f64, b: f64| a + b),
        (Data::F32(v), Data::F32(o)) => add!(v, o, |a: f32, b: f32| a + b),
        (Data::Int(v), Data::Int(o)) => add!(v, o, i64::wrapping_add),
        _ => unreachable!("numbers are added"),
    }
}

fn contraction(left: &Array, right: &Array, batch: &[(usize, usize)], summed: &[(usize, usize)], out: &mut Array) {
    // Both sides with their dimensions in the order batch, free, summed.
    let side = |array: &Array, pick: fn(&(usize, usize)) -> usize| {
        let used: Vec<usize> = batch.iter().chain(summed).map(pick).collect();
        let free: Vec<usize> = (0..array.shape.len()).filter(|d| !used.contains(d)).collect();
        let order: Vec<usize> = batch.iter().map(pick).chain(free.clone()).chain(summed.iter().map(pick)).collect();
        let from = strides(&array.shape);
        let shape: Vec<usize> = order.iter().map(|d| array.shape[*d]).collect();
        let mut data = Data::zeros(array.scalar(), array.len());
        for_each_index(&shape, |k, i| copy(&array.data, order.iter().zip(i).map(|(d, i)| from[*d] * i).sum(), &mut data, k, 1));
        let free: usize = free.iter().map(|d| array.shape[*d]).product();
        (data, free)
    };
    let (a, m) = side(left, |p| p.0);
    let (b, n) = side(right, |p| p.1);
    let k: usize = summed.iter().map(|p| left.shape[p.0]).product();
    let batches: usize = batch.iter().map(|p| left.shape[p.0]).product();
    let product = Product { m, n, k, a: (k, 1), b: (1, k) };
    match (&a, &b, &mut out.data) {
        (Data::Real(a), Data::Real(b), Data::Real(o)) => contract::contract(&product, batches, a, b, o, None),
        (Data::F32(a), Data::F32(b), Data::F32(o)) => contract::contract(&product, batches, a, b, o, None),
        _ => unreachable!("contractions are of floats"),
    }
}

fn draw(distribution: Distribution, key: [u32; 2], turns: &[i64], positions: &[i64], size: usize, out: &mut Data) {
    for (k, position) in positions.iter().enumerate() {
        let turn = turns[k.min(turns.len() - 1)] as u64;
        let first = (*position as u64).wrapping_mul(size as u64);
        let range = k * size..(k + 1) * size;
        match (distribution, &mut *out) {
            (Distribution::Normal, Data::Real(v)) => noise::normal(key, turn, first, &mut v[range]),
            (Distribution::Normal, Data::F32(v)) => noise::normal_f32(key, turn, first, &mut v[range]),
            (Distribution::Uniform, Data::Real(v)) => noise::uniform(key, turn, first, &mut v[range]),
            (Distribution::Uniform, Data::F32(v)) => noise::uniform_f32(key, turn, first, &mut v[range]),
            _ => unreachable!("noise is of floats"),
        }
    }
}
