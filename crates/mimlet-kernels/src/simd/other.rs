//! Architectures without a folder of their own: they run what the compiler makes of plain Rust.

use super::float_tile::{FloatPanels, Rows};
use super::lanes16::{FloatSink, IntegerSink};
use super::machine::{Bytes, Machine};
use super::nibble_tile::{GroupOffsets, NibblePanel};
use super::pair_tile::{PairPanels, PairRows};
use super::quad_tile::ByteRows;

/// No kind is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {}

impl Machine for Kind {
    const ALL: &'static [Self] = &[];
    const FUSES: bool = false;

    fn name(self) -> &'static str {
        match self {}
    }

    fn is_present(self) -> bool {
        match self {}
    }

    fn bytes(self, _: usize, _: usize) -> Bytes {
        match self {}
    }

    unsafe fn vectorize<R>(self, _: impl FnOnce() -> R) -> R {
        match self {}
    }

    unsafe fn floats<const FUSED: bool>(
        self,
        _: Rows<'_>,
        _: FloatPanels<'_>,
        _: &mut impl FloatSink,
    ) {
        match self {}
    }

    unsafe fn pairs(self, _: PairRows<'_>, _: PairPanels<'_>, _: &mut impl IntegerSink) {
        match self {}
    }

    unsafe fn nibbles(
        self,
        _: ByteRows<'_>,
        _: usize,
        _: NibblePanel<'_>,
        _: GroupOffsets<'_>,
        _: &mut impl FloatSink,
    ) {
        match self {}
    }
}
