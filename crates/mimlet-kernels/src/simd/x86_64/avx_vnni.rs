//! x86-64 with AVX-VNNI: AVX2 and dot products of bytes in 256 bits (Intel since 2021, AMD since
//! 2024).

use super::avx2::{self, Integers};
use crate::simd::quad_tile::Quads;
use core::arch::x86_64::{__m256i, _mm256_dpbusd_avx_epi32, _mm256_set1_epi32};

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

/// Quads of weights in two registers. The instruction multiplies unsigned by signed bytes.
pub(super) struct Vnni;

impl Quads for Vnni {
    type Sums = Integers;
    type Weights = [__m256i; 2];

    #[inline(always)]
    fn weights(from: &[i8; 64]) -> [__m256i; 2] {
        // SAFETY: called only in tiles compiled for AVX2; `from` is 64 bytes long.
        unsafe { avx2::halves(from.as_ptr()) }
    }

    #[inline(always)]
    fn add_products<const NIBBLES: bool>(
        sums: Integers,
        quad: u32,
        weights: [__m256i; 2],
    ) -> Integers {
        let Integers([low, high]) = sums;
        // SAFETY: called only in tiles compiled for AVX-VNNI.
        unsafe {
            let quad = _mm256_set1_epi32(quad.cast_signed());
            let add = |sums, weights| {
                if NIBBLES {
                    _mm256_dpbusd_avx_epi32(sums, weights, quad)
                } else {
                    _mm256_dpbusd_avx_epi32(sums, quad, weights)
                }
            };
            Integers([add(low, weights[0]), add(high, weights[1])])
        }
    }
}
