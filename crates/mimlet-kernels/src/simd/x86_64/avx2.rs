//! x86-64 with AVX2, FMA and F16C (Intel since 2013, AMD since 2015).

use crate::simd::float_tile::ColumnProducts;
use crate::simd::lanes16::{Floats16, Integers16};
use crate::simd::nibble_tile::Nibbles;
use crate::simd::pair_tile::Pairs;
use core::arch::x86_64::{
    __m256, __m256i, _mm_loadu_si128, _mm256_add_epi16, _mm256_add_epi32, _mm256_add_ps,
    _mm256_cvtepi32_ps, _mm256_cvtph_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_mullo_epi32, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256, _mm256_slli_epi16, _mm256_srai_epi16,
    _mm256_storeu_ps, _mm256_storeu_si256,
};

/// Rows of a tile: two registers of sums each, of sixteen registers in all.
pub(super) const HEIGHT: usize = 6;

/// Whether this machine has what this file uses.
pub(super) fn is_present() -> bool {
    #[cfg(feature = "std")]
    {
        use std::arch::is_x86_feature_detected;
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c")
    }
    #[cfg(not(feature = "std"))]
    {
        cfg!(all(
            target_feature = "avx2",
            target_feature = "fma",
            target_feature = "f16c"
        ))
    }
}

/// Runs `f` compiled for AVX2. Its plain additions and products are never fused.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn vectorize<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// Sixteen floats.
#[derive(Clone, Copy)]
pub(super) struct Floats([__m256; 2]);

impl Floats16 for Floats {
    #[inline(always)]
    fn load(from: &[f32; 16]) -> Self {
        // SAFETY: the type exists only in tiles compiled for AVX2; both halves lie within `from`.
        unsafe {
            let from = from.as_ptr();
            Self([_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))])
        }
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; 16]) {
        // SAFETY: the type exists only in tiles compiled for AVX2; both halves lie within `to`.
        unsafe {
            let to = to.as_mut_ptr();
            _mm256_storeu_ps(to, self.0[0]);
            _mm256_storeu_ps(to.add(8), self.0[1]);
        }
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: the type exists only in tiles compiled for AVX2.
        Self([unsafe { _mm256_set1_ps(value) }; 2])
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let ([a, b], [c, d]) = (self.0, other.0);
        // SAFETY: the type exists only in tiles compiled for AVX2.
        Self(unsafe { [_mm256_add_ps(a, c), _mm256_add_ps(b, d)] })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let ([a, b], [c, d]) = (self.0, other.0);
        // SAFETY: the type exists only in tiles compiled for AVX2.
        Self(unsafe { [_mm256_mul_ps(a, c), _mm256_mul_ps(b, d)] })
    }

    #[inline(always)]
    fn add_product<const FUSED: bool>(self, a: Self, b: Self) -> Self {
        // SAFETY: the type exists only in tiles compiled for AVX2 and FMA.
        unsafe {
            if FUSED {
                let (sum, a, b) = (self.0, a.0, b.0);
                Self([
                    _mm256_fmadd_ps(a[0], b[0], sum[0]),
                    _mm256_fmadd_ps(a[1], b[1], sum[1]),
                ])
            } else {
                self.add(a.mul(b))
            }
        }
    }
}

impl ColumnProducts for Floats {}

/// Sixteen i32 sums.
#[derive(Clone, Copy)]
pub(super) struct Integers(pub(super) [__m256i; 2]);

/// The two halves of 64 bytes.
#[inline(always)]
pub(super) unsafe fn halves<T>(from: *const T) -> [__m256i; 2] {
    let from = from.cast::<__m256i>();
    // SAFETY: the type exists only in tiles compiled for AVX2 and 64 bytes behind the pointer.
    unsafe { [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))] }
}

impl Integers16 for Integers {
    type Floats = Floats;

