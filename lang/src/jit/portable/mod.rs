//! Kernels → Cranelift, for every machine: 128-bit vectors, and whatever is not a loop over floats.

mod lanes;

use super::kernel::*;
use super::lanes::Number;
use crate::core::Literal;
use crate::prim::{Emit, Prim, Run};
use cranelift::codegen::ir::{self, Block, MemFlagsData, Value, condcodes::IntCC, types};
use cranelift::prelude::{FunctionBuilder, InstBuilder};
use lanes::{Instructions, number, scalar_type, value};
use moyal_runtime::array::Scalar;

/// Edges of a row are written out one by one up to this many.
const UNROLLED: i64 = 8;

/// Fills a function `(pointers, from, to)` with a kernel: the outermost dimension runs from `from` to `to`.
pub fn kernel(b: &mut FunctionBuilder, kernel: &Kernel, pointer: ir::Type) {
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    b.seal_block(entry);
    let [table, from, to] = b.block_params(entry)[..] else { unreachable!("three parameters") };
    let mut flags = MemFlagsData::new();
    flags.set_notrap();
    let count = kernel.leaves.len() + kernel.roots.len();
    let pointers: Vec<Value> = (0..count).map(|k| b.ins().load(pointer, flags, table, 8 * k as i32)).collect();
    let mut nest = Nest { b, kernel, pointers, flags, entry_values: vec![None; kernel.nodes.len()] };
    nest.uniform_loads();
    let rows = nest.first_rows();
    match kernel.domain.len() {
        0 => nest.body(&rows, 0, At::Fixed(0), 1),
        1 => nest.flat(rows, from, to),
        _ => nest.outer(0, rows, from, to),
    }
    nest.b.ins().return_(&[]);
}

/// Where in the innermost dimension the body stands.
#[derive(Clone, Copy)]
enum At {
    /// A known index: wrapping is resolved.
    Fixed(i64),
    /// A computed index, and how far behind it, at which nothing wraps.
    Inside(Value, i64),
}

/// A loop that is open.
struct Loop {
    body: Block,
    done: Block,
    i: Value,
    to: Value,
    step: i64,
}

/// For each access (by node) and each root, the address (or, for a count, the number) so far.
#[derive(Clone)]
struct Rows {
    nodes: Vec<Option<Value>>,
    roots: Vec<Value>,
}

struct Nest<'k, 'f, 'b> {
    b: &'f mut FunctionBuilder<'b>,
    kernel: &'k Kernel,
    pointers: Vec<Value>,
    flags: MemFlagsData,
    /// Numbers that are the same everywhere, loaded once: alone, and in all lanes.
    entry_values: Vec<Option<(Value, Value)>>,
}

