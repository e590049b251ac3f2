//! x86-64 with AVX-VNNI: AVX2 and dot products of bytes in 256 bits (Intel since 2021, AMD since
//! 2024).

use super::avx2;
use super::lanes16::Integers16;
use super::quad_tile::Quads16;
use core::arch::x86_64::{
    __m256i, _mm256_dpbusd_avx_epi32, _mm256_set1_epi8, _mm256_set1_epi32, _mm256_xor_si256,
};

/// Rows of a tile: two registers of sums each, of sixteen registers in all.
pub(super) const HEIGHT: usize = 6;

/// Whether this machine has what this file uses.
pub(super) fn is_present() -> bool {
    #[cfg(feature = "std")]
    {
        std::arch::is_x86_feature_detected!("avxvnni") && avx2::is_present()
    }
    #[cfg(not(feature = "std"))]
    {
        cfg!(target_feature = "avxvnni") && avx2::is_present()
    }
}

/// Sixteen i32 sums. The instruction multiplies unsigned by signed bytes: the weights are the
/// unsigned ones, as they are offset once for all rows.
#[derive(Clone, Copy)]
pub(super) struct Integers(avx2::Integers);

impl Integers16 for Integers {
    type Floats = avx2::Floats;

    #[inline(always)]
    fn load(from: &[i32; 16]) -> Self {
        Self(avx2::Integers::load(from))
    }

    #[inline(always)]
    fn splat(value: i32) -> Self {
        Self(avx2::Integers::splat(value))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.0.add(other.0))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(self.0.mul(other.0))
    }

    #[inline(always)]
    fn to_floats(self) -> avx2::Floats {
        self.0.to_floats()
    }
}

impl Quads16 for Integers {
    type Weights = [__m256i; 2];
    const OFFSET: i32 = 128;

    #[inline(always)]
    fn weights(from: &[i8; 64]) -> [__m256i; 2] {
        // SAFETY: the type exists only in tiles compiled for AVX2; `from` is 64 bytes long.
        unsafe {
            let offset = _mm256_set1_epi8(i8::MIN);
            let [low, high] = avx2::halves(from.as_ptr());
            [
                _mm256_xor_si256(low, offset),
                _mm256_xor_si256(high, offset),
            ]
        }
    }

    #[inline(always)]
    fn nibbles(from: &[u8; 64]) -> [__m256i; 2] {
        // SAFETY: the type exists only in tiles compiled for AVX2; `from` is 64 bytes long.
        unsafe { avx2::halves(from.as_ptr()) }
    }

    #[inline(always)]
    fn add_products(self, quad: u32, weights: [__m256i; 2]) -> Self {
        let Self(avx2::Integers([low, high])) = self;
        // SAFETY: the type exists only in tiles compiled for AVX-VNNI.
        unsafe {
            let quad = _mm256_set1_epi32(quad.cast_signed());
            Self(avx2::Integers([
                _mm256_dpbusd_avx_epi32(low, weights[0], quad),
                _mm256_dpbusd_avx_epi32(high, weights[1], quad),
            ]))
        }
    }
}
