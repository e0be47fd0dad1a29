//! How derivatives are checked: with fixed random directions v of the arguments and weights w of the results.

use moyal_lang::core::build::Builder;
use moyal_lang::core::*;
use moyal_lang::engine::{Context, Control, State};
use moyal_lang::execute::Ready;
use moyal_lang::{interpret, pipeline};
use moyal_lang::pass::{forward, reverse};
use moyal_runtime::array::{Array, Data};
use moyal_runtime::threads::Pool;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub type Function<'f> = &'f dyn Fn(&mut Builder, &[Var]) -> Vec<Var>;

/// First and second derivatives.
pub fn check(name: &str, inputs: &[Array], f: impl Fn(&mut Builder, &[Var]) -> Vec<Var>) {
    check_loose(name, inputs, 1e-7, f)
}

pub fn check_loose(name: &str, inputs: &[Array], tolerance: f64, f: impl Fn(&mut Builder, &[Var]) -> Vec<Var>) {
    let step = if tolerance > 1e-4 { 1e-1 } else { 1e-5 };
    check_first(name, inputs, step, tolerance, &f);
    check_second(name, inputs, step, tolerance * 10.0, &f);
}

/// w·J v by differences, forward and reverse.
pub fn check_first(
    name: &str,
    inputs: &[Array],
    step: f64,
    tolerance: f64,
    f: impl Fn(&mut Builder, &[Var]) -> Vec<Var>,
) {
    let mut numbers = Numbers::new("directions");
    let v: Vec<Array> = inputs.iter().map(|a| numbers.like(a)).collect();
    let w: Vec<Array> = run(inputs, &f).iter().map(|a| numbers.like(a)).collect();
    let value = |side: f64| dot(&run(&moved(inputs, &v, side * step), &f), &w);
    let differences = (value(1.0) - value(-1.0)) / (2.0 * step);
    let forward = dot(&run_all(&[inputs, &v], |b, x| tangents(b, x[0], x[1], &f)), &w);
    let reverse = dot(&run_all(&[inputs, &w], |b, x| cotangents(b, x[0], x[1], &f)), &v);
    close(&format!("{name}: forward against differences"), forward, differences, tolerance);
    let agreement = if tolerance > 1e-4 { tolerance } else { 1e-11 };
    close(&format!("{name}: reverse against forward"), reverse, forward, agreement);
}

/// u·(w·J)′ v by differences of reverse mode, and in all orders of the modes.
pub fn check_second(name: &str, inputs: &[Array], step: f64, tolerance: f64, f: Function) {
    let mut numbers = Numbers::new("second directions");
    let v: Vec<Array> = inputs.iter().map(|a| numbers.like(a)).collect();
    let u: Vec<Array> = inputs.iter().map(|a| numbers.like(a)).collect();
    let w: Vec<Array> = run(inputs, f).iter().map(|a| numbers.like(a)).collect();
    let gradient = |b: &mut Builder, x: &[Var], w: &[Var]| cotangents(b, x, w, f);
    let tangent = |b: &mut Builder, x: &[Var], v: &[Var]| tangents(b, x, v, f);

    let at = |side: f64| dot(&run_all(&[&moved(inputs, &v, side * step), &w], |b, x| gradient(b, x[0], x[1])), &u);
    let differences = (at(1.0) - at(-1.0)) / (2.0 * step);
    let of = |x: Vec<Array>, weights: &[Array]| dot(&x, weights);
    let forward_reverse =
        of(run_all(&[inputs, &v, &w], |b, x| tangents(b, x[0], x[1], &|b, y| gradient(b, y, x[2]))), &u);
    let reverse_reverse =
        of(run_all(&[inputs, &u, &w], |b, x| cotangents(b, x[0], x[1], &|b, y| gradient(b, y, x[2]))), &v);
    let reverse_forward =
        of(run_all(&[inputs, &v, &w], |b, x| cotangents(b, x[0], x[2], &|b, y| tangent(b, y, x[1]))), &u);
    let forward_forward =
        of(run_all(&[inputs, &u, &v], |b, x| tangents(b, x[0], x[1], &|b, y| tangent(b, y, x[2]))), &w);
    close(&format!("{name}: forward over reverse against differences"), forward_reverse, differences, tolerance);
    let agreement = if tolerance > 1e-4 { tolerance } else { 1e-10 };
    close(&format!("{name}: reverse over reverse"), reverse_reverse, forward_reverse, agreement);
    close(&format!("{name}: reverse over forward"), reverse_forward, forward_reverse, agreement);
    close(&format!("{name}: forward over forward"), forward_forward, forward_reverse, agreement);
}

