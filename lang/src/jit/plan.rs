//! Core → a plan: kernels, calls of the runtime and control flow over buffers whose places in memory are known.
//!
//! Elementwise steps are drawn into the kernels that use them; what must lie in memory gets a buffer, and a buffer that
//! nobody reads any more is used again: results are written in place where they can be, so that a loop which carries a
//! large array and changes one row of it costs that row.

use super::express;
use super::kernel::{Kernel, NodeKind};
use crate::core::*;
use crate::prim::{Emit, Prim};
use crate::profile::{Kind, Mark};
use crate::routine::{self, Routine};
use moyal_runtime::array::{Array, Scalar};
use moyal_runtime::contract::Product;
use moyal_runtime::lattice;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

/// A place in memory: a number in the table of pointers.
pub type Buffer = usize;
type Buffers = HashSet<Buffer, Hashing>;

pub struct Plan {
    pub instructions: Vec<Instruction>,
    pub kernels: Vec<Kernel>,
    pub buffers: Vec<Place>,
    /// Bytes of each frame: frame 0 is the program's, others belong to the members of a map.
    pub frames: Vec<usize>,
    pub inputs: Vec<Buffer>,
    pub results: Vec<(Buffer, Type)>,
    /// What `Pass` passes.
    pub marks: Vec<Mark>,
}

pub enum Place {
    /// Bytes of a frame.
    Frame { frame: usize, offset: usize },
    /// An input, or a constant table.
    Outside,
    /// The memory that a result is handed out in.
    Result,
}

/// A result of members: of each so many bytes, in one array behind each other.
pub struct Gathered {
    pub from: Buffer,
    pub to: Buffer,
    pub bytes: usize,
    /// The member's buffer lies there from the beginning.
    pub in_place: bool,
}

