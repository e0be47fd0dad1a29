//! Contractions against faer, in turns: for each shape the best speed of faer on so many threads, and ours as a ratio to it, for A B, Aᵀ B
//! and A Bᵀ. On one thread the time that the processor gave to the thread counts, on two the time that passed.
//! `cargo run --release --manifest-path benches/peers/faer/Cargo.toml --target-dir target [THREADS]`

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use moyal_runtime::contract::{Number, Product, contract};
use moyal_runtime::threads::Pool;
use std::time::{Duration, Instant};

/// Rows, columns, terms, and how many such products one behind the other.
const SHAPES: [[usize; 4]; 12] = [
    [64, 64, 64, 1],
    [128, 128, 128, 1],
    [256, 256, 256, 1],
    [512, 512, 512, 1],
    [1024, 1024, 1024, 1],
    [512, 64, 64, 1],
    [64, 64, 512, 1],
    [100, 100, 100, 1],
    [17, 33, 65, 1],
    [10, 10, 10, 1000],
    [32, 32, 32, 100],
    [1000, 1, 1000, 1],
];

/// How long each shape is raced.
const SECONDS: f64 = 0.5;

fn main() {
    let threads = std::env::args().nth(1).map_or(1, |n| n.parse().expect("a number of threads"));
    let pool = Pool::new(threads);
    println!("{:>18}   f64: faer GFLOP/s, ratios AB, AᵀB, ABᵀ     f32", format!("{threads} thread(s)"));
    for shape @ [m, n, k, batch] in SHAPES {
        let line = format!("{}   {}", race(shape, threads, &pool, |x| x), race(shape, threads, &pool, |x| x as f32));
        println!("{:>18}   {line}", format!("{m}×{n}×{k}{}", if batch > 1 { format!(" × {batch}") } else { String::new() }));
    }
}

fn race<T: Number + faer::traits::ComplexField>(shape: [usize; 4], threads: usize, pool: &Pool, number: fn(f64) -> T) -> String {
    let layouts = [(false, false), (true, false), (false, true)];
    let speeds: Vec<(f64, f64)> = layouts.iter().map(|turned| layout(shape, *turned, threads, pool, number)).collect();
    let ratios: Vec<String> = speeds.iter().map(|(faer, ours)| format!("{:.2}", ours / faer)).collect();
    format!("{:6.1}  {}", speeds[0].0, ratios.join("  "))
}

/// The best speeds of faer and of ours, in GFLOP/s.
fn layout<T: Number + faer::traits::ComplexField>(
    [m, n, k, batch]: [usize; 4],
    (left, right): (bool, bool),
    threads: usize,
    pool: &Pool,
    number: fn(f64) -> T,
) -> (f64, f64) {
    let numbers = |count: usize, prime: usize| (0..count).map(|i| number((i * prime % 1013) as f64 / 500.0 - 1.0)).collect::<Vec<T>>();
    let (a, b) = (numbers(batch * m * k, 7919), numbers(batch * k * n, 7907));
    let (mut ours, mut theirs) = (numbers(batch * m * n, 1), numbers(batch * m * n, 1));
    let product = Product { m, n, k, a: if left { (1, m) } else { (k, 1) }, b: if right { (1, k) } else { (n, 1) } };
    let par = if threads == 1 { Par::Seq } else { Par::rayon(threads) };
    let work = 2e-9 * (m * n * k * batch) as f64;
    let turns = (0.02 / work) as usize + 1;
    let matrix = |x: &'static [T], rows, columns, turned: bool| {
        if turned { MatRef::from_row_major_slice(x, columns, rows).transpose() } else { MatRef::from_row_major_slice(x, rows, columns) }
    };
    // Leaked for the life of the race, which ends with the process.
    let (a, b): (&'static [T], &'static [T]) = (a.leak(), b.leak());
    let mut best = [Duration::MAX; 2];
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < SECONDS {
        let mut faer = || {
            for t in 0..batch {
                let (x, y) = (matrix(&a[t * m * k..(t + 1) * m * k], m, k, left), matrix(&b[t * k * n..(t + 1) * k * n], k, n, right));
                let z = MatMut::from_row_major_slice_mut(&mut theirs[t * m * n..(t + 1) * m * n], m, n);
                matmul(z, Accum::Replace, x, y, number(1.0), par);
            }
        };
        best[0] = best[0].min(time(threads, turns, &mut faer));
        best[1] = best[1].min(time(threads, turns, &mut || contract(&product, batch, a, b, &mut ours, Some(pool))));
    }
    let speed = |time: Duration| work * turns as f64 / time.as_secs_f64();
    (speed(best[0]), speed(best[1]))
}

fn time(threads: usize, turns: usize, f: &mut dyn FnMut()) -> Duration {
    let start = clock(threads);
    (0..turns).for_each(|_| f());
    clock(threads) - start
}

/// The thread's own time, or with several threads what passes.
fn clock(threads: usize) -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let now = clock_gettime(if threads == 1 { ClockId::ThreadCPUTime } else { ClockId::Monotonic });
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