/// Derivatives in 32 bits against those in 64.
pub fn check_f32(name: &str, inputs: &[Array], f: impl Fn(&mut Builder, &[Var]) -> Vec<Var>) {
    let mut numbers = Numbers::new("directions");
    let v: Vec<Array> = inputs.iter().map(|a| numbers.like(a)).collect();
    let w: Vec<Array> = run(inputs, &f).iter().map(|a| numbers.like(a)).collect();
    let narrow = |arrays: &[Array]| arrays.iter().map(narrow).collect::<Vec<Array>>();
    let forward = |inputs: &[Array], v: &[Array]| run_all(&[inputs, v], |b, x| tangents(b, x[0], x[1], &f));
    let reverse = |inputs: &[Array], w: &[Array]| run_all(&[inputs, w], |b, x| cotangents(b, x[0], x[1], &f));
    let exact = dot(&forward(inputs, &v), &w);
    close(&format!("{name}: forward in f32"), dot(&forward(&narrow(inputs), &narrow(&v)), &w), exact, 1e-4);
    close(&format!("{name}: reverse in f32"), dot(&reverse(&narrow(inputs), &narrow(&w)), &v), exact, 1e-4);
    let second = |x: &[Array], v: &[Array], w: &[Array]| {
        let curvature = run_all(&[x, v, w], |b, x| tangents(b, x[0], x[1], &|b, y| cotangents(b, y, x[2], &f)));
        dot(&curvature, v)
    };
    let exact = second(inputs, &v, &w);
    let found = second(&narrow(inputs), &narrow(&v), &narrow(&w));
    close(&format!("{name}: second derivatives in f32"), found, exact, 1e-3);
}

/// The tangents of f at x in direction v; of results that are not floats, something.
fn tangents(b: &mut Builder, x: &[Var], v: &[Var], f: Function) -> Vec<Var> {
    let block = block_of(b, x, f);
    let directions: Vec<Option<Var>> =
        x.iter().zip(v).map(|(x, v)| b.scalar_of(*x).is_float().then_some(*v)).collect();
    let (results, tangents) = forward::jvp(b, &block, x, &directions, &[]);
    results.iter().zip(tangents).map(|(r, t)| t.unwrap_or_else(|| b.zeros_like(*r))).collect()
}

/// The gradient of Σ w·f.
fn cotangents(b: &mut Builder, x: &[Var], w: &[Var], f: Function) -> Vec<Var> {
    let block = block_of(b, x, f);
    let seeds: Vec<Option<Var>> =
        block.results.iter().zip(w).map(|(r, w)| b.scalar_of(*r).is_float().then_some(*w)).collect();
    reverse::vjp(b, &block, x, &block.params, &seeds).1
}

pub fn grad(inputs: &[Array], f: impl Fn(&mut Builder, &[Var]) -> Var) -> Vec<Array> {
    run(inputs, |b, x| {
        let block = block_of(b, x, |b, x| vec![f(b, x)]);
        reverse::gradient(b, &block, x, &block.params).1
    })
}

/// A function as a block with params like `args`.
pub fn block_of(b: &mut Builder, args: &[Var], f: impl Fn(&mut Builder, &[Var]) -> Vec<Var>) -> Block {
    let params: Vec<Var> = args.iter().map(|a| b.fresh(b.type_of(*a).clone())).collect();
    b.open();
    let results = f(b, &params);
    b.close(params, results)
}

pub fn run(inputs: &[Array], f: impl Fn(&mut Builder, &[Var]) -> Vec<Var>) -> Vec<Array> {
    run_all(&[inputs], |b, x| f(b, x[0]))
}