pub enum Instruction {
    Kernel { kernel: usize, args: Vec<Buffer> },
    /// A function of one or two floats over whole arrays.
    Function { row: &'static Prim, scalar: Scalar, args: Vec<Buffer>, out: Buffer, size: usize, ints: bool },
    Constant { literal: Literal, out: Buffer },
    Table { array: Arc<Array>, out: Buffer },
    ShiftTable { sizes: Vec<usize>, offset: Vec<i64>, out: Buffer },
    Copy { from: Buffer, to: Buffer, bytes: usize },
    Reduce { monoid: Monoid, scalar: Scalar, arg: Buffer, out: Buffer, outer: usize, count: usize, inner: usize },
    Embed { arg: Buffer, out: Buffer, from: Vec<usize>, shape: Vec<usize>, start: Vec<usize>, stride: Vec<usize>, bytes: usize },
    /// Parts of `outer` rows each, of so many bytes.
    Concat { args: Vec<(Buffer, usize)>, out: Buffer, outer: usize },
    /// Rows of so many bytes at the neighbours of each site of each member: `out` holds one neighbour of a site behind the other.
    Around { arg: Buffer, out: Buffer, members: usize, sizes: Vec<usize>, offsets: Vec<Vec<i64>>, row: usize },
    Gather { arg: Buffer, index: Vec<Buffer>, sizes: Vec<usize>, count: usize, row: usize, out: Buffer, checked: bool, span: u32 },
    /// The part of `arg` at one position, of which so many bytes are a row, where it lies.
    View { arg: Buffer, index: Vec<Buffer>, sizes: Vec<usize>, row: usize, out: Buffer, checked: bool, span: u32 },
    Scatter { index: Vec<Buffer>, sizes: Vec<usize>, count: usize, row: usize, values: Buffer, out: Buffer, size: usize, scalar: Scalar },
    Update { target: Buffer, index: Vec<Buffer>, sizes: Vec<usize>, row: usize, value: Buffer, checked: bool, span: u32 },
    /// For each of `batch` matrices.
    Contract { scalar: Scalar, left: Buffer, right: Buffer, out: Buffer, batch: usize, product: Product },
    /// A contraction whose left side are fields around sites, summed over neighbours and channels, or over sites.
    Convolve { scalar: Scalar, fields: Buffer, right: Buffer, out: Buffer, stencil: Stencil, columns: usize },
    /// For each of the members that the dimensions `lead` count, whose arguments have `types`, and results these kinds and
    /// numbers of numbers.
    Routine { routine: &'static Routine, lead: Vec<usize>, types: Vec<Type>, args: Vec<Buffer>, results: Vec<(Scalar, usize)>, outs: Vec<Buffer>, span: u32 },
    /// With `one_run` the positions are known to count by one.
    Draw { distribution: Distribution, scalar: Scalar, place: u64, turns: Vec<Buffer>, own_turns: bool, position: Buffer, positions: usize, one_run: bool, size: usize, out: Buffer },
    Loop { count: Buffer, before: Vec<Move>, turn: Turn, span: u32 },
    While { before: Vec<Move>, condition: Vec<Instruction>, test: Buffer, turn: Turn, span: u32 },
    If { condition: Buffer, then: Vec<Instruction>, otherwise: Vec<Instruction> },
    Map { count: usize, each: Tile, member: Buffer, frame: usize, body: Vec<Instruction>, results: Vec<Gathered>, span: u32 },
    Require { condition: Buffer, message: String, span: u32 },
    /// What follows belongs to this mark. Only in plans that are profiled.
    Pass { mark: u32 },
}

/// Where fields around sites are read.
pub struct Stencil {
    pub members: usize,
    pub sites: usize,
    pub channels: usize,
    /// All sites' first neighbours, then all sites' second ones, ….
    pub table: Vec<u32>,
    /// Whether sites are summed over, or neighbours and channels.
    pub over_sites: bool,
}

/// A turn of a loop: its number, what is done, and what then becomes the carried values.
pub struct Turn {
    pub number: Buffer,
    pub body: Vec<Instruction>,
    pub moves: Vec<Move>,
    /// Large values are not moved where the buffers can change places instead.
    pub exchanges: Vec<Move>,
}

/// `bytes` from one buffer to another.
#[derive(Clone, Debug)]
pub struct Move {
    pub from: Buffer,
    pub to: Buffer,
    pub bytes: usize,
}

/// How many primitives an array may cost to be computed again for a second reader.
const CHEAP: usize = 1;

/// How many primitives one kernel computes at most.
const LARGEST: usize = 60;

/// How many numbers a kernel of several arrays loads and computes at most in a turn, and how many arrays it touches: more than registers
/// hold go through memory after all.
const WIDEST: usize = 160;
const ARRAYS: usize = 14;

/// A kernel outside of all loops that computes no more numbers than this is compiled quickly.
const QUICK: usize = 1 << 12;

/// Carried values of so many bytes are exchanged, not moved.
const EXCHANGED: usize = 1 << 12;

/// Parts of arrays, and results of members, of so many bytes are read and made where they belong, not copied.
const IN_PLACE: usize = 1 << 10;

/// Results of so many bytes are made in the memory that they are handed out in, if no state of a loop has to hold them.
const HANDED_OUT: usize = 1 << 12;

/// With `marked` it says on the way where it is.
pub fn plan(program: &Program, marked: bool) -> Plan {
    let marks = marked.then(Vec::new);
    let mut planner = Planner { types: program.types.clone(), marks, ..Planner::default() };
    planner.frames.push(Arena::default());
    let inputs: Vec<Buffer> = program
        .body
        .params
        .iter()
        .map(|v| {
            let buffer = planner.outside();
            planner.homes.insert(*v, buffer);
            buffer
        })
        .collect();
    let (types, stencils) = (&mut planner.types, &mut planner.stencils);
    let mut forms = Forms { types, stencils, uniform: VarMap::default(), names: VarMap::default() };
    let steps = forms.canonical(&program.body.steps, &program.body.results);
    let (instructions, _) = planner.block(&steps, &program.body.results, &Buffers::default());
    let results: Vec<(Buffer, Type)> = program.body.results.iter().map(|v| (planner.homes[v], planner.ty(*v).clone())).collect();
    if !instructions.iter().any(|i| matches!(i, Instruction::Loop { .. })) {
        for (buffer, ty) in &results {
            let alone = results.iter().filter(|(other, _)| other == buffer).count() == 1;
            let large = ty.scalar != Scalar::Bool && ty.len() * ty.scalar.size() >= HANDED_OUT;
            if large && alone && matches!(planner.buffers[*buffer], Place::Frame { frame: 0, .. }) {
                planner.buffers[*buffer] = Place::Result;
            }
        }
    }
    Plan {
        instructions,
        kernels: planner.kernels,
        buffers: planner.buffers,
        frames: planner.frames.iter().map(|f| f.top).collect(),
        inputs,
        results,
        marks: planner.marks.unwrap_or_default(),
    }
}

// ---- canonical forms ----

/// What canonical forms are made with.
struct Forms<'p> {
    types: &'p mut Vec<Type>,
    /// Contractions, by their result, that read fields around sites.
    stencils: &'p mut VarMap<Stencil>,
    /// Scalars spread over arrays, in the steps around.
    uniform: VarMap<Op>,
    /// What is called otherwise in the steps.
    names: VarMap<Var>,
}

impl Forms<'_> {
    /// Reductions over neighbouring dimensions, contractions of matrices: others get a transposition before them. A contraction of fields
    /// around sites reads the fields themselves. A scalar spread over an array is spread in each block that reads it, so that no kernel reads
    /// an array for it.
    fn canonical(&mut self, steps: &[Step], results: &[Var]) -> Vec<Step> {
        let mut out = vec![];
        let around: VarMap<&Op> = steps.iter().filter(|s| matches!(s.op, Op::Around { .. })).map(|s| (s.outs[0], &s.op)).collect();
        for Step { outs, op, span } in steps {
            let mut step = Step { outs: outs.clone(), op: op.without_blocks().map_args(&mut |v| self.named(v)), span: *span };
            if let Op::Spread { dims, .. } = &step.op
                && dims.is_empty()
            {
                self.uniform.insert(step.outs[0], step.op.clone());
            }
            for (block, copy) in op.blocks().into_iter().zip(step.op.blocks_mut()) {
                let mut inside = vec![];
                let mut outside = vec![];
                for var in block.captures() {
                    if let Some(op) = self.uniform.get(&var).cloned() {
                        let own = self.like(var);
                        inside.push(Step { outs: Vars::from_slice(&[own]), op, span: step.span });
                        outside.push((var, self.names.insert(var, own)));
                    }
                }
                let results: Vec<Var> = block.results.iter().map(|v| self.named(*v)).collect();
                inside.append(&mut self.canonical(&block.steps, &results));
                *copy = Block { params: block.params.clone(), steps: inside, results };
                for (var, before) in outside {
                    match before {
                        Some(name) => self.names.insert(var, name),
                        None => self.names.remove(&var),
                    };
                }
            }
            match &mut step.op {
                Op::Reduce { arg, dims, .. } if dims.windows(2).any(|w| w[1] != w[0] + 1) => {
                    let rank = self.types[arg.0 as usize].rank();
                    let order: Vec<usize> = (0..rank).filter(|d| !dims.contains(d)).chain(dims.iter().copied()).collect();
                    *dims = (rank - dims.len()..rank).collect();
                    *arg = transposed(*arg, &order, step.span, &mut out, self.types);
                }
                Op::Contract { left, right, batch, sum } => {
                    let (l, r) = (self.types[left.0 as usize].rank(), self.types[right.0 as usize].rank());
                    let order = |rank: usize, pick: fn(&(usize, usize)) -> usize, summed_first: bool| -> Vec<usize> {
                        let paired: Vec<usize> = batch.iter().map(pick).collect();
                        let summed: Vec<usize> = sum.iter().map(pick).collect();
                        let free: Vec<usize> = (0..rank).filter(|d| !paired.contains(d) && !summed.contains(d)).collect();
                        if summed_first { [paired, summed, free].concat() } else { [paired, free, summed].concat() }
                    };
                    let (b, s) = (batch.len(), sum.len());
                    let straight = |order: &[usize]| order.iter().enumerate().all(|(k, d)| k == *d);
                    // Summed dimensions stand last or first: the contraction reads both ways by strides.
                    let mut place = |arg: &mut Var, rank: usize, pick: fn(&(usize, usize)) -> usize| -> usize {
                        if straight(&order(rank, pick, true)) {
                            return b;
                        }
                        let order = order(rank, pick, false);
                        if !straight(&order) {
                            *arg = transposed(*arg, &order, step.span, &mut out, self.types);
                        }
                        rank - s
                    };
                    let (left_sum, mut right_sum) = (place(left, l, |p| p.0), place(right, r, |p| p.1));
                    if let Some((fields, stencil)) = around.get(left).and_then(|op| stencil(op, b, left_sum, s, self.types)) {
                        if right_sum != 0 {
                            *right = transposed(*right, &order(r, |p| p.1, true), step.span, &mut out, self.types);
                            right_sum = 0;
                        }
                        *left = fields;
                        self.stencils.insert(step.outs[0], stencil);
                    }
                    *batch = (0..b).map(|k| (k, k)).collect();
                    *sum = (0..s).map(|k| (left_sum + k, right_sum + k)).collect();
                }
                _ => {}
            }
            out.push(step);
        }
        if around.is_empty() {
            return out;
        }
        let read: VarSet = out.iter().flat_map(Step::reads).chain(results.iter().copied()).collect();
        out.retain(|step| !matches!(step.op, Op::Around { .. }) || read.contains(&step.outs[0]));
        out
    }

    fn named(&self, var: Var) -> Var {
        self.names.get(&var).copied().unwrap_or(var)
    }

    /// A new variable of the same type.
    fn like(&mut self, var: Var) -> Var {
        self.types.push(self.types[var.0 as usize].clone());
        Var(self.types.len() as u32 - 1)
    }
}

