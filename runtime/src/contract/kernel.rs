//! Tiles of a contraction, held in registers: one kernel for each number of rows and of registers a row.

use super::Number;
use super::register::Register;

/// Where the rows of a tile begin.
pub type Rows<T> = [*const T; TALLEST];

/// As many rows as a tile has at most.
pub const TALLEST: usize = 16;

/// One tile: `parts` times `terms` terms are added to numbers of C that lie `c_row` apart from row to row, in a panel of B whose
/// terms lie `b_term` apart. In each part the rows of A begin elsewhere, and their terms lie `a_term` apart.
pub struct Tile<T> {
    pub parts: usize,
    pub terms: usize,
    pub a: *const Rows<T>,
    pub a_term: usize,
    pub b: *const T,
    pub b_term: usize,
    pub c: *mut T,
    pub c_row: usize,
    /// How many numbers of the last register of a row there are.
    pub last: usize,
    /// Whether C holds nothing yet.
    pub begins: bool,
    /// Whether C will be final.
    pub ends: bool,
}

pub type Kernel<T> = unsafe fn(&Tile<T>);
/// Rows of eight numbers, each so far from the one before, are written as columns.
pub type Transpose<T> = unsafe fn(*const T, usize, *mut T, usize);

/// The kernels of an instruction set, for 1, 2, … rows and 1, 2, … registers a row of `width` numbers; fewer registers for more rows.
pub struct Set<T: 'static> {
    pub width: usize,
    /// How many registers a row the tiles of large products have.
    pub wide: usize,
    pub kernels: &'static [&'static [Kernel<T>]],
    /// For this many rows at once, most first.
    pub transposes: &'static [(usize, Transpose<T>)],
}

impl<T> Set<T> {
    /// How many registers so many columns fill.
    pub fn registers(&self, columns: usize) -> usize {
        (columns + self.width - 1) >> self.width.trailing_zeros()
    }

    /// How many rows a tile with so many registers a row has at most.
    pub fn tall(&self, registers: usize) -> usize {
        let registers = registers.min(self.wide);
        self.kernels.iter().rposition(|widths| widths.len() >= registers).expect("one row") + 1
    }
}

/// # Safety
/// The processor has the registers; what the tile names is there.
#[inline(always)]
unsafe fn tile<T: Number, V: Register<T>, const R: usize, const W: usize>(t: &Tile<T>) {
    // SAFETY: as promised by the caller.
    unsafe {
        let part = V::part(t.last);
        let load = |from: *const T, j: usize| {
            let from = from.add(j * V::WIDTH);
            if j + 1 < W { V::load(from) } else { V::load_part(from, part) }
        };
        let mut sums = [[V::zero(); W]; R];
        if !t.begins {
            for i in 0..R {
                for j in 0..W {
                    sums[i][j] = load(t.c.add(i * t.c_row), j);
                }
            }
        }
        let mut b = t.b;
        for part in 0..t.parts {
            let a: [*const T; R] = std::array::from_fn(|i| (*t.a.add(part))[i]);
            let mut at = 0;
            for _ in 0..t.terms {
                let mut terms = [V::zero(); W];
                for j in 0..W {
                    terms[j] = load(b, j);
                }
                for i in 0..R {
                    let factor = *a[i].add(at);
                    for j in 0..W {
                        sums[i][j] = sums[i][j].add(factor, terms[j]);
                    }
                }
                at += t.a_term;
                b = b.wrapping_add(t.b_term);
            }
        }
        for i in 0..R {
            for j in 0..W {
                let sum = if t.ends { sums[i][j].canonical() } else { sums[i][j] };
                let to = t.c.add(i * t.c_row + j * V::WIDTH);
                if j + 1 < W { sum.store(to) } else { sum.store_part(to, part) }
            }
        }
    }
}

