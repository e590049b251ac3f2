//! aarch64: NEON, which every machine has, and its products of bytes.

mod dotprod;
mod halves;
mod i8mm;
mod multiply_long;
mod neon;
mod split_pairs;

use super::float_tile::{self, FloatPanels, Rows};
use super::lanes16::{FloatSink, IntegerSink};
use super::machine::{Bytes, Machine};
use super::nibble_tile::{self, GroupOffsets, NibblePanel};
use super::pair_tile::{self, PairPanels, PairRows};
use super::quad_tile::{self, ByQuads, ByteRows};
use super::tile::tiles;

/// Kinds of aarch64 machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Neon,
    Dotprod,
    I8mm,
}

mod on_neon {
    use super::multiply_long::{self, By16Bits, ByTwos, PairsByLanes};
    use super::neon::{Floats, HEIGHT};
    use super::*;
    tiles!(for "neon": floats Floats, HEIGHT, 1);
    tiles!(for "neon": pairs PairsByLanes, multiply_long::PAIRS_HEIGHT);
    tiles!(for "neon": quads ByTwos, multiply_long::HEIGHT, 1);
    tiles!(for "neon": nibbles By16Bits, multiply_long::NIBBLES_HEIGHT);
}

mod unfused_on_neon {
    use super::neon::{Floats, UNFUSED_HEIGHT};
    use super::*;
    tiles!(for "neon": floats Floats, UNFUSED_HEIGHT, 1);
}

mod on_dotprod {
    use super::dotprod::{ByLanes, HEIGHT};
    use super::split_pairs::{self, SplitPairs};
    use super::*;
    tiles!(for "neon,dotprod": pairs SplitPairs, split_pairs::HEIGHT);
    tiles!(for "neon,dotprod": quads ByLanes, HEIGHT, 1);
    tiles!(for "neon,dotprod": nibbles ByQuads<ByLanes>, HEIGHT);
}

mod on_i8mm {
    use super::i8mm::{ByOctets, HEIGHT};
    use super::*;
    tiles!(for "neon,dotprod,i8mm": quads ByOctets, HEIGHT, 1);
    tiles!(for "neon,dotprod,i8mm": nibbles ByQuads<ByOctets>, HEIGHT);
}

impl Machine for Kind {
    const ALL: &'static [Self] = &[Self::Neon, Self::Dotprod, Self::I8mm];
    const FUSES: bool = true;

    fn name(self) -> &'static str {
        match self {
            Self::Neon => "neon",
            Self::Dotprod => "neon-dotprod",
            Self::I8mm => "neon-i8mm",
        }
    }

    fn is_present(self) -> bool {
        match self {
            Self::Neon => true,
            Self::Dotprod => dotprod::is_present(),
            Self::I8mm => i8mm::is_present(),
        }
    }

    fn bytes(self, _: usize, _: usize) -> Bytes {
        match self {
            Self::Neon | Self::Dotprod => Bytes::Quads,
            Self::I8mm => Bytes::Octets,
        }
    }

    #[inline(always)]
    unsafe fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        match self {
            Self::Neon => f(),
            // SAFETY: the caller promises the kind's instructions.
            Self::Dotprod | Self::I8mm => unsafe { dotprod::vectorize(f) },
        }
    }

    #[inline(always)]
    unsafe fn floats<const FUSED: bool>(
        self,
        x: Rows<'_>,
        panels: FloatPanels<'_>,
        sink: &mut impl FloatSink,
    ) {
        // SAFETY: every kind has NEON.
        unsafe {
            if FUSED {
                on_neon::floats::<true>(x, panels, sink);
            } else {
                unfused_on_neon::floats::<false>(x, panels, sink);
            }
        }
    }

    fn splits_pairs(self) -> bool {
        self != Self::Neon
    }

    #[inline(always)]
    unsafe fn pairs(self, x: PairRows<'_>, panels: PairPanels<'_>, sink: &mut impl IntegerSink) {
        // SAFETY: the caller promises the kind's instructions.
        unsafe {
            match self {
                Self::Neon => on_neon::pairs(x, panels, sink),
                Self::Dotprod | Self::I8mm => on_dotprod::pairs(x, panels, sink),
            }
        }
    }

    #[inline(always)]
    unsafe fn quads(self, x: ByteRows<'_>, panels: &[[i8; 64]], sink: &mut impl IntegerSink) {
        // SAFETY: the caller promises the kind's instructions.
        unsafe {
            match self {
                Self::Neon => on_neon::quads(x, panels, sink),
                Self::Dotprod => on_dotprod::quads(x, panels, sink),
                Self::I8mm => on_i8mm::quads(x, panels, sink),
            }
        }
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
        // SAFETY: the caller promises the kind's instructions.
        unsafe {
            match self {
                Self::Neon => on_neon::nibbles(x, panel, columns, offsets, sink),
                Self::Dotprod => on_dotprod::nibbles(x, panel, columns, offsets, sink),
                Self::I8mm => on_i8mm::nibbles(x, panel, columns, offsets, sink),
            }
        }
    }

    #[inline(always)]
    unsafe fn widen_halves(self, bits: &[u16], floats: &mut [f32]) -> usize {
        halves::widen(bits, floats);
        bits.len() / 8 * 8
    }
}
