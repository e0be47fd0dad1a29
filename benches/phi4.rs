//! φ⁴ by hybrid Monte Carlo, 64 chains of 32×32, 10 leapfrog steps: site updates per second of the Moyal program
//! `models/phi4_hmc.moy`, of the same loops in plain Rust, and of rows with halos and fused multiply-adds compiled for the
//! machine's vectors. All draw their momenta from the same generator and use two threads. `cargo bench --bench phi4`

mod race;

use moyal_runtime::{noise, sum};

const L: usize = 32;
const SITES: usize = L * L;
const CHAINS: usize = 64;
const DRAWS: usize = 1000;
const STEPS: usize = 10;
const KAPPA: f64 = 0.26;
const LAMBDA: f64 = 0.022;

fn main() {
    let text = include_str!("models/phi4_hmc.moy");
    let title = format!("{CHAINS} chains of {L}×{L}, {DRAWS} trajectories of {STEPS} steps");
    // The mean of φ² over the second half of all trajectories.
    race::race(&title, 3, (CHAINS * DRAWS * STEPS * SITES, "site updates"), "<φ²>", &[
        ("Moyal (text to number)", &|| race::moyal(text, &[])),
        ("plain Rust", &|| race::threads(CHAINS, plain)),
        ("vector Rust", &|| race::threads(CHAINS, vector)),
    ]);
}

fn normals(chain: usize, turn: usize, out: &mut [f64]) {
    noise::normal(noise::key(1, chain as u64, &[]), turn as u64, 0, out);
}

fn accepts(chain: usize, turn: usize, change: f64) -> bool {
    let mut u = [0.0];
    noise::uniform(noise::key(2, chain as u64, &[]), turn as u64, 0, &mut u);
    u[0].ln() < -change
}

// ---- plain loops ----

fn plain(chain: usize) -> f64 {
    let neighbour = |x: usize| {
        let (i, j) = (x / L, x % L);
        [(i + 1) % L * L + j, (i + L - 1) % L * L + j, i * L + (j + 1) % L, i * L + (j + L - 1) % L]
    };
    let table: Vec<[usize; 4]> = (0..SITES).map(neighbour).collect();
    let action = |f: &[f64]| -> f64 {
        (0..SITES)
            .map(|x| {
                let q = f[x] * f[x];
                -2.0 * KAPPA * f[x] * (f[table[x][0]] + f[table[x][2]]) + (1.0 - 2.0 * LAMBDA) * q + LAMBDA * q * q
            })
            .sum()
    };
    let kick = |f: &[f64], p: &mut [f64], by: f64| {
        for x in 0..SITES {
            let around: f64 = table[x].iter().map(|y| f[*y]).sum();
            p[x] -= by * (-2.0 * KAPPA * around + 2.0 * (1.0 - 2.0 * LAMBDA) * f[x] + 4.0 * LAMBDA * f[x] * f[x] * f[x]);
        }
    };
    let (mut f, mut p) = (vec![0.0; SITES], vec![0.0; SITES]);
    normals(chain, usize::MAX, &mut f);
    let mut mean = 0.0;
    for turn in 0..DRAWS {
        normals(chain, turn, &mut p);
        let (old, before) = (f.clone(), action(&f) + p.iter().map(|p| p * p).sum::<f64>() / 2.0);
        let step = 1.0 / STEPS as f64;
        kick(&f, &mut p, step / 2.0);
        for k in 0..STEPS {
            f.iter_mut().zip(&p).for_each(|(f, p)| *f += step * p);
            kick(&f, &mut p, if k + 1 < STEPS { step } else { step / 2.0 });
        }
        let after = action(&f) + p.iter().map(|p| p * p).sum::<f64>() / 2.0;
        if !accepts(chain, turn, after - before) {
            f = old;
        }
        if 2 * turn >= DRAWS {
            mean += f.iter().map(|f| f * f).sum::<f64>() / (SITES * DRAWS / 2) as f64;
        }
    }
    mean
}

// ---- rows with halos, for the machine's vectors ----

/// Rows of L numbers with eight on each side; the halo rows above and below are copies.
const STRIDE: usize = L + 16;

fn vector(chain: usize) -> f64 {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return unsafe { vector_512(chain) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return unsafe { vector_256(chain) };
        }
    }
    rows(chain)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")]
fn vector_512(chain: usize) -> f64 {
    run(chain, |f, p| {
        let step = 1.0 / STEPS as f64;
        for k in 0..=STEPS {
            let kick = if k == 0 || k == STEPS { step / 2.0 } else { step };
            pass_512(f, p, kick, if k == STEPS { 0.0 } else { step });
        }
        halo(f);
    })
}

