//! Core: what a program means. Pure, first-order, typed; every intermediate is named once.
//!
//! A value is an array of one kind of number with a known shape (a scalar has the empty shape); complex numbers are
//! pairs, records are their fields, index sets are their sizes. A step is a scalar primitive applied to every element of
//! arrays of one shape, or an array operation, or one of four regions: `Loop`, `While`, `If`, `Map`. A block may read
//! any variable defined before it in the blocks around it.
//!
//! Core knows nothing of the tree it came from, of passes or of engines. It is made by [`build::Builder`] only.

pub mod build;
pub mod identity;
pub mod text;
pub mod verify;

use crate::prim::Prim;
use crate::routine::Routine;
use crate::source::Span;
use moyal_runtime::array::{Array, Scalar};
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// Kind and shape of a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    pub scalar: Scalar,
    pub shape: Shape,
}

/// Sizes, kept in place while they are few: programs have many types, and passes copy them.
pub type Shape = SmallVec<[usize; 4]>;

/// Variables, kept in place while they are few.
pub type Vars = SmallVec<[Var; 4]>;

impl Type {
    pub fn new(scalar: Scalar, shape: impl AsRef<[usize]>) -> Type {
        Type { scalar, shape: Shape::from_slice(shape.as_ref()) }
    }

    pub fn scalar(scalar: Scalar) -> Type {
        Type { scalar, shape: Shape::new() }
    }

    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// How many numbers.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A value's name, unique in its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Var(pub u32);

/// A statement's meaning: `inputs` are values made before, `body` computes its results from them.
/// `body.params` is `inputs`.
#[derive(Clone, Debug)]
pub struct Program {
    /// The type of every variable.
    pub types: Vec<Type>,
    /// Places in the text, by [`Step::span`].
    pub spans: Arc<Vec<Span>>,
    pub body: Block,
}

#[derive(Clone, Debug, Default)]
pub struct Block {
    pub params: Vec<Var>,
    pub steps: Vec<Step>,
    pub results: Vec<Var>,
}

#[derive(Clone, Debug)]
pub struct Step {
    /// One for most operations; as many as carried values or results for regions and routines; none for `Require` and `Note`.
    pub outs: Vars,
    pub op: Op,
    /// Where it stands in the text: an index into [`Program::spans`].
    pub span: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Literal {
    Real(f64),
    F32(f32),
    Int(i64),
    Bool(bool),
}

/// How a `Reduce` combines. Orders are those of `moyal_runtime::sum`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Monoid {
    Sum,
    Product,
    Max,
    Min,
    /// of `bool`
    Any,
    /// of `bool`
    All,
}

/// What a `Draw` makes; everything else is computed from these two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// standard normal
    Normal,
    /// uniform in (0, 1)
    Uniform,
}

