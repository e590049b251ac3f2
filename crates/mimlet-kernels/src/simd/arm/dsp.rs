//! ARMv7E-M's products of pairs: `smlad` adds two products of 16-bit integers to a sum, `sxtb16` widens
//! two bytes of a word at once. Compilers find neither in plain Rust.
//!
//! A core has a dozen registers for everything: a tile is a row of eight channels, or two rows of four,
//! and the sixteen channels of a panel are several passes over its columns.

use crate::simd::lanes16::{IntegerSink, Place};
use crate::simd::nibble_tile::Nibbles;
use crate::simd::pair_tile::{PairPanels, PairRows};
use crate::simd::portable::Integers;
use core::arch::asm;
use core::array::from_fn;

/// Channels of a tile of two rows.
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

/// Gives `sink` the products of each row with each panel: a row at a time, half of the channels at a
/// time.
///
/// # Safety
/// The machine must have the DSP extension.
#[inline(always)]
pub(super) unsafe fn pairs(x: PairRows<'_>, panels: PairPanels<'_>, sink: &mut impl IntegerSink) {
    for (panel, columns) in panels.columns.chunks_exact(panels.pairs).enumerate() {
        for index in 0..x.count {
            let row = &x.words[index * x.stride..][..columns.len()];
            let mut sums = Integers([0; 16]);
            for (half, sums) in sums.0.as_chunks_mut::<8>().0.iter_mut().enumerate() {
                // SAFETY: the row is as long as `columns`, of whose sixteen channels these are eight.
                unsafe { add_columns(row, columns, half * 8, sums) };
            }
            let place = Place {
                row: index,
                rows: 1,
                panel,
            };
            sink.write::<_, 1>(place, |_| [sums]);
        }
    }
}

/// Adds the products of a row with eight channels from `first` on, two columns at a time: there is an
/// even number of them.
///
/// # Safety
/// `row` must be as long as `columns`, and `first` at most 8.
#[inline(always)]
unsafe fn add_columns(row: &[u32], columns: &[[i16; 32]], first: usize, sums: &mut [i32; 8]) {
    debug_assert!(row.len() == columns.len() && columns.len().is_multiple_of(2));
    let [
        mut s0,
        mut s1,
        mut s2,
        mut s3,
        mut s4,
        mut s5,
        mut s6,
        mut s7,
    ] = *sums;
    let mut x = row.as_ptr();
    let end = x.wrapping_add(columns.len() & !1);
    let mut weights = columns.as_ptr().cast::<u32>().wrapping_add(first);
    while x != end {
        // SAFETY: reads two words of the row and, of two columns of sixteen words, the eight from
        // `first` on; words need no alignment. All twelve registers that there are are in use.
        unsafe {
            asm!(
                "ldr {x}, [{row}], #4",
                "ldr {w}, [{columns}]",
                "smlad {s0}, {x}, {w}, {s0}",
                "ldr {w}, [{columns}, #4]",
                "smlad {s1}, {x}, {w}, {s1}",
                "ldr {w}, [{columns}, #8]",
                "smlad {s2}, {x}, {w}, {s2}",
                "ldr {w}, [{columns}, #12]",
                "smlad {s3}, {x}, {w}, {s3}",
                "ldr {w}, [{columns}, #16]",
                "smlad {s4}, {x}, {w}, {s4}",
                "ldr {w}, [{columns}, #20]",
                "smlad {s5}, {x}, {w}, {s5}",
                "ldr {w}, [{columns}, #24]",
                "smlad {s6}, {x}, {w}, {s6}",
                "ldr {w}, [{columns}, #28]",
                "smlad {s7}, {x}, {w}, {s7}",
                "ldr {x}, [{row}], #4",
                "ldr {w}, [{columns}, #64]",
                "smlad {s0}, {x}, {w}, {s0}",
                "ldr {w}, [{columns}, #68]",
                "smlad {s1}, {x}, {w}, {s1}",
                "ldr {w}, [{columns}, #72]",
                "smlad {s2}, {x}, {w}, {s2}",
                "ldr {w}, [{columns}, #76]",
                "smlad {s3}, {x}, {w}, {s3}",
                "ldr {w}, [{columns}, #80]",
                "smlad {s4}, {x}, {w}, {s4}",
                "ldr {w}, [{columns}, #84]",
                "smlad {s5}, {x}, {w}, {s5}",
                "ldr {w}, [{columns}, #88]",
                "smlad {s6}, {x}, {w}, {s6}",
                "ldr {w}, [{columns}, #92]",
                "smlad {s7}, {x}, {w}, {s7}",
                "adds {columns}, #128",
                row = inout(reg) x,
                columns = inout(reg) weights,
                s0 = inout(reg) s0,
                s1 = inout(reg) s1,
                s2 = inout(reg) s2,
                s3 = inout(reg) s3,
                s4 = inout(reg) s4,
                s5 = inout(reg) s5,
                s6 = inout(reg) s6,
                s7 = inout(reg) s7,
                x = out(reg) _,
                w = out(reg) _,
                options(pure, readonly, nostack),
            );
        }
    }
    *sums = [s0, s1, s2, s3, s4, s5, s6, s7];
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
