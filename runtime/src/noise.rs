//! Noise: every number is a function of its address, so it does not matter who computes it, when, or beside what.
//!
//! The generator is Philox4x32-10 (Salmon et al., SC'11). Its key is a hash of seed, place and the turns of the outer
//! loops; its counter is (block, innermost turn). In `f64` a block gives two elements: element e lies in block
//! 8·⌊e/16⌋ + e mod 8, half ⌊e/8⌋ mod 2; in `f32` four: block 16·⌊e/64⌋ + e mod 16, quarter ⌊e/16⌋ mod 4.
//! So a group of 16 (64) elements is made of 8 (16) blocks side by side, and vector code needs no shuffles.

use crate::math::{log_positive, polynomial, quarter::*, single};
use crate::simd::versions;
use rand::TryRng;
use std::convert::Infallible;

const MULTIPLIERS: (u64, u64) = (0xD251_1F53, 0xCD9E_8D57);
const WEYL: (u32, u32) = (0x9E37_79B9, 0xBB67_AE85);
const ROUNDS: usize = 10;
const LOW: u64 = 0xffff_ffff;

/// One block of Philox4x32-10.
#[inline(always)]
pub fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let wide = philox_wide(counter.map(u64::from), key);
    wide.map(|word| word as u32)
}

/// The same with each word in the low half of 64 bits, as vector units multiply them.
#[inline(always)]
fn philox_wide(mut c: [u64; 4], key: [u32; 2]) -> [u64; 4] {
    let (mut k0, mut k1) = (key[0], key[1]);
    for _ in 0..ROUNDS {
        let (p0, p1) = ((c[0] & LOW) * MULTIPLIERS.0, (c[2] & LOW) * MULTIPLIERS.1);
        // The high halves of c[1] and c[3] may hold rubbish: only the low ones are ever used.
        c = [(p1 >> 32) ^ c[1] ^ k0 as u64, p1, (p0 >> 32) ^ c[3] ^ k1 as u64, p0];
        k0 = k0.wrapping_add(WEYL.0);
        k1 = k1.wrapping_add(WEYL.1);
    }
    c.map(|word| word & LOW)
}

/// The Philox key of a stream: seed, place and turns are fed one after another into a chain of Philox blocks, each
/// keyed by the one before, with the position in the chain in the counter. Frozen: programs rely on it.
pub fn key(seed: u64, place: u64, turns: &[u64]) -> [u32; 2] {
    let words = [seed, place].into_iter().chain(turns.iter().copied());
    words.enumerate().fold([0x4d6f_7961, 0x6c21_0001], |key, (i, word)| {
        let out = philox([word as u32, (word >> 32) as u32, i as u32, turns.len() as u32], key);
        [out[0] ^ out[2], out[1] ^ out[3]]
    })
}

/// Blocks of a tile in the bulk path.
const TILE: usize = 64;

/// The two 64-bit words of each of N consecutive blocks.
#[inline(always)]
fn words<const N: usize>(key: [u32; 2], turn: u64, first: u64) -> ([u64; N], [u64; N]) {
    let (mut a, mut b) = ([0; N], [0; N]);
    for i in 0..N {
        let block = first.wrapping_add(i as u64);
        let c = philox_wide([block & LOW, block >> 32, turn & LOW, turn >> 32], key);
        a[i] = c[0] | (c[1] << 32);
        b[i] = c[2] | (c[3] << 32);
    }
    (a, b)
}

/// (k + ½) 2⁻⁵² from the top 52 bits, k: in (0, 1), exactly.
#[inline(always)]
fn unit(word: u64) -> f64 {
    f64::from_bits((word >> 12) | 0x3ff0_0000_0000_0000) - (1.0 - f64::EPSILON / 2.0)
}

/// √(−2 ln u) (cos φ, sin φ), where φ has its place in a quarter turn from the top of the angle word and its quarter from
/// the two lowest bits (Box and Muller).
#[inline(always)]
fn box_muller(radius: u64, angle: u64) -> (f64, f64) {
    let r = (-2.0 * log_positive(unit(radius))).sqrt();
    let t = unit(angle) - 0.5;
    let z = t * t;
    let sine = t * polynomial(z, &SIN_QUARTER);
    let cosine = z.mul_add(polynomial(z, &COS_QUARTER), 1.0);
    let odd = angle & 1 != 0;
    let (x, y) = if odd { (sine, cosine) } else { (cosine, sine) };
    // Quarter q turns (cos, sin) into (cos, sin), (−sin, cos), (−cos, −sin), (sin, −cos).
    let x_sign = ((angle ^ (angle >> 1)) & 1) << 63;
    let y_sign = ((angle >> 1) & 1) << 63;
    (r * f64::from_bits(x.to_bits() ^ x_sign), r * f64::from_bits(y.to_bits() ^ y_sign))
}

