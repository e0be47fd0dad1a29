//! Kernels over floats → machine code with the widest vectors of x86-64: Cranelift's are 128 bits wide. The innermost loop's body is
//! written once as a list (`body`), given registers (`registers`), and put down wherever the loop nest wants it (`assembler`).
//!
//! A row of the innermost dimension that whole vectors fill is taken vector by vector, and what wraps around is put together of
//! its two ends. Other rows are taken in segments within which nothing wraps around; what remains of a segment below a vector is done with
//! the first lanes alone. So edges cost no scalar code.

mod assembler;
mod body;
mod registers;

use super::kernel::{Access, Kernel, NodeKind};
use assembler::{Assembler, Place};
use body::{Body, Held};
use iced_x86::{MemoryOperand, Register};
use moyal_runtime::array::Scalar;
use moyal_runtime::simd::Level;
use registers::{Assignment, Placed, Source};

/// Addresses of the row, while its innermost loop runs.
const ROWS: [Register; 11] = [
    Register::RBX, Register::RBP, Register::RSI, Register::RDI, Register::R8, Register::R9, Register::R11, Register::R12,
    Register::R13, Register::R14, Register::R15,
];
/// Where the innermost loop stands, in numbers from the beginning of the row.
const INDEX: Register = Register::RDX;
const SCRATCH: Register = Register::RAX;
const COUNT: Register = Register::RCX;
const MOVED: Register = Register::R10;
const SAVED: [Register; 6] = [Register::RBX, Register::RBP, Register::R12, Register::R13, Register::R14, Register::R15];

/// A vector loop of no more turns than this is written out.
const WRITTEN_OUT: i64 = 2;

/// The bytes of a function `(pointers, from, to)`; None if the kernel or the machine is not of a kind that has wide vectors.
pub fn kernel(kernel: &Kernel, level: Level) -> Option<Result<Vec<u8>, String>> {
    // Arguments come in the registers of the System V convention.
    if level == Level::Baseline || !cfg!(all(target_arch = "x86_64", unix)) {
        return None;
    }
    let scalar = kernel.roots.first().map(|(n, _)| kernel.nodes[*n].scalar)?;
    if kernel.width == 1 {
        return None;
    }
    let shape = Shape::of(kernel)?;
    let body = body::body(kernel, scalar);
    let assignment = registers::assign(&body, assembler::registers(level));
    let frame = Frame::new(&shape, &body, &assignment, level)?;
    let assembler = Assembler::new(level, scalar.size());
    Some(Nest { assembler, kernel, scalar, body: &body, assignment: &assignment, shape: &shape, frame }.function())
}

/// A kernel's loops and addresses, with neighbouring dimensions joined also where the outer one wraps.
struct Shape {
    domain: Vec<i64>,
    /// Addresses of rows that differ, each of one array: first those that move from row to row or are read in it.
    bases: Vec<Base>,
    /// How many those are; the others are read at the entry only.
    moving: usize,
    /// For each node that loads, the base it is read from and how.
    loads: Vec<Option<Element>>,
    /// For each root.
    stores: Vec<Element>,
}

/// What is known of an array's row: its address is the pointer and `strides[d]` bytes for each index (moved by `offsets[d]` and wrapped
/// around) of the outer dimensions.
#[derive(PartialEq)]
struct Base {
    pointer: usize,
    strides: Vec<i32>,
    offsets: Vec<i64>,
}

/// In a row: number `start + i + offset`, wrapped around; or, the same in the whole row, number `start`.
#[derive(Clone, Copy)]
struct Element {
    base: usize,
    start: i64,
    offset: i64,
}