impl Nest<'_, '_, '_> {
    fn uniform_loads(&mut self) {
        for (k, node) in self.kernel.nodes.iter().enumerate() {
            if let NodeKind::Load { leaf, at } = &node.kind
                && at.is_uniform()
            {
                let size = node.scalar.size() as i64;
                let ty = scalar_type(node.scalar);
                let value = self.b.ins().load(ty, self.flags, self.pointers[*leaf], (at.start * size) as i32);
                let lanes = self.everywhere(value, node.scalar, self.kernel.width);
                self.entry_values[k] = Some((value, lanes));
            }
        }
    }

    fn first_rows(&mut self) -> Rows {
        let nodes = self
            .kernel
            .nodes
            .iter()
            .map(|node| match &node.kind {
                NodeKind::Load { at, .. } if at.is_uniform() => None,
                NodeKind::Load { leaf, at } => {
                    let bytes = at.start * node.scalar.size() as i64;
                    Some(self.b.ins().iadd_imm_s(self.pointers[*leaf], bytes))
                }
                NodeKind::Count(at) => Some(self.b.ins().iconst(types::I64, at.start)),
                _ => None,
            })
            .collect();
        let roots = self.pointers[self.kernel.leaves.len()..].to_vec();
        Rows { nodes, roots }
    }

    fn unit(&self, node: usize) -> i64 {
        match self.kernel.nodes[node].kind {
            NodeKind::Count(_) => 1,
            _ => self.kernel.nodes[node].scalar.size() as i64,
        }
    }

    fn root_stride(&self, root: usize, dim: usize) -> i64 {
        let below: usize = self.kernel.domain[dim + 1..].iter().product();
        (below * self.kernel.nodes[self.kernel.roots[root].0].scalar.size()) as i64
    }

    fn access(&self, node: usize) -> Option<&Access> {
        match &self.kernel.nodes[node].kind {
            NodeKind::Load { at, .. } | NodeKind::Count(at) => Some(at),
            _ => None,
        }
    }

    /// The addresses inside index `i` of dimension `dim`.
    fn entered(&mut self, rows: &Rows, dim: usize, i: Value) -> Rows {
        let size = self.kernel.domain[dim] as i64;
        let mut wrapped: Vec<(i64, Value)> = vec![(0, i)];
        let mut entered = rows.clone();
        for node in 0..rows.nodes.len() {
            let (Some(row), Some(at)) = (rows.nodes[node], self.access(node)) else { continue };
            let (stride, offset) = (at.strides[dim] * self.unit(node), at.offsets[dim]);
            if stride == 0 {
                continue;
            }
            let index = match wrapped.iter().find(|(o, _)| *o == offset) {
                Some((_, index)) => *index,
                None => {
                    let index = self.wrap(i, offset, size);
                    wrapped.push((offset, index));
                    index
                }
            };
            let bytes = self.b.ins().imul_imm_s(index, stride);
            entered.nodes[node] = Some(self.b.ins().iadd(row, bytes));
        }
        for root in 0..rows.roots.len() {
            let stride = self.root_stride(root, dim);
            let bytes = self.b.ins().imul_imm_s(i, stride);
            entered.roots[root] = self.b.ins().iadd(rows.roots[root], bytes);
        }
        entered
    }

    /// `(i + offset) mod size`, for an offset smaller than the size.
    fn wrap(&mut self, i: Value, offset: i64, size: i64) -> Value {
        let moved = self.b.ins().iadd_imm_s(i, offset);
        let back = self.b.ins().iadd_imm_s(moved, if offset < 0 { size } else { -size });
        let over = if offset < 0 {
            self.b.ins().icmp_imm_s(IntCC::SignedLessThan, moved, 0)
        } else {
            self.b.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, moved, size)
        };
        self.b.ins().select(over, back, moved)
    }

    /// A loop over dimension `dim`, from and to as given.
    fn outer(&mut self, dim: usize, rows: Rows, from: Value, to: Value) {
        let l = self.loop_begin(from, to, 1);
        let entered = self.entered(&rows, dim, l.i);
        if dim + 2 == self.kernel.domain.len() {
            self.row(entered);
        } else {
            let from = self.b.ins().iconst(types::I64, 0);
            let to = self.b.ins().iconst(types::I64, self.kernel.domain[dim + 1] as i64);
            self.outer(dim + 1, entered, from, to);
        }
        self.loop_end(l);
    }

    /// Opens `for i in from..to, step`: as long as `i + step <= to`, tested at the end of each turn.
    fn loop_begin(&mut self, from: Value, to: Value, step: i64) -> Loop {
        let (body, done) = (self.b.create_block(), self.b.create_block());
        let i = self.b.append_block_param(body, types::I64);
        self.b.append_block_param(done, types::I64);
        self.next_turn(from, to, step, body, done);
        self.b.switch_to_block(body);
        Loop { body, done, i, to, step }
    }

    fn next_turn(&mut self, i: Value, to: Value, step: i64, body: Block, done: Block) {
        let end = self.b.ins().iadd_imm_s(i, step);
        let goes_on = self.b.ins().icmp(IntCC::SignedLessThanOrEqual, end, to);
        self.b.ins().brif(goes_on, body, &[i.into()], done, &[i.into()]);
    }

    /// Closes it; returns where it stopped.
    fn loop_end(&mut self, l: Loop) -> Value {
        let next = self.b.ins().iadd_imm_s(l.i, l.step);
        self.next_turn(next, l.to, l.step, l.body, l.done);
        self.b.seal_block(l.body);
        self.b.seal_block(l.done);
        self.b.switch_to_block(l.done);
        self.b.block_params(l.done)[0]
    }

    /// The innermost dimension as a whole: edges where something wraps, the inside in vectors, a rest.
    fn row(&mut self, rows: Rows) {
        let dim = self.kernel.domain.len() - 1;
        let size = self.kernel.domain[dim] as i64;
        let (mut low, mut high) = (0, size);
        for node in 0..self.kernel.nodes.len() {
            if let Some(at) = self.access(node)
                && at.strides[dim] != 0
            {
                low = low.max(-at.offsets[dim]);
                high = high.min(size - at.offsets[dim]);
            }
        }
        let low = low.clamp(0, size);
        let high = high.clamp(low, size);
        self.edge(&rows, dim, 0, low);
        let width = self.kernel.width as i64;
        let vectors = (high - low) / width * width;
        let block = width * self.unrolled();
        let blocks = vectors / block * block;
        if blocks > 0 {
            let (from, to) = (self.b.ins().iconst(types::I64, low), self.b.ins().iconst(types::I64, low + blocks));
            self.vectors(&rows, dim, from, to, block);
        }
        let zero = self.b.ins().iconst(types::I64, 0);
        for at in (low + blocks..low + vectors).step_by(width as usize) {
            self.body(&rows, dim, At::Inside(zero, at), self.kernel.width);
        }
        self.edge(&rows, dim, low + vectors, size);
    }

    /// Single numbers from `from` to `to`.
    fn edge(&mut self, rows: &Rows, dim: usize, from: i64, to: i64) {
        if to - from <= UNROLLED {
            for i in from..to {
                self.body(rows, dim, At::Fixed(i), 1);
            }
            return;
        }
        let (from, to) = (self.b.ins().iconst(types::I64, from), self.b.ins().iconst(types::I64, to));
        let l = self.loop_begin(from, to, 1);
        let entered = self.entered(rows, dim, l.i);
        self.body(&entered, dim, At::Fixed(i64::MIN), 1);
        self.loop_end(l);
    }

    /// Vectors one after the other, `block` numbers in each turn; returns where they stopped.
    fn vectors(&mut self, rows: &Rows, dim: usize, from: Value, to: Value, block: i64) -> Value {
        let l = self.loop_begin(from, to, block);
        for at in (0..block).step_by(self.kernel.width as usize) {
            self.body(rows, dim, At::Inside(l.i, at), self.kernel.width);
        }
        self.loop_end(l)
    }

    /// How many vectors one turn of the innermost loop does: more for small bodies.
    fn unrolled(&self) -> i64 {
        match self.kernel.nodes.len() {
            0..=8 => 4,
            9..=20 => 2,
            _ => 1,
        }
    }

    /// A kernel of one dimension, which may be called for a part of it if nothing wraps.
    fn flat(&mut self, rows: Rows, from: Value, to: Value) {
        let wraps = (0..self.kernel.nodes.len()).any(|n| self.access(n).is_some_and(|a| a.offsets[0] != 0 && a.strides[0] != 0));
        if wraps {
            return self.row(rows);
        }
        let width = self.kernel.width as i64;
        let mut start = from;
        if width > 1 {
            let block = width * self.unrolled();
            if block > width {
                start = self.vectors(&rows, 0, start, to, block);
            }
            start = self.vectors(&rows, 0, start, to, width);
        }
        let l = self.loop_begin(start, to, 1);
        self.body(&rows, 0, At::Inside(l.i, 0), 1);
        self.loop_end(l);
    }

    /// All roots at one position of the innermost dimension (`At::Fixed(i64::MIN)`: the rows stand there already).
    fn body(&mut self, rows: &Rows, dim: usize, at: At, width: u32) {
        let mut values: Vec<Option<Value>> = vec![None; self.kernel.nodes.len()];
        // Everything is read before anything is written: a root may lie where a leaf did.
        let results: Vec<Value> = self.kernel.roots.iter().map(|(node, _)| self.value(*node, rows, dim, at, width, &mut values)).collect();
        for (root, value) in results.into_iter().enumerate() {
            let (address, offset) = self.address(rows.roots[root], if self.kernel.domain.is_empty() { 0 } else { self.root_stride(root, dim) }, 0, dim, at);
            self.b.ins().store(self.flags, value, address, offset);
        }
    }

    fn address(&mut self, row: Value, stride: i64, offset: i64, dim: usize, at: At) -> (Value, i32) {
        match at {
            At::Fixed(i64::MIN) => (row, 0),
            At::Fixed(i) => {
                let size = self.kernel.domain.get(dim).map_or(1, |n| *n as i64);
                let bytes = (i + offset).rem_euclid(size) * stride;
                match i32::try_from(bytes) {
                    Ok(bytes) => (row, bytes),
                    Err(_) => (self.b.ins().iadd_imm_s(row, bytes), 0),
                }
            }
            At::Inside(i, behind) => {
                let bytes = self.b.ins().imul_imm_s(i, stride);
                (self.b.ins().iadd(row, bytes), ((offset + behind) * stride) as i32)
            }
        }
    }

    fn value(&mut self, node: usize, rows: &Rows, dim: usize, at: At, width: u32, values: &mut Vec<Option<Value>>) -> Value {
        if let Some(value) = values[node] {
            return value;
        }
        let scalar = self.kernel.nodes[node].scalar;
        let value = match &self.kernel.nodes[node].kind {
            NodeKind::Constant(literal) => {
                let one = match literal {
                    Literal::Real(x) => self.b.ins().f64const(*x),
                    Literal::F32(x) => self.b.ins().f32const(*x),
                    Literal::Int(n) => self.b.ins().iconst(types::I64, *n),
                    Literal::Bool(c) => self.b.ins().iconst(types::I8, *c as i64),
                };
                self.everywhere(one, scalar, width)
            }
            NodeKind::Load { at: access, .. } => match self.entry_values[node] {
                Some((one, lanes)) => if width == 1 { one } else { lanes },
                None => {
                    let (stride, offset) = (access.strides[dim] * scalar.size() as i64, access.offsets[dim]);
                    let row = rows.nodes[node].expect("an address");
                    let (address, bytes) = if stride == 0 { (row, 0) } else { self.address(row, stride, offset, dim, at) };
                    if width > 1 && stride != 0 {
                        let ty = scalar_type(scalar).by(width).expect("a vector type");
                        self.b.ins().load(ty, self.flags, address, bytes)
                    } else {
                        let one = self.b.ins().load(scalar_type(scalar), self.flags, address, bytes);
                        self.everywhere(one, scalar, width)
                    }
                }
            },
            NodeKind::Count(access) => {
                let (stride, offset) = (access.strides.get(dim).copied().unwrap_or(0), access.offsets.get(dim).copied().unwrap_or(0));
                let row = rows.nodes[node].expect("a count");
                let (base, more) = if stride == 0 { (row, 0) } else { self.address(row, stride, offset, dim, at) };
                self.b.ins().iadd_imm_s(base, more as i64)
            }
            NodeKind::Prim(row, args) => {
                let row: &'static Prim = row;
                let args: Vec<usize> = args.clone();
                let of = self.kernel.nodes[args[0]].scalar;
                let args: Vec<Value> = args.iter().map(|a| self.value(*a, rows, dim, at, width, values)).collect();
                self.prim(row, of, &args, width)
            }
        };
        values[node] = Some(value);
        value
    }

    /// One number in all lanes; a bool as a mask.
    fn everywhere(&mut self, one: Value, scalar: Scalar, width: u32) -> Value {
        if width == 1 {
            return one;
        }
        let one = if scalar == Scalar::Bool {
            let lane = if width == 2 { types::I64 } else { types::I32 };
            let wide = self.b.ins().uextend(lane, one);
            self.b.ins().ineg(wide)
        } else {
            one
        };
        Instructions { b: self.b, scalar, width }.spread(one)
    }

    fn prim(&mut self, row: &'static Prim, of: Scalar, args: &[Value], width: u32) -> Value {
        if let Emit::Inline(emit) = row.emit {
            let args: Vec<Number> = args.iter().map(|a| number(*a)).collect();
            return value(emit(&mut Instructions { b: self.b, scalar: of, width }, &args));
        }
        // A call of the row's own function, through a trampoline for its shape.
        let (address, function, types, result) = match (&row.run, of) {
            (Run::Float1(f, _), Scalar::Real) => (call_1 as *const () as usize, *f as usize, vec![types::F64], types::F64),
            (Run::Float1(_, f), _) => (call_1_f32 as *const () as usize, *f as usize, vec![types::F32], types::F32),
            (Run::Float2(f, _), Scalar::Real) => (call_2 as *const () as usize, *f as usize, vec![types::F64; 2], types::F64),
            (Run::Float2(_, f), _) => (call_2_f32 as *const () as usize, *f as usize, vec![types::F32; 2], types::F32),
            (Run::FloatInt(f, _), Scalar::Real) => (call_int as *const () as usize, *f as usize, vec![types::F64, types::I64], types::F64),
            (Run::FloatInt(_, f), _) => (call_int_f32 as *const () as usize, *f as usize, vec![types::F32, types::I64], types::F32),
            _ => unreachable!("{} is done inline", row.name),
        };
        let mut signature = ir::Signature::new(self.b.func.signature.call_conv);
        signature.params.push(ir::AbiParam::new(types::I64));
        signature.params.extend(types.into_iter().map(ir::AbiParam::new));
        signature.returns.push(ir::AbiParam::new(result));
        let signature = self.b.import_signature(signature);
        let callee = self.b.ins().iconst(types::I64, address as i64);
        let function = self.b.ins().iconst(types::I64, function as i64);
        let call = self.b.ins().call_indirect(signature, callee, &[&[function], args].concat());
        self.b.inst_results(call)[0]
    }
}

// Rows hold Rust functions, whose convention machine code does not know: these stand between. None of them can panic. The
// function is only handed on, so its own convention does not matter here.

#[allow(improper_ctypes_definitions)]
extern "C" fn call_1(f: fn(f64) -> f64, x: f64) -> f64 {
    f(x)
}

#[allow(improper_ctypes_definitions)]
extern "C" fn call_1_f32(f: fn(f32) -> f32, x: f32) -> f32 {
    f(x)
}

#[allow(improper_ctypes_definitions)]
extern "C" fn call_2(f: fn(f64, f64) -> f64, x: f64, y: f64) -> f64 {
    f(x, y)
}

#[allow(improper_ctypes_definitions)]
extern "C" fn call_2_f32(f: fn(f32, f32) -> f32, x: f32, y: f32) -> f32 {
    f(x, y)
}

#[allow(improper_ctypes_definitions)]
extern "C" fn call_int(f: fn(f64, i64) -> f64, x: f64, n: i64) -> f64 {
    f(x, n)
}

#[allow(improper_ctypes_definitions)]
extern "C" fn call_int_f32(f: fn(f32, i64) -> f32, x: f32, n: i64) -> f32 {
    f(x, n)
}
