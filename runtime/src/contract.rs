//! Contractions: C[m, n] = Σₖ A[m, k] B[k, n], where each output is one chain of fused multiply-adds from +0 in rising
//! order of k. The chains stay whole whatever the tiling: blocks of k go on from what the block before left in C.
//!
//! Tiles of C are held in registers. B is packed into panels as wide as a tile; large A is packed too, small A is read
//! in place (Goto and van de Geijn, ACM TOMS 34, 12 (2008)).

use std::cell::Cell;

/// Rows and columns strides of a matrix in a slice.
type Strides = (usize, usize);

/// Terms of a block of k, so that a panel of B stays in the first cache.
const K_BLOCK: usize = 256;
/// Rows of a block of A, which stays in the second cache.
const M_BLOCK: usize = 192;
/// Columns of a block of B.
const N_BLOCK: usize = 1024;
/// Numbers of packed B up to which A is read in place.
const SMALL: usize = 2048;

trait Real: Copy + 'static {
    const ZERO: Self;
    fn fma(self, b: Self, c: Self) -> Self;
    fn canonical(self) -> Self;
    /// Lends this thread's two packing buffers, which keep their size from call to call.
    fn take_scratch() -> (Vec<Self>, Vec<Self>);
    fn give_scratch(buffers: (Vec<Self>, Vec<Self>));
}

macro_rules! real {
    ($t:ty, $scratch:ident) => {
        thread_local! {
            static $scratch: Cell<(Vec<$t>, Vec<$t>)> = const { Cell::new((Vec::new(), Vec::new())) };
        }

        impl Real for $t {
            const ZERO: $t = 0.0;
            #[inline(always)]
            fn fma(self, b: $t, c: $t) -> $t {
                self.mul_add(b, c)
            }
            #[inline(always)]
            fn canonical(self) -> $t {
                if self.is_nan() { <$t>::NAN } else { self }
            }
            fn take_scratch() -> (Vec<$t>, Vec<$t>) {
                $scratch.take()
            }
            fn give_scratch(buffers: (Vec<$t>, Vec<$t>)) {
                $scratch.set(buffers)
            }
        }
    };
}

real!(f64, SCRATCH);
real!(f32, SCRATCH_F32);

/// The sizes and operands of one contraction.
#[derive(Clone, Copy)]
struct Problem<'a, T> {
    m: usize,
    n: usize,
    k: usize,
    a: &'a [T],
    a_strides: Strides,
    b: &'a [T],
    b_strides: Strides,
}

impl<T> Problem<'_, T> {
    /// Panics unless all reads and writes lie inside the slices; the kernels rely on it.
    fn check(&self, out: usize) {
        let reach = |rows: usize, columns: usize, (r, c): Strides| {
            let last = (rows.max(1) - 1).checked_mul(r).zip((columns.max(1) - 1).checked_mul(c));
            last.and_then(|(r, c)| r.checked_add(c)).expect("strides too large")
        };
        assert_eq!(out, self.m * self.n);
        if self.m * self.n * self.k > 0 {
            assert!(reach(self.m, self.k, self.a_strides) < self.a.len());
            assert!(reach(self.k, self.n, self.b_strides) < self.b.len());
        }
    }
}

/// A vector register of numbers. The compiler's own vectorisation of the kernel is not to be relied on.
trait Register<T>: Copy {
    const WIDTH: usize;
    /// # Safety
    /// The processor has the register; WIDTH numbers may be read.
    unsafe fn load(from: *const T) -> Self;
    /// # Safety
    /// The processor has the register; WIDTH numbers may be written.
    unsafe fn store(self, to: *mut T);
    /// factor·terms + self.
    ///
    /// # Safety
    /// The processor has the register.
    unsafe fn add(self, factor: T, terms: Self) -> Self;
}

