//! Noise: the generator itself, addressing, frozen bits, distribution.

use moyal_runtime::noise::*;
use moyal_runtime::simd::{Level, limit};
use rand::{Rng, RngExt};

#[test]
fn known_answers_of_random123() {
    let ones = u32::MAX;
    for (counter, key, out) in [
        ([0; 4], [0; 2], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]),
        ([ones; 4], [ones; 2], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]),
        (
            [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
            [0xa4093822, 0x299f31d0],
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
        ),
    ] {
        assert_eq!(philox(counter, key), out);
    }
    for i in 0..100u32 {
        let (counter, key) = ([i, i ^ 7, i << 20, !i], [i * 3, i + 11]);
        assert_eq!(philox(counter, key), rand_philox::philox4x32_10(counter, key));
    }
}

/// The address of an element's words, as documented.
#[test]
fn elements_lie_where_they_should() {
    let (k, turn, first) = (key(1, 2, &[3]), (5u64 << 32) + 9, (1u64 << 36) + 3);
    let mut out = vec![0; 500];
    bits(k, turn, first, &mut out);
    for (i, word) in out.iter().enumerate() {
        let e = first + i as u64;
        let block = 8 * (e / 16) + e % 8;
        let words = philox([block as u32, (block >> 32) as u32, turn as u32, (turn >> 32) as u32], k);
        let half = (e / 8 % 2) as usize * 2;
        assert_eq!(*word, words[half] as u64 | (words[half + 1] as u64) << 32);
    }
    let mut singles = vec![0.0; 500];
    uniform_f32(k, turn, first, &mut singles);
    for (i, u) in singles.iter().enumerate() {
        let e = first + i as u64;
        let block = 16 * (e / 64) + e % 16;
        let words = philox([block as u32, (block >> 32) as u32, turn as u32, (turn >> 32) as u32], k);
        assert_eq!(*u, ((words[(e / 16 % 4) as usize] >> 9) as f32 + 0.5) / 8388608.0);
    }
}

#[test]
fn splitting_and_instruction_sets_do_not_matter() {
    let k = key(8, 1, &[]);
    let mut whole = vec![0.0; 1000];
    let mut whole_f32 = vec![0.0; 1000];
    normal(k, 4, 77, &mut whole);
    normal_f32(k, 4, 77, &mut whole_f32);
    for level in [Level::Baseline, Level::Avx2, Level::Avx512] {
        limit(level);
        for piece in [1, 2, 15, 16, 17, 127, 129, 300, 1000] {
            let (mut out, mut out_f32) = (vec![0.0; 1000], vec![0.0; 1000]);
            for (i, (a, b)) in out.chunks_mut(piece).zip(out_f32.chunks_mut(piece)).enumerate() {
                normal(k, 4, 77 + (i * piece) as u64, a);
                normal_f32(k, 4, 77 + (i * piece) as u64, b);
            }
            assert!(out.iter().zip(&whole).all(|(a, b)| a.to_bits() == b.to_bits()), "{level:?} {piece}");
            assert!(out_f32.iter().zip(&whole_f32).all(|(a, b)| a.to_bits() == b.to_bits()), "{level:?} {piece}");
        }
    }
}

#[test]
fn the_stream_is_frozen() {
    assert_eq!(key(0, 0, &[]), FROZEN_KEYS[0]);
    assert_eq!(key(42, 7, &[]), FROZEN_KEYS[1]);
    assert_eq!(key(42, 7, &[0]), FROZEN_KEYS[2]);
    assert_eq!(key(42, 7, &[1, u64::MAX]), FROZEN_KEYS[3]);
    let k = key(42, 7, &[1]);
    let (mut b, mut u, mut n) = ([0; 3], [0.0; 3], [0.0; 3]);
    let (mut u32, mut n32) = ([0.0; 3], [0.0; 3]);
    bits(k, 3, 14, &mut b);
    uniform(k, 3, 14, &mut u);
    normal(k, 3, 14, &mut n);
    uniform_f32(k, 3, 14, &mut u32);
    normal_f32(k, 3, 14, &mut n32);
    assert_eq!(b, FROZEN_BITS);
    assert_eq!(u.map(f64::to_bits), FROZEN_UNIFORM);
    assert_eq!(n.map(f64::to_bits), FROZEN_NORMAL);
    assert_eq!(u32.map(f32::to_bits), FROZEN_UNIFORM_F32);
    assert_eq!(n32.map(f32::to_bits), FROZEN_NORMAL_F32);
    assert_eq!(Stream::new(k, 3, 14).next_u64(), FROZEN_STREAM);
}

const FROZEN_KEYS: [[u32; 2]; 4] = [[0x7f304007, 0xc764f03e], [0x1b4f3dab, 0xcc1aa9a6], [0x8d557872, 0xca2aa566], [0x74c83c77, 0xfe08d31b]];
const FROZEN_BITS: [u64; 3] = [0x1e1b9d271650c449, 0xabaa8032e5622edd, 0x8728a8d379fbc78c];
const FROZEN_UNIFORM: [u64; 3] = [0x3fbe1b9d271650c8, 0x3fe57550065cac45, 0x3fe0e5151a6f3f79];
const FROZEN_NORMAL: [u64; 3] = [0x3ff75f31fe3335da, 0x3ff1d0473f03d358, 0x3fdc3f9d312e93de];
const FROZEN_UNIFORM_F32: [u32; 3] = [0x3f535341, 0x3f406249, 0x3eb7118e];
const FROZEN_NORMAL_F32: [u32; 3] = [0x3de1e849, 0x3efdedec, 0xbfc5f104];
const FROZEN_STREAM: u64 = 0x9938ba61d259fa72;

