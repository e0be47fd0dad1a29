//! Vector registers of numbers, for the kernels of contractions: the compiler's own vectorisation is not to be relied on.

/// A register. All methods are unsafe: the processor must have it, and what is read or written must be there.
#[allow(clippy::missing_safety_doc)]
pub trait Register<T>: Copy {
    const WIDTH: usize;
    /// Which of the numbers, from the first on, a partial register has.
    type Part: Copy;
    fn part(count: usize) -> Self::Part;
    unsafe fn zero() -> Self;
    unsafe fn load(from: *const T) -> Self;
    unsafe fn store(self, to: *mut T);
    /// Zero beyond the part, where nothing is read.
    unsafe fn load_part(from: *const T, part: Self::Part) -> Self;
    unsafe fn store_part(self, to: *mut T, part: Self::Part);
    /// factor·terms + self.
    unsafe fn add(self, factor: T, terms: Self) -> Self;
    /// With the one NaN that all results have.
    unsafe fn canonical(self) -> Self;
}

#[cfg(target_arch = "x86_64")]
macro_rules! register {
    ($vector:ident $t:ty, $width:literal $part:ty, $make:path,
     $zero:ident $load:ident $store:ident $load_part:ident $store_part:ident $splat:ident $fma:ident, |$x:ident| $canonical:expr) => {
        impl Register<$t> for $vector {
            const WIDTH: usize = $width;
            type Part = $part;
            #[inline(always)]
            fn part(count: usize) -> $part {
                $make(count)
            }
            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: as promised by the caller, here and below.
                unsafe { $zero() }
            }
            #[inline(always)]
            unsafe fn load(from: *const $t) -> Self {
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $t) {
                unsafe { $store(to, self) }
            }
            #[inline(always)]
            unsafe fn load_part(from: *const $t, part: $part) -> Self {
                unsafe { $load_part(from, part) }
            }
            #[inline(always)]
            unsafe fn store_part(self, to: *mut $t, part: $part) {
                unsafe { $store_part(to, part, self) }
            }
            #[inline(always)]
            unsafe fn add(self, factor: $t, terms: Self) -> Self {
                unsafe { $fma($splat(factor), terms, self) }
            }
            #[inline(always)]
            unsafe fn canonical(self) -> Self {
                let $x = self;
                unsafe { $canonical }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use super::Register;
    use std::arch::x86_64::*;

    /// As many ones as numbers, at the end of a window that is read before this many zeros.
    static ONES: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];
    static ONES_F32: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

    #[inline(always)]
    fn ones(count: usize) -> __m256i {
        // SAFETY: a window of four, wherever it begins; AVX is promised to whoever has a register.
        unsafe { _mm256_loadu_si256(ONES[4 - count.min(4)..].as_ptr().cast()) }
    }

    #[inline(always)]
    fn ones_f32(count: usize) -> __m256i {
        // SAFETY: a window of eight.
        unsafe { _mm256_loadu_si256(ONES_F32[8 - count.min(8)..].as_ptr().cast()) }
    }

    register!(__m512d f64, 8 __mmask8, mask,
        _mm512_setzero_pd _mm512_loadu_pd _mm512_storeu_pd _mm512_maskz_loadu_pd_ _mm512_mask_storeu_pd _mm512_set1_pd _mm512_fmadd_pd,
        |x| _mm512_mask_blend_pd(_mm512_cmp_pd_mask::<_CMP_UNORD_Q>(x, x), x, _mm512_set1_pd(f64::NAN)));
    register!(__m512 f32, 16 __mmask16, mask_f32,
        _mm512_setzero_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_maskz_loadu_ps_ _mm512_mask_storeu_ps _mm512_set1_ps _mm512_fmadd_ps,
        |x| _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x, x), x, _mm512_set1_ps(f32::NAN)));
    register!(__m256d f64, 4 __m256i, ones,
        _mm256_setzero_pd _mm256_loadu_pd _mm256_storeu_pd _mm256_maskload_pd _mm256_maskstore_pd _mm256_set1_pd _mm256_fmadd_pd,
        |x| _mm256_blendv_pd(x, _mm256_set1_pd(f64::NAN), _mm256_cmp_pd::<_CMP_UNORD_Q>(x, x)));
    register!(__m256 f32, 8 __m256i, ones_f32,
        _mm256_setzero_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_maskload_ps _mm256_maskstore_ps _mm256_set1_ps _mm256_fmadd_ps,
        |x| _mm256_blendv_ps(x, _mm256_set1_ps(f32::NAN), _mm256_cmp_ps::<_CMP_UNORD_Q>(x, x)));

    #[inline(always)]
    fn mask(count: usize) -> __mmask8 {
        (0xff_u32 >> (8 - count)) as u8
    }

    #[inline(always)]
    fn mask_f32(count: usize) -> __mmask16 {
        (0xffff_u32 >> (16 - count)) as u16
    }

    #[inline(always)]
    unsafe fn _mm512_maskz_loadu_pd_(from: *const f64, part: __mmask8) -> __m512d {
        // SAFETY: as promised by the caller.
        unsafe { _mm512_maskz_loadu_pd(part, from) }
    }

    #[inline(always)]
    unsafe fn _mm512_maskz_loadu_ps_(from: *const f32, part: __mmask16) -> __m512 {
        // SAFETY: as promised by the caller.
        unsafe { _mm512_maskz_loadu_ps(part, from) }
    }
}

/// On any other processor.
impl<T: super::Number, const N: usize> Register<T> for [T; N] {
    const WIDTH: usize = N;
    type Part = usize;
    #[inline(always)]
    fn part(count: usize) -> usize {
        count
    }
    #[inline(always)]
    unsafe fn zero() -> Self {
        [T::ZERO; N]
    }
    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: as promised by the caller, here and below.
        unsafe { *from.cast() }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        unsafe { *to.cast() = self }
    }
    #[inline(always)]
    unsafe fn load_part(from: *const T, part: usize) -> Self {
        unsafe { std::array::from_fn(|k| if k < part { *from.add(k) } else { T::ZERO }) }
    }
    #[inline(always)]
    unsafe fn store_part(self, to: *mut T, part: usize) {
        unsafe { std::ptr::copy_nonoverlapping(self.as_ptr(), to, part) }
    }
    #[inline(always)]
    unsafe fn add(self, factor: T, terms: Self) -> Self {
        std::array::from_fn(|k| factor.fma(terms[k], self[k]))
    }
    #[inline(always)]
    unsafe fn canonical(self) -> Self {
        self.map(T::canonical)
    }
}