macro_rules! register {
    ($vector:ident $t:ty, $width:literal $load:ident $store:ident $splat:ident $fma:ident) => {
        #[cfg(target_arch = "x86_64")]
        impl Register<$t> for std::arch::x86_64::$vector {
            const WIDTH: usize = $width;
            #[inline(always)]
            unsafe fn load(from: *const $t) -> Self {
                // SAFETY: as promised by the caller, here and below.
                unsafe { std::arch::x86_64::$load(from) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $t) {
                unsafe { std::arch::x86_64::$store(to, self) }
            }
            #[inline(always)]
            unsafe fn add(self, factor: $t, terms: Self) -> Self {
                unsafe { std::arch::x86_64::$fma(std::arch::x86_64::$splat(factor), terms, self) }
            }
        }
    };
}

register!(__m512d f64, 8 _mm512_loadu_pd _mm512_storeu_pd _mm512_set1_pd _mm512_fmadd_pd);
register!(__m256d f64, 4 _mm256_loadu_pd _mm256_storeu_pd _mm256_set1_pd _mm256_fmadd_pd);
register!(__m512 f32, 16 _mm512_loadu_ps _mm512_storeu_ps _mm512_set1_ps _mm512_fmadd_ps);
register!(__m256 f32, 8 _mm256_loadu_ps _mm256_storeu_ps _mm256_set1_ps _mm256_fmadd_ps);

/// On any other processor.
impl<T: Real> Register<T> for [T; 2] {
    const WIDTH: usize = 2;
    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: as promised by the caller, here and below.
        unsafe { [*from, *from.add(1)] }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        unsafe { *to.cast() = self }
    }
    #[inline(always)]
    unsafe fn add(self, factor: T, terms: Self) -> Self {
        [factor.fma(terms[0], self[0]), factor.fma(terms[1], self[1])]
    }
}

/// Adds `k` terms to the first W registers of each row of a tile; b is a packed panel, C numbers for each term.
///
/// # Safety
/// The processor has the registers and W of them are no wider than C; `a` may be read at i·row + p·column for i < R,
/// p < k, and `b` at C·k numbers.
#[inline(always)]
unsafe fn kernel<T: Real, V: Register<T>, const R: usize, const W: usize, const C: usize>(
    k: usize,
    a: *const T,
    (row, column): Strides,
    b: *const T,
    tile: &mut [[T; C]; R],
) {
    // SAFETY: as promised by the caller.
    unsafe {
        let mut sums = [[V::load(b); W]; R];
        for i in 0..R {
            for j in 0..W {
                sums[i][j] = V::load(tile[i].as_ptr().add(j * V::WIDTH));
            }
        }
        for p in 0..k {
            let mut terms = [sums[0][0]; W];
            for j in 0..W {
                terms[j] = V::load(b.add(p * C + j * V::WIDTH));
            }
            for i in 0..R {
                let factor = *a.add(i * row + p * column);
                for j in 0..W {
                    sums[i][j] = sums[i][j].add(factor, terms[j]);
                }
            }
        }
        for i in 0..R {
            for j in 0..W {
                sums[i][j].store(tile[i].as_mut_ptr().add(j * V::WIDTH));
            }
        }
    }
}

/// Copies `columns` ≤ C columns of B into a panel, the rest of which is zero.
#[inline(always)]
fn pack_b<T: Real, const C: usize>(b: &[T], (row, column): Strides, k: usize, columns: usize, panel: &mut [T]) {
    for (p, terms) in panel.chunks_exact_mut(C).take(k).enumerate() {
        let source = &b[p * row..];
        if column == 1 && columns == C {
            terms.copy_from_slice(&source[..C]);
        } else {
            for (j, term) in terms.iter_mut().enumerate() {
                *term = if j < columns { source[j * column] } else { T::ZERO };
            }
        }
    }
}

/// Copies `rows` ≤ R rows of A into a panel of R numbers for each term, the rest of which is zero.
#[inline(always)]
fn pack_a<T: Real, const R: usize>(a: &[T], (row, column): Strides, k: usize, rows: usize, panel: &mut [T]) {
    for i in 0..R {
        for p in 0..k {
            panel[p * R + i] = if i < rows { a[i * row + p * column] } else { T::ZERO };
        }
    }
}

