//! Contractions: C[m, n] = Σₖ A[m, k] B[k, n], where each output is one chain of fused multiply-adds from +0 in rising
//! order of k. The chains stay whole whatever the tiling: blocks of k go on from what the block before left in C, and threads
//! share outputs, never sums.
//!
//! Tiles of C are held in registers. A tile's rows of A stay in the first cache while the panels of B, as wide as a tile and
//! packed, come from the second (after Goto and van de Geijn, ACM TOMS 34, 12 (2008)).

mod kernel;
mod register;

use crate::threads::Pool;
use kernel::{Rows, Set, TALLEST, Tile};
use std::cell::Cell;
use std::ops::Range;

/// How far apart rows and columns of a matrix lie, in numbers.
pub type Strides = (usize, usize);

/// Bytes of a block of terms of one row of A: a tile's rows stay in the first cache.
const TERMS_BLOCK: usize = 1024;
/// As many times more of what is read around sites: rows overlap, and C, with many rows, is not in the caches.
const AROUND_BLOCKS: usize = 4;
/// Bytes of a block of a row of B: with all its terms it stays in the second cache.
const COLUMNS_BLOCK: usize = 8192;
/// Bytes from term to term up to which an operand is read where it is.
const NEAR: usize = 1024;
/// Rows up to which B is read where it is, and if its terms are near each other.
const FEW_ROWS: usize = 64;
const MANY_ROWS: usize = 1024;
/// Panels up to which A is read where it is.
const FEW_PANELS: usize = 4;
/// Channels up to which what stands around sites is packed: it would begin elsewhere all the time.
const FEW_CHANNELS: usize = 4;
/// Numbers side by side that are copied as one.
const EIGHT: usize = 8;
/// Products of numbers that pay a launch of threads.
const WORTH: usize = 1 << 16;

/// `f64` and `f32`.
pub trait Number: Copy + Send + Sync + 'static {
    const ZERO: Self;
    fn fma(self, b: Self, c: Self) -> Self;
    fn canonical(self) -> Self;
    /// The kernels for this machine.
    fn set() -> &'static Set<Self>;
    /// Lends this thread's packing buffer, which keeps its size from call to call.
    fn take_scratch() -> Vec<Self>;
    fn give_scratch(buffer: Vec<Self>);
}

macro_rules! number {
    ($t:ty, $scratch:ident $portable:ident $avx2:ident $avx512:ident) => {
        thread_local! {
            static $scratch: Cell<Vec<$t>> = const { Cell::new(Vec::new()) };
        }

        impl Number for $t {
            const ZERO: $t = 0.0;
            #[inline(always)]
            fn fma(self, b: $t, c: $t) -> $t {
                self.mul_add(b, c)
            }
            #[inline(always)]
            fn canonical(self) -> $t {
                if self.is_nan() { <$t>::NAN } else { self }
            }
            fn set() -> &'static Set<$t> {
                #[cfg(target_arch = "x86_64")]
                match crate::simd::level() {
                    crate::simd::Level::Avx512 => return &kernel::wide::$avx512,
                    crate::simd::Level::Avx2 => return &kernel::wide::$avx2,
                    crate::simd::Level::Baseline => {}
                }
                &kernel::$portable
            }
            fn take_scratch() -> Vec<$t> {
                $scratch.take()
            }
            fn give_scratch(buffer: Vec<$t>) {
                $scratch.set(buffer)
            }
        }
    };
}

number!(f64, SCRATCH PORTABLE AVX2 AVX512);
number!(f32, SCRATCH_F32 PORTABLE_F32 AVX2_F32 AVX512_F32);

/// The sizes of C[m, n] = Σₖ A[m, k] B[k, n] and how A and B lie in memory, so that a transpose needs no copy; C is row-major.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a: Strides,
    pub b: Strides,
}