#[test]
fn keys_differ_in_everything() {
    let mut keys = Vec::new();
    for seed in 0..20 {
        for place in 0..20 {
            keys.extend([key(seed, place, &[]), key(seed, place, &[0]), key(seed, place, &[0, 0])]);
            keys.extend((1..20).map(|turn| key(seed, place, &[turn])));
        }
    }
    let all = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), all);
}

const DRAWS: usize = 1 << 20;

/// Largest distance between the empirical and the given distribution function, times √n.
fn kolmogorov(x: &mut [f64], cdf: impl Fn(f64) -> f64) -> f64 {
    x.sort_by(f64::total_cmp);
    let n = x.len() as f64;
    let gap = |(i, x): (usize, &f64)| (cdf(*x) - i as f64 / n).abs().max((cdf(*x) - (i + 1) as f64 / n).abs());
    x.iter().enumerate().map(gap).fold(0.0, f64::max) * n.sqrt()
}

/// The moments are off by less than 4 standard errors.
fn check_moments(x: &[f64]) {
    let n = x.len() as f64;
    let moment = |p: i32| x.iter().map(|x| x.powi(p)).sum::<f64>() / n;
    for (p, exact, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0), (6, 15.0, 10170.0f64)] {
        assert!((moment(p) - exact).abs() < 4.0 * (variance / n).sqrt(), "moment {p}: {}", moment(p));
    }
}

#[test]
fn normals_are_normal() {
    let cdf = |x: f64| 0.5 * moyal_runtime::math::erfc(-x / std::f64::consts::SQRT_2);
    let mut x = vec![0.0; DRAWS];
    normal(key(1, 1, &[]), 0, 0, &mut x);
    check_moments(&x);
    assert!(kolmogorov(&mut x, cdf) < 1.63);
    let mut single = vec![0.0; DRAWS];
    normal_f32(key(1, 1, &[]), 0, 0, &mut single);
    let mut x: Vec<f64> = single.iter().map(|x| *x as f64).collect();
    check_moments(&x);
    assert!(kolmogorov(&mut x, cdf) < 1.63);
}

#[test]
fn uniforms_are_uniform() {
    let mut x = vec![0.0; DRAWS];
    uniform(key(1, 2, &[]), 0, 0, &mut x);
    assert!(x.iter().all(|x| 0.0 < *x && *x < 1.0));
    assert!(kolmogorov(&mut x, |x| x) < 1.63);
    let mut x = vec![0.0; DRAWS];
    uniform_f32(key(1, 2, &[]), 0, 0, &mut x);
    assert!(x.iter().all(|x| 0.0 < *x && *x < 1.0));
    let mut x: Vec<f64> = x.iter().map(|x| *x as f64).collect();
    assert!(kolmogorov(&mut x, |x| x) < 1.63);
}

/// Products of neighbouring elements, turns and keys, and of squares (the two halves of a block share their radius).
#[test]
fn neighbours_are_uncorrelated() {
    let draw = |k, turn| {
        let mut x = vec![0.0; DRAWS];
        normal(k, turn, 0, &mut x);
        x
    };
    let (k, other) = (key(1, 3, &[]), key(1, 4, &[]));
    let x = draw(k, 0);
    let check = |name: &str, a: &[f64], b: &[f64]| {
        let n = a.len().min(b.len()) as f64;
        let mean: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / n;
        let squares: f64 = a.iter().zip(b).map(|(a, b)| (a * a - 1.0) * (b * b - 1.0)).sum::<f64>() / n;
        assert!(mean.abs() * n.sqrt() < 4.0 && squares.abs() * n.sqrt() < 8.0, "{name} {mean} {squares}");
    };
    for lag in [1, 2, 7, 8, 9, 16, 64, 128] {
        check(&format!("lag {lag}"), &x, &x[lag..]);
    }
    check("turns", &x, &draw(k, 1));
    check("keys", &x, &draw(other, 0));
}

#[test]
fn distributions_of_rand_can_use_a_stream() {
    let k = key(1, 5, &[]);
    let mut mean = 0.0;
    for element in 0..100_000 {
        let mut stream = Stream::new(k, 0, element);
        let u: f64 = stream.random();
        assert!(stream.random_range(0..6) < 6);
        mean += u / 100_000.0;
    }
    assert!((mean - 0.5).abs() < 4.0 * (1.0 / 12.0 / 100_000.0f64).sqrt());
    let (mut a, mut b) = (Stream::new(k, 0, 1), Stream::new(k, 0, 1));
    let mut bytes = [0; 11];
    a.fill_bytes(&mut bytes);
    assert_eq!(bytes[..8], b.next_u64().to_le_bytes());
}
