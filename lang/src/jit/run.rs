//! Runs a plan: kernels and runtime functions over buffers, loops and branches, members of maps on all threads.

use super::machine::{self, Code};
use super::plan::{self, Buffer, Gathered, Instruction, Move, Place, Plan, Stencil, Turn};
use crate::core::{Distribution, Literal, Monoid, Program, Type, Var};
use crate::engine::{Around, Context, Control, Failure, FailureKind, State};
use crate::prim::{Emit, Prim, Run};
use crate::profile::{Marks, Thread};
use crate::routine::{self, Fault, Numbers, NumbersMut, Routine};
use moyal_runtime::array::{Array, Data, Scalar};
use moyal_runtime::contract::Product;
use moyal_runtime::threads::Pool;
use moyal_runtime::{contract, lattice, noise, simd, sum};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A program as machine code.
pub struct Compiled {
    plan: Plan,
    code: Code,
    /// Memory of frames that is not in use.
    spare: Vec<Mutex<Vec<Memory>>>,
    /// Of a plan that is profiled.
    marks: Option<Arc<Marks>>,
}

/// Numbers of work below which threads do not pay.
const WORTH: usize = 1 << 15;

/// How many rows of a large kernel a thread takes at least.
const GRAIN: usize = 1;

type Watch<'w> = dyn FnMut(&mut dyn FnMut() -> State, i64, i64) -> Control + 'w;

impl Compiled {
    pub fn new(program: &Program) -> Result<Compiled, String> {
        Compiled::of(plan::plan(program, false))
    }

    /// The same, which says on the way where each of so many threads is.
    pub fn profiled(program: &Program, threads: usize) -> Result<Compiled, String> {
        let mut compiled = Compiled::of(plan::plan(program, true))?;
        let marks = std::mem::take(&mut compiled.plan.marks);
        compiled.marks = Some(Arc::new(Marks::new(marks, program.spans.clone(), threads)));
        Ok(compiled)
    }

    pub fn marks(&self) -> Option<&Arc<Marks>> {
        self.marks.as_ref()
    }

    /// Writes the machine code of a plan.
    pub fn of(plan: Plan) -> Result<Compiled, String> {
        let code = machine::compile(&plan.kernels, simd::level())?;
        let spare = plan.frames.iter().map(|_| Mutex::new(vec![])).collect();
        Ok(Compiled { plan, code, spare, marks: None })
    }

    /// Gives back the memory of frames that is not in use.
    pub fn rest(&self) {
        self.spare.iter().for_each(|frames| frames.lock().expect("no panic holds it").clear());
    }

    /// Runs from a state (the default one: the beginning); see [`crate::interpret::run_from`].
    pub fn run_from(
        &self,
        inputs: &[Arc<Array>],
        state: State,
        context: &Context,
        pool: &Pool,
        watch: &mut Watch,
    ) -> Result<Vec<Arc<Array>>, Failure> {
        let mut table = vec![std::ptr::null_mut(); self.plan.buffers.len()];
        for (buffer, input) in self.plan.inputs.iter().zip(inputs) {
            table[*buffer] = input.data.as_ptr().cast_mut();
        }
        let Some(mut memory) = self.memory(0) else {
            let bytes = self.plan.frames[0] as u64;
            return Err(Failure { span: 0, kind: FailureKind::OutOfMemory { bytes }, around: vec![] });
        };
        self.place(0, &mut memory, &mut table);
        let mut made = Made::new(&self.plan, &mut table)?;
        if let Some((_, saved)) = state.values.first() {
            memory.restore(saved);
        }
        let failed = AtomicUsize::new(usize::MAX);
        let here = self.thread(pool);
        let mut worker = Worker { compiled: self, table, context, pool, serial: false, around: vec![], failed: &failed, member: 0, here };
        here.inspect(|here| here.at_statement());
        let result = worker.outermost(&self.plan.instructions, state, &memory, watch);
        here.inspect(|here| here.at_statement());
        let results = result.map(|()| worker.results(&mut made));
        here.inspect(|here| here.idle());
        drop(worker);
        self.spare[0].lock().expect("no panic holds it").push(memory);
        results
    }

    /// What this thread says where it is, if that is asked.
    fn thread(&self, pool: &Pool) -> Option<&Thread> {
        self.marks.as_ref().map(|marks| marks.thread(pool.index()))
    }

    /// Memory for a frame; None if there is not so much.
    fn memory(&self, frame: usize) -> Option<Memory> {
        let spare = self.spare[frame].lock().expect("no panic holds it").pop();
        spare.or_else(|| Memory::new(self.plan.frames[frame]))
    }

    /// Where a buffer lies in its frame.
    fn offset(&self, buffer: Buffer) -> usize {
        match self.plan.buffers[buffer] {
            Place::Frame { offset, .. } => offset,
            _ => unreachable!("only the frame's buffers change places"),
        }
    }

    fn place(&self, frame: usize, memory: &mut Memory, table: &mut [*mut u8]) {
        for (k, place) in self.plan.buffers.iter().enumerate() {
            if let Place::Frame { frame: f, offset } = place
                && *f == frame
            {
                table[k] = memory.at(*offset);
            }
        }
    }
}

/// Room for the results that are made in the memory that they are handed out in, not written yet.
struct Made(Vec<Option<Data>>);