    #[inline(always)]
    fn load(from: &[i32; 16]) -> Self {
        // SAFETY: the type exists only in tiles compiled for AVX2; `from` is 64 bytes long.
        Self(unsafe { halves(from.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, to: &mut [i32; 16]) {
        // SAFETY: the type exists only in tiles compiled for AVX2; both halves lie within `to`.
        unsafe {
            let to = to.as_mut_ptr();
            _mm256_storeu_si256(to.cast(), self.0[0]);
            _mm256_storeu_si256(to.add(8).cast(), self.0[1]);
        }
    }

    #[inline(always)]
    fn splat(value: i32) -> Self {
        // SAFETY: the type exists only in tiles compiled for AVX2.
        Self([unsafe { _mm256_set1_epi32(value) }; 2])
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let ([a, b], [c, d]) = (self.0, other.0);
        // SAFETY: the type exists only in tiles compiled for AVX2.
        Self(unsafe { [_mm256_add_epi32(a, c), _mm256_add_epi32(b, d)] })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let ([a, b], [c, d]) = (self.0, other.0);
        // SAFETY: the type exists only in tiles compiled for AVX2.
        Self(unsafe { [_mm256_mullo_epi32(a, c), _mm256_mullo_epi32(b, d)] })
    }

    #[inline(always)]
    fn to_floats(self) -> Floats {
        // SAFETY: the type exists only in tiles compiled for AVX2.
        Floats(unsafe { [_mm256_cvtepi32_ps(self.0[0]), _mm256_cvtepi32_ps(self.0[1])] })
    }
}

impl Pairs for Integers {
    type Sums = Self;
    type Weights = [__m256i; 2];

    #[inline(always)]
    fn weights(from: &[i16; 32]) -> [__m256i; 2] {
        // SAFETY: the type exists only in tiles compiled for AVX2; `from` is 64 bytes long.
        unsafe { halves(from.as_ptr()) }
    }

    #[inline(always)]
    fn add_products(sums: Self, pair: u32, weights: [__m256i; 2]) -> Self {
        // SAFETY: the type exists only in tiles compiled for AVX2.
        unsafe {
            let pair = _mm256_set1_epi32(pair.cast_signed());
            let low = _mm256_madd_epi16(pair, weights[0]);
            let high = _mm256_madd_epi16(pair, weights[1]);
            sums.add(Self([low, high]))
        }
    }
}

/// [`crate::simd::widen_quads`], 32 bytes at a time.
#[target_feature(enable = "avx2")]
pub(super) fn widen(quads: &[[i8; 32]], first: &mut [[i16; 16]], second: &mut [[i16; 16]]) {
    for ((quads, first), second) in quads.iter().zip(first).zip(second) {
        // SAFETY: all three are 32 bytes long.
        unsafe {
            let bytes = _mm256_loadu_si256(quads.as_ptr().cast());
            let low = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(bytes));
            let high = _mm256_srai_epi16::<8>(bytes);
            _mm256_storeu_si256(first.as_mut_ptr().cast(), low);
            _mm256_storeu_si256(second.as_mut_ptr().cast(), high);
        }
    }
}

/// Widens halves to floats, eight at a time; the last few are left to the caller.
#[target_feature(enable = "avx2,f16c")]
pub(super) fn widen_halves(halves: &[u16], floats: &mut [f32]) {
    let halves = halves.as_chunks::<8>().0.iter();
    for (halves, floats) in halves.zip(floats.as_chunks_mut::<8>().0) {
        // SAFETY: both arrays are eight long.
        unsafe {
            let wide = _mm256_cvtph_ps(_mm_loadu_si128(halves.as_ptr().cast()));
            _mm256_storeu_ps(floats.as_mut_ptr(), wide);
        }
    }
}

/// Groups of 4-bit weights by byte multiply-adds summed in 16 bits: two products are at most
/// 2 x 15 x 127, and eight of their sums 30,480.
pub(super) struct By16Bits;

impl Nibbles for By16Bits {
    type Sums = Integers;

    #[inline(always)]
    unsafe fn add_group<const R: usize>(
        rows: [*const u32; R],
        weights: &[[u8; 64]],
        sums: &mut [Integers; R],
    ) {
        // SAFETY: the type exists only in tiles compiled for AVX2; rows are as long as `weights`.
        unsafe {
            let ones = _mm256_set1_epi16(1);
            for (part, weights) in weights.chunks(8).enumerate() {
                let mut short = [[_mm256_setzero_si256(); 2]; R];
                for (index, weights) in weights.iter().enumerate() {
                    let [low, high] = halves(weights.as_ptr());
                    for r in 0..R {
                        let quad = *rows[r].add(part * 8 + index);
                        let quad = _mm256_set1_epi32(quad.cast_signed());
                        let [a, b] = short[r];
                        short[r] = [
                            _mm256_add_epi16(a, _mm256_maddubs_epi16(low, quad)),
                            _mm256_add_epi16(b, _mm256_maddubs_epi16(high, quad)),
                        ];
                    }
                }
                for r in 0..R {
                    let [a, b] = short[r];
                    let wide = [_mm256_madd_epi16(a, ones), _mm256_madd_epi16(b, ones)];
                    sums[r] = sums[r].add(Integers(wide));
                }
            }
        }
    }
}