fn run_all(inputs: &[&[Array]], f: impl Fn(&mut Builder, &[&[Var]]) -> Vec<Var>) -> Vec<Array> {
    let mut b = Builder::new();
    let params: Vec<Vec<Var>> = inputs
        .iter()
        .map(|arrays| arrays.iter().map(|a| b.fresh(Type::new(a.scalar(), a.shape.clone()))).collect())
        .collect();
    let slices: Vec<&[Var]> = params.iter().map(|p| &p[..]).collect();
    let results = f(&mut b, &slices);
    let program = b.finish(params.concat(), results);
    evaluate(&program, &inputs.concat())
}

/// What a program gives: interpreted as it is, after all passes, and compiled on one thread and three, with the same bits.
pub fn evaluate(program: &Program, inputs: &[Array]) -> Vec<Array> {
    let inputs: Vec<Arc<Array>> = inputs.iter().cloned().map(Arc::new).collect();
    let stop = AtomicBool::new(false);
    let context = Context { seed: 1, stop: &stop };
    pipeline::prepare_verified(program).unwrap();
    let plain = interpret::run(program, &inputs, &context).unwrap();
    for (interpret, threads) in [(true, 1), (false, 1), (false, 3)] {
        let ready = Ready::new(program, interpret);
        let found = ready.run_from(&inputs, State::default(), &context, &Pool::new(threads), &mut |_, _, _| Control::Continue).unwrap();
        for (x, y) in plain.iter().zip(&found) {
            assert!(x.same_bits(y), "interpreted: {interpret}, on {threads} threads: {y:?} instead of {x:?}");
        }
    }
    plain.into_iter().map(|a| (*a).clone()).collect()
}

pub fn close(what: &str, x: f64, y: f64, tolerance: f64) {
    let size = 1.0 + x.abs().max(y.abs());
    assert!((x - y).abs() <= tolerance * size, "{what}: {x} and {y}");
}

fn dot(x: &[Array], y: &[Array]) -> f64 {
    assert_eq!(x.len(), y.len());
    let pairs = x.iter().zip(y).flat_map(|(x, y)| wide(x).into_iter().zip(wide(y)));
    pairs.map(|(x, y)| x * y).sum()
}

/// The numbers of a float array; nothing of others.
fn wide(x: &Array) -> Vec<f64> {
    match &x.data {
        Data::Real(v) => v.clone(),
        Data::F32(v) => v.iter().map(|x| *x as f64).collect(),
        _ => vec![],
    }
}

fn narrow(x: &Array) -> Array {
    match &x.data {
        Data::Real(v) => Array::new(x.shape.clone(), Data::F32(v.iter().map(|x| *x as f32).collect())),
        _ => x.clone(),
    }
}

fn moved(x: &[Array], direction: &[Array], by: f64) -> Vec<Array> {
    let one = |(x, d): (&Array, &Array)| match &x.data {
        Data::Real(v) => reals(&x.shape, v.iter().zip(d.reals()).map(|(x, d)| x + by * d).collect()),
        _ => x.clone(),
    };
    x.iter().zip(direction).map(one).collect()
}

pub fn reals(shape: &[usize], values: Vec<f64>) -> Array {
    Array::new(shape.to_vec(), Data::Real(values))
}

pub fn ints(values: Vec<i64>) -> Array {
    Array::new(vec![values.len()], Data::Int(values))
}

pub fn bools(values: Vec<bool>) -> Array {
    Array::new(vec![values.len()], Data::Bool(values))
}

/// Numbers for tests: the same each time for a name.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(name: &str) -> Numbers {
        Numbers(name.bytes().fold(0x9E37_79B9_7F4A_7C15, |h, c| (h ^ c as u64).wrapping_mul(0x100_0000_01B3)))
    }

    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn between(&mut self, shape: &[usize], (low, high): (f64, f64)) -> Array {
        let len = shape.iter().product::<usize>();
        reals(shape, (0..len).map(|_| low + (high - low) * self.next()).collect())
    }

    pub fn array(&mut self, shape: &[usize]) -> Array {
        self.between(shape, (-1.5, 1.5))
    }

    /// A direction for an array; for ints and bools, itself.
    fn like(&mut self, x: &Array) -> Array {
        if x.scalar().is_float() { self.array(&x.shape) } else { x.clone() }
    }
}