/// The fields that a contraction of them around sites may read itself: one over all neighbours and channels, or over all sites. `summed`
/// dimensions stand from `first` on.
fn stencil(op: &Op, batch: usize, first: usize, summed: usize, types: &[Type]) -> Option<(Var, Stencil)> {
    let Op::Around { arg, dim, sizes, offsets, .. } = op else { return None };
    let over_sites = first == 0 && summed == dim + 1;
    if batch > 0 || !(over_sites || first == dim + 1) {
        return None;
    }
    let shape = &types[arg.0 as usize].shape;
    let (members, channels) = (shape[..*dim].iter().product(), shape[dim + 1..].iter().product());
    Some((*arg, Stencil { members, sites: shape[*dim], channels, table: table(sizes, offsets)?, over_sites }))
}

/// All sites' first neighbours, then all sites' second ones, …; none for lattices so large that the table would be too.
fn table(sizes: &[usize], offsets: &[Vec<i64>]) -> Option<Vec<u32>> {
    const LARGEST: usize = 1 << 24;
    let entries = sizes.iter().try_fold(offsets.len(), |entries, size| entries.checked_mul(*size))?;
    (entries <= LARGEST).then_some(())?;
    Some(offsets.iter().flat_map(|offset| lattice::shift_table(sizes, offset)).map(|site| site as u32).collect())
}

fn transposed(arg: Var, order: &[usize], span: u32, out: &mut Vec<Step>, types: &mut Vec<Type>) -> Var {
    let ty = types[arg.0 as usize].clone();
    let shape: Vec<usize> = order.iter().map(|d| ty.shape[*d]).collect();
    let mut dims = vec![0; order.len()];
    for (to, from) in order.iter().enumerate() {
        dims[*from] = to;
    }
    types.push(Type::new(ty.scalar, shape.clone()));
    let var = Var(types.len() as u32 - 1);
    out.push(Step { outs: Vars::from_slice(&[var]), op: Op::Spread { arg, shape, dims }, span });
    var
}

// ---- memory ----

/// Free stretches of a frame, by place.
#[derive(Default)]
struct Arena {
    free: Vec<(usize, usize)>,
    top: usize,
}

impl Arena {
    fn take(&mut self, bytes: usize) -> usize {
        let fit = self.free.iter().enumerate().filter(|(_, (_, size))| *size >= bytes).min_by_key(|(_, (_, size))| *size);
        if let Some((k, _)) = fit {
            let (at, size) = self.free[k];
            if size == bytes {
                self.free.remove(k);
            } else {
                self.free[k] = (at + bytes, size - bytes);
            }
            return at;
        }
        self.top += bytes;
        self.top - bytes
    }

    fn give(&mut self, at: usize, bytes: usize) {
        let k = self.free.partition_point(|(other, _)| *other < at);
        self.free.insert(k, (at, bytes));
        if k + 1 < self.free.len() && self.free[k].0 + self.free[k].1 == self.free[k + 1].0 {
            self.free[k].1 += self.free.remove(k + 1).1;
        }
        if k > 0 && self.free[k - 1].0 + self.free[k - 1].1 == self.free[k].0 {
            self.free[k - 1].1 += self.free.remove(k).1;
        }
    }
}

#[derive(Default)]
struct Planner {
    types: Vec<Type>,
    kernels: Vec<Kernel>,
    buffers: Vec<Place>,
    sizes: Vec<usize>,
    frames: Vec<Arena>,
    frame: usize,
    /// How many loops and maps are around what is planned.
    around: usize,
    /// Where each variable lies.
    homes: VarMap<Buffer>,
    /// Contractions, by their result, whose left side are fields read around sites.
    stencils: VarMap<Stencil>,
    /// What is the same in every member, and what counts members by one.
    uniform: VarSet,
    runs: VarSet,
    /// Marks made so far, of a plan that is to have them.
    marks: Option<Vec<Mark>>,
    /// What blocks capture, by where they lie: they are asked often, and stay where they are while the plan is made.
    captures: RefCell<HashMap<*const Block, Rc<[Var]>, Hashing>>,
}

/// One piece of a block, in order.
enum Piece<'s> {
    Kernel(Vec<Var>),
    Step(&'s Step),
}

/// Arrays that one kernel computes, to which more may come.
#[derive(Default)]
struct Open {
    roots: Vec<Var>,
    /// That kernel, if it is known.
    kernel: Option<Kernel>,
}

impl Planner {
    fn ty(&self, var: Var) -> &Type {
        &self.types[var.0 as usize]
    }

    fn bytes(&self, var: Var) -> usize {
        let ty = self.ty(var);
        ty.len() * ty.scalar.size()
    }

    fn captures(&self, block: &Block) -> Rc<[Var]> {
        self.captures.borrow_mut().entry(block).or_insert_with(|| block.captures().into()).clone()
    }

    fn outside(&mut self) -> Buffer {
        self.buffers.push(Place::Outside);
        self.sizes.push(0);
        self.buffers.len() - 1
    }

    fn new_buffer(&mut self, bytes: usize) -> Buffer {
        let bytes = bytes.max(1).next_multiple_of(64);
        let offset = self.frames[self.frame].take(bytes);
        self.buffers.push(Place::Frame { frame: self.frame, offset });
        self.sizes.push(bytes);
        self.buffers.len() - 1
    }

    fn release(&mut self, buffer: Buffer) {
        if let Place::Frame { frame, offset } = self.buffers[buffer] {
            self.frames[frame].give(offset, self.sizes[buffer]);
        }
    }

    // ---- blocks ----

    /// The instructions of a block, and the buffers that its results may lie in and that the caller must release.
    /// Buffers in `owned` belong to others but may be written after their last use here.
    fn block(&mut self, steps: &[Step], results: &[Var], owned: &Buffers) -> (Vec<Instruction>, Vec<Buffer>) {
        let defined: VarMap<&Step> =
            steps.iter().filter(|s| s.outs.len() == 1).map(|s| (s.outs[0], s)).collect();
        steps.iter().for_each(|step| self.note_run(step));
        let mut stored = self.stored(steps, results, &defined);
        let apart = loop {
            match self.pieces(steps, &defined, &stored, &HashSet::default()) {
                Ok(pieces) => break pieces,
                Err(var) => assert!(stored.insert(var), "a kernel asks for an array that lies in memory already"),
            }
        };
        let within = self.within(&apart, results);
        let pieces = if within.is_empty() { apart } else { self.pieces(steps, &defined, &stored, &within).expect("kernels as before") };
        // Last use of each variable, then of each buffer as they are given out.
        let reads: Vec<Vec<Var>> = pieces.iter().map(|(p, k)| self.reads(p, k.as_ref())).collect();
        let mut last: VarMap<usize> = HashMap::default();
        for (k, vars) in reads.iter().enumerate() {
            for var in vars {
                last.insert(*var, k);
            }
        }
        for var in results {
            last.insert(*var, usize::MAX);
        }
        let mut scope = Scope { last, ends: HashMap::default(), own: vec![], owned: owned.clone() };
        // Outer buffers that die here: when their last reader is known.
        for (var, end) in &scope.last {
            if let Some(buffer) = self.homes.get(var) {
                let known = scope.ends.entry(*buffer).or_insert(*end);
                *known = (*known).max(*end);
            }
        }
        let mut out = vec![];
        for (k, (piece, kernel)) in pieces.into_iter().enumerate() {
            let marked = out.len();
            self.mark(&piece, &defined, |v| !stored.contains(&v) || within.contains(&v), &mut out);
            let bare = out.len();
            match piece {
                Piece::Kernel(roots) => self.kernel(kernel.expect("a kernel"), &roots, k, &mut scope, &mut out),
                Piece::Step(step) => self.step(step, k, &mut scope, &mut out),
            }
            if out.len() == bare {
                out.truncate(marked);
            }
            self.end_of(k, &mut scope);
        }
        (out, scope.own)
    }