/// A kick of all momenta and, one row behind, a drift of the field, in one pass by hand: eight sites at once.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")]
fn pass_512(f: &mut [f64], p: &mut [f64], kick: f64, drift: f64) {
    use std::arch::x86_64::*;
    // The rows beyond the edges, as they were before the pass.
    f.copy_within(at(L - 1) - 8..at(L - 1) + L + 8, 0);
    f.copy_within(at(0) - 8..at(0) + L + 8, (L + 1) * STRIDE);
    let (kick, by) = (_mm512_set1_pd(kick), _mm512_set1_pd(drift));
    let (cubic, linear) = (_mm512_set1_pd(-4.0 * LAMBDA), _mm512_set1_pd(-2.0 * (1.0 - 2.0 * LAMBDA)));
    let hopping = _mm512_set1_pd(2.0 * KAPPA);
    let (f, p) = (f.as_mut_ptr(), p.as_mut_ptr());
    // Row y − 1 moves once row y has been kicked, for which it is read as it was.
    let mut behind = [0.0; L + 16];
    unsafe {
        std::ptr::copy_nonoverlapping(f, behind.as_mut_ptr(), L + 16);
        for y in 0..L {
            let (here, row) = (f.add(at(y)), p.add(y * L));
            let down = f.add(at(y) + STRIDE);
            let mut old = [0.0; L + 16];
            std::ptr::copy_nonoverlapping(here.sub(8), old.as_mut_ptr(), L + 16);
            for x in (0..L).step_by(8) {
                let middle = _mm512_loadu_pd(here.add(x));
                let vertical = _mm512_add_pd(_mm512_loadu_pd(behind.as_ptr().add(8 + x)), _mm512_loadu_pd(down.add(x)));
                let sides = _mm512_add_pd(_mm512_loadu_pd(old.as_ptr().add(7 + x)), _mm512_loadu_pd(old.as_ptr().add(9 + x)));
                let local = _mm512_fmadd_pd(_mm512_mul_pd(middle, middle), cubic, linear);
                let force = _mm512_fmadd_pd(local, middle, _mm512_mul_pd(hopping, _mm512_add_pd(vertical, sides)));
                let momentum = _mm512_fmadd_pd(kick, force, _mm512_loadu_pd(row.add(x)));
                _mm512_storeu_pd(row.add(x), momentum);
                _mm512_storeu_pd(here.add(x), _mm512_fmadd_pd(by, momentum, middle));
            }
            (*here.sub(1), *here.add(L)) = (*here.add(L - 1), *here);
            behind = old;
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn vector_256(chain: usize) -> f64 {
    rows(chain)
}

#[inline(always)]
fn rows(chain: usize) -> f64 {
    run(chain, |f, p| {
        let step = 1.0 / STEPS as f64;
        kick_rows(f, p, step / 2.0);
        for k in 0..STEPS {
            drift_rows(f, p, step);
            kick_rows(f, p, if k + 1 < STEPS { step } else { step / 2.0 });
        }
    })
}

#[inline(always)]
fn at(row: usize) -> usize {
    (row + 1) * STRIDE + 8
}

#[inline(always)]
fn halo(f: &mut [f64]) {
    for y in 0..L {
        let r = at(y);
        (f[r - 1], f[r + L]) = (f[r + L - 1], f[r]);
    }
    f.copy_within(at(L - 1) - 8..at(L - 1) + L + 8, 0);
    f.copy_within(at(0) - 8..at(0) + L + 8, (L + 1) * STRIDE);
}

#[inline(always)]
fn kick_rows(f: &[f64], p: &mut [f64], by: f64) {
    for y in 0..L {
        let r = at(y);
        let (up, down) = (&f[r - STRIDE..r - STRIDE + L], &f[r + STRIDE..r + STRIDE + L]);
        let (left, here, right) = (&f[r - 1..r - 1 + L], &f[r..r + L], &f[r + 1..r + 1 + L]);
        let p = &mut p[y * L..(y + 1) * L];
        for x in 0..L {
            let around = (up[x] + down[x]) + (left[x] + right[x]);
            let local = (here[x] * here[x]).mul_add(-4.0 * LAMBDA, -2.0 * (1.0 - 2.0 * LAMBDA));
            let force = local.mul_add(here[x], 2.0 * KAPPA * around);
            p[x] = by.mul_add(force, p[x]);
        }
    }
}

#[inline(always)]
fn drift_rows(f: &mut [f64], p: &[f64], by: f64) {
    for y in 0..L {
        let r = at(y);
        let (f, p) = (&mut f[r..r + L], &p[y * L..(y + 1) * L]);
        for x in 0..L {
            f[x] = by.mul_add(p[x], f[x]);
        }
    }
    halo(f);
}

#[inline(always)]
fn energy(f: &[f64], p: &[f64], density: &mut [f64]) -> f64 {
    for y in 0..L {
        let r = at(y);
        let (down, here, right) = (&f[r + STRIDE..r + STRIDE + L], &f[r..r + L], &f[r + 1..r + 1 + L]);
        for x in 0..L {
            let q = here[x] * here[x];
            let local = q.mul_add(q.mul_add(LAMBDA, 1.0 - 2.0 * LAMBDA), 0.5 * p[y * L + x] * p[y * L + x]);
            density[y * L + x] = (-2.0 * KAPPA * here[x]).mul_add(down[x] + right[x], local);
        }
    }
    sum::sum(density)
}

#[inline(always)]
fn run(chain: usize, trajectory: impl Fn(&mut [f64], &mut [f64])) -> f64 {
    let mut f = vec![0.0; (L + 2) * STRIDE];
    let (mut p, mut density) = (vec![0.0; SITES], vec![0.0; SITES]);
    normals(chain, usize::MAX, &mut p);
    for y in 0..L {
        f[at(y)..at(y) + L].copy_from_slice(&p[y * L..(y + 1) * L]);
    }
    halo(&mut f);
    let mut old = f.clone();
    let mut mean = 0.0;
    for turn in 0..DRAWS {
        normals(chain, turn, &mut p);
        old.copy_from_slice(&f);
        let before = energy(&f, &p, &mut density);
        trajectory(&mut f, &mut p);
        if !accepts(chain, turn, energy(&f, &p, &mut density) - before) {
            f.copy_from_slice(&old);
        }
        if 2 * turn >= DRAWS {
            let square: f64 = (0..L).map(|y| sum::sum(&f[at(y)..at(y) + L].iter().map(|f| f * f).collect::<Vec<_>>())).sum();
            mean += square / (SITES * DRAWS / 2) as f64;
        }
    }
    mean
}
