//! x86-64: AVX2, and AVX-512 with VNNI.

use super::q8::{Q8Rows, Tile};
use core::arch::x86_64::{
    __m256i, __m512i, _mm_cvtepi8_epi16, _mm_cvtsi32_si128, _mm_cvtsi128_si64, _mm_loadu_si128,
    _mm256_add_epi32, _mm256_cvtepi8_epi16, _mm256_hadd_epi32, _mm256_madd_epi16,
    _mm256_permute4x64_epi64, _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_storeu_si256,
    _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_si512,
    _mm512_storeu_si512, _mm512_sub_epi32,
};

/// Whether this machine has AVX2.
pub(super) fn has_avx2() -> bool {
    #[cfg(feature = "std")]
    {
        std::arch::is_x86_feature_detected!("avx2")
    }
    #[cfg(not(feature = "std"))]
    {
        cfg!(target_feature = "avx2")
    }
}

/// Whether this machine has the AVX-512 sets that `with_avx512` and the VNNI tile use.
pub(super) fn has_avx512() -> bool {
    #[cfg(feature = "std")]
    {
        use std::arch::is_x86_feature_detected;
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni")
            && has_avx2()
    }
    #[cfg(not(feature = "std"))]
    {
        cfg!(all(
            target_feature = "avx512f",
            target_feature = "avx512bw",
            target_feature = "avx512dq",
            target_feature = "avx512vl",
            target_feature = "avx512vnni"
        ))
    }
}

/// Runs `f` compiled for AVX2.
#[target_feature(enable = "avx2")]
pub(super) fn with_avx2<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// Runs `f` compiled for AVX-512.
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn with_avx512<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// [`super::q8::tile`] with one multiply-add of 16 x 4 bytes per row and column group.
///
/// The instruction multiplies unsigned by signed bytes, so rows are offset by 128 and
/// `128 * sum(weights)`, found with the same instruction, is taken off again: exact in i32.
#[target_feature(enable = "avx512f,avx512vnni")]
pub(super) fn tile_avx512<const R: usize>(x: &Q8Rows<'_>, first: usize, panel: &[i8]) -> Tile<R> {
    let rows: [&[u32]; R] = core::array::from_fn(|r| x.words(first + r));
    let mut sums = [_mm512_setzero_si512(); R];
    let mut offsets = _mm512_setzero_si512();
    let bias = _mm512_set1_epi32(0x8080_8080_u32.cast_signed());
    for (group, weights) in panel.chunks_exact(64).enumerate() {
        // SAFETY: `weights` is 64 bytes long and the load needs no alignment.
        let weights: __m512i = unsafe { _mm512_loadu_si512(weights.as_ptr().cast()) };
        offsets = _mm512_dpbusd_epi32(offsets, bias, weights);
        for r in 0..R {
            let bytes = _mm512_set1_epi32((rows[r][group] ^ 0x8080_8080).cast_signed());
            sums[r] = _mm512_dpbusd_epi32(sums[r], bytes, weights);
        }
    }
    sums.map(|sum| {
        let mut out = [0i32; 16];
        let exact = _mm512_sub_epi32(sum, offsets);
        // SAFETY: `out` is 64 bytes long and the store needs no alignment.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), exact) };
        out
    })
}

/// [`super::q8::tile`] with 16-bit multiply-adds: bytes are widened, so no sum saturates.
#[target_feature(enable = "avx2")]
pub(super) fn tile_avx2<const R: usize>(x: &Q8Rows<'_>, first: usize, panel: &[i8]) -> Tile<R> {
    let rows: [&[u32]; R] = core::array::from_fn(|r| x.words(first + r));
    // Each register holds four channels, two partial sums a channel.
    let mut sums = [[_mm256_setzero_si256(); 4]; R];
    for (group, weights) in panel.chunks_exact(64).enumerate() {
        let weights: [__m256i; 4] = core::array::from_fn(|quarter| {
            // SAFETY: 16 bytes lie at `quarter * 16` of the 64 and the load needs no alignment.
            let bytes = unsafe { _mm_loadu_si128(weights.as_ptr().add(quarter * 16).cast()) };
            _mm256_cvtepi8_epi16(bytes)
        });
        for r in 0..R {
            let bytes = _mm_cvtepi8_epi16(_mm_cvtsi32_si128(rows[r][group].cast_signed()));
            let bytes = _mm256_set1_epi64x(_mm_cvtsi128_si64(bytes));
            for (sum, weights) in sums[r].iter_mut().zip(weights) {
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(bytes, weights));
            }
        }
    }
    sums.map(|[a, b, c, d]| {
        let mut out = [0i32; 16];
        for (half, (low, high)) in [(a, b), (c, d)].into_iter().enumerate() {
            // hadd leaves channels as 0 1 4 5 | 2 3 6 7; the permutation puts them in order.
            let pairs = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(low, high));
            // SAFETY: 32 bytes lie at `half * 8` of `out` and the store needs no alignment.
            unsafe { _mm256_storeu_si256(out.as_mut_ptr().add(half * 8).cast::<__m256i>(), pairs) };
        }
        out
    })
}