/// The valid part of a tile of C: rows and columns; whether it holds nothing yet, and whether it will be final.
#[derive(Clone, Copy)]
struct Valid {
    rows: usize,
    columns: usize,
    first: bool,
    last: bool,
}

/// Loads the tile at the start of `out`, or zeros.
#[inline(always)]
fn load<T: Real, const R: usize, const C: usize>(out: &[T], n: usize, valid: Valid) -> [[T; C]; R] {
    let mut tile = [[T::ZERO; C]; R];
    if !valid.first {
        for i in 0..valid.rows {
            tile[i][..valid.columns].copy_from_slice(&out[i * n..i * n + valid.columns]);
        }
    }
    tile
}

/// Stores the valid part of the tile.
#[inline(always)]
fn store<T: Real, const R: usize, const C: usize>(tile: &[[T; C]; R], out: &mut [T], n: usize, valid: Valid) {
    for i in 0..valid.rows {
        let mut sums = tile[i];
        if valid.last {
            for sum in sums.iter_mut() {
                *sum = sum.canonical();
            }
        }
        let out = &mut out[i * n..i * n + valid.columns];
        if valid.columns == C { out.copy_from_slice(&sums) } else { out.copy_from_slice(&sums[..valid.columns]) }
    }
}

/// R rows from `i` on and the columns of one panel, A read in place.
#[inline(always)]
fn rows_in_place<T: Real, V: Register<T>, const R: usize, const W: usize, const C: usize>(
    problem: &Problem<T>,
    i: usize,
    j: usize,
    panel: &[T],
    out: &mut [T],
) {
    let columns = C.min(problem.n - j);
    let a = &problem.a[i * problem.a_strides.0..];
    let mut tile = [[T::ZERO; C]; R];
    // SAFETY: `check` has seen that rows i..i + R of A are there; the panel is whole.
    unsafe {
        if columns <= V::WIDTH {
            kernel::<T, V, R, 1, C>(problem.k, a.as_ptr(), problem.a_strides, panel.as_ptr(), &mut tile)
        } else {
            kernel::<T, V, R, W, C>(problem.k, a.as_ptr(), problem.a_strides, panel.as_ptr(), &mut tile)
        }
    };
    let valid = Valid { rows: R, columns, first: true, last: true };
    store::<T, R, C>(&tile, &mut out[i * problem.n + j..], problem.n, valid);
}

/// A small contraction: one panel of B after another, A in place.
#[inline(always)]
fn small<T: Real, V: Register<T>, const R: usize, const W: usize, const C: usize>(problem: &Problem<T>, out: &mut [T]) {
    let (packed_a, mut packed_b) = T::take_scratch();
    packed_b.resize(packed_b.len().max(SMALL), T::ZERO);
    let panel = &mut packed_b[..problem.k * C];
    for j in (0..problem.n).step_by(C) {
        let columns = C.min(problem.n - j);
        pack_b::<T, C>(&problem.b[j * problem.b_strides.1..], problem.b_strides, problem.k, columns, panel);
        let mut i = 0;
        while i + R <= problem.m {
            rows_in_place::<T, V, R, W, C>(problem, i, j, panel, out);
            i += R;
        }
        while i + 2 <= problem.m {
            rows_in_place::<T, V, 2, W, C>(problem, i, j, panel, out);
            i += 2;
        }
        if i < problem.m {
            rows_in_place::<T, V, 1, W, C>(problem, i, j, panel, out);
        }
    }
    T::give_scratch((packed_a, packed_b));
}