impl Product {
    /// Panics unless all reads and writes lie inside; the kernels rely on it.
    fn check(&self, batch: usize, a: usize, b: usize, out: usize) {
        let reach = |rows: usize, columns: usize, (r, c): Strides| {
            let last = (rows.max(1) - 1).checked_mul(r).zip((columns.max(1) - 1).checked_mul(c));
            last.and_then(|(r, c)| r.checked_add(c)).expect("strides too large")
        };
        assert_eq!(out, batch * self.m * self.n);
        if batch * self.m * self.n * self.k > 0 {
            assert!((batch - 1) * self.m * self.k + reach(self.m, self.k, self.a) < a);
            assert!((batch - 1) * self.k * self.n + reach(self.k, self.n, self.b) < b);
        }
    }
}

/// `batch` products, one behind the other in each operand, on all threads of `pool` where that is worth it. A result that is NaN
/// is the canonical NaN. Panics if a slice is too short.
pub fn contract<T: Number>(product: &Product, batch: usize, a: &[T], b: &[T], out: &mut [T], pool: Option<&Pool>) {
    product.check(batch, a.len(), b.len(), out.len());
    let Product { m, n, k, .. } = *product;
    if m * n * k == 0 {
        return out.fill(T::ZERO);
    }
    let operands = Operands { product: *product, left: Left::Matrix, set: T::set(), a: a.as_ptr(), b: b.as_ptr(), c: out.as_mut_ptr() };
    operands.turned().all(batch, pool);
}

/// Fields of `channels` numbers a site on members of a lattice, read around each site: at its neighbours, of which `table` has all
/// sites' first ones, then all sites' second ones, ….
#[derive(Clone, Copy, Debug)]
pub struct Around<'t> {
    pub members: usize,
    pub sites: usize,
    pub channels: usize,
    pub table: &'t [u32],
}

impl Around<'_> {
    fn neighbours(&self) -> usize {
        self.table.len() / self.sites.max(1)
    }

    fn check(&self, fields: usize) {
        assert_eq!(fields, self.members * self.sites * self.channels);
        assert_eq!(self.table.len(), self.neighbours() * self.sites);
        assert!(self.table.iter().all(|site| (*site as usize) < self.sites));
    }

    /// A site, from which it goes on to the next.
    fn step(&self, t: &mut usize, x: &mut usize) -> (usize, usize) {
        let here = (*t, *x);
        *x += 1;
        if *x == self.sites {
            (*t, *x) = (*t + 1, 0);
        }
        here
    }

    /// Where the field at neighbour `d` of site `x` of member `t` begins.
    fn at(&self, t: usize, x: usize, d: usize) -> usize {
        (t * self.sites + self.table[d * self.sites + x] as usize) * self.channels
    }
}

/// A convolution: out[t, x, o] = Σ_d Σ_c fields[t, x + d, c] weights[d, c, o], as the contraction with fields[t, x + d, c] written out
/// would give it. Panics if a slice has another length.
pub fn convolve<T: Number>(around: &Around, n: usize, fields: &[T], weights: &[T], out: &mut [T], pool: Option<&Pool>) {
    let (m, k) = (around.members * around.sites, around.neighbours() * around.channels);
    around.contract(Left::Around(*around), Product { m, n, k, a: (around.channels, 1), b: (n, 1) }, fields, weights, out, pool);
}

/// Its derivative by the weights: out[d, c, o] = Σ_t Σ_x fields[t, x + d, c] values[t, x, o].
pub fn correlate<T: Number>(around: &Around, n: usize, fields: &[T], values: &[T], out: &mut [T], pool: Option<&Pool>) {
    let (m, k) = (around.neighbours() * around.channels, around.members * around.sites);
    around.contract(Left::Turned(*around), Product { m, n, k, a: (1, around.channels), b: (n, 1) }, fields, values, out, pool);
}

impl Around<'_> {
    fn contract<T: Number>(&self, left: Left, product: Product, a: &[T], b: &[T], out: &mut [T], pool: Option<&Pool>) {
        let Product { m, n, k, .. } = product;
        self.check(a.len());
        assert_eq!((b.len(), out.len()), (k * n, m * n));
        if m * n * k == 0 {
            return out.fill(T::ZERO);
        }
        Operands { product, left, set: T::set(), a: a.as_ptr(), b: b.as_ptr(), c: out.as_mut_ptr() }.all(1, pool);
    }
}

