//! x86-64: AVX2, AVX-VNNI, AVX-512, AMX.

mod ahead;
mod amx;
mod avx2;
mod avx512;
mod avx512_products;
mod avx512_tile;
mod avx_vnni;

use super::float_tile::{self, FloatPanels, Rows};
use super::lanes16::{FloatSink, IntegerSink};
use super::machine::{Bytes, Machine};
use super::nibble_tile::{self, GroupOffsets, NibblePanel};
use super::pair_tile::{self, PairPanels, PairRows};
use super::quad_tile::{self, ByQuads, ByteRows};
use super::tile::tiles;

/// Kinds of x86-64 machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Avx2,
    AvxVnni,
    Avx512,
    Amx,
}

mod on_avx2 {
    use super::avx2::{By16Bits, Floats, HEIGHT, Integers};
    use super::*;
    tiles!(for "avx2,fma": floats Floats, HEIGHT, 1);
    tiles!(for "avx2,fma": pairs Integers, HEIGHT);
    tiles!(for "avx2,fma": nibbles By16Bits, HEIGHT);
}

mod on_avx_vnni {
    use super::avx_vnni::{HEIGHT, Vnni};
    use super::*;
    tiles!(for "avx2,fma,avxvnni": quads Vnni, HEIGHT, 1);
}

mod on_avx512 {
    use super::avx512::{HEIGHT, Integers};
    use super::*;
    tiles!(
        for "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni": nibbles
        ByQuads<Integers>, HEIGHT
    );
}

impl Machine for Kind {
    const ALL: &'static [Self] = &[Self::Avx2, Self::AvxVnni, Self::Avx512, Self::Amx];
    const FUSES: bool = true;

    fn name(self) -> &'static str {
        match self {
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avxvnni",
            Self::Avx512 => "avx512",
            Self::Amx => "amx",
        }
    }

    fn is_present(self) -> bool {
        match self {
            Self::Avx2 => avx2::is_present(),
            Self::AvxVnni => avx_vnni::is_present(),
            Self::Avx512 => avx512::is_present(),
            Self::Amx => amx::is_present(),
        }
    }

    fn bytes(self, quads: usize, panels: usize) -> Bytes {
        match self {
            Self::Avx2 => Bytes::Pairs,
            Self::Amx if amx::fits(quads, panels) => Bytes::Lines,
            Self::AvxVnni | Self::Avx512 | Self::Amx => Bytes::UnsignedQuads,
        }
    }

    #[inline(always)]
    unsafe fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        // SAFETY: the caller promises the kind's instructions.
        unsafe {
            match self {
                Self::Avx2 | Self::AvxVnni => avx2::vectorize(f),
                Self::Avx512 | Self::Amx => avx512::vectorize(f),
            }
        }
    }

    #[inline(always)]
    unsafe fn floats<const FUSED: bool>(
        self,
        x: Rows<'_>,
        panels: FloatPanels<'_>,
        sink: &mut impl FloatSink,
    ) {
        // SAFETY: the caller promises the kind's instructions.
        unsafe {
            match self {
                Self::Avx512 | Self::Amx if FUSED => avx512_products::floats(x, panels, sink),
                // What is not fused is rare, and not worth another tile's size.
                _ => on_avx2::floats::<FUSED>(x, panels, sink),
            }
        }
    }

    #[inline(always)]
    unsafe fn pairs(self, x: PairRows<'_>, panels: PairPanels<'_>, sink: &mut impl IntegerSink) {
        // SAFETY: the caller promises the kind's instructions.
        unsafe {
            match self {
                // VNNI has an instruction for two of these, which is not worth a program's size.
                Self::Avx2 | Self::AvxVnni => on_avx2::pairs(x, panels, sink),
                Self::Avx512 | Self::Amx => avx512_products::pairs(x, panels, sink),
            }
        }
    }

    #[inline(always)]
    unsafe fn quads(self, x: ByteRows<'_>, panels: &[[i8; 64]], sink: &mut impl IntegerSink) {
        // SAFETY: the caller promises the kind's instructions.
        unsafe {
            match self {
                Self::Avx2 => unreachable!("AVX2 multiplies pairs"),
                Self::AvxVnni => on_avx_vnni::quads(x, panels, sink),
                Self::Amx if amx::fits(x.len(), panels.len() / x.len()) => {
                    amx::products(x, panels, sink);
                }
                Self::Avx512 | Self::Amx => avx512_products::quads(x, panels, sink),
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
                // Sums of 16 bits are twice as fast as 256-bit VNNI here.
                Self::Avx2 | Self::AvxVnni => {
                    on_avx2::nibbles(x, panel, columns, offsets, sink);
                }
                Self::Avx512 | Self::Amx => on_avx512::nibbles(x, panel, columns, offsets, sink),
            }
        }
    }

    #[inline(always)]
    unsafe fn widen_halves(self, halves: &[u16], floats: &mut [f32]) -> usize {
        // SAFETY: every kind has AVX2 and F16C.
        unsafe { avx2::widen_halves(halves, floats) };
        halves.len() / 8 * 8
    }

    #[inline(always)]
    unsafe fn widen_quads(self, quads: &[i8], first: &mut [i16], second: &mut [i16]) -> usize {
        let quads = quads.as_chunks().0;
        let [first, second] = [first, second].map(|pairs| pairs.as_chunks_mut().0);
        // SAFETY: every kind has AVX2.
        unsafe { avx2::widen(quads, first, second) };
        quads.len() * 32
    }
}
