//! ARMv7E-M's products of pairs: `smlad` adds two products of 16-bit integers to a sum, `sxtb16` widens
//! two bytes of a word at once. Compilers find neither in plain Rust.
//!
//! A core has fourteen registers for everything: a tile is two rows of four channels, and a panel's
//! sixteen channels are four passes over its columns.

use crate::simd::lanes16::IntegerSink;
use crate::simd::nibble_tile::Nibbles;
use crate::simd::pair_tile::PairRows;
use crate::simd::portable::Integers;
use crate::simd::tile::by_height;
use core::arch::asm;
use core::array::from_fn;

/// Channels of a tile.
const CHANNELS: usize = 4;

/// `sum` plus the products of the low and of the high halves.
#[inline(always)]
fn smlad(x: u32, weights: u32, sum: i32) -> i32 {
    let mut sum = sum;
    // SAFETY: works on registers alone; it may set the Q flag, which is not said to be preserved.
    unsafe {
        asm!("smlad {0}, {1}, {2}, {0}", inout(reg) sum, in(reg) x, in(reg) weights, options(pure, nomem, nostack));
    }
    sum
}

/// Bytes 0 and 2 of a word, with their signs, as a pair.
#[inline(always)]
fn sxtb16(word: u32) -> u32 {
    let pair;
    // SAFETY: works on registers alone.
    unsafe {
        asm!("sxtb16 {0}, {1}", out(reg) pair, in(reg) word, options(pure, nomem, nostack, preserves_flags));
    }
    pair
}

/// Bytes 1 and 3 of a word, with their signs, as a pair.
#[inline(always)]
fn sxtb16_odd(word: u32) -> u32 {
    let pair;
    // SAFETY: works on registers alone.
    unsafe {
        asm!("sxtb16 {0}, {1}, ror #8", out(reg) pair, in(reg) word, options(pure, nomem, nostack, preserves_flags));
    }
    pair
}

/// Widens quads to pairs: the first and third byte to `first`, the second and fourth to `second`.
#[inline(always)]
pub(super) fn widen(quads: &[[i8; 4]], first: &mut [[i16; 2]], second: &mut [[i16; 2]]) {
    for ((quad, first), second) in quads.iter().zip(first).zip(second) {
        let word = u32::from_le_bytes(quad.map(i8::cast_unsigned));
        *first = pair(sxtb16(word));
        *second = pair(sxtb16_odd(word));
    }
}

#[inline(always)]
fn pair(word: u32) -> [i16; 2] {
    [word as i16, (word >> 16) as i16]
}

/// Gives `sink` the products of each row with panel number `panel`, whose pairs are `columns`
/// `[pairs][16][2]`.
///
/// # Safety
/// The machine must have the DSP extension.
#[inline(always)]
pub(super) unsafe fn pairs(
    x: PairRows<'_>,
    panel: usize,
    columns: &[[i16; 32]],
    sink: &mut impl IntegerSink,
) {
    by_height!(2, x.count, |row, R| tile::<R>(
        x,
        [row, panel],
        columns,
        sink
    ));
}

#[inline(always)]
fn tile<const R: usize>(
    x: PairRows<'_>,
    [row, panel]: [usize; 2],
    columns: &[[i16; 32]],
    sink: &mut impl IntegerSink,
) {
    let rows: [&[u32]; R] = from_fn(|r| &x.words[(row + r) * x.stride..][..columns.len()]);
    let mut sums: [Integers; R] = from_fn(|r| sink.start(row + r, panel));
    for first in (0..16).step_by(CHANNELS) {
        let mut part: [[i32; CHANNELS]; R] = from_fn(|r| from_fn(|c| sums[r].0[first + c]));
        // SAFETY: each row is as long as `columns`, of whose sixteen channels these are four.
        unsafe { add_columns(rows.map(<[u32]>::as_ptr), columns, first, &mut part) };
        for (sums, part) in sums.iter_mut().zip(part) {
            sums.0[first..first + CHANNELS].copy_from_slice(&part);
        }
    }
    for (r, sum) in sums.into_iter().enumerate() {
        sink.write(row + r, panel, sum);
    }
}

/// Adds the products of each row with the channels `first..first + 4`.
///
/// # Safety
/// Rows must be as long as `columns`, and `first` at most 12.
#[inline(always)]
unsafe fn add_columns<const R: usize>(
    rows: [*const u32; R],
    columns: &[[i16; 32]],
    first: usize,
    sums: &mut [[i32; CHANNELS]; R],
) {
    for (index, column) in columns.iter().enumerate() {
        let weights = column.as_ptr().cast::<u32>();
        // SAFETY: the caller's promise. A word of weights need not be aligned.
        let x: [u32; R] = from_fn(|r| unsafe { *rows[r].add(index) });
        for c in 0..CHANNELS {
            let weights = unsafe { weights.add(first + c).read_unaligned() };
            for r in 0..R {
                sums[r][c] = smlad(x[r], weights, sums[r][c]);
            }
        }
    }
}

/// Groups of 4-bit weights, two products at a time.
pub(in crate::simd) struct ByPairs;

impl Nibbles for ByPairs {
    type Sums = Integers;

    #[inline(always)]
    unsafe fn add_group<const R: usize>(
        rows: [*const u32; R],
        weights: &[[u8; 64]],
        sums: &mut [Integers; R],
    ) {
        for first in (0..16).step_by(CHANNELS) {
            let mut part: [[i32; CHANNELS]; R] = from_fn(|r| from_fn(|c| sums[r].0[first + c]));
            for (index, column) in weights.iter().enumerate() {
                // SAFETY: the caller promises rows as long as `weights`.
                let x: [u32; R] = from_fn(|r| unsafe { *rows[r].add(index) });
                let x = x.map(|quad| [sxtb16(quad), sxtb16_odd(quad)]);
                let quads = &column.as_chunks::<4>().0[first..first + CHANNELS];
                for (c, quad) in quads.iter().enumerate() {
                    // Weights are 0 to 15: their bytes have no signs to be widened.
                    let word = u32::from_le_bytes(*quad);
                    let weights = [word & 0x00ff_00ff, (word >> 8) & 0x00ff_00ff];
                    for r in 0..R {
                        let sum = smlad(x[r][0], weights[0], part[r][c]);
                        part[r][c] = smlad(x[r][1], weights[1], sum);
                    }
                }
            }
            for (sums, part) in sums.iter_mut().zip(part) {
                sums.0[first..first + CHANNELS].copy_from_slice(&part);
            }
        }
    }
}