/// A large one: blocks of columns, of k and of rows, all packed.
#[inline(always)]
fn large<T: Real, V: Register<T>, const R: usize, const W: usize, const C: usize>(problem: &Problem<T>, out: &mut [T]) {
    let Problem { m, n, k, a, a_strides, b, b_strides } = *problem;
    let (mut packed_a, mut packed_b) = T::take_scratch();
    packed_a.resize(M_BLOCK.next_multiple_of(R) * K_BLOCK, T::ZERO);
    packed_b.resize(packed_b.len().max(N_BLOCK.min(n).next_multiple_of(C) * K_BLOCK), T::ZERO);
    for j0 in (0..n).step_by(N_BLOCK) {
        let width = N_BLOCK.min(n - j0);
        for p0 in (0..k).step_by(K_BLOCK) {
            let depth = K_BLOCK.min(k - p0);
            let ends = (p0 == 0, p0 + depth == k);
            for (panel, j) in packed_b.chunks_exact_mut(C * depth).zip((0..width).step_by(C)) {
                let source = &b[p0 * b_strides.0 + (j0 + j) * b_strides.1..];
                pack_b::<T, C>(source, b_strides, depth, C.min(width - j), panel);
            }
            for i0 in (0..m).step_by(M_BLOCK) {
                let height = M_BLOCK.min(m - i0);
                for (panel, i) in packed_a.chunks_exact_mut(R * depth).zip((0..height).step_by(R)) {
                    let source = &a[(i0 + i) * a_strides.0 + p0 * a_strides.1..];
                    pack_a::<T, R>(source, a_strides, depth, R.min(height - i), panel);
                }
                let out = &mut out[i0 * n + j0..];
                block::<T, V, R, W, C>((height, width, depth), &packed_a, &packed_b, n, ends, out);
            }
        }
    }
    T::give_scratch((packed_a, packed_b));
}

/// One packed block of A times one of B.
#[inline(always)]
fn block<T: Real, V: Register<T>, const R: usize, const W: usize, const C: usize>(
    (height, width, depth): (usize, usize, usize),
    a: &[T],
    b: &[T],
    n: usize,
    (first, last): (bool, bool),
    out: &mut [T],
) {
    for (b, j) in b.chunks_exact(C * depth).zip((0..width).step_by(C)) {
        for (a, i) in a.chunks_exact(R * depth).zip((0..height).step_by(R)) {
            let valid = Valid { rows: R.min(height - i), columns: C.min(width - j), first, last };
            let out = &mut out[i * n + j..];
            let mut tile = load::<T, R, C>(out, n, valid);
            // SAFETY: both panels hold `depth` terms.
            unsafe { kernel::<T, V, R, W, C>(depth, a.as_ptr(), (1, R), b.as_ptr(), &mut tile) };
            store::<T, R, C>(&tile, out, n, valid);
        }
    }
}

#[inline(always)]
fn tiled<T: Real, V: Register<T>, const R: usize, const W: usize, const C: usize>(problem: Problem<T>, out: &mut [T]) {
    const { assert!(W * V::WIDTH == C) };
    if problem.m * problem.n * problem.k == 0 {
        out.fill(T::ZERO);
    } else if problem.k * C <= SMALL && problem.m * problem.n <= 64 * 64 {
        small::<T, V, R, W, C>(&problem, out);
    } else {
        large::<T, V, R, W, C>(&problem, out);
    }
}

/// Defines a contraction, with a tile that suits the registers of each instruction set: register, rows, registers a row, columns.
macro_rules! contraction {
    ($(#[$doc:meta])* $name:ident $t:ty, $avx512:tt $avx2:tt $baseline:tt) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        pub fn $name(
            m: usize,
            n: usize,
            k: usize,
            a: &[$t],
            a_strides: (usize, usize),
            b: &[$t],
            b_strides: (usize, usize),
            out: &mut [$t],
        ) {
            let problem = Problem { m, n, k, a, a_strides, b, b_strides };
            problem.check(out.len());

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")]
                fn avx512(problem: Problem<$t>, out: &mut [$t]) {
                    contraction!(@tiled $avx512, problem, out)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2(problem: Problem<$t>, out: &mut [$t]) {
                    contraction!(@tiled $avx2, problem, out)
                }
                match crate::simd::level() {
                    // SAFETY: `level` names only what the processor was found to have.
                    crate::simd::Level::Avx512 => return unsafe { avx512(problem, out) },
                    crate::simd::Level::Avx2 => return unsafe { avx2(problem, out) },
                    crate::simd::Level::Baseline => {}
                }
            }
            contraction!(@tiled $baseline, problem, out)
        }
    };
    (@tiled ($v:ty, $r:literal, $w:literal, $c:literal), $problem:ident, $out:ident) => {
        tiled::<_, $v, $r, $w, $c>($problem, $out)
    };
}