/// How A lies in memory.
#[derive(Clone, Copy)]
enum Left<'t> {
    /// As the product says.
    Matrix,
    /// Rows are sites; terms are channels of neighbours.
    Around(Around<'t>),
    /// Rows are channels of neighbours; terms are sites.
    Turned(Around<'t>),
}

/// A range cut into pieces that differ by at most one: `longer` of them are longer. Small products feel each division.
#[derive(Clone, Copy)]
struct Cut {
    pieces: usize,
    least: usize,
    longer: usize,
}

impl Cut {
    /// Into pieces of at most `most`.
    fn new(size: usize, most: usize) -> Cut {
        if size <= most {
            return Cut { pieces: 1, least: size, longer: 0 };
        }
        let pieces = size.div_ceil(most);
        Cut { pieces, least: size / pieces, longer: size % pieces }
    }

    fn size(self) -> usize {
        self.pieces * self.least + self.longer
    }

    /// The largest piece.
    fn largest(self) -> usize {
        self.least + (self.longer > 0) as usize
    }

    fn ranges(self, start: usize) -> impl Iterator<Item = Range<usize>> {
        let begin = move |piece: usize| start + piece * self.least + piece.min(self.longer);
        (0..self.pieces).map(move |piece| begin(piece)..begin(piece + 1))
    }
}

/// Products that have been checked. Threads write to different parts of C.
#[derive(Clone, Copy)]
struct Operands<'s, T: 'static> {
    product: Product,
    left: Left<'s>,
    set: &'s Set<T>,
    a: *const T,
    b: *const T,
    c: *mut T,
}

unsafe impl<T: Sync> Sync for Operands<'_, T> {}

impl<T: Number> Operands<'_, T> {
    /// A column as a row, which fills registers.
    fn turned(self) -> Self {
        let Product { m, n, k, a, b } = self.product;
        if n > 1 {
            return self;
        }
        Operands { product: Product { m: 1, n: m, k, a: (b.1, b.0), b: (a.1, a.0) }, a: self.b, b: self.a, ..self }
    }

    /// Threads share products, or rows of one, or columns: what costs least to be packed twice.
    fn all(&self, batch: usize, pool: Option<&Pool>) {
        let Product { m, n, k, .. } = self.product;
        let (pool, threads) = match pool {
            Some(pool) if pool.threads() > 1 && batch * m * n * k >= 2 * WORTH => (pool, pool.threads()),
            _ => return self.members(0..batch, 0..m, 0..n),
        };
        let (tall, wide) = (self.set.tall(self.set.registers(n)), 2 * self.set.width);
        // Each piece packs what it reads, so there are no more than threads.
        let once = |pieces: usize, grain: usize| grain.max(pieces / threads);
        // What packs B by turning it is better cut between columns, if there are enough.
        let turns_b = self.product.b.1 != 1 && m < 4 * n && n >= threads * wide;
        if batch >= threads {
            pool.run(batch, WORTH.div_ceil(m * n * k), |range| self.members(range, 0..m, 0..n));
        } else if m >= n && !turns_b {
            let grain = WORTH.div_ceil(batch * tall * n * k);
            let tiles = m.div_ceil(tall);
            pool.run(tiles, once(tiles, grain), |range| self.members(0..batch, range.start * tall..m.min(range.end * tall), 0..n));
        } else {
            let grain = WORTH.div_ceil(batch * m * wide * k);
            let tiles = n.div_ceil(wide);
            pool.run(tiles, once(tiles, grain), |range| self.members(0..batch, 0..m, range.start * wide..n.min(range.end * wide)));
        }
    }

    /// These rows and columns of these products.
    fn members(&self, members: Range<usize>, rows: Range<usize>, columns: Range<usize>) {
        let Product { m, n, k, .. } = self.product;
        let mut packed = T::take_scratch();
        for t in members {
            // SAFETY: within the operands, as has been checked.
            let (a, b, c) = unsafe { (self.a.add(t * m * k), self.b.add(t * k * n), self.c.add(t * m * n)) };
            let member = Operands { a, b, c, ..*self };
            for columns in Cut::new(columns.len(), COLUMNS_BLOCK / size_of::<T>()).ranges(columns.start) {
                let (cut, unit) = self.terms();
                for terms in cut.ranges(0) {
                    member.block(rows.clone(), columns.clone(), terms.start * unit..terms.end * unit, &mut packed);
                }
            }
        }
        T::give_scratch(packed);
    }

    /// Blocks of terms, in units of so many: all channels of a neighbour are in one block.
    fn terms(&self) -> (Cut, usize) {
        let most = TERMS_BLOCK / size_of::<T>();
        match self.left {
            Left::Around(around) => (Cut::new(around.neighbours(), (AROUND_BLOCKS * most / around.channels).max(1)), around.channels),
            _ => (Cut::new(self.product.k, most), 1),
        }
    }

    /// Adds so many terms to these rows and columns.
    fn block(&self, rows: Range<usize>, columns: Range<usize>, terms: Range<usize>, packed: &mut Vec<T>) {
        let b = self.product.b;
        let depth = terms.len();
        let tall = self.set.tall(self.set.registers(columns.len()));
        let tiles = Cut::new(rows.len(), tall);
        let packs_b = self.packs_b(rows.len());
        let tallest = if let Left::Turned(_) = self.left { tall } else { tiles.largest() };
        let panels = Panels::new(self.set, columns.len(), tallest, packs_b);
        let packs_a = self.packs_a(panels);
        // One tile of rows has each panel packed when it comes to it.
        let ahead = packs_b && tiles.pieces > 1;
        let (needs_a, needs_b) = (tall * depth, if ahead { panels.numbers() } else { panels.largest() } * depth);
        if (packs_a || packs_b) && packed.len() < needs_a + needs_b {
            packed.resize(needs_a + needs_b, T::ZERO);
        }
        // SAFETY: rows, columns and terms are in the operands; what is packed has its place.
        unsafe {
            let (packed_a, packed_b) = (packed.as_mut_ptr(), packed.as_mut_ptr().wrapping_add(needs_a));
            let b_here = self.b.add(terms.start * b.0 + columns.start * b.1);
            let pack_panel = |panel: &Panel, to: *mut T| {
                pack(self.set, b_here.add(panel.first * b.1), (b.1, b.0), panel.count, depth, to, panel.width);
            };
            if ahead {
                panels.each().for_each(|panel| pack_panel(&panel, packed_b.add(panel.first * depth)));
            }
            let mut tile = |rows: Range<usize>, a: &[Rows<T>], part: usize, a_term: usize| {
                for panel in panels.each() {
                    let (b, b_term) = match (ahead, packs_b) {
                        (true, _) => (packed_b.add(panel.first * depth).cast_const(), panel.width),
                        (false, true) => {
                            pack_panel(&panel, packed_b);
                            (packed_b.cast_const(), panel.width)
                        }
                        (false, false) => (b_here.add(panel.first), b.0),
                    };
                    let c = self.c.add(rows.start * self.product.n + columns.start + panel.first);
                    let (begins, ends) = (terms.start == 0, terms.end == self.product.k);
                    let (parts, a) = (a.len(), a.as_ptr());
                    let tile = Tile { parts, terms: part, a, a_term, b, b_term, c, c_row: self.product.n, last: panel.last, begins, ends };
                    self.set.kernels[rows.len() - 1][panel.registers - 1](&tile);
                }
            };
            match self.left {
                Left::Matrix => self.tiles(tiles.ranges(rows.start), terms.clone(), packs_a.then_some(packed_a), &mut tile),
                Left::Around(around) => self.tiles_around(&around, tiles.ranges(rows.start), terms.clone(), packs_a.then_some(packed_a), &mut tile),
                Left::Turned(around) => self.tiles_turned(&around, tall, rows, terms.clone(), packed_a, &mut tile),
            }
        }
    }

    /// Tiles of a matrix, packed if there is a place for it.
    ///
    /// # Safety
    /// Rows and terms are in the matrix; the place holds a tile.
    unsafe fn tiles(&self, tiles: impl Iterator<Item = Range<usize>>, terms: Range<usize>, packed: Option<*mut T>, tile: &mut impl FnMut(Range<usize>, &[Rows<T>], usize, usize)) {
        let a = self.product.a;
        for rows in tiles {
            // SAFETY: as promised by the caller.
            unsafe {
                let mut from = self.a.add(rows.start * a.0 + terms.start * a.1);
                let mut strides = a;
                if let Some(packed) = packed {
                    pack(self.set, from, a, rows.len(), terms.len(), packed, rows.len());
                    (from, strides) = (packed, (1, rows.len()));
                }
                let begin: Rows<T> = std::array::from_fn(|i| from.wrapping_add(i * strides.0));
                tile(rows, &[begin], terms.len(), strides.1);
            }
        }
    }

    /// Tiles whose rows are sites: in each part they begin at another neighbour. They are packed if there is a place.
    ///
    /// # Safety
    /// The rows are sites of `around`, the terms whole neighbours; the place holds a tile.
    unsafe fn tiles_around(
        &self,
        around: &Around,
        tiles: impl Iterator<Item = Range<usize>>,
        terms: Range<usize>,
        packed: Option<*mut T>,
        tile: &mut impl FnMut(Range<usize>, &[Rows<T>], usize, usize),
    ) {
        let channels = around.channels;
        let neighbours = terms.start / channels..terms.end / channels;
        let mut begin: Vec<Rows<T>> = vec![[self.a; TALLEST]; neighbours.len()];
        for rows in tiles {
            let count = rows.len();
            let (mut t, mut x) = (rows.start / around.sites, rows.start % around.sites);
            let mut sites = [(0, 0); TALLEST];
            sites[..count].iter_mut().for_each(|site| *site = around.step(&mut t, &mut x));
            let sites = &sites[..count];
            let Some(packed) = packed else {
                for (begin, d) in begin.iter_mut().zip(neighbours.clone()) {
                    begin.iter_mut().zip(sites).for_each(|(begin, (t, x))| *begin = self.a.wrapping_add(around.at(*t, *x, d)));
                }
                tile(rows, &begin, channels, 1);
                continue;
            };
            for (part, d) in neighbours.clone().enumerate() {
                for (i, (t, x)) in sites.iter().enumerate() {
                    let at = around.at(*t, *x, d);
                    // SAFETY: as promised by the caller.
                    (0..channels).for_each(|c| unsafe { *packed.add((part * channels + c) * count + i) = *self.a.add(at + c) });
                }
            }
            let begin: Rows<T> = std::array::from_fn(|i| packed.wrapping_add(i).cast_const());
            tile(rows, &[begin], terms.len(), count);
        }
    }

    /// Tiles whose rows are channels of one neighbour: their terms, sites, are packed.
    ///
    /// # Safety
    /// The terms are sites of `around`, the rows channels of neighbours; the place holds a tile.
    unsafe fn tiles_turned(&self, around: &Around, tall: usize, rows: Range<usize>, terms: Range<usize>, packed: *mut T, tile: &mut impl FnMut(Range<usize>, &[Rows<T>], usize, usize)) {
        let channels = around.channels;
        let tall = if tall > EIGHT { tall / EIGHT * EIGHT } else { tall };
        for d in rows.start / channels..rows.end.div_ceil(channels) {
            let of_this = rows.start.max(d * channels)..rows.end.min((d + 1) * channels);
            for rows in Cut::new(of_this.len(), tall).ranges(of_this.start) {
                // SAFETY: as promised by the caller.
                unsafe { self.pack_sites(around, d, rows.start % channels, rows.len(), terms.clone(), packed) };
                let begin: Rows<T> = std::array::from_fn(|i| packed.wrapping_add(i).cast_const());
                tile(rows.clone(), &[begin], terms.len(), rows.len());
            }
        }
    }

    /// Copies `rows` channels from `first` on, of neighbour `d` of these sites.
    ///
    /// # Safety
    /// As of `tiles_turned`.
    unsafe fn pack_sites(&self, around: &Around, d: usize, first: usize, rows: usize, terms: Range<usize>, to: *mut T) {
        let (mut t, mut x) = (terms.start / around.sites, terms.start % around.sites);
        for p in 0..terms.len() {
            let (t, x) = around.step(&mut t, &mut x);
            // SAFETY: as promised by the caller.
            unsafe {
                let (from, to) = (self.a.add(around.at(t, x, d) + first), to.add(p * rows));
                if rows.is_multiple_of(EIGHT) {
                    (0..rows).step_by(EIGHT).for_each(|i| *to.add(i).cast::<[T; EIGHT]>() = *from.add(i).cast());
                } else {
                    std::ptr::copy_nonoverlapping(from, to, rows);
                }
            }
        }
    }

    /// Few rows read B where it is, and so do those that find its terms near each other.
    fn packs_b(&self, rows: usize) -> bool {
        let near = self.product.b.0 * size_of::<T>() <= NEAR;
        self.product.b.1 != 1 || rows > if near { MANY_ROWS } else { FEW_ROWS }
    }

    /// A is read where it is, but for many panels if its terms lie far apart.
    fn packs_a(&self, panels: Panels) -> bool {
        let far = panels.cut.pieces > FEW_PANELS && self.product.a.1 * size_of::<T>() > NEAR;
        match self.left {
            Left::Matrix => far,
            Left::Around(around) => around.channels <= FEW_CHANNELS,
            Left::Turned(_) => true,
        }
    }
}