impl Shape {
    fn of(kernel: &Kernel) -> Option<Shape> {
        let mut domain: Vec<i64> = kernel.domain.iter().map(|n| *n as i64).collect();
        let mut accesses: Vec<(usize, usize, usize, Access)> = vec![];
        for (node, n) in kernel.nodes.iter().enumerate() {
            if let NodeKind::Load { leaf, at } = &n.kind {
                accesses.push((node, *leaf, n.scalar.size(), at.clone()));
            }
        }
        for (root, (node, _)) in kernel.roots.iter().enumerate() {
            let mut strides = vec![1; domain.len()];
            for d in (1..domain.len()).rev() {
                strides[d - 1] = strides[d] * domain[d];
            }
            let at = Access { start: 0, offsets: vec![0; strides.len()], strides };
            accesses.push((usize::MAX, kernel.leaves.len() + root, kernel.nodes[*node].scalar.size(), at));
        }
        // The outermost dimension is what threads share: it is joined by `Kernel::merge` alone.
        let mut d = 1;
        while d + 1 < domain.len() {
            let inner = domain[d + 1];
            if accesses.iter().all(|(_, _, _, a)| a.offsets[d + 1] == 0 && a.strides[d] == a.strides[d + 1] * inner) {
                domain[d] *= inner;
                domain.remove(d + 1);
                for (_, _, _, a) in &mut accesses {
                    a.offsets[d] *= inner;
                    a.strides.remove(d);
                    a.offsets.remove(d + 1);
                }
            } else {
                d += 1;
            }
        }
        let mut shape = Shape { domain, bases: vec![], moving: 0, loads: vec![None; kernel.nodes.len()], stores: vec![] };
        for uniform in [false, true] {
            for (node, pointer, size, at) in accesses.iter().filter(|(_, _, _, at)| at.is_uniform() == uniform) {
                let element = shape.element(*pointer, *size as i64, at)?;
                match shape.loads.get_mut(*node) {
                    Some(load) => *load = Some(element),
                    None => shape.stores.push(element),
                }
            }
            if !uniform {
                shape.moving = shape.bases.len();
            }
        }
        Some(shape)
    }

    fn element(&mut self, pointer: usize, size: i64, at: &Access) -> Option<Element> {
        let last = self.domain.len() - 1;
        // Displacements are 32 bits wide, and are formed of these.
        let fits = |n: i64| i32::try_from(n * size).ok();
        fits(at.start.abs() + 2 * self.domain[last])?;
        let strides: Option<Vec<i32>> = at.strides[..last].iter().map(|s| fits(*s)).collect();
        self.domain.iter().try_for_each(|n| i32::try_from(*n).map(|_| ()).ok())?;
        let base = Base { pointer, strides: strides?, offsets: at.offsets[..last].to_vec() };
        let base = self.bases.iter().position(|b| *b == base).unwrap_or_else(|| {
            self.bases.push(base);
            self.bases.len() - 1
        });
        Some(Element { base, start: at.start, offset: if at.strides[last] == 0 { 0 } else { at.offsets[last] } })
    }

    /// Where the innermost dimension is cut, so that between two cuts every element moves on without wrapping around.
    fn cuts(&self) -> Vec<i64> {
        let size = self.domain[self.domain.len() - 1];
        let mut cuts = vec![0, size];
        for element in self.loads.iter().flatten().filter(|e| e.offset != 0) {
            cuts.push(if element.offset < 0 { -element.offset } else { size - element.offset });
        }
        cuts.retain(|c| (0..=size).contains(c));
        cuts.sort_unstable();
        cuts.dedup();
        cuts
    }

    fn wraps(&self) -> bool {
        self.reach() > 0
    }

    /// How far beyond its own place a turn reads in its row.
    fn reach(&self) -> i64 {
        self.loads.iter().flatten().map(|e| e.offset.abs()).max().unwrap_or(0)
    }
}

/// Where things lie in the function's frame, in bytes from the stack pointer.
struct Frame {
    size: i32,
    /// The caller's stack pointer, and the range that he asks for.
    caller: i32,
    from: i32,
    to: i32,
    /// A dimension's index.
    indices: i32,
    /// A dimension's addresses, `bases` for each.
    rows: i32,
    bases: i32,
    numbers: i32,
    vector: i32,
    held: i32,
    spilled: i32,
}

impl Frame {
    fn new(shape: &Shape, body: &Body, assignment: &Assignment, level: Level) -> Option<Frame> {
        let (rank, bases) = (shape.domain.len() as i32, shape.bases.len() as i32);
        let vector = assembler::vector_bytes(level) as i32;
        let rows = 24 + 8 * rank;
        let numbers = (rows + 8 * rank * bases + 63) / 64 * 64;
        let held = numbers + 64;
        let spilled = held + vector * body.held.len() as i32;
        let size = spilled + vector * assignment.spills as i32;
        // A frame must not step over the guard below the stack.
        (size < 1 << 15).then_some(Frame { size, caller: 0, from: 8, to: 16, indices: 24, rows, bases, numbers, vector, held, spilled })
    }

    fn at(&self, offset: i32) -> MemoryOperand {
        MemoryOperand::with_base_displ(Register::RSP, offset as i64)
    }

    fn index(&self, dim: usize) -> MemoryOperand {
        self.at(self.indices + 8 * dim as i32)
    }

    /// The address of a base inside the indices of the dimensions before `dim`.
    fn row(&self, dim: usize, base: usize) -> MemoryOperand {
        self.at(self.rows + 8 * (dim as i32 * self.bases + base as i32))
    }

