//! Products at a level.

use super::float_tile::{self, FloatPanels, Rows};
use super::lanes16::{FloatSink, IntegerSink};
use super::level::Level;
use super::machine::Machine;
use super::nibble_tile::{self, GroupOffsets, NibblePanel};
use super::pair_tile::{self, PairPanels, PairRows};
use super::portable::{ByProducts, Floats, HEIGHT, Integers, PAIRS_HEIGHT};
use super::quad_tile::ByteRows;

/// Gives `sink` the products of each row with each panel, added in the order of the inputs. With
/// `FUSED` each product and addition is rounded once, on machines that can; without, every machine
/// gives the same bits.
#[inline(always)]
pub(crate) fn float_products<const FUSED: bool>(
    level: Level,
    x: Rows<'_>,
    panels: FloatPanels<'_>,
    sink: &mut impl FloatSink,
) {
    // SAFETY: plain Rust runs anywhere; a `Level` of a kind exists only where its instructions were
    // found.
    unsafe {
        match level.kind() {
            // Plain Rust fuses nothing.
            None => float_tile::products::<Floats, HEIGHT, 1, false>(x, panels, sink),
            Some(kind) => kind.floats::<FUSED>(x, panels, sink),
        }
    }
}

/// Readies panels of pairs for [`pair_products`].
pub(crate) fn arrange_pair_panels(level: Level, columns: &mut [[i16; 32]]) {
    if level.kind().is_some_and(Machine::splits_pairs) {
        pair_tile::split_columns(columns);
    }
}

/// Readies rows of pairs for [`pair_products`].
pub(crate) fn arrange_pair_rows(level: Level, words: &mut [u32]) {
    if level.kind().is_some_and(Machine::splits_pairs) {
        pair_tile::split_rows(words);
    }
}

/// Gives `sink` the products of each row with each panel, both arranged for the level: exact while they
/// fit i32.
#[inline(always)]
pub(crate) fn pair_products(
    level: Level,
    x: PairRows<'_>,
    panels: PairPanels<'_>,
    sink: &mut impl IntegerSink,
) {
    // SAFETY: as above.
    unsafe {
        match level.kind() {
            None => pair_tile::products::<Integers, PAIRS_HEIGHT>(x, panels, sink),
            Some(kind) => kind.pairs(x, panels, sink),
        }
    }
}

/// Gives `sink` the products of each row of bytes with each panel `[quads][16][4]`, whose quads are
/// interleaved where a machine multiplies octets. Rows are as the level [takes them](Level::bytes).
///
/// # Panics
/// On machines that multiply [pairs](super::Bytes::Pairs).
#[inline(always)]
pub(crate) fn byte_products(
    level: Level,
    x: ByteRows<'_>,
    panels: &[[i8; 64]],
    sink: &mut impl IntegerSink,
) {
    match level.kind() {
        None => unreachable!("{} multiplies pairs", level.name()),
        // SAFETY: a `Level` of a kind exists only where its instructions were found.
        Some(kind) => unsafe { kind.quads(x, panels, sink) },
    }
}

/// Gives `sink` the products of each row of bytes with 4-bit weights, those of panel number `panel`.
/// The quads of a group are interleaved where a machine multiplies octets.
#[inline(always)]
pub(crate) fn nibble_products(
    level: Level,
    x: ByteRows<'_>,
    panel: usize,
    columns: NibblePanel<'_>,
    offsets: GroupOffsets<'_>,
    sink: &mut impl FloatSink,
) {
    // SAFETY: plain Rust runs anywhere; a `Level` of a kind exists only where its instructions were
    // found.
    unsafe {
        match level.kind() {
            None => nibble_tile::products::<ByProducts, HEIGHT>(x, panel, columns, offsets, sink),
            Some(kind) => kind.nibbles(x, panel, columns, offsets, sink),
        }
    }
}

/// Widens halves to floats with an instruction for it, where there is one, and returns how many: the
/// caller widens the rest.
#[inline(always)]
pub(crate) fn widen_halves(level: Level, halves: &[u16], floats: &mut [f32]) -> usize {
    match level.kind() {
        None => 0,
        // SAFETY: a `Level` of a kind exists only where its instructions were found.
        Some(kind) => unsafe { kind.widen_halves(halves, floats) },
    }
}

/// Widens quads of bytes to pairs: the first and third byte of each quad go to `first`, the second and
/// fourth to `second`. Inputs and weights that are widened alike meet as before.
///
/// # Panics
/// When the lengths differ, or are no whole number of quads.
#[inline(always)]
pub(crate) fn widen_quads(level: Level, quads: &[i8], first: &mut [i16], second: &mut [i16]) {
    assert!(quads.len() == 2 * first.len() && first.len() == second.len());
    let wide = match level.kind() {
        None => 0,
        // SAFETY: a `Level` of a kind exists only where its instructions were found.
        Some(kind) => unsafe { kind.widen_quads(quads, first, second) },
    };
    let quads = quads[wide..].as_chunks::<4>().0;
    let first = first[wide / 2..].as_chunks_mut::<2>().0;
    let second = second[wide / 2..].as_chunks_mut::<2>().0;
    for ((quad, first), second) in quads.iter().zip(first).zip(second) {
        let [a, b, c, d] = quad.map(i16::from);
        (*first, *second) = ([a, c], [b, d]);
    }
}