/// The kernels of one instruction set: for each number of rows, each number of registers that the processor's hold.
macro_rules! set {
    ($name:ident $t:ty, $v:ty, $features:tt $wide:literal $([$r:literal: $($w:literal)*])*, $transposes:expr) => {
        pub static $name: Set<$t> = Set {
            width: <$v as Register<$t>>::WIDTH,
            wide: $wide,
            kernels: &[$(&[$(set!(@kernel $t, $v, $features $r $w)),*]),*],
            transposes: $transposes,
        };
    };
    (@kernel $t:ty, $v:ty, {$(#[$feature:meta])?} $r:tt $w:literal) => {{
        $(#[$feature])?
        unsafe fn kernel(t: &Tile<$t>) {
            // SAFETY: as promised by the caller.
            unsafe { tile::<$t, $v, $r, $w>(t) }
        }
        kernel
    }};
}

set!(PORTABLE f64, [f64; 2], {} 2 [1: 1 2] [2: 1 2] [3: 1 2] [4: 1 2], &[]);
set!(PORTABLE_F32 f32, [f32; 4], {} 2 [1: 1 2] [2: 1 2] [3: 1 2] [4: 1 2], &[]);
#[cfg(target_arch = "x86_64")]
pub mod wide {
    use super::*;
    use std::arch::x86_64::*;

    /// Thirty-two registers, or sixteen: sums, a row of terms and a factor.
    macro_rules! sets {
        ($(#[$wide:meta] $wide_name:ident $wide_t:ty, $wide_v:ty, $wide_transposes:expr; #[$narrow:meta] $name:ident $t:ty, $v:ty, $transposes:expr;)*) => {$(
            set!($wide_name $wide_t, $wide_v, {#[$wide]} 3 [1: 1 2 3 4 5 6 7 8] [2: 1 2 3 4 5 6] [3: 1 2 3 4 5] [4: 1 2 3 4] [5: 1 2 3] [6: 1 2 3] [7: 1 2 3] [8: 1 2 3]
                [9: 1 2] [10: 1 2] [11: 1 2] [12: 1 2] [13: 1] [14: 1] [15: 1] [16: 1], $wide_transposes);
            set!($name $t, $v, {#[$narrow]} 2 [1: 1 2 3 4 5 6] [2: 1 2 3 4] [3: 1 2 3] [4: 1 2] [5: 1 2] [6: 1 2] [7: 1] [8: 1] [9: 1] [10: 1] [11: 1] [12: 1], $transposes);
        )*};
    }

    sets! {
        #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")]
        AVX512 f64, __m512d, &[(8, eight_512)];
        #[target_feature(enable = "avx2,fma")]
        AVX2 f64, __m256d, &[(4, four_256)];
        #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")]
        AVX512_F32 f32, __m512, &[(16, sixteen_512_f32), (8, eight_256_f32)];
        #[target_feature(enable = "avx2,fma")]
        AVX2_F32 f32, __m256, &[(8, eight_256_f32)];
    }

    #[target_feature(enable = "avx512f,avx512dq")]
    unsafe fn eight_512(from: *const f64, row: usize, to: *mut f64, column: usize) {
        // Four columns of rows k and k + 2.
        let two = |k: usize, p: usize| {
            // SAFETY: as promised by the caller, here and below.
            let (x, y) = unsafe { (_mm256_loadu_pd(from.wrapping_add(k * row + p)), _mm256_loadu_pd(from.wrapping_add((k + 2) * row + p))) };
            _mm512_insertf64x4::<1>(_mm512_castpd256_pd512(x), y)
        };
        for p in [0, 4] {
            let rows = [two(0, p), two(1, p), two(4, p), two(5, p)];
            let even = (_mm512_unpacklo_pd(rows[0], rows[1]), _mm512_unpacklo_pd(rows[2], rows[3]));
            let odd = (_mm512_unpackhi_pd(rows[0], rows[1]), _mm512_unpackhi_pd(rows[2], rows[3]));
            for (j, (upper, lower)) in [even, odd].into_iter().enumerate() {
                unsafe {
                    _mm512_storeu_pd(to.wrapping_add((p + j) * column), _mm512_shuffle_f64x2::<0x88>(upper, lower));
                    _mm512_storeu_pd(to.wrapping_add((p + j + 2) * column), _mm512_shuffle_f64x2::<0xdd>(upper, lower));
                }
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512dq")]
    unsafe fn sixteen_512_f32(from: *const f32, row: usize, to: *mut f32, column: usize) {
        // Rows k and k + 4.
        let two = |k: usize| {
            // SAFETY: as promised by the caller, here and below.
            let (x, y) = unsafe { (_mm256_loadu_ps(from.wrapping_add(k * row)), _mm256_loadu_ps(from.wrapping_add((k + 4) * row))) };
            _mm512_insertf32x8::<1>(_mm512_castps256_ps512(x), y)
        };
        // Columns c and c + 4 of eight rows.
        let eight = |k: usize| {
            let rows = [two(k), two(k + 1), two(k + 2), two(k + 3)];
            let (a, b) = (_mm512_unpacklo_ps(rows[0], rows[1]), _mm512_unpackhi_ps(rows[0], rows[1]));
            let (c, d) = (_mm512_unpacklo_ps(rows[2], rows[3]), _mm512_unpackhi_ps(rows[2], rows[3]));
            [_mm512_shuffle_ps::<0x44>(a, c), _mm512_shuffle_ps::<0xee>(a, c), _mm512_shuffle_ps::<0x44>(b, d), _mm512_shuffle_ps::<0xee>(b, d)]
        };
        let (upper, lower) = (eight(0), eight(8));
        for c in 0..4 {
            unsafe {
                _mm512_storeu_ps(to.wrapping_add(c * column), _mm512_shuffle_f32x4::<0x88>(upper[c], lower[c]));
                _mm512_storeu_ps(to.wrapping_add((c + 4) * column), _mm512_shuffle_f32x4::<0xdd>(upper[c], lower[c]));
            }
        }
    }

    #[target_feature(enable = "avx2")]
    unsafe fn four_256(from: *const f64, row: usize, to: *mut f64, column: usize) {
        for p in [0, 4] {
            // SAFETY: as promised by the caller, here and below.
            let r: [__m256d; 4] = std::array::from_fn(|k| unsafe { _mm256_loadu_pd(from.wrapping_add(k * row + p)) });
            let even = (_mm256_unpacklo_pd(r[0], r[1]), _mm256_unpacklo_pd(r[2], r[3]));
            let odd = (_mm256_unpackhi_pd(r[0], r[1]), _mm256_unpackhi_pd(r[2], r[3]));
            for (j, (upper, lower)) in [even, odd].into_iter().enumerate() {
                unsafe {
                    _mm256_storeu_pd(to.wrapping_add((p + j) * column), _mm256_permute2f128_pd::<0x20>(upper, lower));
                    _mm256_storeu_pd(to.wrapping_add((p + j + 2) * column), _mm256_permute2f128_pd::<0x31>(upper, lower));
                }
            }
        }
    }

    #[target_feature(enable = "avx2")]
    unsafe fn eight_256_f32(from: *const f32, row: usize, to: *mut f32, column: usize) {
        // SAFETY: as promised by the caller, here and below.
        let r: [__m256; 8] = std::array::from_fn(|k| unsafe { _mm256_loadu_ps(from.wrapping_add(k * row)) });
        // Columns c and c + 4 of four rows.
        let four = |k: usize| {
            let (a, b) = (_mm256_unpacklo_ps(r[k], r[k + 1]), _mm256_unpackhi_ps(r[k], r[k + 1]));
            let (c, d) = (_mm256_unpacklo_ps(r[k + 2], r[k + 3]), _mm256_unpackhi_ps(r[k + 2], r[k + 3]));
            [_mm256_shuffle_ps::<0x44>(a, c), _mm256_shuffle_ps::<0xee>(a, c), _mm256_shuffle_ps::<0x44>(b, d), _mm256_shuffle_ps::<0xee>(b, d)]
        };
        let (upper, lower) = (four(0), four(4));
        for c in 0..4 {
            unsafe {
                _mm256_storeu_ps(to.wrapping_add(c * column), _mm256_permute2f128_ps::<0x20>(upper[c], lower[c]));
                _mm256_storeu_ps(to.wrapping_add((c + 4) * column), _mm256_permute2f128_ps::<0x31>(upper[c], lower[c]));
            }
        }
    }
}
