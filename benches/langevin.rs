//! Langevin equations of one variable by Euler and Maruyama, 10⁵ paths × 1000 steps: steps per second of the Moyal programs
//! `models/double_well.moy` and `models/complex_langevin.moy` (from text to number, checking and compiling included), and of
//! tiles of paths in Rust compiled for the machine's vectors, which draw from the same generator. `cargo bench --bench langevin`

mod race;

use moyal_runtime::noise;

const PATHS: usize = 100_000;
const STEPS: usize = 1000;
const TILE: usize = 1000;

/// A tile of paths: real and imaginary part of each.
type Tile = [[f64; TILE]; 2];

fn main() {
    contest("double well", include_str!("models/double_well.moy"), "<x²>", real_steps, |x, _| x * x);
    contest("complex Langevin", include_str!("models/complex_langevin.moy"), "<Re z²>", complex_steps, |x, y| x * x - y * y);
}

fn contest(title: &str, text: &str, name: &str, steps: fn(&mut Tile, &[f64; TILE]), observable: fn(f64, f64) -> f64) {
    let title = format!("{title}: {PATHS} paths × {STEPS} steps");
    race::race(&title, 5, (PATHS * STEPS, "steps"), name, &[
        ("Moyal (text to number)", &|| race::moyal(text, &[])),
        ("vector Rust", &|| race::threads(PATHS / TILE, |k| tile(k, steps, observable))),
    ]);
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
    (0..TILE).map(|k| observable(tile[0][k], tile[1][k])).sum::<f64>() / TILE as f64
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