    /// Notes what a step makes known of its result, if that is an array of the members' numbers.
    fn note_run(&mut self, step: &Step) {
        match &step.op {
            Op::Spread { dims, .. } if dims.is_empty() => drop(self.uniform.insert(step.outs[0])),
            Op::Iota(_) => drop(self.runs.insert(step.outs[0])),
            Op::Prim(row, args) if row.name == "add" => {
                let counts = |x: usize, y: usize| self.runs.contains(&args[x]) && self.uniform.contains(&args[y]);
                if counts(0, 1) || counts(1, 0) {
                    self.runs.insert(step.outs[0]);
                }
            }
            Op::Reshape { arg, .. } if self.runs.contains(arg) => drop(self.runs.insert(step.outs[0])),
            _ => {}
        }
    }

    /// Releases what nobody reads after piece `k`.
    fn end_of(&mut self, k: usize, scope: &mut Scope) {
        let dead: Vec<Buffer> = scope.own.iter().copied().filter(|b| scope.ends.get(b).is_none_or(|e| *e <= k)).collect();
        for buffer in dead {
            scope.own.retain(|b| *b != buffer);
            self.release(buffer);
        }
    }

    /// What must lie in memory.
    fn stored(&self, steps: &[Step], results: &[Var], defined: &VarMap<&Step>) -> VarSet {
        let mut stored: VarSet = results.iter().copied().collect();
        let mut read_in_memory = stored.clone();
        let mut readers: VarMap<Vec<Var>> = VarMap::default();
        for step in steps {
            let scalar = step.outs.first().is_some_and(|v| self.ty(*v).shape.is_empty());
            for block in step.op.blocks() {
                let captures = self.captures(block);
                read_in_memory.extend(&*captures);
                stored.extend(&*captures);
            }
            if !express::fusible(step, &self.types) {
                read_in_memory.extend(step.op.args());
                stored.extend(step.op.args());
                stored.extend(step.outs.iter().copied());
                continue;
            }
            if let Op::Shift { arg, .. } = &step.op {
                stored.insert(*arg);
            }
            for arg in step.op.args() {
                // Scalars are computed once, in kernels of their own.
                if !scalar && self.ty(arg).shape.is_empty() {
                    stored.insert(arg);
                }
                readers.entry(arg).or_default().push(step.outs[0]);
            }
        }
        let mut costs: VarMap<usize> = HashMap::default();
        for step in steps.iter().filter(|s| express::fusible(s, &self.types)) {
            let out = step.outs[0];
            let below: usize = step.op.args().iter().filter(|a| !stored.contains(a)).map(|a| costs.get(a).copied().unwrap_or(0)).sum();
            let cost = below + matches!(step.op, Op::Prim(..)) as usize;
            if cost > LARGEST {
                stored.insert(out);
            }
            costs.insert(out, cost);
        }
        // What several kernels would compute again, each for itself.
        let mut kernels: VarMap<VarSet> = HashMap::default();
        for step in steps.iter().rev().filter(|s| express::fusible(s, &self.types)) {
            let out = step.outs[0];
            let mut into: VarSet = HashSet::default();
            for reader in readers.get(&out).into_iter().flatten() {
                match kernels.get(reader) {
                    Some(further) if !stored.contains(reader) => into.extend(further),
                    _ => {
                        into.insert(*reader);
                    }
                }
            }
            let scalar = self.ty(out).shape.is_empty();
            if !scalar && into.len() > 1 && costs[&out] > CHEAP {
                stored.insert(out);
            }
            kernels.insert(out, into);
        }
        // Constants that only kernels read are written into the code.
        stored.retain(|v| !matches!(defined.get(v).map(|s| &s.op), Some(Op::Constant(_))) || read_in_memory.contains(v));
        stored
    }

