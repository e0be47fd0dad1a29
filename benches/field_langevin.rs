//! The Langevin equation of two-dimensional φ⁴ by Euler and Maruyama, for 64 fields of 32×32 and for one of 1024×1024: site updates
//! per second of the Moyal program `models/field_langevin.moy` (from text to number, checking and compiling included), and of rows
//! with halos compiled for the machine's vectors, which draw from the same generator. `cargo bench --bench field_langevin`

mod race;

use moyal_runtime::noise;
use race::THREADS;
use std::sync::Barrier;

const KAPPA: f64 = 0.26;
const LAMBDA: f64 = 0.022;
const DT: f64 = 0.01;
/// Numbers beside each row that repeat its other end.
const HALO: usize = 8;

fn main() {
    contest(64, 32, 2000);
    contest(1, 1024, 100);
}

fn contest(chains: usize, l: usize, steps: usize) {
    let text = include_str!("models/field_langevin.moy");
    let title = format!("{chains} of {l}×{l}, {steps} steps");
    race::race(&title, 3, (chains * l * l * steps, "site updates"), "<φ²>", &[
        ("Moyal (text to number)", &|| race::moyal(text, &[("L", l), ("chains", chains), ("steps", steps)])),
        ("vector Rust", &|| vector(chains, l, steps)),
    ]);
}

/// A field whose rows have halos, twice: one step reads the one and writes the other.
struct Field {
    l: usize,
    now: Vec<f64>,
    next: Vec<f64>,
}

impl Field {
    fn row(l: usize, x: usize) -> std::ops::Range<usize> {
        let start = x * (l + 2 * HALO);
        start..start + l + 2 * HALO
    }

    fn new(l: usize, key: [u32; 2]) -> Field {
        let size = l * (l + 2 * HALO);
        let mut field = Field { l, now: vec![0.0; size], next: vec![0.0; size] };
        for x in 0..l {
            let row = &mut field.now[Field::row(l, x)];
            noise::normal(key, 0, (x * l) as u64, &mut row[HALO..HALO + l]);
            repeat_ends(row, l);
        }
        field
    }

    fn mean_square(&self) -> f64 {
        let rows = (0..self.l).flat_map(|x| &self.now[Field::row(self.l, x)][HALO..HALO + self.l]);
        rows.map(|v| v * v).sum::<f64>() / (self.l * self.l) as f64
    }
}

fn repeat_ends(row: &mut [f64], l: usize) {
    row.copy_within(l..l + HALO, 0);
    row.copy_within(HALO..2 * HALO, HALO + l);
}

fn vector(chains: usize, l: usize, steps: usize) -> f64 {
    let (start, step) = (noise::key(1, 1, &[]), noise::key(1, 2, &[]));
    if chains == 1 {
        return shared(l, steps, start, step);
    }
    let chain = |c: usize| {
        let key = |k: [u32; 2]| [k[0] ^ c as u32, k[1]];
        let mut field = Field::new(l, key(start));
        let mut xi = vec![0.0; l * l];
        for t in 0..steps {
            noise::normal(key(step), t as u64, 0, &mut xi);
            for x in 0..l {
                step_row(&field.now, &mut field.next[Field::row(l, x)], l, x, &xi[x * l..(x + 1) * l]);
            }
            std::mem::swap(&mut field.now, &mut field.next);
        }
        field.mean_square()
    };
    race::threads(chains, chain)
}

/// One field, half of its rows on each thread.
fn shared(l: usize, steps: usize, start: [u32; 2], key: [u32; 2]) -> f64 {
    let mut field = Field::new(l, start);
    let barrier = Barrier::new(THREADS);
    let (now, next) = (field.now.as_mut_ptr() as usize, field.next.as_mut_ptr() as usize);
    let size = field.now.len();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let barrier = &barrier;
            scope.spawn(move || {
                let mut xi = vec![0.0; l];
                for t in 0..steps {
                    let (from, to) = if t % 2 == 0 { (now, next) } else { (next, now) };
                    let from = unsafe { std::slice::from_raw_parts(from as *const f64, size) };
                    for x in thread * l / THREADS..(thread + 1) * l / THREADS {
                        noise::normal(key, t as u64, (x * l) as u64, &mut xi);
                        let row = Field::row(l, x);
                        // Rows of this thread alone, in the array that nobody reads in this step.
                        let to = unsafe { std::slice::from_raw_parts_mut((to as *mut f64).add(row.start), row.len()) };
                        step_row(from, to, l, x, &xi);
                    }
                    barrier.wait();
                }
            });
        }
    });
    if steps % 2 == 1 {
        std::mem::swap(&mut field.now, &mut field.next);
    }
    field.mean_square()
}

/// Row x one step later.
fn step_row(now: &[f64], next: &mut [f64], l: usize, x: usize, xi: &[f64]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        return unsafe { step_row_512(now, next, l, x, xi) };
    }
    step_row_any(now, next, l, x, xi)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,fma")]
fn step_row_512(now: &[f64], next: &mut [f64], l: usize, x: usize, xi: &[f64]) {
    step_row_any(now, next, l, x, xi)
}

#[inline(always)]
fn step_row_any(now: &[f64], next: &mut [f64], l: usize, x: usize, xi: &[f64]) {
    let size = (2.0 * DT).sqrt();
    let row = &now[Field::row(l, x)];
    let above = &now[Field::row(l, (x + l - 1) % l)][HALO..HALO + l];
    let below = &now[Field::row(l, (x + 1) % l)][HALO..HALO + l];
    let (left, right, here) = (&row[HALO - 1..][..l], &row[HALO + 1..][..l], &row[HALO..][..l]);
    let to = &mut next[HALO..HALO + l];
    let xi = &xi[..l];
    for y in 0..l {
        let f = here[y];
        let around = above[y] + below[y] + left[y] + right[y];
        let force = 2.0 * KAPPA * around - f * (2.0 * (1.0 - 2.0 * LAMBDA) + 4.0 * LAMBDA * f * f);
        to[y] = f + DT * force + size * xi[y];
    }
    repeat_ends(next, l);
}