/// Blocks lie by themselves: steps are many and moved often, those with blocks few.
#[derive(Clone, Debug)]
pub enum Op {
    /// A scalar.
    Constant(Literal),
    /// A constant array.
    Table(Arc<Array>),
    /// `int[n]`: 0, 1, … n−1.
    Iota(usize),
    /// `int[V]`, V the product of `sizes`: for each site of a periodic box (last direction fastest) the site at
    /// `offset` from it.
    ShiftTable { sizes: Vec<usize>, offset: Vec<i64> },
    /// A row applied to each element of arrays of one shape.
    Prim(&'static Prim, Vars),
    /// Broadcast and transposition: dimension k of `arg` becomes dimension `dims[k]` of `shape` (all `dims` different,
    /// sizes equal); along the others the value repeats.
    Spread { arg: Var, shape: Vec<usize>, dims: Vec<usize> },
    /// The same numbers in row-major order under another shape.
    Reshape { arg: Var, shape: Vec<usize> },
    /// Combines over the dimensions `dims` (ascending); the elements are taken in row-major order of those dimensions.
    Reduce { monoid: Monoid, arg: Var, dims: Vec<usize> },
    /// Dimension `dim` of `arg` are the sites of a periodic box: `out[.., x, ..] = arg[.., x + offset, ..]`.
    Shift { arg: Var, dim: usize, sizes: Vec<usize>, offset: Vec<i64> },
    /// Dimension `dim` of `arg` are the sites of a periodic box, and behind it dimensions `shape` number the neighbours at `offsets` in
    /// row-major order: `out[.., x, d, ..] = arg[.., x + offsets[d], ..]`.
    Around { arg: Var, dim: usize, sizes: Vec<usize>, shape: Vec<usize>, offsets: Vec<Vec<i64>> },
    /// `out[i, j, …] = arg[start₀ + i stride₀, …]`
    Slice { arg: Var, start: Vec<usize>, stride: Vec<usize>, shape: Vec<usize> },
    /// The opposite of `Slice`: zeros of `shape`, with `arg` at `start + i stride`.
    Embed { arg: Var, shape: Vec<usize>, start: Vec<usize>, stride: Vec<usize> },
    /// One after the other along dimension `dim`.
    Concat { args: Vec<Var>, dim: usize },
    /// Reads the leading dimensions of `arg` at integer positions: all `index` have one shape I, one for each of the first
    /// `index.len()` dimensions; the result has shape I followed by the remaining dimensions of `arg`.
    /// With `checked` a position outside fails the run; otherwise it is known to be inside.
    Gather { arg: Var, index: Vec<Var>, checked: bool },
    /// The transpose of `Gather`: zeros of `shape`, to which each entry of `values` (shape I followed by the remaining
    /// dimensions) is added at its position, in ascending order of I. Positions are known to be inside.
    Scatter { shape: Vec<usize>, index: Vec<Var>, values: Var },
    /// `arg` with the part at the scalar positions `index` of its leading dimensions replaced by `value`.
    /// An engine reuses `arg`'s memory if nobody reads it later.
    Update { arg: Var, index: Vec<Var>, value: Var, checked: bool },
    /// Sum of products over the paired dimensions `sum`, for each index of the paired dimensions `batch`: the result has
    /// the batch dimensions, then the free ones of `left`, then those of `right`. Ascending in the summed index (row-major
    /// over several), one chain of fused multiply-adds from 0 for each element.
    Contract { left: Var, right: Var, batch: Vec<(usize, usize)>, sum: Vec<(usize, usize)> },
    /// A routine applied to each of the members that the `batch` leading dimensions count; these are the same for all
    /// arguments and results. It may fail the run at this step's place.
    Routine { routine: &'static Routine, batch: usize, args: Vec<Var> },
    /// Random numbers of shape B followed by `shape`, where B is the shape of `position` (int): element s of position b has
    /// number `position[b] * |shape| + s` in the stream of (seed, `place`, `turns`). `turns` are the scalar counters of the
    /// enclosing loops, outermost first; the last may have the shape of `position`, a turn for each.
    Draw { distribution: Distribution, scalar: Scalar, place: u64, turns: Vec<Var>, position: Var, shape: Vec<usize> },
    /// `count` (scalar int) turns. `body.params` are the turn's number and the carried values; `body.results` the new ones.
    Loop { count: Var, init: Vec<Var>, body: Box<Block> },
    /// As long as `condition` (params: the carried values; one scalar bool) holds. `body.params` are the turn's number and
    /// the carried values.
    While { init: Vec<Var>, condition: Box<Block>, body: Box<Block> },
    /// One of two blocks without params; both have results of the same types.
    If { condition: Var, then: Box<Block>, otherwise: Box<Block> },
    /// `count` independent members. `body.params` is the member's number; each result gets a leading dimension `count`.
    /// A member may stand for several of the program's own, dealt with at once: `each` says for which.
    Map { count: usize, each: Tile, body: Box<Block> },
    /// Fails the run at this step's place with `message` unless the scalar `condition` holds.
    Require { condition: Var, message: String },
    /// What is said with a failure from here to the end of this turn or member: where a path is. Compiled code knows nothing of it.
    Note { shown: Vec<Shown> },
}

/// Of how many of the program's own members each member of a map consists, from the program's member `first` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    pub first: usize,
    pub size: usize,
}

impl Tile {
    /// Members as the program has them.
    pub const ONE: Tile = Tile { first: 0, size: 1 };
}

/// Around what stands for a value in the message of a [`Op::Require`].
pub const PLACE: [char; 2] = ['\u{2}', '\u{3}'];

/// A value under the name that the user knows; or one that stands for that name, between the signs of [`PLACE`], in the message of the failure.
#[derive(Clone, Debug)]
pub struct Shown {
    pub name: std::sync::Arc<str>,
    /// How it is written, as in `{x:.3}`.
    pub format: Option<std::sync::Arc<str>>,
    pub re: Var,
    /// The imaginary part of a complex value.
    pub im: Option<Var>,
}

impl Literal {
    pub fn scalar(self) -> Scalar {
        match self {
            Literal::Real(_) => Scalar::Real,
            Literal::F32(_) => Scalar::F32,
            Literal::Int(_) => Scalar::Int,
            Literal::Bool(_) => Scalar::Bool,
        }
    }