    fn held(&self, held: usize) -> MemoryOperand {
        self.at(self.held + self.vector * held as i32)
    }

    fn spilled(&self, slot: usize) -> MemoryOperand {
        self.at(self.spilled + self.vector * slot as i32)
    }
}

/// Where in a row a body stands: at a number of its own, and, in a loop, at the index besides.
#[derive(Clone, Copy)]
struct At {
    number: i64,
    index: bool,
    /// Only the first lanes, as many as were set, count.
    last: bool,
    around: Around,
}

/// How elements beyond an edge are read.
#[derive(Clone, Copy, PartialEq)]
enum Around {
    /// In the segment that begins here, every element is read on one side of the edge.
    Segment(i64),
    /// Whole vectors fill the row, and reach beyond it at its ends only.
    Ends,
}

struct Nest<'k> {
    assembler: Assembler,
    kernel: &'k Kernel,
    scalar: Scalar,
    body: &'k Body,
    assignment: &'k Assignment,
    shape: &'k Shape,
    frame: Frame,
}

impl Nest<'_> {
    fn function(mut self) -> Result<Vec<u8>, String> {
        let a = &mut self.assembler;
        SAVED.iter().for_each(|r| a.save(*r));
        a.copy(SCRATCH, Register::RSP);
        a.add_number(Register::RSP, -self.frame.size);
        a.and_number(Register::RSP, -64);
        a.put(self.frame.at(self.frame.caller), SCRATCH);
        a.put(self.frame.at(self.frame.from), Register::RSI);
        a.put(self.frame.at(self.frame.to), Register::RDX);
        for (k, base) in self.shape.bases.iter().enumerate() {
            a.get(SCRATCH, MemoryOperand::with_base_displ(Register::RDI, 8 * base.pointer as i64));
            a.put(self.frame.row(0, k), SCRATCH);
        }
        if self.assembler.counts_lanes() {
            self.numbers();
        }
        for k in 0..self.body.held.len() {
            self.hold(k, true);
        }
        if self.shape.domain.len() > 1 {
            self.outer(0);
        } else {
            for (k, register) in ROWS.iter().enumerate().take(self.shape.moving) {
                self.assembler.get(*register, self.frame.row(0, k));
            }
            if self.shape.wraps() { self.row() } else { self.part() }
        }
        let a = &mut self.assembler;
        a.clear_upper();
        a.get(Register::RSP, self.frame.at(self.frame.caller));
        SAVED.iter().rev().for_each(|r| a.restore(*r));
        a.end();
        self.assembler.bytes()
    }

    /// 0, 1, 2, … as wide as the lanes, for the lanes at the end of a row.
    fn numbers(&mut self) {
        for word in 0..4i64 {
            let bits = if self.scalar == Scalar::F32 { 2 * word | (2 * word + 1) << 32 } else { word };
            self.assembler.set(SCRATCH, bits);
            self.assembler.put(self.frame.at(self.frame.numbers + 8 * word as i32), SCRATCH);
        }
    }

    /// Puts a held number in its place: at the entry, or, if it changes from row to row, at each row.
    fn hold(&mut self, k: usize, entry: bool) {
        // A register that is free at this time: bodies begin with none in use.
        let register = self.assignment.pinned[k].unwrap_or(0);
        match self.body.held[k] {
            Held::Bits(bits) => {
                if !entry {
                    return;
                }
                self.assembler.set(SCRATCH, bits as i64);
                self.assembler.repeat(register, SCRATCH);
            }
            Held::Loaded(node) => {
                let element = self.shape.loads[node].expect("a node that loads");
                let base = &self.shape.bases[element.base];
                if base.strides.iter().all(|s| *s == 0) != entry {
                    return;
                }
                let scalar = self.kernel.nodes[node].scalar;
                let row = if entry {
                    self.assembler.get(SCRATCH, self.frame.row(0, element.base));
                    SCRATCH
                } else {
                    self.row_address(element.base)
                };
                let at = MemoryOperand::with_base_displ(row, element.start * scalar.size() as i64);
                if scalar == Scalar::Bool {
                    self.assembler.get_byte(SCRATCH, at);
                    self.assembler.negate(SCRATCH);
                    self.assembler.repeat(register, SCRATCH);
                } else {
                    self.assembler.everywhere(register, at);
                }
            }
        }
        if self.assignment.pinned[k].is_none() {
            self.assembler.store(Place::Frame(self.frame.held(k)), register, false);
        }
    }

    /// The loop over dimension `dim`.
    fn outer(&mut self, dim: usize) {
        let innermost = dim + 2 == self.shape.domain.len();
        let (index, done, turn) = (self.frame.index(dim), self.assembler.label(), self.assembler.label());
        if dim == 0 {
            self.assembler.get(SCRATCH, self.frame.at(self.frame.from));
            self.assembler.compare_memory(SCRATCH, self.frame.at(self.frame.to));
            self.assembler.jump_if_not_less(done);
        } else {
            self.assembler.set(SCRATCH, 0);
        }
        self.assembler.put(index, SCRATCH);
        self.assembler.bind(turn);
        self.enter(dim);
        if innermost {
            for k in 0..self.body.held.len() {
                self.hold(k, false);
            }
            self.row();
        } else {
            self.outer(dim + 1);
        }
        self.assembler.get(SCRATCH, index);
        self.assembler.add_number(SCRATCH, 1);
        self.assembler.put(index, SCRATCH);
        if dim == 0 {
            self.assembler.compare_memory(SCRATCH, self.frame.at(self.frame.to));
        } else {
            self.assembler.compare_number(SCRATCH, self.shape.domain[dim] as i32);
        }
        self.assembler.jump_if_less(turn);
        self.assembler.bind(done);
    }

    /// The addresses inside the index of dimension `dim`.
    fn enter(&mut self, dim: usize) {
        let size = self.shape.domain[dim] as i32;
        let moving = &self.shape.bases[..self.shape.moving];
        let moved = |base: &Base| if base.strides[dim] == 0 { 0 } else { base.offsets[dim] };
        let mut offsets: Vec<i64> = moving.iter().map(moved).collect();
        offsets.sort_unstable();
        offsets.dedup();
        let innermost = dim + 2 == self.shape.domain.len();
        let a = &mut self.assembler;
        for offset in offsets {
            a.get(SCRATCH, self.frame.index(dim));
            if offset != 0 {
                // (i + offset) mod size
                a.add_number(SCRATCH, offset as i32);
                if offset < 0 {
                    a.sum(COUNT, SCRATCH, size);
                    a.compare_number(SCRATCH, 0);
                    a.copy_if_less(SCRATCH, COUNT);
                } else {
                    a.sum(COUNT, SCRATCH, -size);
                    a.compare_number(SCRATCH, size);
                    a.copy_if_not_less(SCRATCH, COUNT);
                }
            }
            for (k, base) in moving.iter().enumerate().filter(|(_, b)| moved(b) == offset) {
                let register = ROWS.get(k).filter(|_| innermost);
                let to = *register.unwrap_or(&MOVED);
                if base.strides[dim] == 0 {
                    a.get(to, self.frame.row(dim, k));
                } else {
                    a.times(to, SCRATCH, base.strides[dim]);
                    a.add(to, self.frame.row(dim, k));
                }
                if register.is_none() {
                    a.put(self.frame.row(dim + 1, k), to);
                }
            }
        }
    }

    /// A register with the address of a row.
    fn row_address(&mut self, base: usize) -> Register {
        match ROWS.get(base) {
            Some(register) => *register,
            None => {
                self.assembler.get(SCRATCH, self.frame.row(self.shape.domain.len() - 1, base));
                SCRATCH
            }
        }
    }

    /// The innermost dimension as a whole.
    fn row(&mut self) {
        let lanes = self.assembler.lanes();
        let size = self.shape.domain[self.shape.domain.len() - 1];
        if self.assembler.turns_around() && size % lanes == 0 && self.shape.reach() < lanes {
            self.segment(0, size, Around::Ends);
            return;
        }
        let cuts = self.shape.cuts();
        for (from, to) in cuts.iter().zip(&cuts[1..]) {
            self.segment(*from, *to, Around::Segment(*from));
        }
    }

    fn segment(&mut self, from: i64, to: i64, around: Around) {
        let lanes = self.assembler.lanes();
        let whole = (to - from) / lanes;
        // At the ends of a row some vectors are put together, so their bodies stand alone.
        let ends = (around == Around::Ends && self.shape.wraps()) as i64;
        let looped = if whole - 2 * ends > WRITTEN_OUT { ends..whole - ends } else { 0..0 };
        for k in 0..whole {
            let number = from + k * lanes;
            if k == looped.start && !looped.is_empty() {
                let turn = self.assembler.label();
                self.assembler.set(INDEX, 0);
                self.assembler.bind(turn);
                self.turn(At { number, index: true, last: false, around });
                self.assembler.add_number(INDEX, lanes as i32);
                self.assembler.compare_number(INDEX, ((looped.end - looped.start) * lanes) as i32);
                self.assembler.jump_if_less(turn);
            } else if !looped.contains(&k) {
                self.turn(At { number, index: false, last: false, around });
            }
        }
        let rest = to - from - whole * lanes;
        if rest > 0 {
            self.assembler.set(COUNT, rest);
            self.assembler.last_lanes(COUNT, self.frame.at(self.frame.numbers));
            self.turn(At { number: to - rest, index: false, last: true, around });
        }
    }

    /// A part of the only dimension, in which nothing wraps around.
    fn part(&mut self) {
        let lanes = self.assembler.lanes() as i32;
        let (turn, rest, done) = (self.assembler.label(), self.assembler.label(), self.assembler.label());
        let to = self.frame.at(self.frame.to);
        self.assembler.get(INDEX, self.frame.at(self.frame.from));
        self.assembler.sum(COUNT, INDEX, lanes);
        self.assembler.compare_memory(COUNT, to);
        self.assembler.jump_if_greater(rest);
        self.assembler.bind(turn);
        self.turn(At { number: 0, index: true, last: false, around: Around::Segment(0) });
        self.assembler.add_number(INDEX, lanes);
        self.assembler.sum(COUNT, INDEX, lanes);
        self.assembler.compare_memory(COUNT, to);
        self.assembler.jump_if_not_greater(turn);
        self.assembler.bind(rest);
        self.assembler.get(COUNT, to);
        self.assembler.subtract(COUNT, INDEX);
        self.assembler.compare_number(COUNT, 0);
        self.assembler.jump_if_not_greater(done);
        self.assembler.last_lanes(COUNT, self.frame.at(self.frame.numbers));
        self.turn(At { number: 0, index: true, last: true, around: Around::Segment(0) });
        self.assembler.bind(done);
    }

    /// The body once.
    fn turn(&mut self, at: At) {
        for k in 0..self.assignment.code.len() {
            let last = at.last;
            match self.assignment.code[k] {
                Placed::Move { to, from } => {
                    let from = self.source(from, at);
                    self.assembler.load(to, from, last);
                }
                Placed::One { op, to, from } => {
                    let from = self.source(from, at);
                    self.assembler.one(op, to, from, last);
                }
                Placed::Two { op, to, left, right } => {
                    let right = self.source(right, at);
                    self.assembler.two(op, to, left, right, last);
                }
                Placed::Choose { to, mask, then, otherwise } => {
                    let then = self.source(then, at);
                    self.assembler.choose(to, mask, then, otherwise);
                }
                Placed::Spill { slot, from } => self.assembler.store(Place::Frame(self.frame.spilled(slot)), from, false),
                Placed::Store { root, from } => {
                    let to = self.element(self.shape.stores[root], at);
                    self.assembler.store(Place::Array(to), from, last);
                }
            }
        }
    }

    fn source(&mut self, source: Source, at: At) -> Place {
        let node = match source {
            Source::Register(r) => return Place::Register(r),
            Source::Held(k) => return Place::Frame(self.frame.held(k)),
            Source::Spilled(slot) => return Place::Frame(self.frame.spilled(slot)),
            Source::Load(node) => node,
        };
        let element = self.shape.loads[node].expect("a node that loads");
        let (size, lanes) = (self.shape.domain[self.shape.domain.len() - 1], self.assembler.lanes());
        let (first, end) = (at.number == 0 && !at.index, at.number + lanes == size && !at.index);
        let by = match (at.around, element.offset) {
            (Around::Ends, offset) if offset < 0 && first => lanes + offset,
            (Around::Ends, offset) if offset > 0 && end => offset,
            _ => return Place::Array(self.element(element, at)),
        };
        let (row, bytes) = (self.row_address(element.base), self.scalar.size() as i64);
        let vector = |number: i64| MemoryOperand::with_base_displ(row, (element.start + number) * bytes);
        Place::Around { low: vector(size - lanes), high: vector(0), by: by as u32 }
    }

    fn element(&mut self, element: Element, at: At) -> MemoryOperand {
        let size = self.shape.domain[self.shape.domain.len() - 1];
        let wrapped = match at.around {
            Around::Segment(first) if first + element.offset < 0 => size,
            Around::Segment(first) if first + element.offset >= size => -size,
            _ => 0,
        };
        let bytes = self.scalar.size() as i64;
        let displacement = (element.start + at.number + element.offset + wrapped) * bytes;
        let row = self.row_address(element.base);
        if at.index {
            MemoryOperand::with_base_index_scale_displ_size(row, INDEX, bytes as u32, displacement, 1)
        } else {
            MemoryOperand::with_base_displ(row, displacement)
        }
    }
}
