//! Kernels over floats → machine code with the widest vectors of x86-64: Cranelift's are 128 bits wide. The innermost loop's body is
//! written once as a list (`body`), given registers (`registers`), and put down wherever the loop nest wants it (`assembler`).
//!
//! A row of the innermost dimension is taken in segments within which nothing wraps around; what remains of a segment below a
//! vector is done with the first lanes alone. So edges cost no scalar code.

mod assembler;
mod body;
mod registers;

pub use assembler::Level;

use super::kernel::{Access, Kernel, NodeKind};
use assembler::{Assembler, Place};
use body::{Body, Held};
use iced_x86::{MemoryOperand, Register};
use moyal_runtime::array::Scalar;
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

/// The bytes of a function `(pointers, from, to)`; None if the kernel is not of a form that has wide vectors.
pub fn kernel(kernel: &Kernel, level: Level) -> Option<Result<Vec<u8>, String>> {
    let scalar = kernel.roots.first().map(|(n, _)| kernel.nodes[*n].scalar)?;
    if kernel.width == 1 {
        return None;
    }
    let shape = Shape::of(kernel)?;
    let body = body::body(kernel, scalar);
    let assignment = registers::assign(&body, level.registers());
    let frame = Frame::new(&shape, &body, &assignment, level)?;
    let assembler = Assembler::new(level, scalar.size());
    Some(Nest { assembler, kernel, scalar, body: &body, assignment: &assignment, shape: &shape, frame }.function())
}

/// A kernel's loops and addresses, with neighbouring dimensions joined also where the outer one wraps.
struct Shape {
    domain: Vec<i64>,
    /// Addresses of rows that differ, each of one array.
    bases: Vec<Base>,
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
        let mut shape = Shape { domain, bases: vec![], loads: vec![None; kernel.nodes.len()], stores: vec![] };
        for (node, pointer, size, at) in accesses {
            let element = shape.element(pointer, size as i64, &at)?;
            match shape.loads.get_mut(node) {
                Some(load) => *load = Some(element),
                None => shape.stores.push(element),
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
        self.cuts().len() > 2
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
        let vector = level.bytes() as i32;
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
        self.numbers();
        for k in 0..self.body.held.len() {
            self.hold(k, true);
        }
        if self.shape.domain.len() > 1 {
            self.outer(0);
        } else {
            self.row_addresses();
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
                let row = if entry { self.frame.row(0, element.base) } else { self.frame.row(self.shape.domain.len() - 1, element.base) };
                self.assembler.get(SCRATCH, row);
                let at = MemoryOperand::with_base_displ(SCRATCH, element.start * scalar.size() as i64);
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
            self.row_addresses();
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
        let a = &mut self.assembler;
        let mut offsets: Vec<i64> = self.shape.bases.iter().filter(|b| b.strides[dim] != 0).map(|b| b.offsets[dim]).collect();
        offsets.sort_unstable();
        offsets.dedup();
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
            for (k, base) in self.shape.bases.iter().enumerate() {
                if base.strides[dim] != 0 && base.offsets[dim] == offset {
                    a.times(MOVED, SCRATCH, base.strides[dim]);
                    a.add(MOVED, self.frame.row(dim, k));
                    a.put(self.frame.row(dim + 1, k), MOVED);
                }
            }
        }
        for (k, _) in self.shape.bases.iter().enumerate().filter(|(_, b)| b.strides[dim] == 0) {
            a.get(MOVED, self.frame.row(dim, k));
            a.put(self.frame.row(dim + 1, k), MOVED);
        }
    }

    fn row_addresses(&mut self) {
        let dim = self.shape.domain.len() - 1;
        for (k, register) in ROWS.iter().enumerate().take(self.shape.bases.len()) {
            self.assembler.get(*register, self.frame.row(dim, k));
        }
    }

    /// The innermost dimension as a whole.
    fn row(&mut self) {
        let lanes = self.assembler.lanes();
        let cuts = self.shape.cuts();
        for (from, to) in cuts.iter().zip(&cuts[1..]) {
            let whole = (to - from) / lanes;
            if whole > WRITTEN_OUT {
                self.assembler.set(INDEX, 0);
                let turn = self.assembler.label();
                self.assembler.bind(turn);
                self.turn(*from, At { number: *from, index: true, last: false });
                self.assembler.add_number(INDEX, lanes as i32);
                self.assembler.compare_number(INDEX, (whole * lanes) as i32);
                self.assembler.jump_if_less(turn);
            } else {
                for k in 0..whole {
                    self.turn(*from, At { number: from + k * lanes, index: false, last: false });
                }
            }
            let rest = to - from - whole * lanes;
            if rest > 0 {
                self.assembler.set(COUNT, rest);
                self.assembler.last_lanes(COUNT, self.frame.at(self.frame.numbers));
                self.turn(*from, At { number: to - rest, index: false, last: true });
            }
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
        self.turn(0, At { number: 0, index: true, last: false });
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
        self.turn(0, At { number: 0, index: true, last: true });
        self.assembler.bind(done);
    }

    /// The body once, in the segment that begins at `segment`.
    fn turn(&mut self, segment: i64, at: At) {
        for k in 0..self.assignment.code.len() {
            let last = at.last;
            match self.assignment.code[k] {
                Placed::Move { to, from } => {
                    let from = self.source(from, segment, at);
                    self.assembler.load(to, from, last);
                }
                Placed::One { op, to, from } => {
                    let from = self.source(from, segment, at);
                    self.assembler.one(op, to, from, last);
                }
                Placed::Two { op, to, left, right } => {
                    let right = self.source(right, segment, at);
                    self.assembler.two(op, to, left, right, last);
                }
                Placed::Choose { to, mask, then, otherwise } => {
                    let then = self.source(then, segment, at);
                    self.assembler.choose(to, mask, then, otherwise);
                }
                Placed::Spill { slot, from } => self.assembler.store(Place::Frame(self.frame.spilled(slot)), from, false),
                Placed::Store { root, from } => {
                    let to = self.element(self.shape.stores[root], segment, at);
                    self.assembler.store(Place::Array(to), from, last);
                }
            }
        }
    }

    fn source(&mut self, source: Source, segment: i64, at: At) -> Place {
        match source {
            Source::Register(r) => Place::Register(r),
            Source::Held(k) => Place::Frame(self.frame.held(k)),
            Source::Spilled(slot) => Place::Frame(self.frame.spilled(slot)),
            Source::Load(node) => {
                let element = self.shape.loads[node].expect("a node that loads");
                Place::Array(self.element(element, segment, at))
            }
        }
    }

    fn element(&mut self, element: Element, segment: i64, at: At) -> MemoryOperand {
        let last = self.shape.domain.len() - 1;
        let size = self.shape.domain[last];
        let first = segment + element.offset;
        let wrapped = if first < 0 { size } else if first >= size { -size } else { 0 };
        let bytes = self.scalar.size() as i64;
        let displacement = (element.start + at.number + element.offset + wrapped) * bytes;
        let row = match ROWS.get(element.base) {
            Some(register) => *register,
            None => {
                self.assembler.get(SCRATCH, self.frame.row(last, element.base));
                SCRATCH
            }
        };
        if at.index {
            MemoryOperand::with_base_index_scale_displ_size(row, INDEX, bytes as u32, displacement, 1)
        } else {
            MemoryOperand::with_base_displ(row, displacement)
        }
    }
}