impl Made {
    /// Allocates it, and says in the table where it lies.
    fn new(plan: &Plan, table: &mut [*mut u8]) -> Result<Made, Failure> {
        let room = |(buffer, ty): &(Buffer, Type)| {
            if !matches!(plan.buffers[*buffer], Place::Result) {
                return Ok(None);
            }
            macro_rules! vector {
                ($kind:path, $t:ty) => {{
                    let mut vector: Vec<$t> = vec![];
                    let bytes = (ty.len() * ty.scalar.size()) as u64;
                    let none = |_| Failure { span: 0, kind: FailureKind::OutOfMemory { bytes }, around: vec![] };
                    vector.try_reserve_exact(ty.len()).map_err(none)?;
                    table[*buffer] = vector.as_mut_ptr().cast();
                    $kind(vector)
                }};
            }
            Ok(Some(match ty.scalar {
                Scalar::Real => vector!(Data::Real, f64),
                Scalar::F32 => vector!(Data::F32, f32),
                _ => vector!(Data::Int, i64),
            }))
        };
        Ok(Made(plan.results.iter().map(room).collect::<Result<_, _>>()?))
    }
}

/// The bytes of a frame, on a 64-byte boundary.
struct Memory {
    start: *mut u8,
    bytes: usize,
    /// What was allocated.
    whole: *mut u8,
    layout: std::alloc::Layout,
}

// Bytes of its own.
unsafe impl Send for Memory {}

impl Memory {
    fn new(bytes: usize) -> Option<Memory> {
        const BOUNDARY: usize = 64;
        let bytes = bytes.max(BOUNDARY);
        // Zeroed by the system, so that large frames cost memory and time only where they are used. What is asked for on so wide a boundary
        // is zeroed by hand, page by page.
        let layout = std::alloc::Layout::from_size_align(bytes.checked_add(BOUNDARY)?, 16).ok()?;
        let whole = unsafe { std::alloc::alloc_zeroed(layout) };
        if whole.is_null() {
            return None;
        }
        let start = unsafe { whole.add(whole.align_offset(BOUNDARY)) };
        Some(Memory { start, bytes, whole, layout })
    }

    fn at(&mut self, offset: usize) -> *mut u8 {
        debug_assert!(offset < self.bytes);
        unsafe { self.start.add(offset) }
    }

    /// A copy, in which what has changed places lies where it belongs.
    fn saved(&self, exchanged: &[Move], offset: impl Fn(Buffer) -> usize) -> Array {
        let words = self.bytes / 8;
        let mut words = unsafe { std::slice::from_raw_parts(self.start.cast::<i64>(), words) }.to_vec();
        for m in exchanged {
            let (from, to, count) = (offset(m.from) / 8, offset(m.to) / 8, m.bytes.div_ceil(8));
            words.copy_within(from..from + count, to);
        }
        Array::new(vec![words.len()], Data::Int(words))
    }

    fn restore(&mut self, saved: &Array) {
        let words = saved.ints();
        unsafe { std::slice::from_raw_parts_mut(self.start.cast::<i64>(), words.len()) }.copy_from_slice(words);
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        unsafe { std::alloc::dealloc(self.whole, self.layout) };
    }
}

struct Worker<'c> {
    compiled: &'c Compiled,
    /// Where each buffer lies.
    table: Vec<*mut u8>,
    context: &'c Context<'c>,
    pool: &'c Pool,
    /// Inside a member of a map that shares the threads already.
    serial: bool,
    around: Vec<Around>,
    /// Another member has failed.
    /// The first member of the map around that has failed: those after it stop, those before it go on, so that the first
    /// failure is told on any number of threads.
    failed: &'c AtomicUsize,
    /// The member of the map around that is computed.
    member: usize,
    /// Where this thread says what it does, if the plan is profiled.
    here: Option<&'c Thread>,
}

/// A table that may go to another thread: members write to places of their own.
#[derive(Clone, Copy)]
struct Shared<'t>(&'t [*mut u8]);
unsafe impl Send for Shared<'_> {}
unsafe impl Sync for Shared<'_> {}

impl<'t> Shared<'t> {
    fn table(self) -> &'t [*mut u8] {
        self.0
    }
}

/// A map as the plan has it.
struct Members<'p> {
    count: usize,
    each: usize,
    member: Buffer,
    body: &'p [Instruction],
    results: &'p [Gathered],
    span: u32,
}

