//! The order of summation, which is part of the language's meaning.
//!
//! A sum is cut into chunks of 4096 terms. In a chunk, eight lanes start at the neutral element and lane j adds the
//! terms 8k + j in rising order of k (a last partial group reaches its first lanes only); lanes are joined as
//! ((l0+l4) + (l2+l6)) + ((l1+l5) + (l3+l7)). Chunks are joined by a balanced tree that splits at the largest power of
//! two below their number. Contiguous, strided and row-wise sums follow the same tree, so they agree in every bit;
//! so do vector widths and threads, which only ever share whole chunks.

use crate::simd::versions;

/// Terms of a chunk.
pub const CHUNK: usize = 4096;
/// Terms of a block, a power of two of chunks: what one thread sums of an array that several share. The tree of the chunks is the tree of the
/// blocks, each with its own tree of chunks.
pub const BLOCK: usize = 16 * CHUNK;
const LANES: usize = 8;

/// Joins `get(0)`, …, `get(n − 1)` by the balanced tree; `zero` if there are none.
pub fn tree<T>(n: usize, get: impl Fn(usize) -> T, add: impl Fn(T, T) -> T, zero: T) -> T {
    if n == 0 { zero } else { join(0, n, &get, &add) }
}

fn join<T>(start: usize, n: usize, get: &impl Fn(usize) -> T, add: &impl Fn(T, T) -> T) -> T {
    if n == 1 {
        return get(start);
    }
    let left = n.next_power_of_two() / 2;
    add(join(start, left, get, add), join(start + left, n - left, get, add))
}

/// An operation with a neutral element.
trait Join<T>: Copy {
    /// Whether any order gives the same bits, so that the order may be chosen for speed.
    const FREE: bool = true;
    fn zero() -> T;
    fn join(a: T, b: T) -> T;
    /// The result as it is handed out: NaN becomes the canonical one.
    #[inline(always)]
    fn finish(a: T) -> T {
        a
    }
}

#[derive(Clone, Copy)]
struct Sum;
#[derive(Clone, Copy)]
struct Product;
#[derive(Clone, Copy)]
struct Max;
#[derive(Clone, Copy)]
struct Min;

macro_rules! float_joins {
    ($t:ty, $bits:ty) => {
        impl Join<$t> for Sum {
            const FREE: bool = false;
            #[inline(always)]
            fn finish(a: $t) -> $t { if a.is_nan() { <$t>::NAN } else { a } }
            #[inline(always)]
            fn zero() -> $t { 0.0 }
            #[inline(always)]
            fn join(a: $t, b: $t) -> $t { a + b }
        }
        impl Join<$t> for Product {
            const FREE: bool = false;
            #[inline(always)]
            fn finish(a: $t) -> $t { if a.is_nan() { <$t>::NAN } else { a } }
            #[inline(always)]
            fn zero() -> $t { 1.0 }
            #[inline(always)]
            fn join(a: $t, b: $t) -> $t { a * b }
        }
        impl Join<$t> for Max {
            #[inline(always)]
            fn zero() -> $t { <$t>::NEG_INFINITY }
            #[inline(always)]
            fn join(a: $t, b: $t) -> $t {
                // Equal numbers differ at most in the sign of zero.
                let equal = <$t>::from_bits(a.to_bits() & b.to_bits());
                let larger = if a > b { a } else if a < b { b } else { equal };
                if a.is_nan() | b.is_nan() { <$t>::NAN } else { larger }
            }
        }
        impl Join<$t> for Min {
            #[inline(always)]
            fn zero() -> $t { <$t>::INFINITY }
            #[inline(always)]
            fn join(a: $t, b: $t) -> $t {
                let equal = <$t>::from_bits(a.to_bits() | b.to_bits());
                let smaller = if a < b { a } else if a > b { b } else { equal };
                if a.is_nan() | b.is_nan() { <$t>::NAN } else { smaller }
            }
        }
    };
}

