//! Langevin equations of one variable by Euler and Maruyama, 10⁵ paths × 1000 steps: steps per second of the Moyal programs
//! `models/double_well.moy` and `models/complex_langevin.moy` (from text to number, checking and compiling included), and of
//! tiles of paths in Rust compiled for the machine's vectors, which draw from the same generator. `cargo bench --bench langevin`

use moyal_lang::embed::Module;
use moyal_lang::host::Options;
use moyal_runtime::noise;
use std::time::Instant;

const PATHS: usize = 100_000;
const STEPS: usize = 1000;
const TILE: usize = 1000;
const ROUNDS: usize = 5;
const THREADS: usize = 2;

/// A tile of paths: real and imaginary part of each.
type Tile = [[f64; TILE]; 2];

fn main() {
    race("double well", include_str!("models/double_well.moy"), real_steps, |x, _| x * x);
    race("complex Langevin", include_str!("models/complex_langevin.moy"), complex_steps, |x, y| x * x - y * y);
}

fn race(title: &str, text: &str, steps: fn(&mut Tile, &[f64; TILE]), observable: fn(f64, f64) -> f64) {
    let mut best = [f64::INFINITY; 2];
    let mut values = [0.0; 2];
    // In turns, so that a slow phase of the machine meets both.
    for _ in 0..ROUNDS {
        let contenders: [&dyn Fn() -> f64; 2] = [&|| moyal(text), &|| threads(steps, observable)];
        for (k, run) in contenders.iter().enumerate() {
            let start = Instant::now();
            values[k] = run();
            best[k] = best[k].min(start.elapsed().as_secs_f64());
        }
    }
    println!("{title}: {PATHS} paths × {STEPS} steps, {THREADS} threads, best of {ROUNDS}");
    for (k, name) in ["Moyal (text to number)", "vector Rust"].iter().enumerate() {
        let speed = (PATHS * STEPS) as f64 / best[k];
        println!("{name:24} {speed:10.3e} steps/s   {:.2} of vector Rust   {:.4}", best[1] / best[k], values[k]);
    }
}

fn moyal(text: &str) -> f64 {
    let options = Options { threads: THREADS, ..Options::default() };
    let mut module = Module::with_options(moyal_stdlib::module, text, options).expect("the model is right");
    let line = module.output().join("");
    line.split('(').next().and_then(|n| n.parse().ok()).expect("a number with its error")
}

/// Half of the tiles on each thread; the mean of the observable.
fn threads(steps: fn(&mut Tile, &[f64; TILE]), observable: fn(f64, f64) -> f64) -> f64 {
    let tiles = PATHS / TILE;
    let part = |t: usize| (t * tiles / THREADS..(t + 1) * tiles / THREADS).map(|k| tile(k, steps, observable)).sum::<f64>();
    let total: f64 = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS).map(|t| scope.spawn(move || part(t))).collect();
        workers.into_iter().map(|w| w.join().unwrap()).sum()
    });
    total / PATHS as f64
}

fn tile(number: usize, steps: fn(&mut Tile, &[f64; TILE]), observable: fn(f64, f64) -> f64) -> f64 {
    let (start, key) = (noise::key(1, 1, &[]), noise::key(1, 2, &[]));
    let first = (number * TILE) as u64;
    let mut tile = [[0.0; TILE]; 2];
    let mut xi = [0.0; TILE];
    noise::normal(start, 0, first, &mut tile[0]);
    for step in 0..STEPS {
        noise::normal(key, step as u64, first, &mut xi);
        steps(&mut tile, &xi);
    }
    (0..TILE).map(|k| observable(tile[0][k], tile[1][k])).sum()
}

fn real_steps(tile: &mut Tile, xi: &[f64; TILE]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        return unsafe { real_512(tile, xi) };
    }
    real(tile, xi)
}

fn complex_steps(tile: &mut Tile, xi: &[f64; TILE]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        return unsafe { complex_512(tile, xi) };
    }
    complex(tile, xi)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,fma")]
fn real_512(tile: &mut Tile, xi: &[f64; TILE]) {
    real(tile, xi)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,fma")]
fn complex_512(tile: &mut Tile, xi: &[f64; TILE]) {
    complex(tile, xi)
}

#[inline(always)]
fn real(tile: &mut Tile, xi: &[f64; TILE]) {
    const DT: f64 = 0.01;
    let size = 0.5 * DT.sqrt();
    for (x, xi) in tile[0].iter_mut().zip(xi) {
        *x += DT * *x * (1.0 - *x * *x) + size * xi;
    }
}

/// z - dt ((1 + i) z + z³) + √(2 dt) ξ
#[inline(always)]
fn complex(tile: &mut Tile, xi: &[f64; TILE]) {
    const DT: f64 = 0.002;
    let size = (2.0 * DT).sqrt();
    let [re, im] = tile;
    for ((x, y), xi) in re.iter_mut().zip(im.iter_mut()).zip(xi) {
        let (a, b) = (*x * *x - *y * *y + 1.0, 2.0 * *x * *y + 1.0);
        let (p, q) = (a * *x - b * *y, a * *y + b * *x);
        *x += size * xi - DT * p;
        *y -= DT * q;
    }
}