/// Columns cut into panels of whole registers.
#[derive(Clone, Copy)]
struct Panels {
    columns: usize,
    width: usize,
    cut: Cut,
}

struct Panel {
    registers: usize,
    /// Its first column, how many columns it has, and how many its registers hold.
    first: usize,
    count: usize,
    width: usize,
    /// How many columns are in the last register.
    last: usize,
}

impl Panels {
    fn new<T>(set: &Set<T>, columns: usize, rows: usize, packed: bool) -> Panels {
        // What is packed for few rows should still be in the first cache when it is read.
        let most = if packed { set.wide } else { set.kernels[rows - 1].len() };
        Panels { columns, width: set.width, cut: Cut::new(set.registers(columns), most) }
    }

    /// Of one term in the widest.
    fn largest(self) -> usize {
        self.cut.largest() * self.width
    }

    /// Of one term in all panels.
    fn numbers(self) -> usize {
        self.cut.size() * self.width
    }

    fn each(self) -> impl Iterator<Item = Panel> {
        self.cut.ranges(0).map(move |range| {
            let (first, end) = (range.start * self.width, self.columns.min(range.end * self.width));
            let last = end - (range.end - 1) * self.width;
            Panel { registers: range.len(), first, count: end - first, width: range.len() * self.width, last }
        })
    }
}