float_joins!(f64, u64);
float_joins!(f32, u32);

impl Join<i64> for Sum {
    #[inline(always)]
    fn zero() -> i64 {
        0
    }
    #[inline(always)]
    fn join(a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }
}

impl Join<i64> for Product {
    #[inline(always)]
    fn zero() -> i64 {
        1
    }
    #[inline(always)]
    fn join(a: i64, b: i64) -> i64 {
        a.wrapping_mul(b)
    }
}

impl Join<i64> for Max {
    #[inline(always)]
    fn zero() -> i64 {
        i64::MIN
    }
    #[inline(always)]
    fn join(a: i64, b: i64) -> i64 {
        a.max(b)
    }
}

impl Join<i64> for Min {
    #[inline(always)]
    fn zero() -> i64 {
        i64::MAX
    }
    #[inline(always)]
    fn join(a: i64, b: i64) -> i64 {
        a.min(b)
    }
}

/// ((l0+l4) + (l2+l6)) + ((l1+l5) + (l3+l7)).
#[inline(always)]
fn lanes<T: Copy, J: Join<T>>(_: J, l: [T; LANES]) -> T {
    let pairs = [J::join(l[0], l[4]), J::join(l[1], l[5]), J::join(l[2], l[6]), J::join(l[3], l[7])];
    J::join(J::join(pairs[0], pairs[2]), J::join(pairs[1], pairs[3]))
}

/// One chunk.
#[inline(always)]
fn chunk<T: Copy, J: Join<T>>(j: J, x: &[T]) -> T {
    let mut lane = [J::zero(); LANES];
    let (groups, rest) = x.as_chunks::<LANES>();
    for group in groups {
        for (lane, x) in lane.iter_mut().zip(group) {
            *lane = J::join(*lane, *x);
        }
    }
    for (lane, x) in lane.iter_mut().zip(rest) {
        *lane = J::join(*lane, *x);
    }
    lanes(j, lane)
}

/// Partial sums on their way up the balanced tree: as the digits of a binary counter.
struct Partials<T> {
    level: [Option<T>; usize::BITS as usize],
}

impl<T: Copy> Partials<T> {
    #[inline(always)]
    fn new() -> Partials<T> {
        Partials { level: [None; usize::BITS as usize] }
    }

    #[inline(always)]
    fn push(&mut self, mut value: T, join: impl Fn(T, T) -> T) {
        for level in self.level.iter_mut() {
            match level.take() {
                Some(left) => value = join(left, value),
                None => {
                    *level = Some(value);
                    return;
                }
            }
        }
    }

    #[inline(always)]
    fn finish(self, join: impl Fn(T, T) -> T) -> Option<T> {
        self.level.into_iter().flatten().reduce(|right, left| join(left, right))
    }
}

/// Any order, for operations that allow it: 32 lanes.
#[inline(always)]
fn fold_freely<T: Copy, J: Join<T>>(_: J, x: &[T]) -> T {
    let mut lane = [J::zero(); 4 * LANES];
    let (groups, rest) = x.as_chunks::<{ 4 * LANES }>();
    for group in groups {
        for l in 0..4 * LANES {
            lane[l] = J::join(lane[l], group[l]);
        }
    }
    let mut value = J::zero();
    for x in lane.iter().chain(rest) {
        value = J::join(value, *x);
    }
    value
}

#[inline(always)]
fn fold<T: Copy, J: Join<T>>(j: J, x: &[T]) -> T {
    if J::FREE && x.len() >= 128 {
        return fold_freely(j, x);
    }
    if x.len() <= CHUNK {
        return if x.is_empty() { J::zero() } else { J::finish(chunk(j, x)) };
    }
    let mut partials = Partials::new();
    for part in x.chunks(CHUNK) {
        partials.push(chunk(j, part), J::join);
    }
    J::finish(partials.finish(J::join).unwrap_or(J::zero()))
}

