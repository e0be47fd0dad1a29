//! What the benchmarks share: a Moyal program from its text to its number, and contenders who run in turns.

// Each benchmark uses a part of this.
#![allow(dead_code)]

use moyal_lang::embed::{Module, Value};
use moyal_lang::host::Options;
use moyal_runtime::noise;
use ndarray::{ArrayD, IxDyn};
use std::time::Instant;

pub const THREADS: usize = 2;

/// The first number that a program prints, checking and compiling included.
pub fn moyal(text: &str, params: &[(&str, usize)]) -> f64 {
    let params = params.iter().map(|(name, n)| (name.to_string(), n.to_string())).collect();
    let options = Options { threads: THREADS, params, ..Options::default() };
    let mut module = Module::with_options(moyal_stdlib::module, text, options).expect("the model is right");
    let line = module.output().join("");
    let number = line.split(['(', ' ']).next().expect("a line");
    number.trim().parse().expect("a number")
}

/// The mean of `each` over `0..count`, shared evenly among the threads.
pub fn threads(count: usize, each: impl Fn(usize) -> f64 + Sync) -> f64 {
    let each = &each;
    let total: f64 = std::thread::scope(|scope| {
        let part = |t: usize| (t * count / THREADS..(t + 1) * count / THREADS).map(each).sum::<f64>();
        let workers: Vec<_> = (0..THREADS).map(|t| scope.spawn(move || part(t))).collect();
        workers.into_iter().map(|w| w.join().unwrap()).sum()
    });
    total / count as f64
}

/// Runs all in turns, so that a slow phase of the machine meets each, and prints the best speed of each (`work` in `unit`s over
/// its time), as a ratio to that of the last, and its number.
pub fn race(title: &str, rounds: usize, (work, unit): (usize, &str), observable: &str, contenders: &[(&str, &dyn Fn() -> f64)]) {
    let mut best = vec![(f64::INFINITY, 0.0); contenders.len()];
    for _ in 0..rounds {
        for ((_, run), (time, value)) in contenders.iter().zip(&mut best) {
            let start = Instant::now();
            *value = run();
            *time = time.min(start.elapsed().as_secs_f64());
        }
    }
    println!("{title}, {THREADS} threads, best of {rounds}");
    let (reference, (last, _)) = (contenders[contenders.len() - 1].0, best[contenders.len() - 1]);
    for ((name, _), (time, value)) in contenders.iter().zip(&best) {
        println!("{name:24} {:10.3e} {unit}/s   {:.2} of {reference}   {observable} = {value:.4}", work as f64 / time, last / time);
    }
}

/// How often value and gradient take turns.
pub const GRADIENT_ROUNDS: usize = 7;

/// Seconds of a call of a function of `models/autodiff.moy`, of its gradient, and of both at once, the best of some rounds; and its value.
pub fn gradient(name: &str, threads: usize) -> ([f64; 3], f64) {
    let point: ArrayD<f64> = if name == "star" {
        ArrayD::from_shape_vec(IxDyn(&[2]), vec![0.05, 2.0]).expect("two numbers")
    } else {
        let mut field = vec![0.0; 256 * 256];
        noise::normal(noise::key(1, 1, &[]), 0, 0, &mut field);
        ArrayD::from_shape_vec(IxDyn(&[256 * 256]), field).expect("as many numbers")
    };
    let point: Value = (&point).into();
    let options = Options { threads, ..Options::default() };
    let text = include_str!("../models/autodiff.moy");
    let mut module = Module::with_options(moyal_stdlib::module, text, options).expect("the model is right");
    let functions = ["value", "gradient", "and_gradient"].map(|part| format!("{name}_{part}"));
    let mut best = [f64::INFINITY; 3];
    for _ in 0..GRADIENT_ROUNDS {
        for (function, best) in functions.iter().zip(&mut best) {
            let (start, mut calls) = (Instant::now(), 0);
            while start.elapsed().as_secs_f64() < 0.1 {
                module.call(function, std::slice::from_ref(&point)).expect("numbers");
                calls += 1;
            }
            *best = best.min(start.elapsed().as_secs_f64() / calls as f64);
        }
    }
    let value = module.call(&functions[0], &[point]).expect("a value")[0].real().expect("a number");
    (best, value)
}