/// A way to turn the two words of a block into two elements.
trait Pair<T> {
    fn pair(a: u64, b: u64) -> (T, T);
}

struct Bits;
struct Uniform;
struct Normal;

impl Pair<u64> for Bits {
    #[inline(always)]
    fn pair(a: u64, b: u64) -> (u64, u64) {
        (a, b)
    }
}

impl Pair<f64> for Uniform {
    #[inline(always)]
    fn pair(a: u64, b: u64) -> (f64, f64) {
        (unit(a), unit(b))
    }
}

impl Pair<f64> for Normal {
    #[inline(always)]
    fn pair(a: u64, b: u64) -> (f64, f64) {
        box_muller(a, b)
    }
}

/// The 2N elements of N blocks from `first` on; N is a multiple of 8.
#[inline(always)]
fn tile<const N: usize, T: Copy + Default, P: Pair<T>>(key: [u32; 2], turn: u64, first: u64, out: &mut [T]) {
    let (a, b) = words::<N>(key, turn, first);
    let (mut x, mut y) = ([T::default(); N], [T::default(); N]);
    for i in 0..N {
        (x[i], y[i]) = P::pair(a[i], b[i]);
    }
    for (i, group) in out.chunks_exact_mut(16).enumerate() {
        group[..8].copy_from_slice(&x[8 * i..8 * i + 8]);
        group[8..].copy_from_slice(&y[8 * i..8 * i + 8]);
    }
}

/// Fills `out` with the elements from `first` on: whole tiles, whole groups, and at both ends parts of a group.
#[inline(always)]
fn fill<T: Copy + Default, P: Pair<T>>(key: [u32; 2], turn: u64, first: u64, out: &mut [T]) {
    let (mut element, mut rest) = (first, out);
    while !rest.is_empty() {
        let block = element / 16 * 8;
        let skip = (element % 16) as usize;
        let length = if skip == 0 && rest.len() >= 2 * TILE {
            tile::<TILE, T, P>(key, turn, block, &mut rest[..2 * TILE]);
            2 * TILE
        } else if skip == 0 && rest.len() >= 16 {
            tile::<8, T, P>(key, turn, block, &mut rest[..16]);
            16
        } else {
            let mut group = [T::default(); 16];
            tile::<8, T, P>(key, turn, block, &mut group);
            let length = (16 - skip).min(rest.len());
            rest[..length].copy_from_slice(&group[skip..skip + length]);
            length
        };
        element = element.wrapping_add(length as u64);
        rest = &mut rest[length..];
    }
}

versions! {
    /// Whether each number is `step` above the one before, told without a branch for each.
    pub fn run_on(numbers: &[i64], step: i64) -> bool {
        let first = numbers.first().copied().unwrap_or(0);
        numbers.iter().enumerate().fold(0, |found, (j, n)| found | (n - first - step * j as i64)) == 0
    }

    /// Sets out[i] to the 64 random bits of element first + i.
    pub fn bits(key: [u32; 2], turn: u64, first: u64, out: &mut [u64]) {
        fill::<u64, Bits>(key, turn, first, out)
    }

    /// Sets out[i] to the uniform number of element first + i: (k + ½) 2⁻⁵² with 52 random bits k, so never 0 or 1.
    pub fn uniform(key: [u32; 2], turn: u64, first: u64, out: &mut [f64]) {
        fill::<f64, Uniform>(key, turn, first, out)
    }

    /// Sets out[i] to the standard normal number of element first + i; |out[i]| < 8.6.
    pub fn normal(key: [u32; 2], turn: u64, first: u64, out: &mut [f64]) {
        fill::<f64, Normal>(key, turn, first, out)
    }
}

/// Blocks of a tile in the bulk path of `f32`.
const TILE_F32: usize = 64;

/// (k + ½) 2⁻²³ from the top 23 bits, k: in (0, 1), exactly.
#[inline(always)]
fn unit_f32(word: u32) -> f32 {
    f32::from_bits((word >> 9) | 0x3f80_0000) - (1.0 - f32::EPSILON / 2.0)
}

