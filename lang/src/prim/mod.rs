//! Scalar primitives: one row each. A row is all there is to know about a primitive; passes and engines ask its fields
//! and never its name.

pub mod arithmetic;
pub mod math;

use crate::core::{Literal, Var};
use crate::core::build::Builder;
use crate::jit::lanes::{Lanes, Number};
use moyal_runtime::array::Scalar;

pub struct Prim {
    /// What Core's text calls it, and (if `public`) what a program calls it.
    pub name: &'static str,
    pub doc: &'static str,
    /// Whether a program may call it by its name; operators are reached by their signs.
    pub public: bool,
    /// What it does to one element, for each kind of number that it takes: kinds of arguments and result are read off it.
    pub run: Run,
    /// How compiled code does it, with the same bits.
    pub emit: Emit,
    /// The slope with respect to each argument, given builder, arguments and result.
    pub partials: Partials,
    /// For a binary row, the left and the right argument that leave the other one as it is (for every bit of it).
    pub neutral: Option<(Option<f64>, Option<f64>)>,
    /// For each float argument the interval from which tests take their samples.
    pub domain: &'static [(f64, f64)],
    /// Where value or slope may fail to be finite (1/x, √x, log x): an argument for each place at which both are fine.
    /// A term that a filter leaves out is evaluated there instead.
    pub guard: Option<&'static [f64]>,
    /// Whether it has slopes and jumps all the same, which no derivative sees.
    pub jumps: bool,
    /// How long one number of an array takes beside an addition, as measured with a thousand of them.
    pub cost: f64,
}

/// What most rows share.
const ROW: Prim = Prim {
    name: "",
    doc: "",
    public: false,
    run: Run::Select,
    emit: Emit::Each,
    partials: Partials::Constant,
    neutral: None,
    domain: &[],
    guard: None,
    jumps: false,
    cost: 1.0,
};

impl std::fmt::Debug for Prim {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Rows are compared by identity.
impl PartialEq for Prim {
    fn eq(&self, other: &Prim) -> bool {
        std::ptr::eq(self, other)
    }
}

pub enum Run {
    /// float → the same float
    Float1(fn(f64) -> f64, fn(f32) -> f32),
    /// (float, float) → the same float
    Float2(fn(f64, f64) -> f64, fn(f32, f32) -> f32),
    /// number → the same kind
    Num1(fn(f64) -> f64, fn(f32) -> f32, fn(i64) -> i64),
    /// (number, number) → the same kind
    Num2(fn(f64, f64) -> f64, fn(f32, f32) -> f32, fn(i64, i64) -> i64),
    /// (int, int) → int
    Int2(fn(i64, i64) -> i64),
    /// (number, number) → bool
    Compare(fn(f64, f64) -> bool, fn(f32, f32) -> bool, fn(i64, i64) -> bool),
    /// float → bool
    Test(fn(f64) -> bool, fn(f32) -> bool),
    /// bool → bool
    Logic1(fn(bool) -> bool),
    /// (bool, bool) → bool
    Logic2(fn(bool, bool) -> bool),
    /// (float, int) → the same float
    FloatInt(fn(f64, i64) -> f64, fn(f32, i64) -> f32),
    /// (bool, any, the same) → the same
    Select,
    /// number or bool → this kind. To `int`: toward zero, and what has no place there goes to the nearest end (NaN to 0).
    Convert(Scalar),
}

pub enum Emit {
    /// Instructions for one number or one vector of numbers.
    Inline(fn(&mut dyn Lanes, &[Number]) -> Number),
    /// A function of one float: compiled code calls `run` for a scalar, and these for arrays.
    Slice1(fn(&[f64], &mut [f64]), fn(&[f32], &mut [f32])),
    /// A function of two floats.
    Slice2(fn(&[f64], &[f64], &mut [f64]), fn(&[f32], &[f32], &mut [f32])),
    /// Compiled code calls `run` for each number.
    Each,
}

/// A partial derivative.
#[derive(Clone, Copy, Debug)]
pub enum Slope {
    Zero,
    One,
    MinusOne,
    Is(Var),
    /// 1 where the bool is this, else 0 (a factor that never makes a NaN of what it leaves out)
    Where(Var, bool),
}

pub enum Partials {
    /// One slope for each argument.
    Smooth(fn(&mut Builder, &[Var], Var) -> Vec<Slope>),
    /// Piecewise constant, or no float among arguments or result: no derivative flows.
    Constant,
}

impl Prim {
    pub fn arity(&self) -> usize {
        match self.run {
            Run::Float1(..) | Run::Num1(..) | Run::Test(..) | Run::Logic1(..) | Run::Convert(_) => 1,
            Run::Select => 3,
            _ => 2,
        }
    }