impl Worker<'_> {
    // ---- memory ----

    fn slice<T>(&self, buffer: Buffer, len: usize) -> &'static [T] {
        // Buffers are planned with this kind and size, and live as long as the run.
        unsafe { std::slice::from_raw_parts(self.table[buffer].cast(), len) }
    }

    #[allow(clippy::mut_from_ref)]
    fn slice_mut<T>(&self, buffer: Buffer, len: usize) -> &'static mut [T] {
        unsafe { std::slice::from_raw_parts_mut(self.table[buffer].cast(), len) }
    }

    fn int(&self, buffer: Buffer) -> i64 {
        self.slice::<i64>(buffer, 1)[0]
    }

    fn bool(&self, buffer: Buffer) -> bool {
        self.slice::<u8>(buffer, 1)[0] != 0
    }

    fn copy(&self, m: &Move) {
        if m.bytes == 8 {
            return unsafe { copy_row(self.table[m.from], self.table[m.to], 8) };
        }
        // Buffers do not overlap, but a buffer may be moved onto itself.
        let table = Shared(&self.table);
        self.share(m.bytes.div_ceil(8), |words| {
            let (start, end) = (words.start * 8, (words.end * 8).min(m.bytes));
            unsafe { std::ptr::copy(table.table()[m.from].add(start), table.table()[m.to].add(start), end - start) }
        });
    }

    fn results(&self, made: &mut Made) -> Vec<Arc<Array>> {
        let results = self.compiled.plan.results.iter().zip(&mut made.0);
        let array = |((buffer, ty), made): (&(Buffer, Type), &mut Option<Data>)| {
            let len = ty.len();
            let data = match (made.take(), ty.scalar) {
                // As many numbers as there is room for have been written.
                (Some(Data::Real(mut x)), _) => unsafe { x.set_len(len); Data::Real(x) },
                (Some(Data::F32(mut x)), _) => unsafe { x.set_len(len); Data::F32(x) },
                (Some(Data::Int(mut x)), _) => unsafe { x.set_len(len); Data::Int(x) },
                (_, Scalar::Real) => Data::Real(self.slice(*buffer, len).to_vec()),
                (_, Scalar::F32) => Data::F32(self.slice(*buffer, len).to_vec()),
                (_, Scalar::Int) => Data::Int(self.slice(*buffer, len).to_vec()),
                (_, Scalar::Bool) => Data::Bool(self.slice::<u8>(*buffer, len).iter().map(|b| *b != 0).collect()),
            };
            Arc::new(Array::new(ty.shape.to_vec(), data))
        };
        results.map(array).collect()
    }

    fn fail<T>(&self, span: u32, kind: FailureKind) -> Result<T, Failure> {
        Err(Failure { span, kind, around: self.around.clone() })
    }

    // ---- control ----

    /// The outermost block, whose loops can be stopped and continued after each turn.
    fn outermost(&mut self, instructions: &[Instruction], state: State, memory: &Memory, watch: &mut Watch) -> Result<(), Failure> {
        // Tables lie in the program, not in the memory that a state brings back.
        for table in instructions[..state.step].iter().filter(|i| matches!(i, Instruction::Table { .. })) {
            self.instruction(table)?;
        }
        for (k, instruction) in instructions.iter().enumerate().skip(state.step) {
            let Instruction::Loop { count, before, turn, span } = instruction else {
                self.instruction(instruction)?;
                continue;
            };
            let first = if k == state.step { state.turn } else { 0 };
            if first == 0 {
                before.iter().for_each(|m| self.copy(m));
            }
            let count = self.int(*count);
            for number in first..count {
                self.turn(turn, number, *span)?;
                let exchanged = (number + 1 - first) % 2 == 1;
                let mut saved = || {
                    let memory = memory.saved(if exchanged { &turn.exchanges } else { &[] }, |b| self.compiled.offset(b));
                    State { step: k, turn: number + 1, values: vec![(Var(0), Arc::new(memory))] }
                };
                if let Control::Stop = watch(&mut saved, number + 1, count) {
                    return self.fail(*span, FailureKind::Stopped);
                }
            }
            self.settle(turn, count - first);
        }
        Ok(())
    }

    fn all(&mut self, instructions: &[Instruction]) -> Result<(), Failure> {
        let Some(here) = self.here else { return instructions.iter().try_for_each(|i| self.instruction(i)) };
        instructions.iter().try_for_each(|i| match i {
            // Here, where it costs least.
            Instruction::Pass { mark } => {
                here.pass(*mark);
                Ok(())
            }
            i => self.instruction(i),
        })
    }

    fn turn(&mut self, turn: &Turn, number: i64, span: u32) -> Result<(), Failure> {
        if self.context.stopped() || self.failed.load(Ordering::Relaxed) < self.member {
            return self.fail(span, FailureKind::Stopped);
        }
        self.slice_mut::<i64>(turn.number, 1)[0] = number;
        self.around.push(Around::Turn(number, span));
        self.all(&turn.body)?;
        self.around.pop();
        turn.moves.iter().for_each(|m| self.copy(m));
        turn.exchanges.iter().for_each(|m| self.table.swap(m.from, m.to));
        Ok(())
    }

    /// After so many turns of a loop: carried values where they belong.
    fn settle(&mut self, turn: &Turn, turns: i64) {
        if turns % 2 == 1 {
            for m in &turn.exchanges {
                self.table.swap(m.from, m.to);
                self.copy(m);
            }
        }
    }

    fn instruction(&mut self, instruction: &Instruction) -> Result<(), Failure> {
        match instruction {
            Instruction::Kernel { kernel, args } => self.kernel(*kernel, args),
            Instruction::Function { row, scalar, args, out, size, ints } => self.function(row, *scalar, args, *out, *size, *ints),
            Instruction::Constant { literal, out } => match literal {
                Literal::Real(x) => self.slice_mut(*out, 1)[0] = *x,
                Literal::F32(x) => self.slice_mut(*out, 1)[0] = *x,
                Literal::Int(n) => self.slice_mut(*out, 1)[0] = *n,
                Literal::Bool(c) => self.slice_mut(*out, 1)[0] = *c as u8,
            },
            Instruction::Table { array, out } => self.table[*out] = array.data.as_ptr().cast_mut(),
            Instruction::ShiftTable { sizes, offset, out } => {
                let table = lattice::shift_table(sizes, offset);
                self.slice_mut(*out, table.len()).copy_from_slice(&table);
            }
            Instruction::Copy { from, to, bytes } => self.copy(&Move { from: *from, to: *to, bytes: *bytes }),
            Instruction::Reduce { monoid, scalar, arg, out, outer, count, inner } => {
                self.reduce(*monoid, *scalar, *arg, *out, [*outer, *count, *inner])
            }
            Instruction::Embed { arg, out, from, shape, start, stride, bytes } => self.embed(*arg, *out, from, shape, start, stride, *bytes),
            Instruction::Concat { args, out, outer } => self.concat(args, *out, *outer),
            Instruction::Around { arg, out, members, sizes, offsets, row } => {
                for (d, offset) in offsets.iter().enumerate() {
                    self.around(*arg, *out, *members, &lattice::shift_table(sizes, offset), (d, offsets.len()), *row);
                }
            }
            Instruction::Convolve { scalar, fields, right, out, stencil, columns } => {
                self.convolve(*scalar, [*fields, *right, *out], stencil, *columns)
            }
            Instruction::Gather { arg, index, sizes, count, row, out, checked, span } => {
                if *count == 1 {
                    let position = self.position(index, sizes, *checked, *span)?;
                    unsafe { copy_row(self.table[*arg].add(position * row), self.table[*out], *row) };
                } else {
                    let positions = self.positions(index, sizes, *count, *checked, *span)?;
                    self.gather(&positions, *arg, *row, *count, *out);
                }
            }
            Instruction::View { arg, index, sizes, row, out, checked, span } => {
                let position = self.position(index, sizes, *checked, *span)?;
                self.table[*out] = self.table[*arg].wrapping_add(position * row);
            }
            Instruction::Scatter { index, sizes, count, row, values, out, size, scalar } => {
                let positions = self.positions(index, sizes, *count, false, 0)?;
                self.scatter(&positions, *count, *row, *values, *out, *size, *scalar);
            }
            Instruction::Update { target, index, sizes, row, value, checked, span } => {
                let position = self.position(index, sizes, *checked, *span)?;
                unsafe { copy_row(self.table[*value], self.table[*target].add(position * row), *row) };
            }
            Instruction::Contract { scalar, left, right, out, batch, product } => {
                self.contract(*scalar, [*left, *right, *out], *batch, product)
            }
            Instruction::Routine { routine, lead, types, args, results, outs, span } => {
                let count = lead.iter().product();
                self.routine(routine, count, types, args, results, outs).map_err(|f| f.failure(*span, lead, self.around.clone()))?
            }
            Instruction::Draw { distribution, scalar, place, turns, own_turns, position, positions, one_run, size, out } => {
                let outer: Vec<u64> = turns.iter().rev().skip(1).rev().map(|t| self.int(*t) as u64).collect();
                let inner = turns.last().map_or(&[0][..], |t| self.slice::<i64>(*t, if *own_turns { *positions } else { 1 }));
                let key = noise::key(self.context.seed, *place, &outer);
                let positions = self.slice::<i64>(*position, *positions);
                // One run is the rule.
                let one_run = *one_run || noise::run_on(positions, 1);
                if one_run && (inner.len() == 1 || noise::run_on(inner, 0)) {
                    let first = positions.first().map_or(0, |p| *p as u64).wrapping_mul(*size as u64);
                    self.draw(*distribution, *scalar, key, inner[0] as u64, first, 0..positions.len() * size, *out);
                } else {
                    self.draw_apart(*distribution, *scalar, key, inner, positions, *size, *out);
                }
            }
            Instruction::Loop { count, before, turn, span } => {
                before.iter().for_each(|m| self.copy(m));
                let count = self.int(*count);
                for number in 0..count {
                    self.turn(turn, number, *span)?;
                }
                self.settle(turn, count);
            }
            Instruction::While { before, condition, test, turn, span } => {
                before.iter().for_each(|m| self.copy(m));
                let mut number = 0;
                loop {
                    self.all(condition)?;
                    if !self.bool(*test) {
                        break;
                    }
                    self.turn(turn, number, *span)?;
                    number += 1;
                }
                self.settle(turn, number);
            }
            Instruction::If { condition, then, otherwise } => {
                let branch = if self.bool(*condition) { then } else { otherwise };
                self.all(branch)?;
            }
            Instruction::Map { count, each, member, frame, body, results, span } => {
                let members = Members { count: *count, each: *each, member: *member, body, results, span: *span };
                self.map(&members, *frame)?
            },
            Instruction::Require { condition, message, span } => {
                if !self.bool(*condition) {
                    return self.fail(*span, FailureKind::Required(message.clone()));
                }
            }
            Instruction::Pass { mark } => {
                if let Some(here) = self.here {
                    here.pass(*mark);
                }
            }
        }
        Ok(())
    }

    // ---- members ----

    fn map(&mut self, map: &Members, frame: usize) -> Result<(), Failure> {
        let Members { count, span, .. } = *map;
        let first: Mutex<Option<(usize, Failure)>> = Mutex::new(None);
        let failed = AtomicUsize::new(usize::MAX);
        let (compiled, context, pool) = (self.compiled, self.context, self.pool);
        let (shared, around) = (Shared(&self.table), self.around.clone());
        let parallel = !self.serial && pool.threads() > 1 && count > 1;
        let own = self.here;
        let now = own.map(Thread::now);
        let members = |range: std::ops::Range<usize>| {
            let note = |member: usize, failure: Failure| {
                failed.fetch_min(member, Ordering::Relaxed);
                let mut first = first.lock().expect("no panic holds it");
                if first.as_ref().is_none_or(|(k, _)| member < *k) {
                    *first = Some((member, failure));
                }
            };
            let Some(mut memory) = compiled.memory(frame) else {
                let bytes = compiled.plan.frames[frame] as u64;
                return note(range.start, Failure { span, kind: FailureKind::OutOfMemory { bytes }, around: around.clone() });
            };
            let mut table = shared.table().to_vec();
            compiled.place(frame, &mut memory, &mut table);
            let here = if parallel { compiled.thread(pool) } else { own };
            let mut worker =
                Worker { compiled, table, context, pool, serial: parallel || self.serial, around: around.clone(), failed: &failed, member: range.start, here };
            for k in range {
                worker.member = k;
                if let Err(failure) = worker.member(k, map) {
                    note(k, failure);
                    break;
                }
            }
            drop(worker);
            // Who waits for others computes nothing.
            here.filter(|_| parallel).inspect(|here| here.idle());
            compiled.spare[frame].lock().expect("no panic holds it").push(memory);
        };
        if parallel { pool.run(count, 1, members) } else { members(0..count) }
        own.zip(now).inspect(|(own, now)| own.set(*now));
        match first.into_inner().expect("no panic holds it") {
            Some((_, failure)) => Err(failure),
            None => Ok(()),
        }
    }

    fn member(&mut self, k: usize, map: &Members) -> Result<(), Failure> {
        if self.context.stopped() {
            return self.fail(map.span, FailureKind::Stopped);
        }
        self.slice_mut::<i64>(map.member, 1)[0] = k as i64;
        let place = |worker: &Self, result: &Gathered| worker.table[result.to].wrapping_add(k * result.bytes);
        for result in map.results.iter().filter(|result| result.in_place) {
            self.table[result.from] = place(self, result);
        }
        let around = self.around.len();
        self.around.push(Around::of_member(k, map.each, map.span));
        self.all(map.body)?;
        self.around.truncate(around);
        for result in map.results.iter().filter(|result| !result.in_place) {
            unsafe { copy_row(self.table[result.from], place(self, result), result.bytes) };
        }
        Ok(())
    }

    // ---- arrays ----

    fn kernel(&self, kernel: usize, args: &[Buffer]) {
        const FEW: usize = 24;
        let shape = &self.compiled.plan.kernels[kernel];
        let function = self.compiled.code.functions[kernel];
        if shape.size() == 0 {
            return;
        }
        let rows = shape.domain.first().copied().unwrap_or(1) as i64;
        let mut few = [std::ptr::null_mut(); FEW];
        let many: Vec<*mut u8>;
        let pointers: &[*mut u8] = if args.len() <= FEW {
            for (p, a) in few.iter_mut().zip(args) {
                *p = self.table[*a];
            }
            &few[..args.len()]
        } else {
            many = args.iter().map(|a| self.table[*a]).collect();
            &many
        };
        let work = shape.size() * shape.nodes.len();
        if self.serial || self.pool.threads() == 1 || work < WORTH * 2 || rows < 2 || !shape.splits() {
            return unsafe { function(pointers.as_ptr(), 0, rows) };
        }
        let shared = Shared(pointers);
        let grain = (WORTH / (work / rows as usize).max(1)).max(GRAIN);
        self.pool.run(rows as usize, grain, |range| {
            unsafe { function(shared.table().as_ptr(), range.start as i64, range.end as i64) };
        });
    }

    fn function(&self, row: &Prim, scalar: Scalar, args: &[Buffer], out: Buffer, size: usize, ints: bool) {
        let table = Shared(&self.table);
        self.share(size, |range| {
            let part = Part { table, range };
            match (&row.emit, scalar) {
                (Emit::Slice1(f, _), Scalar::Real) => f(part.read(args[0]), part.write(out)),
                (Emit::Slice1(_, f), _) => f(part.read(args[0]), part.write(out)),
                (Emit::Slice2(f, _), Scalar::Real) => f(part.read(args[0]), part.read(args[1]), part.write(out)),
                (Emit::Slice2(_, f), _) => f(part.read(args[0]), part.read(args[1]), part.write(out)),
                _ if ints => part.each_with_int(row, scalar, args, out),
                _ => part.each(row, scalar, args, out),
            }
        });
    }

    /// Calls `f` on ranges that together are `0..count` numbers, on all threads if that is worth it.
    fn share(&self, count: usize, f: impl Fn(std::ops::Range<usize>) + Sync) {
        /// Numbers that stay together, so that pieces begin where vectors and groups of noise do.
        const GROUP: usize = 1024;
        if self.serial || self.pool.threads() == 1 || count < WORTH {
            return f(0..count);
        }
        self.pool.run(count.div_ceil(GROUP), WORTH / GROUP / 2, |groups| f(groups.start * GROUP..(groups.end * GROUP).min(count)));
    }

    fn reduce(&self, monoid: Monoid, scalar: Scalar, arg: Buffer, out: Buffer, [outer, count, inner]: [usize; 3]) {
        macro_rules! each {
            ($t:ty, $whole:path, $rows:path, $blocks:path) => {{
                let (table, x) = (Shared(&self.table), self.slice::<$t>(arg, outer * count * inner));
                let part = |o: usize| &x[o * count * inner..(o + 1) * count * inner];
                let block = |x: &[$t], count: usize, out: &mut [$t]| match inner {
                    1 => out[0] = $whole(x),
                    _ => $rows(x, count, inner, 0, out),
                };
                match self.sharing([outer, count, inner]) {
                    Sharing::Outer(grain) => self.pool.run(outer, grain, |range| {
                        for o in range {
                            block(part(o), count, Part { table, range: o * inner..(o + 1) * inner }.write(out));
                        }
                    }),
                    Sharing::Columns(grain) => (0..outer).for_each(|o| {
                        self.pool.run(inner, grain, |columns| {
                            let part_of = Part { table, range: o * inner + columns.start..o * inner + columns.end };
                            $rows(part(o), count, inner, columns.start, part_of.write(out));
                        })
                    }),
                    Sharing::Blocks => {
                        let blocks = count.div_ceil(sum::BLOCK);
                        for o in 0..outer {
                            let rows = |k: usize| k * sum::BLOCK..((k + 1) * sum::BLOCK).min(count);
                            let sums = self.pool.map(blocks, 1, |range| {
                                let mut sums = vec![<$t>::default(); range.len() * inner];
                                for (k, sums) in range.zip(sums.chunks_mut(inner)) {
                                    block(&part(o)[rows(k).start * inner..rows(k).end * inner], rows(k).len(), sums);
                                }
                                sums
                            });
                            $blocks(&sums.concat(), inner, Part { table, range: o * inner..(o + 1) * inner }.write(out));
                        }
                    }
                    Sharing::None => (0..outer).for_each(|o| {
                        block(part(o), count, Part { table, range: o * inner..(o + 1) * inner }.write(out));
                    }),
                }
            }};
        }
        // Of conditions the first that decides is the last that is looked at.
        let conditions = |whole: fn(&[bool]) -> bool, strided: fn(&[bool], usize, usize, usize) -> bool| {
            let (x, out) = (self.slice::<bool>(arg, outer * count * inner), self.slice_mut::<bool>(out, outer * inner));
            for (o, part) in (0..outer).map(|o| (o, &x[o * count * inner..(o + 1) * count * inner])) {
                if inner == 1 {
                    out[o] = whole(part);
                } else {
                    (0..inner).for_each(|i| out[o * inner + i] = strided(part, i, inner, count));
                }
            }
        };
        match (monoid, scalar) {
            (Monoid::Sum, Scalar::Real) => each!(f64, sum::sum, sum::sum_rows, sum::sum_blocks),
            (Monoid::Sum, Scalar::F32) => each!(f32, sum::sum_f32, sum::sum_rows_f32, sum::sum_blocks_f32),
            (Monoid::Sum, _) => each!(i64, sum::sum_int, sum::sum_rows_int, sum::sum_blocks_int),
            (Monoid::Product, Scalar::Real) => each!(f64, sum::product, sum::product_rows, sum::product_blocks),
            (Monoid::Product, Scalar::F32) => each!(f32, sum::product_f32, sum::product_rows_f32, sum::product_blocks_f32),
            (Monoid::Product, _) => each!(i64, sum::product_int, sum::product_rows_int, sum::product_blocks_int),
            (Monoid::Max, Scalar::Real) => each!(f64, sum::max, sum::max_rows, sum::max_blocks),
            (Monoid::Max, Scalar::F32) => each!(f32, sum::max_f32, sum::max_rows_f32, sum::max_blocks_f32),
            (Monoid::Max, _) => each!(i64, sum::max_int, sum::max_rows_int, sum::max_blocks_int),
            (Monoid::Min, Scalar::Real) => each!(f64, sum::min, sum::min_rows, sum::min_blocks),
            (Monoid::Min, Scalar::F32) => each!(f32, sum::min_f32, sum::min_rows_f32, sum::min_blocks_f32),
            (Monoid::Min, _) => each!(i64, sum::min_int, sum::min_rows_int, sum::min_blocks_int),
            (Monoid::Any, _) => conditions(sum::any, sum::any_strided),
            (Monoid::All, _) => conditions(sum::all, sum::all_strided),
        }
    }

    /// How the threads share a reduction over `count` of [outer, count, inner]; the bits are the same in every way.
    fn sharing(&self, [outer, count, inner]: [usize; 3]) -> Sharing {
        /// Columns that are summed side by side.
        const COLUMNS: usize = 64;
        let (threads, work) = (self.pool.threads(), outer * count * inner);
        if self.serial || threads == 1 || work < 2 * WORTH {
            Sharing::None
        } else if outer >= threads {
            Sharing::Outer((WORTH / (count * inner)).max(1))
        } else if inner >= threads * COLUMNS {
            Sharing::Columns((WORTH / count).max(COLUMNS))
        } else if count > sum::BLOCK {
            Sharing::Blocks
        } else {
            Sharing::None
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn embed(&self, arg: Buffer, out: Buffer, from: &[usize], shape: &[usize], start: &[usize], stride: &[usize], bytes: usize) {
        let size: usize = shape.iter().product();
        unsafe { std::ptr::write_bytes(self.table[out], 0, size * bytes) };
        let mut to = vec![1; shape.len()];
        for d in (1..shape.len()).rev() {
            to[d - 1] = to[d] * shape[d];
        }
        let mut index = vec![0; from.len()];
        for k in 0..from.iter().product() {
            let at: usize = (0..index.len()).map(|d| (start[d] + index[d] * stride[d]) * to[d]).sum();
            unsafe { std::ptr::copy_nonoverlapping(self.table[arg].add(k * bytes), self.table[out].add(at * bytes), bytes) };
            for d in (0..from.len()).rev() {
                index[d] += 1;
                if index[d] < from[d] {
                    break;
                }
                index[d] = 0;
            }
        }
    }

    fn concat(&self, args: &[(Buffer, usize)], out: Buffer, outer: usize) {
        let row: usize = args.iter().map(|a| a.1).sum();
        let mut first = 0;
        for (arg, part) in args {
            for o in 0..outer {
                unsafe { std::ptr::copy_nonoverlapping(self.table[*arg].add(o * part), self.table[out].add(o * row + first), *part) };
            }
            first += part;
        }
    }

    /// With `checked` each index is tested first.
    fn positions<'s>(&self, index: &[Buffer], sizes: &'s [usize], count: usize, checked: bool, span: u32) -> Result<Positions<'s>, Failure> {
        let index: Vec<&'static [i64]> = index.iter().map(|b| self.slice::<i64>(*b, count)).collect();
        if checked {
            for (dim, positions) in index.iter().enumerate() {
                if let Some(i) = positions.iter().find(|i| **i < 0 || **i >= sizes[dim] as i64) {
                    return self.fail(span, FailureKind::IndexOutside { index: *i, size: sizes[dim] });
                }
            }
        }
        Ok(Positions { index, sizes })
    }

    /// The one position that scalar indices say.
    fn position(&self, index: &[Buffer], sizes: &[usize], checked: bool, span: u32) -> Result<usize, Failure> {
        let mut position = 0;
        for (index, size) in index.iter().zip(sizes) {
            let i = self.int(*index);
            if checked && (i < 0 || i >= *size as i64) {
                return self.fail(span, FailureKind::IndexOutside { index: i, size: *size });
            }
            position = position * size + inside(i, *size);
        }
        Ok(position)
    }

    fn gather(&self, positions: &Positions, arg: Buffer, row: usize, count: usize, out: Buffer) {
        let table = Shared(&self.table);
        let part = |range: std::ops::Range<usize>| {
            let (from, to) = (table.table()[arg], table.table()[out]);
            for k in range {
                unsafe { copy_row(from.add(positions.at(k) * row), to.add(k * row), row) };
            }
        };
        let words = row.div_ceil(8).max(1);
        if self.serial || self.pool.threads() == 1 || count * words < WORTH {
            return part(0..count);
        }
        self.pool.run(count, WORTH / words / 2, part);
    }

    #[allow(clippy::too_many_arguments)]
    fn scatter(&self, positions: &Positions, count: usize, row: usize, values: Buffer, out: Buffer, size: usize, scalar: Scalar) {
        macro_rules! add {
            ($t:ty, $add:expr) => {{
                let (v, o) = (self.slice::<$t>(values, count * row), self.slice_mut::<$t>(out, size));
                o.fill(0 as $t);
                for k in 0..count {
                    let position = positions.at(k);
                    for i in 0..row {
                        o[position * row + i] = $add(o[position * row + i], v[k * row + i]);
                    }
                }
            }};
        }
        match scalar {
            Scalar::Real => add!(f64, |a: f64, b: f64| a + b),
            Scalar::F32 => add!(f32, |a: f32, b: f32| a + b),
            _ => add!(i64, i64::wrapping_add),
        }
    }

    fn contract(&self, scalar: Scalar, [left, right, out]: [Buffer; 3], batch: usize, product: &Product) {
        let Product { m, n, k, .. } = *product;
        let pool = (!self.serial).then_some(self.pool);
        macro_rules! of {
            ($t:ty) => {{
                let (a, b) = (self.slice::<$t>(left, batch * m * k), self.slice::<$t>(right, batch * k * n));
                contract::contract(product, batch, a, b, self.slice_mut::<$t>(out, batch * m * n), pool)
            }};
        }
        match scalar {
            Scalar::F32 => of!(f32),
            _ => of!(f64),
        }
    }

    fn convolve(&self, scalar: Scalar, [fields, right, out]: [Buffer; 3], stencil: &Stencil, columns: usize) {
        let Stencil { members, sites, channels, ref table, over_sites } = *stencil;
        let around = contract::Around { members, sites, channels, table };
        let (rows, terms) = (members * sites, table.len() / sites.max(1) * channels);
        let (rows, terms) = if over_sites { (terms, rows) } else { (rows, terms) };
        let pool = (!self.serial).then_some(self.pool);
        macro_rules! of {
            ($t:ty) => {{
                let (a, b) = (self.slice::<$t>(fields, members * sites * channels), self.slice::<$t>(right, terms * columns));
                let run = if over_sites { contract::correlate } else { contract::convolve };
                run(&around, columns, a, b, self.slice_mut::<$t>(out, rows * columns), pool)
            }};
        }
        match scalar {
            Scalar::F32 => of!(f32),
            _ => of!(f64),
        }
    }

    /// Rows of so many bytes at one neighbour of each site, the `d`-th of so many; members are shared among threads.
    fn around(&self, arg: Buffer, out: Buffer, members: usize, table: &[i64], (d, neighbours): (usize, usize), row: usize) {
        let shared = Shared(&self.table);
        let some = |range: std::ops::Range<usize>| {
            let (from, to) = (shared.table()[arg], shared.table()[out]);
            for t in range {
                for (x, y) in table.iter().enumerate() {
                    let (at, place) = (t * table.len() + *y as usize, (t * table.len() + x) * neighbours + d);
                    unsafe { std::ptr::copy_nonoverlapping(from.add(at * row), to.add(place * row), row) };
                }
            }
        };
        let grain = (8 * WORTH).div_ceil((table.len() * row).max(1));
        if self.serial { some(0..members) } else { self.pool.run(members, grain, some) }
    }

    /// Members are shared among threads; of those that fail the first one is told.
    fn routine(
        &self,
        routine: &Routine,
        count: usize,
        types: &[Type],
        args: &[Buffer],
        results: &[(Scalar, usize)],
        outs: &[Buffer],
    ) -> Result<(), Fault> {
        let (shared, first) = (Shared(&self.table), Mutex::new(None::<Fault>));
        let members = |range: std::ops::Range<usize>| {
            let at = |buffer: Buffer, size: usize, bytes: usize| unsafe { shared.table()[buffer].add(range.start * size * bytes) };
            let len = range.len();
            let given = args.iter().zip(types).map(|(a, t)| read(at(*a, t.len(), t.scalar.size()), t.scalar, len * t.len()));
            let made = outs.iter().zip(results).map(|(o, (s, size))| write(at(*o, *size, s.size()), *s, len * size));
            let mut members = routine::Members { count: len, types, args: given.collect(), outs: made.collect() };
            if let Err(fault) = (routine.run)(&mut members) {
                let fault = Fault { member: range.start + fault.member, ..fault };
                let mut first = first.lock().expect("no panic holds it");
                if first.as_ref().is_none_or(|f| fault.member < f.member) {
                    *first = Some(fault);
                }
            }
        };
        // A member costs at least its numbers once for each row of a matrix.
        let work = types.iter().map(|t| t.len() * t.shape.first().copied().unwrap_or(1)).sum::<usize>().max(1);
        if self.serial || self.pool.threads() == 1 || count * work < WORTH {
            members(0..count);
        } else {
            self.pool.run(count, (WORTH / work).max(1), members);
        }
        first.into_inner().expect("no panic holds it").map_or(Ok(()), Err)
    }

    /// Draws of members that do not follow one another, or are in turns of their own: those that do so all the same at once.
    #[allow(clippy::too_many_arguments)]
    fn draw_apart(&self, distribution: Distribution, scalar: Scalar, key: [u32; 2], turns: &[i64], positions: &[i64], size: usize, out: Buffer) {
        let turn_of = |j: usize| turns[j.min(turns.len() - 1)];
        let mut k = 0;
        while k < positions.len() {
            let follows = |j: &usize| positions[*j] == positions[k] + (*j - k) as i64 && turn_of(*j) == turn_of(k);
            let run = (k + 1..positions.len()).take_while(follows).count() + 1;
            let first = (positions[k] as u64).wrapping_mul(size as u64);
            self.draw(distribution, scalar, key, turn_of(k) as u64, first, k * size..(k + run) * size, out);
            k += run;
        }
    }

    /// Draws the elements from `first` on into a range of a buffer.
    #[allow(clippy::too_many_arguments)]
    fn draw(&self, distribution: Distribution, scalar: Scalar, key: [u32; 2], turn: u64, first: u64, into: std::ops::Range<usize>, out: Buffer) {
        let table = Shared(&self.table);
        self.share(into.len(), |range| {
            let first = first.wrapping_add(range.start as u64);
            let part = Part { table, range: into.start + range.start..into.start + range.end };
            match (distribution, scalar) {
                (Distribution::Normal, Scalar::F32) => noise::normal_f32(key, turn, first, part.write(out)),
                (Distribution::Normal, _) => noise::normal(key, turn, first, part.write(out)),
                (Distribution::Uniform, Scalar::F32) => noise::uniform_f32(key, turn, first, part.write(out)),
                (Distribution::Uniform, _) => noise::uniform(key, turn, first, part.write(out)),
            }
        });
    }
}

