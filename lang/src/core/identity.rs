//! What a program is, in one number: programs of one identity do the same with their inputs, wherever in a text they stand. So a
//! statement that is entered again, with other values of what it reads, need not be compiled again.

use super::*;
use moyal_runtime::array::Data;

/// 128 bits, of which equal ones mean equal programs: nobody has chosen them to be so.
pub fn identity(program: &Program) -> u128 {
    let mut words = Words { program, state: [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03] };
    words.block(&program.body);
    (words.state[0] as u128) << 64 | words.state[1] as u128
}

struct Words<'p> {
    program: &'p Program,
    state: [u64; 2],
}

impl Words<'_> {
    fn add(&mut self, word: u64) {
        for (state, factor) in self.state.iter_mut().zip([0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db_u64]) {
            let product = (*state ^ word) as u128 * factor as u128;
            *state = (product >> 64) as u64 ^ product as u64 ^ state.rotate_left(29);
        }
    }

    fn all(&mut self, numbers: impl ExactSizeIterator<Item = u64>) {
        self.add(numbers.len() as u64);
        numbers.for_each(|n| self.add(n));
    }

    fn sizes(&mut self, sizes: &[usize]) {
        self.all(sizes.iter().map(|n| *n as u64));
    }

    fn offsets(&mut self, offsets: &[i64]) {
        self.all(offsets.iter().map(|n| *n as u64));
    }

    fn vars(&mut self, vars: &[Var]) {
        self.all(vars.iter().map(|v| v.0 as u64));
    }

    /// Variables that are defined here, with their types.
    fn defined(&mut self, vars: &[Var]) {
        self.vars(vars);
        for var in vars {
            let ty = self.program.type_of(*var);
            self.add(ty.scalar as u64);
            self.sizes(&ty.shape);
        }
    }

    fn block(&mut self, block: &Block) {
        self.defined(&block.params);
        self.add(block.steps.len() as u64);
        for step in &block.steps {
            self.defined(&step.outs);
            self.add(step.span as u64);
            self.all(step.op.args().iter().map(|v| v.0 as u64));
            self.op(&step.op);
            step.op.blocks().into_iter().for_each(|block| self.block(block));
        }
        self.vars(&block.results);
    }

    /// All of an operation but what it reads.
    fn op(&mut self, op: &Op) {
        match op {
            Op::Constant(literal) => {
                let (kind, bits) = literal.bits();
                self.all([1, kind, bits].into_iter());
            }
            Op::Table(array) => {
                self.add(2);
                self.sizes(&array.shape);
                match &array.data {
                    Data::Real(v) => self.all(v.iter().map(|x| x.to_bits())),
                    Data::F32(v) => self.all(v.iter().map(|x| x.to_bits() as u64)),
                    Data::Int(v) => self.offsets(v),
                    Data::Bool(v) => self.all(v.iter().map(|x| *x as u64)),
                }
            }
            Op::Iota(n) => self.all([3, *n as u64].into_iter()),
            Op::ShiftTable { sizes, offset } => {
                self.add(4);
                self.sizes(sizes);
                self.offsets(offset);
            }
            Op::Prim(row, _) => self.all([5, *row as *const Prim as u64].into_iter()),
            Op::Spread { shape, dims, .. } => {
                self.add(6);
                self.sizes(shape);
                self.sizes(dims);
            }
            Op::Reshape { shape, .. } => {
                self.add(7);
                self.sizes(shape);
            }
            Op::Reduce { monoid, dims, .. } => {
                self.all([8, *monoid as u64].into_iter());
                self.sizes(dims);
            }
            Op::Shift { dim, sizes, offset, .. } => {
                self.all([9, *dim as u64].into_iter());
                self.sizes(sizes);
                self.offsets(offset);
            }
            Op::Around { dim, sizes, shape, offsets, .. } => {
                self.all([24, *dim as u64, offsets.len() as u64].into_iter());
                self.sizes(sizes);
                self.sizes(shape);
                offsets.iter().for_each(|o| self.offsets(o));
            }
            Op::Slice { start, stride, shape, .. } => {
                self.add(10);
                [start, stride, shape].into_iter().for_each(|s| self.sizes(s));
            }
            Op::Embed { shape, start, stride, .. } => {
                self.add(11);
                [start, stride, shape].into_iter().for_each(|s| self.sizes(s));
            }
            Op::Concat { dim, .. } => self.all([12, *dim as u64].into_iter()),
            Op::Gather { checked, .. } => self.all([13, *checked as u64].into_iter()),
            Op::Scatter { shape, .. } => {
                self.add(14);
                self.sizes(shape);
            }
            Op::Update { checked, .. } => self.all([15, *checked as u64].into_iter()),
            Op::Contract { batch, sum, .. } => {
                self.add(16);
                for pairs in [batch, sum] {
                    self.add(pairs.len() as u64);
                    pairs.iter().for_each(|(a, b)| self.all([*a as u64, *b as u64].into_iter()));
                }
            }
            Op::Routine { routine, batch, .. } => self.all([17, *routine as *const Routine as u64, *batch as u64].into_iter()),
            Op::Draw { distribution, scalar, place, turns, shape, .. } => {
                self.all([18, *distribution as u64, *scalar as u64, *place, turns.len() as u64].into_iter());
                self.sizes(shape);
            }
            Op::Loop { .. } => self.add(19),
            Op::While { .. } => self.add(20),
            Op::If { .. } => self.add(21),
            Op::Map { count, each, .. } => self.all([22, *count, each.first, each.size].into_iter().map(|n| n as u64)),
            Op::Require { message, .. } => {
                self.add(23);
                self.all(message.bytes().map(u64::from).collect::<Vec<_>>().into_iter());
            }
            Op::Note { shown } => {
                self.add(25);
                for s in shown {
                    self.add(s.im.is_some() as u64);
                    self.all(s.name.bytes().map(u64::from).collect::<Vec<_>>().into_iter());
                }
            }
        }
    }
}