/// As [`box_muller`]; the radius has 31 bits and so reaches 6.6.
#[inline(always)]
fn box_muller_f32(radius: u32, angle: u32) -> (f32, f32) {
    let u = ((radius >> 1) as i32 as f32).mul_add(4.656_613e-10, 2.328_306_4e-10);
    let r = (-2.0 * single::log_positive(u)).sqrt();
    let t = unit_f32(angle) - 0.5;
    let z = t * t;
    let sine = t * single::polynomial(z, &SIN_QUARTER_F32);
    let cosine = z.mul_add(single::polynomial(z, &COS_QUARTER_F32), 1.0);
    let odd = angle & 1 != 0;
    let (x, y) = if odd { (sine, cosine) } else { (cosine, sine) };
    let x_sign = ((angle ^ (angle >> 1)) & 1) << 31;
    let y_sign = ((angle >> 1) & 1) << 31;
    (r * f32::from_bits(x.to_bits() ^ x_sign), r * f32::from_bits(y.to_bits() ^ y_sign))
}

/// The 4N elements of N blocks from `first` on, from the words of each block; N is a multiple of 16.
#[inline(always)]
fn tile_f32<const N: usize>(
    key: [u32; 2],
    turn: u64,
    first: u64,
    out: &mut [f32],
    four: impl Fn([u32; 4]) -> [f32; 4],
) {
    let mut c = [[0u32; N]; 4];
    for i in 0..N {
        let block = first.wrapping_add(i as u64);
        let w = philox_wide([block & LOW, block >> 32, turn & LOW, turn >> 32], key);
        for (c, w) in c.iter_mut().zip(w) {
            c[i] = w as u32;
        }
    }
    let mut x = [[0f32; N]; 4];
    for i in 0..N {
        let v = four([c[0][i], c[1][i], c[2][i], c[3][i]]);
        for (x, v) in x.iter_mut().zip(v) {
            x[i] = v;
        }
    }
    for (i, group) in out.chunks_exact_mut(64).enumerate() {
        for (part, x) in group.chunks_exact_mut(16).zip(&x) {
            part.copy_from_slice(&x[16 * i..16 * i + 16]);
        }
    }
}

#[inline(always)]
fn fill_f32(key: [u32; 2], turn: u64, first: u64, out: &mut [f32], four: impl Fn([u32; 4]) -> [f32; 4] + Copy) {
    let (mut element, mut rest) = (first, out);
    while !rest.is_empty() {
        let block = element / 64 * 16;
        let skip = (element % 64) as usize;
        let length = if skip == 0 && rest.len() >= 4 * TILE_F32 {
            tile_f32::<TILE_F32>(key, turn, block, &mut rest[..4 * TILE_F32], four);
            4 * TILE_F32
        } else {
            let mut group = [0.0; 64];
            tile_f32::<16>(key, turn, block, &mut group, four);
            let length = (64 - skip).min(rest.len());
            rest[..length].copy_from_slice(&group[skip..skip + length]);
            length
        };
        element = element.wrapping_add(length as u64);
        rest = &mut rest[length..];
    }
}

versions! {
    /// As [`uniform`], with 23 random bits: (k + ½) 2⁻²³.
    pub fn uniform_f32(key: [u32; 2], turn: u64, first: u64, out: &mut [f32]) {
        fill_f32(key, turn, first, out, |w| w.map(unit_f32))
    }

    /// As [`normal`]; |out[i]| < 6.7.
    pub fn normal_f32(key: [u32; 2], turn: u64, first: u64, out: &mut [f32]) {
        fill_f32(key, turn, first, out, |w| {
            let ((a, b), (c, d)) = (box_muller_f32(w[0], w[1]), box_muller_f32(w[2], w[3]));
            [a, b, c, d]
        })
    }
}

/// Random bits without end for one element, for samplers that do not know beforehand how many they need: a generator
/// in the sense of `rand`, so its distributions can be drawn from it.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    next: u64,
    words: [u64; 2],
    left: usize,
}

impl Stream {
    /// The stream of element `element`; its key is the block that (element, turn) has under a key set apart.
    pub fn new(key: [u32; 2], turn: u64, element: u64) -> Stream {
        let apart = [key[0] ^ 0x7374_7265, key[1] ^ 0x616d_2121];
        let out = philox([element as u32, (element >> 32) as u32, turn as u32, (turn >> 32) as u32], apart);
        Stream { key: [out[0] ^ out[2], out[1] ^ out[3]], next: 0, words: [0; 2], left: 0 }
    }

    fn word(&mut self) -> u64 {
        if self.left == 0 {
            let (a, b) = words::<1>(self.key, 0, self.next);
            self.next += 1;
            self.words = [b[0], a[0]];
            self.left = 2;
        }
        self.left -= 1;
        self.words[self.left]
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.word() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.word())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(8) {
            chunk.copy_from_slice(&self.word().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}