/// Indices of rows: row-major positions, for each number an array of one index for each dimension.
struct Positions<'s> {
    index: Vec<&'static [i64]>,
    sizes: &'s [usize],
}

impl Positions<'_> {
    fn at(&self, k: usize) -> usize {
        self.index.iter().zip(self.sizes).fold(0, |at, (i, size)| at * size + inside(i[k], *size))
    }
}

/// As in the interpreter: an index is outside only where a branch is not taken.
fn inside(i: i64, size: usize) -> usize {
    if i < 0 || i >= size as i64 { 0 } else { i as usize }
}

/// # Safety
/// As of [`std::ptr::copy_nonoverlapping`]; a single number may also be copied onto itself.
unsafe fn copy_row(from: *const u8, to: *mut u8, bytes: usize) {
    match bytes {
        // A number is not worth a call.
        8 => unsafe { to.cast::<u64>().write_unaligned(from.cast::<u64>().read_unaligned()) },
        _ => unsafe { std::ptr::copy_nonoverlapping(from, to, bytes) },
    }
}

/// What of a reduction a thread takes.
enum Sharing {
    /// At least so many of the outer dimension.
    Outer(usize),
    /// At least so many columns.
    Columns(usize),
    /// Blocks of the terms.
    Blocks,
    None,
}