/// Copies `rows` rows of `terms` numbers so that the numbers of one term lie together, `width` apart from term to term; what a
/// row lacks is left as it was.
///
/// # Safety
/// All this can be read, and `width`·`terms` numbers written.
unsafe fn pack<T: Number>(set: &Set<T>, from: *const T, (row, term): Strides, rows: usize, terms: usize, to: *mut T, width: usize) {
    // SAFETY: as promised by the caller.
    unsafe {
        if row == 1 && rows == EIGHT {
            return (0..terms).for_each(|p| *to.add(p * width).cast::<[T; EIGHT]>() = *from.add(p * term).cast());
        }
        if row == 1 {
            return (0..terms).for_each(|p| std::ptr::copy_nonoverlapping(from.add(p * term), to.add(p * width), rows));
        }
        let mut i = 0;
        while i < rows {
            let fits = set.transposes.iter().find(|(block, _)| term == 1 && i + block <= rows);
            let block = fits.map_or(1, |(block, _)| *block);
            let whole = if fits.is_some() { terms / 8 * 8 } else { 0 };
            for p in (0..whole).step_by(8) {
                fits.expect("a block of rows").1(from.add(i * row + p), row, to.add(p * width + i), width);
            }
            for (i, p) in (i..i + block).flat_map(|i| (whole..terms).map(move |p| (i, p))) {
                *to.add(p * width + i) = *from.add(i * row + p * term);
            }
            i += block;
        }
    }
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

    /// How many numbers a matrix with these strides reaches over.
    fn reach(rows: usize, columns: usize, s: Strides) -> usize {
        (rows.max(1) - 1) * s.0 + (columns.max(1) - 1) * s.1 + 1
    }

    /// Three loops.
    fn chains<T: Number>(p: &Product, batch: usize, a: &[T], b: &[T]) -> Vec<T> {
        let chain = |t: usize, i: usize, j: usize| {
            let (a, b) = (&a[t * p.m * p.k..], &b[t * p.k * p.n..]);
            (0..p.k).fold(T::ZERO, |sum, q| a[i * p.a.0 + q * p.a.1].fma(b[q * p.b.0 + j * p.b.1], sum)).canonical()
        };
        (0..batch * p.m * p.n).map(|x| chain(x / (p.m * p.n), x / p.n % p.m, x % p.n)).collect()
    }

    fn agree<T: Number + PartialEq + std::fmt::Debug>(p: &Product, batch: usize, pool: Option<&Pool>, number: fn(f64) -> T, bits: fn(T) -> u64) {
        let convert = |x: Vec<f64>| x.into_iter().map(number).collect::<Vec<T>>();
        let a = convert(numbers(batch * p.m * p.k + reach(p.m, p.k, p.a), 1));
        let b = convert(numbers(batch * p.k * p.n + reach(p.k, p.n, p.b), 2));
        let mut out = vec![number(f64::NAN); batch * p.m * p.n];
        contract(p, batch, &a, &b, &mut out, pool);
        let expected = chains(p, batch, &a, &b);
        let wrong = out.iter().zip(&expected).position(|(x, y)| bits(*x) != bits(*y));
        assert_eq!(wrong, None, "{batch} × {p:?}");
    }

    fn both_agree(p: &Product, batch: usize, pool: Option<&Pool>) {
        agree::<f64>(p, batch, pool, |x| x, f64::to_bits);
        agree::<f32>(p, batch, pool, |x| x as f32, |x| x.to_bits() as u64);
    }

    /// As they are, each side transposed, and with gaps.
    fn layouts(m: usize, n: usize, k: usize) -> [Product; 5] {
        let (a, at, b, bt) = ((k, 1), (1, m), (n, 1), (1, k));
        let gaps = ((k + 3, 1), (2 * n, 2));
        [(a, b), (at, b), (a, bt), (at, bt), gaps].map(|(a, b)| Product { m, n, k, a, b })
    }

    const SIZES: [(usize, usize, usize); 20] = [
        (1, 1, 1),
        (3, 5, 7),
        (7, 3, 17),
        (10, 10, 10),
        (8, 16, 1),
        (17, 33, 65),
        (65, 1, 70),
        (1, 130, 30),
        (2, 100, 9),
        (3, 90, 9),
        (4, 70, 9),
        (1, 70, 300),
        (70, 71, 72),
        (5, 49, 129),
        (6, 128, 257),
        (31, 8, 20),
        (23, 30, 5),
        (0, 3, 4),
        (3, 0, 4),
        (3, 4, 0),
    ];

    #[test]
    fn bits_are_those_of_three_loops() {
        for level in [Level::Baseline, Level::Avx2, Level::Avx512] {
            limit(level);
            for (m, n, k) in SIZES {
                layouts(m, n, k).iter().for_each(|p| both_agree(p, 1, None));
                both_agree(&Product { m, n, k, a: (0, 1), b: (n, 1) }, 1, None);
            }
        }
        limit(Level::Avx512);
        for (m, n, k) in [(200, 40, 600), (20, 2100, 300), (65, 520, 129), (520, 65, 17)] {
            layouts(m, n, k).iter().for_each(|p| both_agree(p, 1, None));
        }
    }

    #[test]
    fn threads_and_batches_change_no_bit() {
        for threads in [2, 3] {
            let pool = Pool::new(threads);
            for (batch, m, n, k) in [(1, 65, 129, 70), (1, 129, 65, 70), (2, 130, 30, 65), (1, 1, 1000, 257), (1, 1000, 1, 257), (257, 10, 10, 10), (3, 7, 17, 300), (2, 3, 4, 0)] {
                let [straight, left, right, ..] = layouts(m, n, k);
                [straight, left, right].iter().for_each(|p| both_agree(p, batch, Some(&pool)));
            }
        }
    }

    /// A square lattice's 3×3 neighbours, or a chain's next ones.
    fn table(sizes: &[usize]) -> (usize, Vec<u32>) {
        let offsets: Vec<Vec<i64>> = match sizes {
            [_] => vec![vec![1], vec![-1]],
            _ => (0..9).map(|d| vec![d / 3 - 1, d % 3 - 1]).collect(),
        };
        let table = offsets.iter().flat_map(|offset| crate::lattice::shift_table(sizes, offset)).map(|site| site as u32);
        (sizes.iter().product(), table.collect())
    }

    #[test]
    fn convolutions_have_the_bits_of_contractions() {
        for level in [Level::Baseline, Level::Avx2, Level::Avx512] {
            limit(level);
            for (members, sizes, channels, n) in
                [(1, &[4, 5][..], 1, 1), (2, &[4, 4], 3, 5), (3, &[3, 7], 17, 33), (1, &[8, 8], 8, 40), (5, &[6], 4, 20), (2, &[5, 5], 300, 3), (0, &[2, 2], 3, 3), (2, &[4, 4], 0, 2)]
            {
                convolution_agrees::<f64>(members, sizes, channels, n, |x| x, f64::to_bits);
                convolution_agrees::<f32>(members, sizes, channels, n, |x| x as f32, |x| x.to_bits() as u64);
            }
        }
        limit(Level::Avx512);
    }

    fn convolution_agrees<T: Number>(members: usize, sizes: &[usize], channels: usize, n: usize, number: fn(f64) -> T, bits: fn(T) -> u64) {
        let (sites, table) = table(sizes);
        let around = Around { members, sites, channels, table: &table };
        let (rows, terms) = (members * sites, around.neighbours() * channels);
        let make = |n: usize, place: u64| numbers(n, place).into_iter().map(number).collect::<Vec<T>>();
        let (fields, weights, values) = (make(rows * channels, 1), make(terms * n, 2), make(rows * n, 3));
        let mut written = vec![];
        for row in 0..rows {
            for d in 0..around.neighbours() {
                let at = around.at(row / sites, row % sites, d);
                written.extend_from_slice(&fields[at..at + channels]);
            }
        }
        let forward = Product { m: rows, n, k: terms, a: (terms, 1), b: (n, 1) };
        let backward = Product { m: terms, n, k: rows, a: (1, terms), b: (n, 1) };
        for pool in [None, Some(&Pool::new(2))] {
            type Run<T> = fn(&Around, usize, &[T], &[T], &mut [T], Option<&Pool>);
            for (product, right, run) in [(forward, &weights, convolve as Run<T>), (backward, &values, correlate)] {
                let mut expected = vec![T::ZERO; product.m * n];
                let mut out = vec![number(1.0); product.m * n];
                contract(&product, 1, &written, right, &mut expected, None);
                run(&around, n, &fields, right, &mut out, pool);
                let same = out.iter().zip(&expected).all(|(x, y)| bits(*x) == bits(*y));
                assert!(same, "{members} {sizes:?} {channels} {n}");
            }
        }
    }

    #[test]
    fn a_nan_is_the_one_nan() {
        for k in [1, 1000] {
            let p = Product { m: 3, n: 3, k, a: (k, 1), b: (3, 1) };
            let (a, b) = (vec![f64::INFINITY; 3 * k], [vec![-f64::NAN, 0.0, 1.0], vec![1.0; 3 * k - 3]].concat());
            let mut out = [0.0; 9];
            contract(&p, 1, &a, &b, &mut out, None);
            let bits: Vec<u64> = out.iter().map(|x| x.to_bits()).collect();
            assert_eq!(bits, [f64::NAN, f64::NAN, f64::INFINITY].repeat(3).iter().map(|x| x.to_bits()).collect::<Vec<_>>());
        }
    }

    #[test]
    #[should_panic]
    fn short_slices_are_refused() {
        contract(&Product { m: 2, n: 2, k: 2, a: (2, 1), b: (2, 1) }, 1, &[0.0; 3], &[0.0; 4], &mut [0.0; 4], None);
    }

    #[test]
    #[should_panic]
    fn short_batches_are_refused() {
        contract(&Product { m: 2, n: 2, k: 2, a: (2, 1), b: (2, 1) }, 2, &[0.0; 8], &[0.0; 7], &mut [0.0; 8], None);
    }
}
