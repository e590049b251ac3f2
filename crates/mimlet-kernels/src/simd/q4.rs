//! Products of quantised rows with a panel of 4-bit weights: exact in i32 within a group of inputs,
//! scaled and summed in f32 over the groups, in order.

use super::Level;
use super::level::Kind;
use super::q8::{ONES_WORDS, Q8Rows, TILE_ROWS, ones};

/// Inputs decoded at a time, whole groups of either size: 8 KB of stack.
pub(crate) const CHUNK: usize = 512;

/// Groups in a chunk, at their smallest.
const MAX_GROUPS: usize = CHUNK / 32;

/// The running sums of `R` rows with sixteen weight rows.
pub(super) type Sums<const R: usize> = [[f32; 16]; R];

/// Up to [`CHUNK`] columns of a panel, decoded.
#[derive(Debug)]
pub(crate) struct Q4Chunk {
    /// `[quads][16][4]`, as in `Panel16x4`.
    weights: [i8; CHUNK * 16],
    /// The group's scales.
    pub(super) scales: [[f32; 16]; MAX_GROUPS],
    /// What an instruction that takes rows offset by 128 has to start from: `-128 * sum(weights)`.
    pub(super) starts: [[i32; 16]; MAX_GROUPS],
    /// Column quads before the chunk.
    pub(super) first: usize,
    /// Column quads in the chunk.
    quads: usize,
    /// Column quads in a group.
    group: usize,
}

impl Q4Chunk {
    /// Room for chunks of groups of `group_size` inputs.
    #[inline(always)]
    pub(crate) fn new(group_size: usize) -> Self {
        Self {
            weights: [0; CHUNK * 16],
            scales: [[0.0; 16]; MAX_GROUPS],
            starts: [[0; 16]; MAX_GROUPS],
            first: 0,
            quads: 0,
            group: group_size / 4,
        }
    }

    /// Decodes the columns from quad `first` on: `quads` of them, from the bytes of `Panel16x8` that
    /// hold them, and the scales of their groups.
    #[inline(always)]
    pub(crate) fn decode(
        &mut self,
        level: Level,
        [first, quads]: [usize; 2],
        nibbles: &[u8],
        scales: impl Iterator<Item = [f32; 16]>,
    ) {
        (self.first, self.quads) = (first, quads);
        let pairs = self.weights.chunks_exact_mut(128);
        for (pair, bytes) in pairs.zip(nibbles.chunks_exact(64)) {
            let (low, high) = pair.split_at_mut(64);
            for ((low, high), &byte) in low.iter_mut().zip(high).zip(bytes) {
                // Subtracting 8 from a half with its sign bit flipped extends the sign.
                *low = ((byte & 15) ^ 8).wrapping_sub(8).cast_signed();
                *high = ((byte >> 4) ^ 8).wrapping_sub(8).cast_signed();
            }
        }
        for (target, scale) in self.scales.iter_mut().zip(scales) {
            *target = scale;
        }
        match level.kind() {
            Kind::Baseline => {}
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => {}
            // SAFETY: a `Level` of this kind exists only on a machine with AVX-512 and VNNI.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { super::x86_64_q4::start_avx512(self) },
        }
    }

    /// The weights of each group, `[quads][16][4]`; those of the last group may be fewer.
    #[inline(always)]
    pub(super) fn groups(&self) -> impl Iterator<Item = &[i8]> {
        self.weights[..self.quads * 64].chunks(self.group * 64)
    }

    /// Column quads before a group's first.
    #[inline(always)]
    pub(super) fn start_of(&self, group: usize) -> usize {
        self.first + group * self.group
    }
}

/// Adds the products of each row of `x` with a chunk to `columns` values of its row of `sums`: rows
/// of `stride`.
#[inline(always)]
pub(crate) fn q4_rows(
    level: Level,
    x: &Q8Rows<'_>,
    chunk: &Q4Chunk,
    sums: &mut [f32],
    [stride, columns]: [usize; 2],
) {
    let rows = x.rows();
    let mut row = 0;
    while row + TILE_ROWS <= rows {
        add_tile::<TILE_ROWS>(level, x, row, chunk, sums, [stride, columns]);
        row += TILE_ROWS;
    }
    while row < rows {
        add_tile::<1>(level, x, row, chunk, sums, [stride, columns]);
        row += 1;
    }
}

/// Adds the scaled sum of each of a chunk's sixteen weight rows to `sums`.
#[inline(always)]
pub(crate) fn q4_weight_sums(level: Level, chunk: &mut Q4Chunk, sums: &mut [f32; 16]) {
    const { assert!(CHUNK / 4 <= ONES_WORDS) };
    // The row of ones is as long as a chunk, wherever that is.
    let first = core::mem::replace(&mut chunk.first, 0);
    add_tile::<1>(level, &ones(), 0, chunk, sums, [16, 16]);
    chunk.first = first;
}

#[inline(always)]
fn add_tile<const R: usize>(
    level: Level,
    x: &Q8Rows<'_>,
    first: usize,
    chunk: &Q4Chunk,
    sums: &mut [f32],
    [stride, columns]: [usize; 2],
) {
    let mut tile: Sums<R> = [[0.0; 16]; R];
    for (r, tile) in tile.iter_mut().enumerate() {
        tile[..columns].copy_from_slice(&sums[(first + r) * stride..][..columns]);
    }
    match level.kind() {
        Kind::Baseline => tile_baseline(x, first, chunk, &mut tile),
        // SAFETY: a `Level` of this kind exists only on a machine with AVX2.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 => unsafe { super::x86_64_q4::tile_avx2(x, first, chunk, &mut tile) },
        // SAFETY: a `Level` of this kind exists only on a machine with AVX-512 and VNNI.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512 => unsafe { super::x86_64_q4::tile_avx512(x, first, chunk, &mut tile) },
    }
    for (r, tile) in tile.iter().enumerate() {
        sums[(first + r) * stride..][..columns].copy_from_slice(&tile[..columns]);
    }
}

/// The products in plain Rust.
fn tile_baseline<const R: usize>(
    x: &Q8Rows<'_>,
    first: usize,
    chunk: &Q4Chunk,
    sums: &mut Sums<R>,
) {
    for (group, (weights, scale)) in chunk.groups().zip(&chunk.scales).enumerate() {
        for (r, sums) in sums.iter_mut().enumerate() {
            let words = &x.words(first + r)[chunk.start_of(group)..];
            let mut dots = [0i32; 16];
            for (word, weights) in words.iter().zip(weights.chunks_exact(64)) {
                let bytes = word.to_le_bytes().map(|byte| i32::from(byte.cast_signed()));
                for (dot, weights) in dots.iter_mut().zip(weights.chunks_exact(4)) {
                    for (byte, &weight) in bytes.into_iter().zip(weights) {
                        *dot += byte * i32::from(weight);
                    }
                }
            }
            for ((sum, dot), scale) in sums.iter_mut().zip(dots).zip(scale) {
                *sum += dot as f32 * scale;
            }
        }
    }
}
