//! Cortex-M4 and M7, whose DSP extension multiplies pairs of 16-bit integers. What a program is
//! compiled for is all there is: nothing is found at run time.

mod dsp;

use super::float_tile::{self, FloatPanels, Rows};
use super::lanes16::{FloatSink, IntegerSink};
use super::machine::{Bytes, Machine};
use super::nibble_tile::{self, GroupOffsets, NibblePanel};
use super::pair_tile::{PairPanels, PairRows};
use super::portable::Floats;
use super::quad_tile::ByteRows;

/// The one kind of machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind;

impl Machine for Kind {
    const ALL: &'static [Self] = &[Self];
    const FUSES: bool = false;

    fn name(self) -> &'static str {
        "dsp"
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
        // SAFETY: plain Rust runs anywhere. One row: half of the 32 registers hold its sums.
        unsafe { float_tile::products::<Floats, 1, 1, FUSED>(x, panels, sink) }
    }

    #[inline(always)]
    unsafe fn pairs(self, x: PairRows<'_>, panels: PairPanels<'_>, sink: &mut impl IntegerSink) {
        // SAFETY: this is only compiled for machines with the instructions.
        unsafe { dsp::pairs(x, panels, sink) }
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
        // SAFETY: as above.
        unsafe { nibble_tile::products::<dsp::ByPairs, 2>(x, panel, columns, offsets, sink) }
    }

    #[inline(always)]
    unsafe fn widen_quads(self, quads: &[i8], first: &mut [i16], second: &mut [i16]) -> usize {
        let quads = quads.as_chunks().0;
        let [first, second] = [first, second].map(|pairs| pairs.as_chunks_mut().0);
        dsp::widen(quads, first, second);
        quads.len() * 4
    }
}
