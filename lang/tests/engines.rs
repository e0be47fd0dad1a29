//! Interpreter and compiled code give the same bits: every row on edge values, scalar and in arrays, in both precisions.

use moyal_lang::core::build::Builder;
use moyal_lang::core::*;
use moyal_lang::engine::{Context, Control, State};
use moyal_lang::execute::Ready;
use moyal_lang::interpret;
use moyal_lang::prim::{self, Emit, Partials, Prim, Run};
use moyal_runtime::array::{Array, Data, Scalar};
use moyal_runtime::threads::Pool;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const REALS: &[f64] = &[
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.0, 1e-300, -1e-310, 5e-324, 1e300, -1e300, 1e15, 123456.789, 7.0, -7.0,
    f64::INFINITY, f64::NEG_INFINITY, f64::NAN, std::f64::consts::PI, 1e-8, 709.0, -745.0, 0.1,
];
const INTS: &[i64] = &[0, 1, -1, 2, -2, 3, 7, -7, 64, -64, i64::MAX, i64::MIN, 1 << 40];

fn kinds(row: &Prim, float: Scalar) -> Vec<Vec<Scalar>> {
    use Scalar::*;
    match row.run {
        Run::Float1(..) | Run::Test(..) => vec![vec![float]],
        Run::Float2(..) => vec![vec![float; 2]],
        Run::Num1(..) => vec![vec![float], vec![Int]],
        Run::Num2(..) | Run::Compare(..) => vec![vec![float; 2], vec![Int; 2]],
        Run::Int2(..) => vec![vec![Int; 2]],
        Run::Logic1(..) => vec![vec![Bool]],
        Run::Logic2(..) => vec![vec![Bool; 2]],
        Run::FloatInt(..) => vec![vec![float, Int]],
        Run::Select => vec![vec![Bool, float, float], vec![Bool, Int, Int]],
        Run::Convert(_) => vec![vec![float], vec![Int], vec![Bool]],
    }
}

/// Number `k` of the edge values of a kind.
fn edge(kind: Scalar, k: usize) -> Literal {
    match kind {
        Scalar::Real => Literal::Real(REALS[k % REALS.len()]),
        Scalar::F32 => Literal::F32(REALS[k % REALS.len()] as f32),
        Scalar::Int => Literal::Int(INTS[k % INTS.len()]),
        Scalar::Bool => Literal::Bool(k % 2 == 0),
    }
}

fn array(kind: Scalar, picks: &[usize]) -> Array {
    let literals = picks.iter().map(|k| edge(kind, *k));
    let data = match kind {
        Scalar::Real => Data::Real(literals.map(|l| if let Literal::Real(x) = l { x } else { 0.0 }).collect()),
        Scalar::F32 => Data::F32(literals.map(|l| if let Literal::F32(x) = l { x } else { 0.0 }).collect()),
        Scalar::Int => Data::Int(literals.map(|l| if let Literal::Int(x) = l { x } else { 0 }).collect()),
        Scalar::Bool => Data::Bool(literals.map(|l| l == Literal::Bool(true)).collect()),
    };
    Array::new(vec![picks.len()], data)
}

fn same(a: &Array, b: &Array) -> bool {
    // Which NaN it is does not matter.
    match (&a.data, &b.data) {
        (Data::Real(x), Data::Real(y)) => x.iter().zip(y).all(|(x, y)| x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan())),
        (Data::F32(x), Data::F32(y)) => x.iter().zip(y).all(|(x, y)| x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan())),
        _ => a == b,
    }
}

fn compare(what: &str, inputs: Vec<Array>, f: impl Fn(&mut Builder, &[Var]) -> Vec<Var>) {
    let mut b = Builder::new();
    let params: Vec<Var> = inputs.iter().map(|a| b.fresh(Type::new(a.scalar(), a.shape.clone()))).collect();
    let results = f(&mut b, &params);
    let program = b.finish(params, results);
    let inputs: Vec<Arc<Array>> = inputs.into_iter().map(Arc::new).collect();
    let stop = AtomicBool::new(false);
    let context = Context { seed: 1, stop: &stop };
    let plain = interpret::run(&program, &inputs, &context).unwrap();
    let compiled = Ready::new(&program, false);
    let found = compiled.run_from(&inputs, State::default(), &context, &Pool::new(2), &mut |_, _, _| Control::Continue).unwrap();
    for (x, y) in plain.iter().zip(&found) {
        assert!(same(x, y), "{what}: compiled {y:?}\ninterpreted {x:?}\nof {inputs:?}");
    }
}

/// The least that a row says: what it does to one number, nothing of slices.
static BARE_ONE: Prim = Prim {
    name: "bare_one",
    doc: "",
    public: false,
    run: Run::Float1(|x| 0.5 * x + 1.0, |x| 0.5 * x + 1.0),
    emit: Emit::Each,
    partials: Partials::Constant,
    neutral: None,
    domain: &[],
    guard: None,
    jumps: false,
    cost: 1.0,
};

static BARE_TWO: Prim = Prim {
    name: "bare_two",
    doc: "",
    public: false,
    run: Run::Float2(|x, y| x - 0.5 * y, |x, y| x - 0.5 * y),
    emit: Emit::Each,
    partials: Partials::Constant,
    neutral: None,
    domain: &[],
    guard: None,
    jumps: false,
    cost: 1.0,
};

#[test]
fn every_row_gives_the_same_bits_compiled() {
    for row in prim::all().chain([&BARE_ONE, &BARE_TWO]) {
        for float in [Scalar::Real, Scalar::F32] {
            for kinds in kinds(row, float) {
                // All pairs of edge values, as one array and (a sample) as scalars.
                let count = REALS.len() * REALS.len();
                let picks = |k: usize, arg: usize| if arg == 1 { k / REALS.len() } else { k };
                let inputs = (0..kinds.len())
                    .map(|arg| array(kinds[arg], &(0..count).map(|k| picks(k, arg)).collect::<Vec<_>>()))
                    .collect();
                compare(row.name, inputs, |b, x| vec![b.prim(row, x)]);
                for k in (0..count).step_by(37) {
                    let inputs = (0..kinds.len()).map(|arg| edge(kinds[arg], picks(k, arg)).array()).collect();
                    compare(row.name, inputs, |b, x| vec![b.prim(row, x)]);
                }
            }
        }
    }
}