    /// The kind of the result, or None if the row does not take these kinds.
    pub fn result(&self, args: &[Scalar]) -> Option<Scalar> {
        if args.len() != self.arity() {
            return None;
        }
        let same = args.iter().all(|s| *s == args[0]);
        let (first, number) = (args[0], args[0] != Scalar::Bool);
        match self.run {
            Run::Float1(..) | Run::Float2(..) => (same && first.is_float()).then_some(first),
            Run::Num1(..) | Run::Num2(..) => (same && number).then_some(first),
            Run::Int2(..) => (same && first == Scalar::Int).then_some(first),
            Run::Compare(..) => (same && number).then_some(Scalar::Bool),
            Run::Test(..) => first.is_float().then_some(Scalar::Bool),
            Run::Logic1(..) | Run::Logic2(..) => (same && !number).then_some(Scalar::Bool),
            Run::FloatInt(..) => (first.is_float() && args[1] == Scalar::Int).then_some(first),
            Run::Select => (first == Scalar::Bool && args[1] == args[2]).then_some(args[1]),
            Run::Convert(to) => Some(to),
        }
    }
}

/// What a row gives for scalars; None if it does not take these kinds.
pub fn evaluate(row: &Prim, args: &[Literal]) -> Option<Literal> {
    use Literal::*;
    Some(match (&row.run, args) {
        (Run::Float1(f, _) | Run::Num1(f, ..), [Real(x)]) => Real(f(*x)),
        (Run::Float1(_, f) | Run::Num1(_, f, _), [F32(x)]) => F32(f(*x)),
        (Run::Num1(_, _, f), [Int(x)]) => Int(f(*x)),
        (Run::Float2(f, _) | Run::Num2(f, ..), [Real(x), Real(y)]) => Real(f(*x, *y)),
        (Run::Float2(_, f) | Run::Num2(_, f, _), [F32(x), F32(y)]) => F32(f(*x, *y)),
        (Run::Num2(_, _, f) | Run::Int2(f), [Int(x), Int(y)]) => Int(f(*x, *y)),
        (Run::Compare(f, ..), [Real(x), Real(y)]) => Bool(f(*x, *y)),
        (Run::Compare(_, f, _), [F32(x), F32(y)]) => Bool(f(*x, *y)),
        (Run::Compare(_, _, f), [Int(x), Int(y)]) => Bool(f(*x, *y)),
        (Run::Test(f, _), [Real(x)]) => Bool(f(*x)),
        (Run::Test(_, f), [F32(x)]) => Bool(f(*x)),
        (Run::Logic1(f), [Bool(x)]) => Bool(f(*x)),
        (Run::Logic2(f), [Bool(x), Bool(y)]) => Bool(f(*x, *y)),
        (Run::FloatInt(f, _), [Real(x), Int(n)]) => Real(f(*x, *n)),
        (Run::FloatInt(_, f), [F32(x), Int(n)]) => F32(f(*x, *n)),
        (Run::Select, [Bool(c), x, y]) => if *c { *x } else { *y },
        (Run::Convert(to), [x]) => convert(*x, *to),
        _ => return None,
    })
}

/// A number as another kind. To `int`: toward zero, saturating, NaN to 0 (Rust's `as`).
pub fn convert(x: Literal, to: Scalar) -> Literal {
    use Literal::*;
    match (x, to) {
        (Real(x), Scalar::F32) => F32(x as f32),
        (Real(x), Scalar::Int) => Int(x as i64),
        (F32(x), Scalar::Real) => Real(x as f64),
        (F32(x), Scalar::Int) => Int(x as i64),
        (Int(x), Scalar::Real) => Real(x as f64),
        (Int(x), Scalar::F32) => F32(x as f32),
        (Bool(x), Scalar::Real) => Real(x as u8 as f64),
        (Bool(x), Scalar::F32) => F32(x as u8 as f32),
        (Bool(x), Scalar::Int) => Int(x as i64),
        (Real(x), Scalar::Bool) => Bool(x != 0.0),
        (F32(x), Scalar::Bool) => Bool(x != 0.0),
        (Int(x), Scalar::Bool) => Bool(x != 0),
        (same, _) => same,
    }
}

/// Every row.
pub fn all() -> impl Iterator<Item = &'static Prim> {
    arithmetic::ROWS.iter().chain(math::ROWS.iter()).copied()
}

/// The row of this name.
pub fn find(name: &str) -> Option<&'static Prim> {
    all().find(|row| row.name == name)
}
