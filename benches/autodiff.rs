//! The gradient of a function, and value and gradient, as ratios to the value alone, each called from outside: φ⁴ on 256², and a star by 200
//! steps of Runge and Kutta. `cargo bench --bench autodiff`

use moyal_lang::embed::{Module, Value};
use moyal_lang::host::Options;
use moyal_runtime::noise;
use ndarray::{ArrayD, IxDyn};
use std::time::{Duration, Instant};

/// How long one figure is measured, and how often both take turns.
const WHILE: Duration = Duration::from_millis(100);
const ROUNDS: usize = 7;

fn main() {
    let mut field = vec![0.0; 256 * 256];
    noise::normal(noise::key(1, 1, &[]), 0, 0, &mut field);
    let field = ArrayD::from_shape_vec(IxDyn(&[256 * 256]), field).expect("as many numbers");
    let star = ArrayD::from_shape_vec(IxDyn(&[2]), vec![0.05, 2.0]).expect("two numbers");
    println!("best of {ROUNDS}");
    for (title, name, point) in [("φ⁴ action, 256×256", "action", field), ("200 Runge–Kutta steps", "star", star)] {
        for threads in [1, 2] {
            contest(title, name, (&point).into(), threads);
        }
    }
}

fn contest(title: &str, name: &str, point: Value, threads: usize) {
    let options = Options { threads, ..Options::default() };
    let text = include_str!("models/autodiff.moy");
    let mut module = Module::with_options(moyal_stdlib::module, text, options).expect("the model is right");
    let functions = ["value", "gradient", "and_gradient"].map(|part| format!("{name}_{part}"));
    let mut best = [f64::INFINITY; 3];
    for _ in 0..ROUNDS {
        for (function, best) in functions.iter().zip(&mut best) {
            *best = best.min(seconds(&mut module, function, &point));
        }
    }
    let value = module.call(&functions[0], &[point]).expect("a value")[0].real().expect("a number");
    let [alone, gradient, both] = best.map(|s| s * 1e6);
    println!(
        "{title:24} {threads} threads   value {alone:6.1} µs   gradient {:.2} of it   both {:.2} of it   value = {value:.6}",
        gradient / alone,
        both / alone
    );
}

/// Seconds of one call, the mean over a while.
fn seconds(module: &mut Module, function: &str, point: &Value) -> f64 {
    let (start, mut calls) = (Instant::now(), 0);
    while start.elapsed() < WHILE {
        module.call(function, std::slice::from_ref(point)).expect("a value");
        calls += 1;
    }
    start.elapsed().as_secs_f64() / calls as f64
}