    /// Its kind and its bits: equal for the same constant, also for numbers that are none.
    pub fn bits(self) -> (u64, u64) {
        match self {
            Literal::Real(x) => (0, x.to_bits()),
            Literal::F32(x) => (1, x.to_bits() as u64),
            Literal::Int(x) => (2, x as u64),
            Literal::Bool(x) => (3, x as u64),
        }
    }

    pub fn is_finite(&self) -> bool {
        match self {
            Literal::Real(x) => x.is_finite(),
            Literal::F32(x) => x.is_finite(),
            Literal::Int(_) | Literal::Bool(_) => true,
        }
    }

    pub fn array(self) -> Array {
        match self {
            Literal::Real(x) => Array::real(x),
            Literal::F32(x) => Array::f32(x),
            Literal::Int(x) => Array::int(x),
            Literal::Bool(x) => Array::bool(x),
        }
    }
}

impl Program {
    pub fn type_of(&self, var: Var) -> &Type {
        &self.types[var.0 as usize]
    }
}

impl Op {
    /// The variables that the operation itself reads, in order; what its blocks read is not among them.
    pub fn args(&self) -> Vars {
        let mut args = Vars::new();
        self.each_arg(&mut |v| args.push(v));
        args
    }

    /// Calls `f` with each of them.
    pub fn each_arg(&self, f: &mut dyn FnMut(Var)) {
        let all = |vars: &[Var], f: &mut dyn FnMut(Var)| vars.iter().for_each(|v| f(*v));
        match self {
            Op::Constant(_) | Op::Table(_) | Op::Iota(_) | Op::ShiftTable { .. } | Op::Map { .. } => {}
            Op::Spread { arg, .. } | Op::Reshape { arg, .. } | Op::Reduce { arg, .. } => f(*arg),
            Op::Shift { arg, .. } | Op::Around { arg, .. } | Op::Slice { arg, .. } | Op::Embed { arg, .. } => f(*arg),
            Op::Prim(_, args) => all(args, f),
            Op::Concat { args, .. } | Op::Routine { args, .. } => all(args, f),
            Op::Gather { arg, index, .. } => {
                f(*arg);
                all(index, f);
            }
            Op::Scatter { index, values, .. } => {
                all(index, f);
                f(*values);
            }
            Op::Update { arg, index, value, .. } => {
                f(*arg);
                all(index, f);
                f(*value);
            }
            Op::Contract { left, right, .. } => {
                f(*left);
                f(*right);
            }
            Op::Draw { turns, position, .. } => {
                all(turns, f);
                f(*position);
            }
            Op::Loop { count, init, .. } => {
                f(*count);
                all(init, f);
            }
            Op::While { init, .. } => all(init, f),
            Op::If { condition, .. } | Op::Require { condition, .. } => f(*condition),
            Op::Note { shown } => shown.iter().flat_map(|s| std::iter::once(s.re).chain(s.im)).for_each(f),
        }
    }

    /// The same operation with empty blocks: what a copy begins with that makes its own.
    pub fn without_blocks(&self) -> Op {
        match self {
            Op::Loop { count, init, .. } => Op::Loop { count: *count, init: init.clone(), body: Box::default() },
            Op::While { init, .. } => Op::While { init: init.clone(), condition: Box::default(), body: Box::default() },
            Op::If { condition, .. } => Op::If { condition: *condition, then: Box::default(), otherwise: Box::default() },
            Op::Map { count, each, .. } => Op::Map { count: *count, each: *each, body: Box::default() },
            op => op.clone(),
        }
    }

    /// The operation with every variable that it reads itself replaced; its blocks stay as they are.
    pub fn map_args(mut self, f: &mut dyn FnMut(Var) -> Var) -> Op {
        self.each_arg_mut(&mut |v| *v = f(*v));
        self
    }