    /// The block's pieces in order, with their kernels; neighbouring scalars go into one, and neighbouring arrays that share work, of
    /// which those `within` are not stored. The error is what must be stored.
    #[allow(clippy::type_complexity)]
    fn pieces<'s>(
        &self,
        steps: &'s [Step],
        defined: &VarMap<&Step>,
        stored: &VarSet,
        within: &VarSet,
    ) -> Result<Vec<(Piece<'s>, Option<Kernel>)>, Var> {
        let mut pieces: Vec<(Piece, Option<Kernel>)> = vec![];
        let mut scalars: Vec<Var> = vec![];
        let mut arrays = Open::default();
        // No scalar reads an array that is still open: a step stands between them.
        let close = |scalars: &mut Vec<Var>, arrays: &mut Open, pieces: &mut Vec<(Piece<'s>, Option<Kernel>)>| -> Result<(), Var> {
            let arrays = std::mem::take(arrays);
            for (roots, known) in [(std::mem::take(scalars), None), (arrays.roots, arrays.kernel.filter(|_| within.is_empty()))] {
                if !roots.is_empty() {
                    let kernel = known.map_or_else(|| express::kernel(&self.types, defined, stored, &roots, within), Ok)?;
                    let kept = roots.into_iter().filter(|v| !within.contains(v)).collect();
                    pieces.push((Piece::Kernel(kept), Some(kernel)));
                }
            }
            Ok(())
        };
        for step in steps {
            if !express::fusible(step, &self.types) {
                close(&mut scalars, &mut arrays, &mut pieces)?;
                pieces.push((Piece::Step(step), None));
                continue;
            }
            let out = step.outs[0];
            let constant = matches!(step.op, Op::Constant(_));
            if !stored.contains(&out) {
                continue;
            }
            if self.ty(out).shape.is_empty() && !constant && matches!(step.op, Op::Prim(..)) {
                scalars.push(out);
                continue;
            }
            if constant {
                pieces.push((Piece::Step(step), None));
                continue;
            }
            if !arrays.roots.is_empty() {
                match self.joined(&mut arrays, out, defined, stored)? {
                    Some(kernel) => arrays.kernel = Some(kernel),
                    None => close(&mut scalars, &mut arrays, &mut pieces)?,
                }
            }
            arrays.roots.push(out);
        }
        close(&mut scalars, &mut arrays, &mut pieces)?;
        Ok(pieces)
    }

    /// The kernel that computes an array with those before it, if that is best: they have work in common, and it reads those only where
    /// it stands itself.
    fn joined(&self, arrays: &mut Open, out: Var, defined: &VarMap<&Step>, stored: &VarSet) -> Result<Option<Kernel>, Var> {
        if self.ty(arrays.roots[0]).shape != self.ty(out).shape || self.ty(out).shape.is_empty() {
            return Ok(None);
        }
        let kernel = |roots: &[Var]| express::kernel(&self.types, defined, stored, roots, &HashSet::default());
        if arrays.kernel.is_none() {
            arrays.kernel = Some(kernel(&arrays.roots)?);
        }
        let before = arrays.kernel.as_ref().expect("just made");
        let alone = kernel(&[out])?;
        let Ok(together) = kernel(&[&arrays.roots[..], &[out]].concat()) else { return Ok(None) };
        let apart = |k: &Kernel| k.leaves.iter().any(|leaf| *leaf == out || arrays.roots.contains(leaf));
        let same_width = before.width == together.width && alone.width == together.width;
        let pays = same_width
            && !together.wraps()
            && !apart(&together)
            && together.work() < before.work() + alone.work()
            && together.work() <= WIDEST
            && together.leaves.len() + together.roots.len() <= ARRAYS;
        Ok(pays.then_some(together))
    }

    /// Arrays that only the kernel reads which computes them.
    fn within(&self, pieces: &[(Piece, Option<Kernel>)], results: &[Var]) -> VarSet {
        let read: VarSet = pieces.iter().flat_map(|(piece, kernel)| self.reads(piece, kernel.as_ref())).chain(results.iter().copied()).collect();
        let mut within = HashSet::default();
        for (piece, _) in pieces {
            if let Piece::Kernel(roots) = piece
                && roots.len() > 1
                && !self.ty(roots[0]).shape.is_empty()
            {
                within.extend(roots.iter().filter(|v| !read.contains(v)));
            }
        }
        within
    }

    fn reads(&self, piece: &Piece, kernel: Option<&Kernel>) -> Vec<Var> {
        match piece {
            Piece::Kernel(_) => kernel.expect("a kernel").leaves.clone(),
            Piece::Step(step) => {
                let mut reads = step.op.args().to_vec();
                step.op.blocks().into_iter().for_each(|block| reads.extend_from_slice(&self.captures(block)));
                reads
            }
        }
    }

    fn define(&mut self, var: Var, buffer: Buffer, scope: &mut Scope, k: usize) {
        self.homes.insert(var, buffer);
        let end = scope.last.get(&var).copied().unwrap_or(k);
        let known = scope.ends.entry(buffer).or_insert(end);
        *known = (*known).max(end);
    }

    /// A new buffer for a variable defined by piece `k`.
    fn allocate(&mut self, var: Var, scope: &mut Scope, k: usize) -> Buffer {
        let buffer = self.new_buffer(self.bytes(var));
        scope.own.push(buffer);
        self.define(var, buffer, scope, k);
        buffer
    }

    /// Whether a buffer may be written at piece `k`, its last reader.
    fn free_at(&self, buffer: Buffer, k: usize, scope: &Scope) -> bool {
        (scope.own.contains(&buffer) || scope.owned.contains(&buffer)) && scope.ends.get(&buffer).is_none_or(|e| *e <= k)
    }

    // ---- marks ----

    /// The mark of a piece, if the plan is to have marks. `inside`: what a kernel computes on its way.
    fn mark(&mut self, piece: &Piece, defined: &VarMap<&Step>, inside: impl Fn(Var) -> bool, out: &mut Vec<Instruction>) {
        if self.marks.is_none() {
            return;
        }
        match piece {
            Piece::Kernel(roots) => {
                let (kind, shares) = computed(roots, defined, inside);
                out.extend(self.pass(kind, shares));
            }
            // Of no duration.
            Piece::Step(Step { op: Op::Constant(_) | Op::Table(_), .. }) => {}
            Piece::Step(step) => out.extend(self.pass(kind(&step.op), vec![(step.span, 1.0)])),
        }
    }

    fn pass(&mut self, kind: Kind, shares: Vec<(u32, f64)>) -> Option<Instruction> {
        let marks = self.marks.as_mut()?;
        marks.push(Mark { kind, shares });
        Some(Instruction::Pass { mark: marks.len() as u32 - 1 })
    }

    /// What a turn carries at its end is the loop's own work; a few numbers take less than the step to the next turn.
    fn mark_end(&mut self, turn: &mut Turn, step: &Step) {
        if !(turn.moves.is_empty() && turn.exchanges.is_empty()) {
            let bytes: usize = turn.moves.iter().map(|m| m.bytes).sum();
            let kind = if bytes < IN_PLACE { Kind::Control } else { Kind::Copy };
            turn.body.extend(self.pass(kind, vec![(step.span, 1.0)]));
        }
    }

    // ---- pieces ----

    fn kernel(&mut self, mut kernel: Kernel, roots: &[Var], k: usize, scope: &mut Scope, out: &mut Vec<Instruction>) {
        let leaves: Vec<Buffer> = kernel.leaves.iter().map(|v| self.homes[v]).collect();
        let outs: Vec<Buffer> = roots
            .iter()
            .map(|root| match self.in_place(&kernel, &leaves, *root, k, scope) {
                Some(buffer) => {
                    self.define(*root, buffer, scope, k);
                    buffer
                }
                None => self.allocate(*root, scope, k),
            })
            .collect();
        kernel.once = self.around == 0 && kernel.width == 1 && kernel.size() * kernel.work() <= QUICK;
        self.kernels.push(kernel);
        out.push(Instruction::Kernel { kernel: self.kernels.len() - 1, args: [leaves, outs].concat() });
    }

    /// A leaf whose buffer the root may overwrite: read for the last time, each number just where it is written.
    fn in_place(&self, kernel: &Kernel, leaves: &[Buffer], root: Var, k: usize, scope: &Scope) -> Option<Buffer> {
        if self.ty(root).shape.is_empty() {
            return None;
        }
        let mut strides = vec![0_i64; kernel.domain.len()];
        let mut stride = 1;
        for d in (0..kernel.domain.len()).rev() {
            strides[d] = stride;
            stride *= kernel.domain[d] as i64;
        }
        let size = self.bytes(root);
        let straight = |leaf: usize| {
            kernel.nodes.iter().all(|n| match &n.kind {
                NodeKind::Load { leaf: l, at } if *l == leaf => at.start == 0 && at.strides == strides && at.offsets.iter().all(|o| *o == 0),
                _ => true,
            })
        };
        (0..leaves.len()).find_map(|leaf| {
            let buffer = leaves[leaf];
            // Twice as many numbers of half the size fill as many bytes, but lie elsewhere.
            let read = kernel.leaves[leaf];
            let alike = self.bytes(read) == size && self.ty(read).len() == self.ty(root).len();
            let same = alike && leaves.iter().filter(|b| **b == buffer).count() == 1;
            (same && self.free_at(buffer, k, scope) && straight(leaf)).then_some(buffer)
        })
    }

    fn step(&mut self, step: &Step, k: usize, scope: &mut Scope, out: &mut Vec<Instruction>) {
        let home = |p: &Planner, v: &Var| p.homes[v];
        let homes = |p: &Planner, vars: &[Var]| -> Vec<Buffer> { vars.iter().map(|v| p.homes[v]).collect() };
        match &step.op {
            Op::Loop { .. } | Op::While { .. } | Op::If { .. } | Op::Map { .. } => return self.region(step, k, scope, out),
            Op::Note { .. } => {}
            Op::Require { condition, message } => {
                out.push(Instruction::Require { condition: home(self, condition), message: message.clone(), span: step.span });
                return;
            }
            Op::Reshape { arg, .. } => {
                let buffer = home(self, arg);
                self.define(step.outs[0], buffer, scope, k);
                return;
            }
            Op::Routine { routine, batch, args } => return self.routine(step, routine, *batch, args, k, scope, out),
            Op::Update { arg, index, value, checked } => return self.update(step, *arg, index, *value, *checked, k, scope, out),
            Op::Gather { arg, index, checked } if self.stays(*arg, index, step.outs[0], scope) => {
                let buffer = self.outside();
                self.define(step.outs[0], buffer, scope, k);
                out.push(Instruction::View {
                    arg: home(self, arg),
                    index: homes(self, index),
                    sizes: self.ty(*arg).shape[..index.len()].to_vec(),
                    row: self.bytes(step.outs[0]),
                    out: buffer,
                    checked: *checked,
                    span: step.span,
                });
                return;
            }
            _ => {}
        }
        let result = step.outs[0];
        let ty = self.ty(result).clone();
        let buffer = self.allocate(result, scope, k);
        let instruction = match &step.op {
            Op::Constant(literal) => Instruction::Constant { literal: *literal, out: buffer },
            Op::Table(array) => {
                // The table stays where it is.
                scope.own.retain(|b| *b != buffer);
                self.release(buffer);
                self.buffers[buffer] = Place::Outside;
                Instruction::Table { array: array.clone(), out: buffer }
            }
            Op::ShiftTable { sizes, offset } => Instruction::ShiftTable { sizes: sizes.clone(), offset: offset.clone(), out: buffer },
            Op::Prim(row, args) => Instruction::Function {
                row,
                scalar: self.ty(args[0]).scalar,
                ints: args.get(1).is_some_and(|a| self.ty(*a).scalar == Scalar::Int),
                args: homes(self, args),
                out: buffer,
                size: ty.len(),
            },
            Op::Reduce { monoid, arg, dims } => {
                let shape = &self.ty(*arg).shape;
                Instruction::Reduce {
                    monoid: *monoid,
                    scalar: ty.scalar,
                    arg: home(self, arg),
                    out: buffer,
                    outer: shape[..dims[0]].iter().product(),
                    count: dims.iter().map(|d| shape[*d]).product(),
                    inner: shape[dims[dims.len() - 1] + 1..].iter().product(),
                }
            }
            Op::Embed { arg, shape, start, stride } => Instruction::Embed {
                arg: home(self, arg),
                out: buffer,
                from: self.ty(*arg).shape.to_vec(),
                shape: shape.clone(),
                start: start.clone(),
                stride: stride.clone(),
                bytes: ty.scalar.size(),
            },
            Op::Concat { args, dim } => Instruction::Concat {
                args: args
                    .iter()
                    .map(|a| (self.homes[a], self.ty(*a).shape[*dim..].iter().product::<usize>() * ty.scalar.size()))
                    .collect(),
                out: buffer,
                outer: ty.shape[..*dim].iter().product(),
            },
            Op::Around { arg, dim, sizes, offsets, .. } => {
                let shape = &self.ty(*arg).shape;
                Instruction::Around {
                    arg: home(self, arg),
                    out: buffer,
                    members: shape[..*dim].iter().product(),
                    sizes: sizes.clone(),
                    offsets: offsets.clone(),
                    row: shape[dim + 1..].iter().product::<usize>() * ty.scalar.size(),
                }
            }
            Op::Gather { arg, index, checked } => {
                let shape = &self.ty(*arg).shape;
                Instruction::Gather {
                    arg: home(self, arg),
                    index: homes(self, index),
                    sizes: shape[..index.len()].to_vec(),
                    count: self.ty(index[0]).len(),
                    row: shape[index.len()..].iter().product::<usize>() * ty.scalar.size(),
                    out: buffer,
                    checked: *checked,
                    span: step.span,
                }
            }
            Op::Scatter { shape, index, values } => Instruction::Scatter {
                index: homes(self, index),
                sizes: shape[..index.len()].to_vec(),
                count: self.ty(index[0]).len(),
                row: shape[index.len()..].iter().product(),
                values: home(self, values),
                out: buffer,
                size: ty.len(),
                scalar: ty.scalar,
            },
            Op::Contract { left, right, .. } if self.stencils.contains_key(&result) => {
                let stencil = self.stencils.remove(&result).expect("it is there");
                let terms = if stencil.over_sites { stencil.members * stencil.sites } else { stencil.table.len() / stencil.sites.max(1) * stencil.channels };
                Instruction::Convolve {
                    scalar: ty.scalar,
                    fields: home(self, left),
                    right: home(self, right),
                    out: buffer,
                    columns: self.ty(*right).len() / terms.max(1),
                    stencil,
                }
            }
            Op::Contract { left, right, batch, sum } => {
                let (l, r) = (&self.ty(*left).shape, &self.ty(*right).shape);
                let batches: usize = l[..batch.len()].iter().product();
                let depth: usize = sum.iter().map(|p| l[p.0]).product();
                // Also of empty sums, which are zero.
                let free = |shape: &[usize], used: &dyn Fn(usize) -> bool| -> usize {
                    (batch.len()..shape.len()).filter(|d| !used(*d)).map(|d| shape[d]).product()
                };
                let m = free(l, &|d| sum.iter().any(|p| p.0 == d));
                let n = free(r, &|d| sum.iter().any(|p| p.1 == d));
                // With the summed dimensions last, or first.
                let strides = |summed_first: bool, free: usize| if summed_first { (1, free) } else { (depth, 1) };
                let first = |pick: fn(&(usize, usize)) -> usize| sum.first().is_some_and(|p| pick(p) == batch.len());
                let (left_strides, (column, term)) = (strides(first(|p| p.0), m), strides(first(|p| p.1), n));
                Instruction::Contract {
                    scalar: ty.scalar,
                    left: home(self, left),
                    right: home(self, right),
                    out: buffer,
                    batch: batches,
                    product: Product { m, n, k: depth, a: left_strides, b: (term, column) },
                }
            }
            Op::Draw { distribution, scalar, place, turns, position, shape } => Instruction::Draw {
                distribution: *distribution,
                scalar: *scalar,
                place: *place,
                turns: homes(self, turns),
                own_turns: turns.last().is_some_and(|t| self.ty(*t).rank() > 0),
                position: home(self, position),
                positions: self.ty(*position).len(),
                one_run: self.runs.contains(position),
                size: shape.iter().product(),
                out: buffer,
            },
            _ => unreachable!("dealt with above, or part of a kernel"),
        };
        out.push(instruction);
    }

    #[allow(clippy::too_many_arguments)]
    fn routine(&mut self, step: &Step, routine: &'static Routine, batch: usize, args: &[Var], k: usize, scope: &mut Scope, out: &mut Vec<Instruction>) {
        let types: Vec<Type> = args.iter().map(|a| self.ty(*a).clone()).collect();
        let outs: Vec<Buffer> = step.outs.iter().map(|v| self.allocate(*v, scope, k)).collect();
        let result = |v: &Var| (self.ty(*v).scalar, self.ty(*v).shape[batch..].iter().product());
        out.push(Instruction::Routine {
            routine,
            lead: types[0].shape[..batch].to_vec(),
            types: routine::member_types(batch, &types),
            args: args.iter().map(|v| self.homes[v]).collect(),
            results: step.outs.iter().map(result).collect(),
            outs,
            span: step.span,
        });
    }

    #[allow(clippy::too_many_arguments)]
    fn update(&mut self, step: &Step, arg: Var, index: &[Var], value: Var, checked: bool, k: usize, scope: &mut Scope, out: &mut Vec<Instruction>) {
        let source = self.homes[&arg];
        let result = step.outs[0];
        let target = if self.free_at(source, k, scope) && self.homes[&value] != source {
            self.define(result, source, scope, k);
            source
        } else {
            let target = self.allocate(result, scope, k);
            out.push(Instruction::Copy { from: source, to: target, bytes: self.bytes(arg) });
            target
        };
        let shape = self.ty(arg).shape.clone();
        out.push(Instruction::Update {
            target,
            index: index.iter().map(|v| self.homes[v]).collect(),
            sizes: shape[..index.len()].to_vec(),
            row: self.bytes(value),
            value: self.homes[&value],
            checked,
            span: step.span,
        });
    }

    /// Whether a part of an array can be read where it lies: in a turn or a member, which must not write the array, so it stays as it is.
    fn stays(&self, arg: Var, index: &[Var], part: Var, scope: &Scope) -> bool {
        let source = self.homes[&arg];
        let single = index.iter().all(|i| self.ty(*i).shape.is_empty());
        self.around > 0 && single && self.bytes(part) >= IN_PLACE && !scope.own.contains(&source) && !scope.owned.contains(&source)
    }

    // ---- regions ----

    fn region(&mut self, step: &Step, k: usize, scope: &mut Scope, out: &mut Vec<Instruction>) {
        let repeats = !matches!(step.op, Op::If { .. }) as usize;
        self.around += repeats;
        self.planned(step, k, scope, out);
        self.around -= repeats;
    }

    fn planned(&mut self, step: &Step, k: usize, scope: &mut Scope, out: &mut Vec<Instruction>) {
        match &step.op {
            Op::Loop { count, init, body } => {
                let captured = self.captures(body);
                let (carried, before) = self.carried(step, init, &captured, k, scope);
                let mut turn = self.turn(body, &carried, self.buffers.len());
                self.mark_end(&mut turn, step);
                let count = self.homes[count];
                out.push(Instruction::Loop { count, before, turn, span: step.span });
            }
            Op::While { init, condition, body } => {
                let captured = [&*self.captures(body), &*self.captures(condition)].concat();
                let (carried, before) = self.carried(step, init, &captured, k, scope);
                for (param, buffer) in condition.params.iter().zip(&carried) {
                    self.homes.insert(*param, *buffer);
                }
                let first = self.buffers.len();
                let (test_code, left) = self.block(&condition.steps, &condition.results, &Buffers::default());
                let test = self.homes[&condition.results[0]];
                let mut turn = self.turn(body, &carried, first);
                self.mark_end(&mut turn, step);
                out.push(Instruction::While { before, condition: test_code, test, turn, span: step.span });
                left.into_iter().for_each(|b| self.release(b));
            }
            Op::If { condition, then, otherwise } => self.branches(step, *condition, then, otherwise, k, scope, out),
            Op::Map { count, each, body } => self.members(step, *count, *each, body, k, scope, out),
            _ => unreachable!("a region"),
        }
    }

    /// Buffers of carried values, taken from the initial ones where nobody reads those later.
    fn carried(&mut self, step: &Step, init: &[Var], captured: &[Var], k: usize, scope: &mut Scope) -> (Vec<Buffer>, Vec<Move>) {
        let held: Buffers = captured.iter().map(|v| self.homes[v]).collect();
        let mut carried: Vec<Buffer> = vec![];
        let mut moves = vec![];
        for (out, start) in step.outs.iter().zip(init) {
            let source = self.homes[start];
            let once = init.iter().filter(|v| self.homes[v] == source).count() == 1;
            if once && !held.contains(&source) && self.free_at(source, k, scope) {
                self.define(*out, source, scope, k);
                carried.push(source);
                continue;
            }
            let buffer = self.allocate(*out, scope, k);
            // Not to be released or taken by others while the loop runs.
            moves.push(Move { from: source, to: buffer, bytes: self.bytes(*out) });
            carried.push(buffer);
        }
        (carried, moves)
    }

    /// `first` is the first buffer that the loop has planned.
    fn turn(&mut self, body: &Block, carried: &[Buffer], first: Buffer) -> Turn {
        let number = self.new_buffer(8);
        self.homes.insert(body.params[0], number);
        for (param, buffer) in body.params[1..].iter().zip(carried) {
            self.homes.insert(*param, *buffer);
        }
        let owned: Buffers = carried.iter().copied().collect();
        let (instructions, left) = self.block(&body.steps, &body.results, &owned);
        let wanted: Vec<Move> = body
            .results
            .iter()
            .zip(carried)
            .map(|(v, to)| Move { from: self.homes[v], to: *to, bytes: self.bytes(*v) })
            .collect();
        let (exchanges, wanted): (Vec<Move>, Vec<Move>) = wanted.iter().cloned().partition(|m| self.exchanged(m, &wanted, first, &left));
        let moves = self.in_order(wanted);
        left.into_iter().for_each(|b| self.release(b));
        self.release(number);
        Turn { number, body: instructions, moves, exchanges }
    }

    /// Whether a carried value and its next one may change places: no other move knows either, the next one is the body's `own`, and of the
    /// loop's buffers, those from `first` on, no other one ever lies where it does.
    fn exchanged(&self, Move { from, to, bytes }: &Move, wanted: &[Move], first: Buffer, own: &[Buffer]) -> bool {
        let known_once = |buffer: Buffer| wanted.iter().filter(|m| m.from == buffer || m.to == buffer).count() == 1;
        let alone = || (first..self.buffers.len()).all(|other| other == *from || !self.overlap(*from, other));
        let alike = *bytes >= EXCHANGED && from != to && self.sizes[*from] == self.sizes[*to];
        alike && own.contains(from) && known_once(*from) && known_once(*to) && alone()
    }

    fn overlap(&self, a: Buffer, b: Buffer) -> bool {
        match (&self.buffers[a], &self.buffers[b]) {
            (Place::Frame { frame, offset }, Place::Frame { frame: other, offset: start }) => {
                frame == other && *offset < start + self.sizes[b] && *start < offset + self.sizes[a]
            }
            _ => false,
        }
    }

    /// Moves that happen at once, one after the other: none overwrites what another still needs.
    fn in_order(&mut self, wanted: Vec<Move>) -> Vec<Move> {
        let mut open: Vec<Move> = wanted.into_iter().filter(|m| m.from != m.to && m.bytes > 0).collect();
        let mut moves = vec![];
        while !open.is_empty() {
            let ready = (0..open.len()).find(|k| open.iter().enumerate().all(|(j, m)| j == *k || m.from != open[*k].to));
            match ready {
                Some(k) => moves.push(open.remove(k)),
                None => {
                    // A circle: one of its values waits elsewhere.
                    let Move { from, bytes, .. } = open[0].clone();
                    let aside = self.new_buffer(bytes);
                    moves.push(Move { from, to: aside, bytes });
                    open.iter_mut().filter(|m| m.from == from).for_each(|m| m.from = aside);
                    // Released only when the plan is whole: moves are few.
                }
            }
        }
        moves
    }

    #[allow(clippy::too_many_arguments)]
    fn branches(
        &mut self,
        step: &Step,
        condition: Var,
        then: &Block,
        otherwise: &Block,
        k: usize,
        scope: &mut Scope,
        out: &mut Vec<Instruction>,
    ) {
        // Outer buffers that nobody reads after this: a branch may write them.
        let condition_buffer = self.homes[&condition];
        let mut dying: Buffers =
            scope.own.iter().chain(&scope.owned).copied().filter(|b| *b != condition_buffer && self.free_at(*b, k, scope)).collect();
        let fresh: Vec<Buffer> = step.outs.iter().map(|v| self.new_buffer(self.bytes(*v))).collect();
        let mut codes = vec![];
        let mut lefts = vec![];
        for branch in [then, otherwise] {
            let (code, left) = self.block(&branch.steps, &branch.results, &dying);
            codes.push(code);
            lefts.push(left);
        }
        let mut outs = vec![];
        for (j, var) in step.outs.iter().enumerate() {
            let found = [then, otherwise].map(|b| self.homes[&b.results[j]]);
            let bytes = self.bytes(*var);
            let kept = found.into_iter().find(|b| dying.contains(b) && self.sizes[*b] >= bytes);
            match kept {
                Some(buffer) => {
                    dying.remove(&buffer);
                    self.release(fresh[j]);
                    outs.push(buffer);
                }
                None => {
                    scope.own.push(fresh[j]);
                    outs.push(fresh[j]);
                }
            }
        }
        for ((branch, code), left) in [then, otherwise].into_iter().zip(&mut codes).zip(lefts) {
            let wanted = branch
                .results
                .iter()
                .zip(&outs)
                .map(|(v, to)| Move { from: self.homes[v], to: *to, bytes: self.bytes(*v) })
                .collect();
            code.extend(self.in_order(wanted).into_iter().map(|m| Instruction::Copy { from: m.from, to: m.to, bytes: m.bytes }));
            left.into_iter().for_each(|b| self.release(b));
        }
        for (var, buffer) in step.outs.iter().zip(&outs) {
            // A kept buffer lives on under its new name.
            scope.ends.insert(*buffer, 0);
            self.define(*var, *buffer, scope, k);
        }
        let otherwise = codes.pop().expect("two branches");
        let then = codes.pop().expect("two branches");
        out.push(Instruction::If { condition: condition_buffer, then, otherwise });
    }

    #[allow(clippy::too_many_arguments)]
    fn members(&mut self, step: &Step, count: usize, each: Tile, body: &Block, k: usize, scope: &mut Scope, out: &mut Vec<Instruction>) {
        let outs: Vec<Buffer> = step.outs.iter().map(|v| self.allocate(*v, scope, k)).collect();
        let outer = self.frame;
        self.frames.push(Arena::default());
        self.frame = self.frames.len() - 1;
        let frame = self.frame;
        let member = self.new_buffer(8);
        self.homes.insert(body.params[0], member);
        let (mut code, own) = self.block(&body.steps, &body.results, &Buffers::default());
        code.extend(self.pass(Kind::Copy, vec![(step.span, 1.0)]));
        let homes: Vec<Buffer> = body.results.iter().map(|v| self.homes[v]).collect();
        let gathered = |(v, to): (&Var, &Buffer)| {
            let (from, bytes) = (self.homes[v], self.bytes(*v));
            let once = homes.iter().filter(|home| **home == from).count() == 1;
            Gathered { from, to: *to, bytes, in_place: bytes >= IN_PLACE && once && own.contains(&from) }
        };
        let results = body.results.iter().zip(&outs).map(gathered).collect();
        self.frame = outer;
        out.push(Instruction::Map { count, each, member, frame, body: code, results, span: step.span });
    }
}

