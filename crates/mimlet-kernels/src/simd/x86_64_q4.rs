//! Tiles of 4-bit weights on x86-64: AVX2, and AVX-512 with VNNI.

use super::q4::{Q4Chunk, Sums};
use super::q8::Q8Rows;
use core::arch::x86_64::{
    __m256i, __m512i, _mm256_abs_epi8, _mm256_add_epi16, _mm256_add_ps, _mm256_cvtepi32_ps,
    _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_ps,
    _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_sign_epi8, _mm256_storeu_ps,
    _mm512_add_ps, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_mul_ps, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_ps, _mm512_storeu_si512,
    _mm512_sub_epi32,
};

/// Finds what [`tile_avx512`] starts each group from.
#[target_feature(enable = "avx512f,avx512vnni")]
pub(super) fn start_avx512(chunk: &mut Q4Chunk) {
    let bias = _mm512_set1_epi32(0x8080_8080_u32.cast_signed());
    let mut starts = chunk.starts;
    for (weights, start) in chunk.groups().zip(&mut starts) {
        let mut offset = _mm512_setzero_si512();
        for weights in weights.chunks_exact(64) {
            // SAFETY: `weights` is 64 bytes long and the load needs no alignment.
            let weights: __m512i = unsafe { _mm512_loadu_si512(weights.as_ptr().cast()) };
            offset = _mm512_dpbusd_epi32(offset, bias, weights);
        }
        let negated = _mm512_sub_epi32(_mm512_setzero_si512(), offset);
        // SAFETY: `start` is 64 bytes long and the store needs no alignment.
        unsafe { _mm512_storeu_si512(start.as_mut_ptr().cast(), negated) };
    }
    chunk.starts = starts;
}

/// One multiply-add of 16 x 4 bytes per row and column quad. The instruction multiplies unsigned by
/// signed bytes, so rows are offset by 128, which the group's start makes good: exact in i32.
#[target_feature(enable = "avx512f,avx512vnni")]
pub(super) fn tile_avx512<const R: usize>(
    x: &Q8Rows<'_>,
    first: usize,
    chunk: &Q4Chunk,
    sums: &mut Sums<R>,
) {
    let rows: [&[u32]; R] = core::array::from_fn(|r| &x.words(first + r)[chunk.first..]);
    // SAFETY: each row of `sums` is 64 bytes long and the load needs no alignment.
    let mut totals = sums.map(|sums| unsafe { _mm512_loadu_ps(sums.as_ptr()) });
    let mut quad = 0;
    let groups = chunk.groups().zip(&chunk.scales).zip(&chunk.starts);
    for ((weights, scale), start) in groups {
        // SAFETY: 64 bytes lie behind each pointer and the loads need no alignment.
        let (start, scale): (__m512i, _) = unsafe {
            let start = _mm512_loadu_si512(start.as_ptr().cast());
            (start, _mm512_loadu_ps(scale.as_ptr()))
        };
        let mut dots = [start; R];
        for weights in weights.chunks_exact(64) {
            // SAFETY: `weights` is 64 bytes long and the load needs no alignment.
            let weights: __m512i = unsafe { _mm512_loadu_si512(weights.as_ptr().cast()) };
            for r in 0..R {
                let bytes = _mm512_set1_epi32((rows[r][quad] ^ 0x8080_8080).cast_signed());
                dots[r] = _mm512_dpbusd_epi32(dots[r], bytes, weights);
            }
            quad += 1;
        }
        for r in 0..R {
            let product = _mm512_mul_ps(_mm512_cvtepi32_ps(dots[r]), scale);
            totals[r] = _mm512_add_ps(totals[r], product);
        }
    }
    for (sums, total) in sums.iter_mut().zip(totals) {
        // SAFETY: `sums` is 64 bytes long and the store needs no alignment.
        unsafe { _mm512_storeu_ps(sums.as_mut_ptr(), total) };
    }
}

/// Byte multiply-adds summed in 16 bits. The instruction multiplies unsigned by signed bytes, so
/// rows lend their signs to the weights. Two products are at most 2 x 127 x 8 and a group has at
/// most sixteen of their sums, 32,512 together: no sum saturates.
#[target_feature(enable = "avx2")]
pub(super) fn tile_avx2<const R: usize>(
    x: &Q8Rows<'_>,
    first: usize,
    chunk: &Q4Chunk,
    sums: &mut Sums<R>,
) {
    let rows: [&[u32]; R] = core::array::from_fn(|r| &x.words(first + r)[chunk.first..]);
    let ones = _mm256_set1_epi16(1);
    let mut quad = 0;
    for (weights, scale) in chunk.groups().zip(&chunk.scales) {
        // Each register holds eight channels, two partial sums a channel.
        let mut dots = [[_mm256_setzero_si256(); 2]; R];
        for weights in weights.chunks_exact(64) {
            let weights: [__m256i; 2] = core::array::from_fn(|half| {
                // SAFETY: 32 bytes lie at `half * 32` of the 64 and the load needs no alignment.
                unsafe { _mm256_loadu_si256(weights.as_ptr().add(half * 32).cast()) }
            });
            for r in 0..R {
                let bytes = _mm256_set1_epi32(rows[r][quad].cast_signed());
                let magnitudes = _mm256_abs_epi8(bytes);
                for (dot, weights) in dots[r].iter_mut().zip(weights) {
                    let signed = _mm256_sign_epi8(weights, bytes);
                    *dot = _mm256_add_epi16(*dot, _mm256_maddubs_epi16(magnitudes, signed));
                }
            }
            quad += 1;
        }
        for (sums, dots) in sums.iter_mut().zip(dots) {
            for (half, dot) in dots.into_iter().enumerate() {
                let dot = _mm256_cvtepi32_ps(_mm256_madd_epi16(dot, ones));
                // SAFETY: 32 bytes lie at `half * 8` of both arrays; nothing need be aligned.
                unsafe {
                    let scale = _mm256_loadu_ps(scale.as_ptr().add(half * 8));
                    let target = sums.as_mut_ptr().add(half * 8);
                    let total = _mm256_add_ps(_mm256_loadu_ps(target), _mm256_mul_ps(dot, scale));
                    _mm256_storeu_ps(target, total);
                }
            }
        }
    }
}
