//! x86-64 with AVX-512 and its VNNI (Intel servers since 2019, AMD since 2022).

use super::avx2;
use crate::simd::float_tile::ColumnProducts;
use crate::simd::lanes16::{Floats16, Integers16};
use crate::simd::quad_tile::Quads;
use core::arch::x86_64::{
    __m512, __m512i, _mm512_add_epi32, _mm512_add_ps, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32,
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mul_ps, _mm512_mullo_epi32,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_storeu_ps, _mm512_storeu_si512,
};

/// Rows of a tile.
pub(super) const HEIGHT: usize = 12;

/// Whether this machine has what this file uses.
pub(super) fn is_present() -> bool {
    #[cfg(feature = "std")]
    {
        use std::arch::is_x86_feature_detected;
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni")
            && avx2::is_present()
    }
    #[cfg(not(feature = "std"))]
    {
        cfg!(all(
            target_feature = "avx512f",
            target_feature = "avx512bw",
            target_feature = "avx512dq",
            target_feature = "avx512vl",
            target_feature = "avx512vnni"
        )) && avx2::is_present()
    }
}

/// Runs `f` compiled for AVX-512. Its plain additions and products are never fused.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn vectorize<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// Sixteen floats.
#[derive(Clone, Copy)]
pub(super) struct Floats(__m512);

impl Floats16 for Floats {
    #[inline(always)]
    fn load(from: &[f32; 16]) -> Self {
        // SAFETY: the type exists only in tiles compiled for AVX-512; the load needs no alignment.
        Self(unsafe { _mm512_loadu_ps(from.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; 16]) {
        // SAFETY: the type exists only in tiles compiled for AVX-512; the store needs no alignment.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: the type exists only in tiles compiled for AVX-512.
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: the type exists only in tiles compiled for AVX-512.
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: the type exists only in tiles compiled for AVX-512.
        Self(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    fn add_product<const FUSED: bool>(self, a: Self, b: Self) -> Self {
        // SAFETY: the type exists only in tiles compiled for AVX-512.
        Self(unsafe {
            if FUSED {
                _mm512_fmadd_ps(a.0, b.0, self.0)
            } else {
                self.add(a.mul(b)).0
            }
        })
    }
}

impl ColumnProducts for Floats {}

/// Sixteen i32 sums.
#[derive(Clone, Copy)]
pub(super) struct Integers(__m512i);

/// 64 bytes.
#[inline(always)]
unsafe fn read<T>(from: *const T) -> __m512i {
    // SAFETY: the type exists only in tiles compiled for AVX-512 and 64 bytes behind the pointer.
    unsafe { _mm512_loadu_si512(from.cast()) }
}

impl Integers16 for Integers {
    type Floats = Floats;

    #[inline(always)]
    fn load(from: &[i32; 16]) -> Self {
        // SAFETY: the type exists only in tiles compiled for AVX-512; `from` is 64 bytes long.
        Self(unsafe { read(from.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, to: &mut [i32; 16]) {
        // SAFETY: the type exists only in tiles compiled for AVX-512; the store needs no alignment.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn splat(value: i32) -> Self {
        // SAFETY: the type exists only in tiles compiled for AVX-512.
        Self(unsafe { _mm512_set1_epi32(value) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: the type exists only in tiles compiled for AVX-512.
        Self(unsafe { _mm512_add_epi32(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: the type exists only in tiles compiled for AVX-512.
        Self(unsafe { _mm512_mullo_epi32(self.0, other.0) })
    }

    #[inline(always)]
    fn to_floats(self) -> Floats {
        // SAFETY: the type exists only in tiles compiled for AVX-512.
        Floats(unsafe { _mm512_cvtepi32_ps(self.0) })
    }
}

/// The instruction multiplies unsigned by signed bytes.
impl Quads for Integers {
    type Sums = Self;
    type Weights = __m512i;

    #[inline(always)]
    fn weights(from: &[i8; 64]) -> __m512i {
        // SAFETY: the type exists only in tiles compiled for AVX-512; `from` is 64 bytes long.
        unsafe { read(from.as_ptr()) }
    }

    #[inline(always)]
    fn add_products<const NIBBLES: bool>(sums: Self, quad: u32, weights: __m512i) -> Self {
        // SAFETY: the type exists only in tiles compiled for VNNI.
        Self(unsafe {
            let quad = _mm512_set1_epi32(quad.cast_signed());
            if NIBBLES {
                _mm512_dpbusd_epi32(sums.0, weights, quad)
            } else {
                _mm512_dpbusd_epi32(sums.0, quad, weights)
            }
        })
    }
}
