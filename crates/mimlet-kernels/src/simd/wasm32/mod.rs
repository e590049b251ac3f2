//! WebAssembly compiled for vectors of 128 bits. What a module is compiled for is all it can use: it is
//! refused where it does not run, so that nothing is found at run time.

mod simd128;

use self::simd128::{By16Bits, Floats, HEIGHT, Integers};
use super::float_tile::{self, FloatPanels, Rows};
use super::lanes16::{FloatSink, IntegerSink};
use super::machine::{Bytes, Machine};
use super::nibble_tile::{self, GroupOffsets, NibblePanel};
use super::pair_tile::{self, PairPanels, PairRows};
use super::quad_tile::ByteRows;
use super::tile::tiles;

/// The one kind of machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind;

tiles!(for "simd128": floats Floats, HEIGHT, 1);
tiles!(for "simd128": pairs Integers, HEIGHT);
tiles!(for "simd128": nibbles By16Bits, HEIGHT);

impl Machine for Kind {
    const ALL: &'static [Self] = &[Self];
    const FUSES: bool = false;

    fn name(self) -> &'static str {
        "simd128"
    }

    fn is_present(self) -> bool {
        true
    }

    fn bytes(self, _: usize, _: usize) -> Bytes {
        Bytes::Pairs
    }

    #[inline(always)]
    unsafe fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        f()
    }

    #[inline(always)]
    unsafe fn floats<const FUSED: bool>(
        self,
        x: Rows<'_>,
        panels: FloatPanels<'_>,
        sink: &mut impl FloatSink,
    ) {
        floats::<FUSED>(x, panels, sink);
    }

    #[inline(always)]
    unsafe fn pairs(self, x: PairRows<'_>, panels: PairPanels<'_>, sink: &mut impl IntegerSink) {
        pairs(x, panels, sink);
    }

    #[inline(always)]
    unsafe fn nibbles(
        self,
        x: ByteRows<'_>,
        panel: usize,
        columns: NibblePanel<'_>,
        offsets: GroupOffsets<'_>,
        sink: &mut impl FloatSink,
    ) {
        nibbles(x, panel, columns, offsets, sink);
    }

    #[inline(always)]
    unsafe fn widen_quads(self, quads: &[i8], first: &mut [i16], second: &mut [i16]) -> usize {
        let quads = quads.as_chunks().0;
        let [first, second] = [first, second].map(|pairs| pairs.as_chunks_mut().0);
        simd128::widen(quads, first, second);
        quads.len() * 16
    }
}