contraction! {
    /// out[i, j] = Σₖ a[i, k] b[k, j], row-major; strides are (row, column) in numbers, so a transpose needs no copy.
    /// A result that is NaN is the canonical NaN. Panics if a slice is too short.
    contract f64, (std::arch::x86_64::__m512d, 8, 2, 16) (std::arch::x86_64::__m256d, 6, 2, 8) ([f64; 2], 4, 2, 4)
}

contraction! {
    /// [`contract`] in `f32`.
    contract_f32 f32, (std::arch::x86_64::__m512, 8, 2, 32) (std::arch::x86_64::__m256, 6, 2, 16) ([f32; 2], 4, 2, 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise;
    use crate::simd::{Level, limit};

    fn numbers(n: usize, place: u64) -> Vec<f64> {
        let mut x = vec![0.0; n];
        noise::normal(noise::key(7, place, &[]), 0, 0, &mut x);
        x
    }

    fn naive(m: usize, n: usize, k: usize, a: &[f64], s: Strides, b: &[f64], t: Strides) -> Vec<f64> {
        let chain = |i: usize, j: usize| (0..k).fold(0.0, |sum, p| a[i * s.0 + p * s.1].mul_add(b[p * t.0 + j * t.1], sum));
        (0..m * n).map(|x| chain(x / n, x % n)).collect()
    }

    fn agree(m: usize, n: usize, k: usize, s: Strides, t: Strides) {
        let reach = |r: usize, c: usize, s: Strides| r.max(1) * s.0.max(1) + c.max(1) * s.1.max(1);
        let (a, b) = (numbers(reach(m, k, s), 1), numbers(reach(k, n, t), 2));
        let expected = naive(m, n, k, &a, s, &b, t);
        let mut out = vec![f64::NAN; m * n];
        contract(m, n, k, &a, s, &b, t, &mut out);
        assert!(out.iter().zip(&expected).all(|(x, y)| x.to_bits() == y.to_bits()), "{m} {n} {k} {s:?} {t:?}");

        let narrow = |x: &[f64]| x.iter().map(|x| *x as f32).collect::<Vec<f32>>();
        let (a, b, mut out) = (narrow(&a), narrow(&b), vec![f32::NAN; m * n]);
        contract_f32(m, n, k, &a, s, &b, t, &mut out);
        for (x, value) in out.iter().enumerate() {
            let (i, j) = (x / n, x % n);
            let chain = (0..k).fold(0f32, |sum, p| a[i * s.0 + p * s.1].mul_add(b[p * t.0 + j * t.1], sum));
            assert_eq!(value.to_bits(), chain.to_bits());
        }
    }

    #[test]
    fn bits_are_those_of_three_loops() {
        for level in [Level::Baseline, Level::Avx2, Level::Avx512] {
            limit(level);
            for (m, n, k) in [(1, 1, 1), (3, 5, 7), (10, 10, 10), (8, 16, 1), (17, 33, 65), (65, 1, 70), (1, 70, 300), (70, 71, 72)] {
                agree(m, n, k, (k, 1), (n, 1));
                agree(m, n, k, (1, m), (1, k));
                agree(m, n, k, (k + 3, 1), (2 * n, 2));
                agree(m, n, k, (0, 1), (n, 1));
            }
            agree(0, 3, 4, (4, 1), (3, 1));
            agree(3, 4, 0, (0, 1), (4, 1));
        }
        limit(Level::Avx512);
        agree(200, 40, 600, (600, 1), (40, 1));
        agree(20, 1100, 300, (1, 20), (1100, 1));
    }

    #[test]
    #[should_panic]
    fn short_slices_are_refused() {
        contract(2, 2, 2, &[0.0; 3], (2, 1), &[0.0; 4], (2, 1), &mut [0.0; 4]);
    }
}