    /// Calls `f` with each variable that the operation itself reads, in order.
    pub fn each_arg_mut(&mut self, f: &mut dyn FnMut(&mut Var)) {
        let all = |vars: &mut [Var], f: &mut dyn FnMut(&mut Var)| vars.iter_mut().for_each(f);
        match self {
            Op::Constant(_) | Op::Table(_) | Op::Iota(_) | Op::ShiftTable { .. } | Op::Map { .. } => {}
            Op::Spread { arg, .. } | Op::Reshape { arg, .. } | Op::Reduce { arg, .. } => f(arg),
            Op::Shift { arg, .. } | Op::Around { arg, .. } | Op::Slice { arg, .. } | Op::Embed { arg, .. } => f(arg),
            Op::Prim(_, args) => all(args, f),
            Op::Concat { args, .. } | Op::Routine { args, .. } => all(args, f),
            Op::Gather { arg, index, .. } => {
                f(arg);
                all(index, f);
            }
            Op::Scatter { index, values, .. } => {
                all(index, f);
                f(values);
            }
            Op::Update { arg, index, value, .. } => {
                f(arg);
                all(index, f);
                f(value);
            }
            Op::Contract { left, right, .. } => {
                f(left);
                f(right);
            }
            Op::Draw { turns, position, .. } => {
                all(turns, f);
                f(position);
            }
            Op::Loop { count, init, .. } => {
                f(count);
                all(init, f);
            }
            Op::While { init, .. } => all(init, f),
            Op::If { condition, .. } | Op::Require { condition, .. } => f(condition),
            Op::Note { shown } => shown.iter_mut().flat_map(|s| std::iter::once(&mut s.re).chain(&mut s.im)).for_each(f),
        }
    }

    /// The blocks of a region.
    pub fn blocks(&self) -> SmallVec<[&Block; 2]> {
        match self {
            Op::Loop { body, .. } | Op::Map { body, .. } => smallvec![&**body],
            Op::While { condition, body, .. } => smallvec![&**condition, &**body],
            Op::If { then, otherwise, .. } => smallvec![&**then, &**otherwise],
            _ => smallvec![],
        }
    }

    pub fn blocks_mut(&mut self) -> SmallVec<[&mut Block; 2]> {
        match self {
            Op::Loop { body, .. } | Op::Map { body, .. } => smallvec![&mut **body],
            Op::While { condition, body, .. } => smallvec![&mut **condition, &mut **body],
            Op::If { then, otherwise, .. } => smallvec![&mut **then, &mut **otherwise],
            _ => smallvec![],
        }
    }
}

impl Step {
    /// What a step reads, in its regions too.
    pub fn reads(&self) -> Vec<Var> {
        let inside = self.op.blocks().into_iter().flat_map(|block| block.captures());
        self.op.args().into_iter().chain(inside).collect()
    }
}

impl Block {
    /// Whether there is such an operation in it, in the blocks within too.
    pub fn has(&self, is: &dyn Fn(&Op) -> bool) -> bool {
        self.steps.iter().any(|s| is(&s.op) || s.op.blocks().into_iter().any(|b| b.has(is)))
    }

    /// The variables that the block reads but does not define, in the order of their first use.
    pub fn captures(&self) -> Vec<Var> {
        let (mut seen, mut found) = (VarSet::default(), vec![]);
        self.collect_captures(&mut seen, &mut found);
        found
    }

    /// Names are unique, so what blocks within define is no capture of this one either.
    fn collect_captures(&self, seen: &mut VarSet, found: &mut Vec<Var>) {
        seen.extend(self.params.iter().copied());
        for step in &self.steps {
            step.op.each_arg(&mut |v| {
                if seen.insert(v) {
                    found.push(v);
                }
            });
            for block in step.op.blocks() {
                block.collect_captures(seen, found);
            }
            seen.extend(step.outs.iter().copied());
        }
        for &v in &self.results {
            if seen.insert(v) {
                found.push(v);
            }
        }
    }
}

/// By variable.
pub type VarMap<T> = std::collections::HashMap<Var, T, Hashing>;
pub type VarSet = std::collections::HashSet<Var, Hashing>;
pub type Hashing = std::hash::BuildHasherDefault<Hasher>;

/// What a variable is called where `names` says what is called otherwise.
pub fn named(names: &VarMap<Var>, var: Var) -> Var {
    names.get(&var).copied().unwrap_or(var)
}

/// One multiplication for each number: passes look up little else than variables, and nobody chooses these to collide.
#[derive(Clone, Copy, Default)]
pub struct Hasher(u64);

impl std::hash::Hasher for Hasher {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(n as u64);
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(23) ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        // A table looks at the lowest and the highest bits.
        self.0 ^ (self.0 >> 32)
    }
}
