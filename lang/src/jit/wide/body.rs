//! What the lanes of one vector go through in a turn of a kernel's innermost loop: a list of steps, each on earlier ones.

use crate::core::Literal;
use crate::jit::kernel::{Kernel, NodeKind};
use crate::jit::lanes::{Comparison, Lanes, Number};
use crate::prim::Emit;
use moyal_runtime::array::Scalar;
use std::collections::HashMap;

#[derive(Default)]
pub struct Body {
    pub steps: Vec<Step>,
    /// What each root of the kernel is.
    pub results: Vec<usize>,
    /// What is the same in all turns of the innermost loop.
    pub held: Vec<Held>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The elements that this node of the kernel loads.
    Load(usize),
    /// `held[k]`, in all lanes.
    Held(usize),
    One(One, usize),
    Two(Two, usize, usize),
    /// The second where the mask, the first, is set, else the third.
    Choose(usize, usize, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum One {
    Sqrt,
    Floor,
    Ceil,
    Nearest,
    Trunc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Two {
    Add,
    Sub,
    Mul,
    Div,
    And,
    Or,
    Xor,
    Compare(Comparison),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Held {
    /// A lane's bits, filled to 64.
    Bits(u64),
    /// What this node loads, the same wherever the kernel stands, or the same in a row of it.
    Loaded(usize),
}

impl Two {
    pub fn commutes(self) -> bool {
        matches!(self, Two::Add | Two::Mul | Two::And | Two::Or | Two::Xor)
    }
}

impl Step {
    pub fn args(&self) -> impl Iterator<Item = usize> + use<> {
        let (args, count) = match *self {
            Step::Load(_) | Step::Held(_) => ([0; 3], 0),
            Step::One(_, a) => ([a, 0, 0], 1),
            Step::Two(_, a, b) => ([a, b, 0], 2),
            Step::Choose(a, b, c) => ([a, b, c], 3),
        };
        args.into_iter().take(count)
    }
}

/// The body of a kernel whose lanes are all of one float kind.
pub fn body(kernel: &Kernel, scalar: Scalar) -> Body {
    let mut recorder = Recorder { scalar, body: Body::default(), known: HashMap::new(), held: HashMap::new() };
    let mut values = vec![None; kernel.nodes.len()];
    let results: Vec<usize> = kernel.roots.iter().map(|(node, _)| recorder.node(kernel, *node, &mut values)).collect();
    recorder.body.results = results;
    recorder.body.without_dead()
}

impl Body {
    /// Without steps that nobody reads.
    fn without_dead(self) -> Body {
        let mut read = vec![false; self.steps.len()];
        self.results.iter().for_each(|r| read[*r] = true);
        for (k, step) in self.steps.iter().enumerate().rev() {
            if read[k] {
                step.args().for_each(|a| read[a] = true);
            }
        }
        let mut place = vec![0; self.steps.len()];
        let mut steps = vec![];
        for (k, step) in self.steps.iter().enumerate().filter(|(k, _)| read[*k]) {
            place[k] = steps.len();
            steps.push(match *step {
                Step::One(op, a) => Step::One(op, place[a]),
                Step::Two(op, a, b) => Step::Two(op, place[a], place[b]),
                Step::Choose(a, b, c) => Step::Choose(place[a], place[b], place[c]),
                other => other,
            });
        }
        Body { results: self.results.iter().map(|r| place[*r]).collect(), steps, held: self.held }
    }
}

struct Recorder {
    scalar: Scalar,
    body: Body,
    known: HashMap<Step, usize>,
    held: HashMap<Held, usize>,
}

impl Recorder {
    fn node(&mut self, kernel: &Kernel, node: usize, values: &mut Vec<Option<usize>>) -> usize {
        if let Some(value) = values[node] {
            return value;
        }
        let value = match &kernel.nodes[node].kind {
            NodeKind::Constant(literal) => {
                let bits = match literal {
                    Literal::Real(x) => x.to_bits(),
                    Literal::F32(x) => twice(x.to_bits()),
                    Literal::Bool(c) => if *c { u64::MAX } else { 0 },
                    Literal::Int(_) => unreachable!("lanes are floats"),
                };
                self.hold(Held::Bits(bits))
            }
            NodeKind::Load { at, .. } if at.strides.last() == Some(&0) => self.hold(Held::Loaded(node)),
            NodeKind::Load { .. } => self.step(Step::Load(node)),
            NodeKind::Count(_) => unreachable!("lanes are floats"),
            NodeKind::Prim(row, args) => {
                let args: Vec<Number> = args.iter().map(|a| Number(self.node(kernel, *a, values) as u32)).collect();
                let Emit::Inline(emit) = row.emit else { unreachable!("only rows that are done inline have lanes") };
                emit(self, &args).0 as usize
            }
        };
        values[node] = Some(value);
        value
    }

    fn step(&mut self, step: Step) -> usize {
        *self.known.entry(step).or_insert_with(|| {
            self.body.steps.push(step);
            self.body.steps.len() - 1
        })
    }

    fn hold(&mut self, held: Held) -> usize {
        let index = *self.held.entry(held).or_insert_with(|| {
            self.body.held.push(held);
            self.body.held.len() - 1
        });
        self.step(Step::Held(index))
    }

    fn two(&mut self, op: Two, x: Number, y: Number) -> Number {
        Number(self.step(Step::Two(op, x.0 as usize, y.0 as usize)) as u32)
    }

    fn one(&mut self, op: One, x: Number) -> Number {
        Number(self.step(Step::One(op, x.0 as usize)) as u32)
    }

    fn bits(&mut self, real: u64, single: u32) -> Number {
        let bits = if self.scalar == Scalar::F32 { twice(single) } else { real };
        Number(self.hold(Held::Bits(bits)) as u32)
    }

    /// What it is the negative of, if it was made so.
    fn negated(&mut self, x: Number) -> Option<Number> {
        let sign = self.bits(1 << 63, 1 << 31).0 as usize;
        match self.body.steps[x.0 as usize] {
            Step::Two(Two::Xor, a, s) if s == sign => Some(Number(a as u32)),
            _ => None,
        }
    }
}

fn twice(bits: u32) -> u64 {
    bits as u64 | (bits as u64) << 32
}

impl Lanes for Recorder {
    fn is_float(&self) -> bool {
        true
    }

    fn float(&mut self, x: f64) -> Number {
        self.bits(x.to_bits(), (x as f32).to_bits())
    }

    fn add(&mut self, x: Number, y: Number) -> Number {
        // x + (-y) and x - y have the same bits, and the second needs no sign to be turned.
        match self.negated(y) {
            Some(y) => self.two(Two::Sub, x, y),
            None => self.two(Two::Add, x, y),
        }
    }

    fn sub(&mut self, x: Number, y: Number) -> Number {
        match self.negated(y) {
            Some(y) => self.two(Two::Add, x, y),
            None => self.two(Two::Sub, x, y),
        }
    }

    fn mul(&mut self, x: Number, y: Number) -> Number {
        self.two(Two::Mul, x, y)
    }

    fn div(&mut self, x: Number, y: Number) -> Number {
        self.two(Two::Div, x, y)
    }

    fn sqrt(&mut self, x: Number) -> Number {
        self.one(One::Sqrt, x)
    }

    fn floor(&mut self, x: Number) -> Number {
        self.one(One::Floor, x)
    }

    fn ceil(&mut self, x: Number) -> Number {
        self.one(One::Ceil, x)
    }

    fn nearest(&mut self, x: Number) -> Number {
        self.one(One::Nearest, x)
    }

    fn trunc(&mut self, x: Number) -> Number {
        self.one(One::Trunc, x)
    }

    fn neg(&mut self, x: Number) -> Number {
        let sign = self.bits(1 << 63, 1 << 31);
        self.two(Two::Xor, x, sign)
    }

    fn abs(&mut self, x: Number) -> Number {
        let others = self.bits(!(1 << 63), !(1 << 31));
        self.two(Two::And, x, others)
    }

    fn compare(&mut self, how: Comparison, x: Number, y: Number) -> Number {
        self.two(Two::Compare(how), x, y)
    }

    fn not(&mut self, x: Number) -> Number {
        let all = self.bits(u64::MAX, u32::MAX);
        self.two(Two::Xor, x, all)
    }

    fn and(&mut self, x: Number, y: Number) -> Number {
        self.two(Two::And, x, y)
    }

    fn or(&mut self, x: Number, y: Number) -> Number {
        self.two(Two::Or, x, y)
    }

    fn choose(&mut self, condition: Number, x: Number, y: Number) -> Number {
        Number(self.step(Step::Choose(condition.0 as usize, x.0 as usize, y.0 as usize)) as u32)
    }

    fn integer_division(&mut self, _: Number, _: Number) -> (Number, Number) {
        unreachable!("lanes are floats")
    }

    fn integer_sign(&mut self, _: Number) -> Number {
        unreachable!("lanes are floats")
    }

    fn convert(&mut self, _: Scalar, x: Number) -> Number {
        // Conversions between kinds have no lanes; one to its own kind is none.
        x
    }
}