/// One chunk of the terms x[start], x[start + stride], …
#[inline(always)]
fn chunk_strided<T: Copy, J: Join<T>>(j: J, x: &[T], start: usize, stride: usize, n: usize) -> T {
    let mut lane = [J::zero(); LANES];
    let mut at = start;
    for i in 0..n {
        lane[i % LANES] = J::join(lane[i % LANES], x[at]);
        at += stride;
    }
    lanes(j, lane)
}

#[inline(always)]
fn fold_strided<T: Copy, J: Join<T>>(j: J, x: &[T], start: usize, stride: usize, n: usize) -> T {
    if n <= CHUNK {
        return if n == 0 { J::zero() } else { J::finish(chunk_strided(j, x, start, stride, n)) };
    }
    let mut partials = Partials::new();
    for first in (0..n).step_by(CHUNK) {
        partials.push(chunk_strided(j, x, start + first * stride, stride, CHUNK.min(n - first)), J::join);
    }
    J::finish(partials.finish(J::join).unwrap_or(J::zero()))
}

/// One chunk of W neighbouring columns of [n, inner].
#[inline(always)]
fn chunk_columns<T: Copy, J: Join<T>, const W: usize>(j: J, x: &[T], n: usize, inner: usize) -> [T; W] {
    let mut lane = [[J::zero(); W]; LANES];
    for row in (0..n - n % LANES).step_by(LANES) {
        for l in 0..LANES {
            let terms = &x[(row + l) * inner..(row + l) * inner + W];
            for i in 0..W {
                lane[l][i] = J::join(lane[l][i], terms[i]);
            }
        }
    }
    for l in 0..n % LANES {
        let row = n - n % LANES + l;
        for i in 0..W {
            lane[l][i] = J::join(lane[l][i], x[row * inner + i]);
        }
    }
    let mut out = [J::zero(); W];
    for i in 0..W {
        out[i] = lanes(j, [lane[0][i], lane[1][i], lane[2][i], lane[3][i], lane[4][i], lane[5][i], lane[6][i], lane[7][i]]);
    }
    out
}

/// W neighbouring columns of [n, inner] at once.
#[inline(always)]
fn fold_columns<T: Copy, J: Join<T>, const W: usize>(j: J, x: &[T], n: usize, inner: usize) -> [T; W] {
    if n <= CHUNK {
        return if n == 0 { [J::zero(); W] } else { chunk_columns(j, x, n, inner) };
    }
    let join = |a: [T; W], b: [T; W]| std::array::from_fn(|i| J::join(a[i], b[i]));
    let mut partials = Partials::new();
    for first in (0..n).step_by(CHUNK) {
        partials.push(chunk_columns(j, &x[first * inner..], CHUNK.min(n - first), inner), join);
    }
    partials.finish(join).unwrap_or([J::zero(); W])
}

/// Columns that are summed side by side.
const WIDTH: usize = 16;

#[inline(always)]
fn fold_rows<T: Copy, J: Join<T>>(j: J, x: &[T], n: usize, inner: usize, first: usize, out: &mut [T]) {
    assert_eq!(x.len(), n * inner);
    assert!(first + out.len() <= inner);
    let (wide, rest) = out.as_chunks_mut::<WIDTH>();
    let done = first + wide.len() * WIDTH;
    for (i, out) in wide.iter_mut().enumerate() {
        *out = fold_columns(j, x.get(first + i * WIDTH..).unwrap_or(&[]), n, inner);
        for out in out.iter_mut() {
            *out = J::finish(*out);
        }
    }
    for (i, out) in rest.iter_mut().enumerate() {
        *out = fold_strided(j, x, done + i, inner, n);
    }
}

#[inline(always)]
fn join_blocks<T: Copy, J: Join<T>>(_: J, x: &[T], inner: usize, out: &mut [T]) {
    for (i, out) in out.iter_mut().enumerate() {
        *out = J::finish(tree(x.len() / inner, |block| x[block * inner + i], J::join, J::zero()));
    }
}