/// A range of numbers of each buffer, which one thread alone writes.
struct Part<'t> {
    table: Shared<'t>,
    range: std::ops::Range<usize>,
}

impl Part<'_> {
    fn read<T>(&self, buffer: Buffer) -> &'static [T] {
        // Buffers are planned with this kind and at least this size, and live as long as the run.
        unsafe { std::slice::from_raw_parts(self.table.table()[buffer].cast::<T>().add(self.range.start), self.range.len()) }
    }

    #[allow(clippy::mut_from_ref)]
    fn write<T>(&self, buffer: Buffer) -> &'static mut [T] {
        unsafe { std::slice::from_raw_parts_mut(self.table.table()[buffer].cast::<T>().add(self.range.start), self.range.len()) }
    }

    /// A row without a form for slices, number by number.
    fn each(&self, row: &Prim, scalar: Scalar, args: &[Buffer], out: Buffer) {
        macro_rules! one {
            ($f:expr, $t:ty) => {
                self.write::<$t>(out).iter_mut().zip(self.read::<$t>(args[0])).for_each(|(out, x)| *out = $f(*x))
            };
        }
        macro_rules! two {
            ($f:expr, $t:ty) => {{
                let (x, y) = (self.read::<$t>(args[0]), self.read::<$t>(args[1]));
                self.write::<$t>(out).iter_mut().zip(x.iter().zip(y)).for_each(|(out, (x, y))| *out = $f(*x, *y))
            }};
        }
        match (&row.run, scalar) {
            (Run::Float1(f, _), Scalar::Real) => one!(f, f64),
            (Run::Float1(_, f), _) => one!(f, f32),
            (Run::Float2(f, _), Scalar::Real) => two!(f, f64),
            (Run::Float2(_, f), _) => two!(f, f32),
            _ => unreachable!("{} is done inline", row.name),
        }
    }

    fn each_with_int(&self, row: &Prim, scalar: Scalar, args: &[Buffer], out: Buffer) {
        macro_rules! with_int {
            ($f:expr, $t:ty) => {{
                let (x, n) = (self.read::<$t>(args[0]), self.read::<i64>(args[1]));
                self.write::<$t>(out).iter_mut().zip(x.iter().zip(n)).for_each(|(out, (x, n))| *out = $f(*x, *n))
            }};
        }
        match (&row.run, scalar) {
            (Run::FloatInt(f, _), Scalar::Real) => with_int!(f, f64),
            (Run::FloatInt(_, f), _) => with_int!(f, f32),
            _ => unreachable!("{} is done inline", row.name),
        }
    }
}

/// Numbers of a buffer, which is planned with this kind and at least this size, and is not written meanwhile.
fn read(from: *const u8, scalar: Scalar, len: usize) -> Numbers<'static> {
    unsafe {
        match scalar {
            Scalar::Real => Numbers::Real(std::slice::from_raw_parts(from.cast(), len)),
            Scalar::F32 => Numbers::F32(std::slice::from_raw_parts(from.cast(), len)),
            _ => Numbers::Int(std::slice::from_raw_parts(from.cast(), len)),
        }
    }
}

/// The same to be written, by this thread alone.
fn write(to: *mut u8, scalar: Scalar, len: usize) -> NumbersMut<'static> {
    unsafe {
        match scalar {
            Scalar::Real => NumbersMut::Real(std::slice::from_raw_parts_mut(to.cast(), len)),
            Scalar::F32 => NumbersMut::F32(std::slice::from_raw_parts_mut(to.cast(), len)),
            _ => NumbersMut::Int(std::slice::from_raw_parts_mut(to.cast(), len)),
        }
    }
}