/// The kind of work that a kernel does, and the places whose steps it computes, with their shares of the work.
fn computed(roots: &[Var], defined: &VarMap<&Step>, inside: impl Fn(Var) -> bool) -> (Kind, Vec<(u32, f64)>) {
    let mut costs: Vec<(u32, f64)> = vec![];
    let (mut seen, mut open) = (HashSet::new(), roots.to_vec());
    let (mut all, mut elementary) = (0.0, 0.0);
    while let Some(var) = open.pop() {
        let Some(step) = defined.get(&var).filter(|_| seen.insert(var)) else { continue };
        if let Op::Prim(row, _) = &step.op {
            let cost = row.cost;
            all += cost;
            elementary += if matches!(row.emit, Emit::Inline(_)) { 0.0 } else { cost };
            match costs.iter_mut().find(|(span, _)| *span == step.span) {
                Some(known) => known.1 += cost,
                None => costs.push((step.span, cost)),
            }
        }
        open.extend(step.op.args().into_iter().filter(|v| inside(*v)));
    }
    let kind = if elementary > all / 2.0 { Kind::Elementary } else { Kind::Kernel };
    // What only moves numbers stands at its first root.
    let own = || roots.first().and_then(|root| defined.get(root)).map(|step| (step.span, 1.0)).into_iter().collect();
    let shares = if costs.is_empty() { own() } else { costs.into_iter().map(|(span, cost)| (span, cost / all)).collect() };
    (kind, shares)
}

fn kind(op: &Op) -> Kind {
    match op {
        Op::Prim(..) => Kind::Elementary,
        Op::Reduce { .. } => Kind::Reduction,
        Op::Contract { .. } => Kind::Product,
        Op::Routine { .. } => Kind::Routine,
        Op::Draw { .. } => Kind::Noise,
        Op::Loop { .. } | Op::While { .. } | Op::If { .. } | Op::Map { .. } | Op::Require { .. } | Op::Note { .. } => Kind::Control,
        _ => Kind::Copy,
    }
}

/// What is known of the buffers while a block is planned.
struct Scope {
    /// The last piece that reads each variable.
    last: VarMap<usize>,
    /// The last piece that reads each buffer.
    ends: HashMap<Buffer, usize, Hashing>,
    /// Buffers that this block has allocated and not released.
    own: Vec<Buffer>,
    /// Buffers of others that may be written after their last use here.
    owned: Buffers,
}