macro_rules! folds {
    ($($(#[$doc:meta])* $join:ident: $t:ty, $name:ident $strided:ident $rows:ident $blocks:ident;)*) => {versions! {$(
        $(#[$doc])*
        pub fn $name(x: &[$t]) -> $t { fold($join, x) }
        #[doc = concat!("[`", stringify!($name), "`] of x[start], x[start + stride], …, n of them.")]
        pub fn $strided(x: &[$t], start: usize, stride: usize, n: usize) -> $t {
            fold_strided($join, x, start, stride, n)
        }
        #[doc = concat!("[`", stringify!($name), "`] over n: x is [n, inner], and out its columns from the first on.")]
        pub fn $rows(x: &[$t], n: usize, inner: usize, first: usize, out: &mut [$t]) { fold_rows($join, x, n, inner, first, out) }
        #[doc = concat!("[`", stringify!($name), "`] over blocks: x is [blocks, inner], what each block of [`BLOCK`] terms has given, and out [inner].")]
        pub fn $blocks(x: &[$t], inner: usize, out: &mut [$t]) { join_blocks($join, x, inner, out) }
    )*}};
}

folds! {
    /// The sum; +0 of nothing.
    Sum: f64, sum sum_strided sum_rows sum_blocks;
    /// The sum in `f32`.
    Sum: f32, sum_f32 sum_strided_f32 sum_rows_f32 sum_blocks_f32;
    /// The sum of integers, modulo 2⁶⁴.
    Sum: i64, sum_int sum_strided_int sum_rows_int sum_blocks_int;
    /// The product in the order of the sum; 1 of nothing.
    Product: f64, product product_strided product_rows product_blocks;
    /// The product in `f32`.
    Product: f32, product_f32 product_strided_f32 product_rows_f32 product_blocks_f32;
    /// The product of integers, modulo 2⁶⁴.
    Product: i64, product_int product_strided_int product_rows_int product_blocks_int;
    /// The largest element: NaN if any is, +0 is above −0; −∞ of nothing.
    Max: f64, max max_strided max_rows max_blocks;
    /// The largest element in `f32`.
    Max: f32, max_f32 max_strided_f32 max_rows_f32 max_blocks_f32;
    /// The largest integer; the least there is of nothing.
    Max: i64, max_int max_strided_int max_rows_int max_blocks_int;
    /// The smallest element: NaN if any is, −0 is below +0; ∞ of nothing.
    Min: f64, min min_strided min_rows min_blocks;
    /// The smallest element in `f32`.
    Min: f32, min_f32 min_strided_f32 min_rows_f32 min_blocks_f32;
    /// The smallest integer; the largest there is of nothing.
    Min: i64, min_int min_strided_int min_rows_int min_blocks_int;
}

/// Whether any element holds.
pub fn any(x: &[bool]) -> bool {
    x.contains(&true)
}

/// Whether all elements hold.
pub fn all(x: &[bool]) -> bool {
    !x.contains(&false)
}

/// [`any`] of x[start], x[start + stride], …, n of them.
pub fn any_strided(x: &[bool], start: usize, stride: usize, n: usize) -> bool {
    (0..n).any(|i| x[start + i * stride])
}

/// [`all`] of x[start], x[start + stride], …, n of them.
pub fn all_strided(x: &[bool], start: usize, stride: usize, n: usize) -> bool {
    (0..n).all(|i| x[start + i * stride])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise;

    fn numbers(n: usize) -> Vec<f64> {
        let mut x = vec![0.0; n];
        noise::normal(noise::key(1, 2, &[]), 0, 0, &mut x);
        x
    }

    /// The definition, word for word.
    fn defined(x: &[f64]) -> f64 {
        let part = |c: usize| {
            let mut l = [0.0; 8];
            for (i, x) in x[c * 4096..x.len().min((c + 1) * 4096)].iter().enumerate() {
                l[i % 8] += x;
            }
            ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
        };
        tree(x.len().div_ceil(4096), part, |a, b| a + b, 0.0)
    }

    #[test]
    fn blocks_and_parts_of_the_columns_agree_with_the_plain_sum() {
        for n in [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5, 5 * BLOCK] {
            let x = numbers(n);
            let parts: Vec<f64> = x.chunks(BLOCK).map(sum).collect();
            let mut joined = [0.0];
            sum_blocks(&parts, 1, &mut joined);
            assert_eq!(joined[0].to_bits(), sum(&x).to_bits(), "{n}");
        }
        let (n, inner) = (CHUNK + 9, 41);
        let x = numbers(n * inner);
        let (mut whole, mut parts) = (vec![0.0; inner], vec![0.0; inner]);
        sum_rows(&x, n, inner, 0, &mut whole);
        for columns in [0..16, 16..17, 17..40, 40..41] {
            sum_rows(&x, n, inner, columns.start, &mut parts[columns]);
        }
        assert_eq!(whole, parts);
    }

    const LENGTHS: [usize; 16] = [0, 1, 7, 8, 9, 63, 100, 4095, 4096, 4097, 8192, 12289, 16384, 16385, 20480, 70001];

    #[test]
    fn the_order_is_the_defined_one() {
        for n in LENGTHS {
            let x = numbers(n);
            assert_eq!(sum(&x).to_bits(), defined(&x).to_bits(), "{n}");
        }
    }

    #[test]
    fn strides_and_rows_agree_with_the_plain_sum() {
        for n in LENGTHS {
            for inner in [1, 3, 16, 37] {
                if n * inner > 300_000 {
                    continue;
                }
                let x = numbers(n * inner);
                let mut rows = vec![0.0; inner];
                sum_rows(&x, n, inner, 0, &mut rows);
                for (i, row) in rows.iter().enumerate() {
                    let column: Vec<f64> = (0..n).map(|k| x[k * inner + i]).collect();
                    assert_eq!(row.to_bits(), sum(&column).to_bits(), "{n} {inner}");
                    assert_eq!(row.to_bits(), sum_strided(&x, i, inner, n).to_bits());
                }
            }
        }
    }

    #[test]
    fn the_tree_splits_at_powers_of_two() {
        let shape = |n| tree(n, |i| i.to_string(), |a, b| format!("({a}{b})"), String::new());
        assert_eq!(shape(0), "");
        assert_eq!(shape(5), "(((01)(23))4)");
        assert_eq!(shape(7), "(((01)(23))((45)6))");
    }

    #[test]
    fn neutral_elements_and_signs_of_zero() {
        assert_eq!(sum(&[]).to_bits(), 0);
        assert_eq!(sum(&[-0.0]).to_bits(), 0);
        assert_eq!(product(&[]), 1.0);
        assert_eq!(max(&[]), f64::NEG_INFINITY);
        for x in [[0.0, -0.0], [-0.0, 0.0]] {
            assert!(max(&x).is_sign_positive() && min(&x).is_sign_negative());
        }
        assert!(max(&[1.0, f64::NAN, 2.0]).is_nan() && min(&[f64::NAN, 1.0]).is_nan());
        assert_eq!((max_int(&[3, -5]), min_int(&[3, -5])), (3, -5));
        assert_eq!(sum_int(&[i64::MAX, 1]), i64::MIN);
        assert_eq!((product_int(&[2, 3, 7]), product_f32(&[0.5, 4.0])), (42, 2.0));
    }

    #[test]
    fn extremes_are_found_anywhere() {
        let mut x = numbers(5000);
        x[4321] = 100.0;
        x[17] = -100.0;
        assert_eq!((max(&x), min(&x)), (100.0, -100.0));
        x[4999] = f64::NAN;
        assert!(max(&x).is_nan());
        assert!(any(&[false, true]) && !all(&[false, true]) && all(&[]) && !any(&[]));
        assert!(any_strided(&[false, true, false], 1, 2, 1) && !all_strided(&[true, false, false], 0, 2, 2));
    }
}
