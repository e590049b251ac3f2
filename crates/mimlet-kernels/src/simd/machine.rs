//! What an architecture's folder gives: the kinds of its machines, by the instructions they have, and
//! for each kind its tiles.

use super::float_tile::{FloatPanels, Rows};
use super::lanes16::{FloatSink, IntegerSink};
use super::nibble_tile::{GroupOffsets, NibblePanel};
use super::pair_tile::{PairPanels, PairRows};
use super::quad_tile::ByteRows;

/// How a machine multiplies bytes.
#[allow(
    dead_code,
    reason = "an architecture may have machines of one kind only"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bytes {
    /// Widened to 16 bits, two inputs at a time.
    Pairs,
    /// Four inputs at a time, from panels as the file holds them.
    Quads,
    /// As quads, of inputs [offset](super::UNSIGNED) to unsigned bytes.
    UnsignedQuads,
    /// As quads, from rows that had best start on cache lines.
    Lines,
    /// Eight inputs at a time, from panels whose quads are [interleaved](super::interleaved) two by two, but for
    /// the last of an odd number.
    Octets,
}

/// A kind of machine that has more than its architecture promises. Only a [`Level`](super::Level)
/// proves that this machine is one: that is what the unsafe functions ask for.
pub(super) trait Machine: Copy + Eq + 'static {
    /// Every kind, slowest first.
    const ALL: &'static [Self];

    /// Whether products of floats are fused with their addition.
    const FUSES: bool;

    /// The kind's name, as the environment variable takes it.
    fn name(self) -> &'static str;

    /// Whether this machine is of the kind.
    fn is_present(self) -> bool;

    /// How it multiplies bytes, rows of so many quads with so many panels.
    fn bytes(self, quads: usize, panels: usize) -> Bytes;

    /// Runs `f`, compiled for the kind wherever it is inlined.
    unsafe fn vectorize<R>(self, f: impl FnOnce() -> R) -> R;

    /// Products of floats.
    unsafe fn floats<const FUSED: bool>(
        self,
        x: Rows<'_>,
        panels: FloatPanels<'_>,
        sink: &mut impl FloatSink,
    );

    /// Whether it multiplies pairs as bytes, from operands that are
    /// [split](super::pair_tile::split_columns).
    fn splits_pairs(self) -> bool {
        false
    }

    /// Products of pairs.
    unsafe fn pairs(self, x: PairRows<'_>, panels: PairPanels<'_>, sink: &mut impl IntegerSink);

    /// Products of quads or octets, of kinds that multiply those.
    unsafe fn quads(self, _x: ByteRows<'_>, _panels: &[[i8; 64]], _sink: &mut impl IntegerSink) {
        unreachable!("{} multiplies pairs", self.name())
    }

    /// Products with 4-bit weights.
    unsafe fn nibbles(
        self,
        x: ByteRows<'_>,
        panel: usize,
        columns: NibblePanel<'_>,
        offsets: GroupOffsets<'_>,
        sink: &mut impl FloatSink,
    );

    /// Widens halves to floats and returns how many, from the first on.
    unsafe fn widen_halves(self, _halves: &[u16], _floats: &mut [f32]) -> usize {
        0
    }

    /// Widens quads of bytes to pairs, as [`super::widen_quads`] does, and returns how many bytes, from
    /// the first on: four times a whole number.
    unsafe fn widen_quads(self, _quads: &[i8], _first: &mut [i16], _second: &mut [i16]) -> usize {
        0
    }
}
