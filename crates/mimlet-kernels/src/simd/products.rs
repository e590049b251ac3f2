//! Products at a level: which tile each instruction set has for which numbers.

use super::float_tile::{self, FloatPanels, Rows};
use super::lanes16::{FloatSink, IntegerSink};
use super::level::{Kind, Level};
use super::nibble_tile::{self, GroupOffsets, NibblePanel};
use super::pair_tile::{self, PairRows};
use super::portable;
use super::quad_tile::{self, ByteRows};

/// Defines the tiles of an instruction set, compiled for it. Each takes the type that does the work,
/// the rows of a tile and, where they lie side by side, its panels.
macro_rules! tiles {
    (for $features:literal: floats $type:ty, $height:expr, $panels:literal) => {
        #[target_feature(enable = $features)]
        pub(super) fn floats<const FUSED: bool>(
            x: Rows<'_>,
            panels: FloatPanels<'_>,
            sink: &mut impl FloatSink,
        ) {
            // SAFETY: compiled for the instructions that the type needs.
            unsafe { float_tile::products::<$type, { $height }, $panels, FUSED>(x, panels, sink) }
        }
    };
    (for $features:literal: pairs $type:ty, $height:expr) => {
        #[target_feature(enable = $features)]
        pub(super) fn pairs(
            x: PairRows<'_>,
            panel: usize,
            columns: &[[i16; 32]],
            sink: &mut impl IntegerSink,
        ) {
            // SAFETY: compiled for the instructions that the type needs.
            unsafe { pair_tile::products::<$type, { $height }>(x, panel, columns, sink) }
        }
    };
    (for $features:literal: quads $type:ty, $height:expr, $panels:literal) => {
        #[target_feature(enable = $features)]
        pub(super) fn quads(
            x: ByteRows<'_>,
            row_sums: &[i32],
            panels: &[[i8; 64]],
            sink: &mut impl IntegerSink,
        ) {
            // SAFETY: compiled for the instructions that the type needs.
            unsafe { quad_tile::products::<$type, { $height }, $panels>(x, row_sums, panels, sink) }
        }
    };
    (for $features:literal: nibbles $type:ty, $height:expr) => {
        #[target_feature(enable = $features)]
        pub(super) fn nibbles(
            x: ByteRows<'_>,
            panel: usize,
            columns: NibblePanel<'_>,
            offsets: GroupOffsets<'_>,
            sink: &mut impl FloatSink,
        ) {
            // SAFETY: compiled for the instructions that the type needs.
            unsafe { nibble_tile::products::<$type, { $height }>(x, panel, columns, offsets, sink) }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod on_avx2 {
    use super::super::avx2::{By16Bits, Floats, HEIGHT, Integers};
    use super::*;
    tiles!(for "avx2,fma": floats Floats, HEIGHT, 1);
    tiles!(for "avx2,fma": pairs Integers, HEIGHT);
    tiles!(for "avx2,fma": nibbles By16Bits, HEIGHT);
}

#[cfg(target_arch = "x86_64")]
mod on_avx_vnni {
    use super::super::avx_vnni::{HEIGHT, Integers};
    use super::nibble_tile::ByQuads;
    use super::*;
    tiles!(for "avx2,fma,avxvnni": quads Integers, HEIGHT, 1);
    tiles!(for "avx2,fma,avxvnni": nibbles ByQuads<Integers>, HEIGHT);
}

#[cfg(target_arch = "x86_64")]
mod on_avx512 {
    use super::super::avx512::{Floats, HEIGHT, Integers};
    use super::nibble_tile::ByQuads;
    use super::*;
    tiles!(for "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl": floats Floats, HEIGHT, 2);
    tiles!(for "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni": pairs Integers, HEIGHT);
    tiles!(for "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni": quads Integers, HEIGHT, 2);
    tiles!(
        for "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni": nibbles
        ByQuads<Integers>, HEIGHT
    );
}

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
    use portable::{Floats, HEIGHT};
    // SAFETY: a `Level` of a kind exists only where its instructions were found.
    unsafe {
        match level.kind() {
            Kind::Baseline => float_tile::products::<Floats, HEIGHT, 1, FUSED>(x, panels, sink),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 | Kind::AvxVnni => on_avx2::floats::<FUSED>(x, panels, sink),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => on_avx512::floats::<FUSED>(x, panels, sink),
        }
    }
}

/// Gives `sink` the products of each row with panel number `panel`, whose pairs are `columns`
/// `[pairs][16][2]`: exact while they fit i32.
#[inline(always)]
pub(crate) fn pair_products(
    level: Level,
    x: PairRows<'_>,
    panel: usize,
    columns: &[[i16; 32]],
    sink: &mut impl IntegerSink,
) {
    use portable::{HEIGHT, Integers};
    // SAFETY: a `Level` of a kind exists only where its instructions were found.
    unsafe {
        match level.kind() {
            Kind::Baseline => pair_tile::products::<Integers, HEIGHT>(x, panel, columns, sink),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 | Kind::AvxVnni => on_avx2::pairs(x, panel, columns, sink),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => on_avx512::pairs(x, panel, columns, sink),
        }
    }
}

/// Gives `sink` the products of each row of bytes with each panel `[quads][16][4]`, on machines that
/// [multiply quads](Level::multiplies_quads). `row_sums` holds the sum of each row's bytes.
///
/// # Panics
/// On machines that do not.
#[inline(always)]
pub(crate) fn byte_products(
    level: Level,
    x: ByteRows<'_>,
    row_sums: &[i32],
    panels: &[[i8; 64]],
    sink: &mut impl IntegerSink,
) {
    match level.kind() {
        // SAFETY: a `Level` of a kind exists only where its instructions were found.
        #[cfg(target_arch = "x86_64")]
        Kind::AvxVnni => unsafe { on_avx_vnni::quads(x, row_sums, panels, sink) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512 => unsafe { on_avx512::quads(x, row_sums, panels, sink) },
        _ => unreachable!("{} multiplies pairs", level.name()),
    }
}

/// Gives `sink` the products of each row of bytes with 4-bit weights, those of panel number `panel`.
#[inline(always)]
pub(crate) fn nibble_products(
    level: Level,
    x: ByteRows<'_>,
    panel: usize,
    columns: NibblePanel<'_>,
    offsets: GroupOffsets<'_>,
    sink: &mut impl FloatSink,
) {
    use portable::{ByProducts, HEIGHT};
    // SAFETY: a `Level` of a kind exists only where its instructions were found.
    unsafe {
        match level.kind() {
            Kind::Baseline => {
                nibble_tile::products::<ByProducts, HEIGHT>(x, panel, columns, offsets, sink)
            }
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => on_avx2::nibbles(x, panel, columns, offsets, sink),
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni => on_avx_vnni::nibbles(x, panel, columns, offsets, sink),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => on_avx512::nibbles(x, panel, columns, offsets, sink),
        }
    }
}

/// Widens halves to floats with an instruction for it, where there is one, and returns how many: the
/// caller widens the rest.
#[inline(always)]
pub(crate) fn widen_halves(level: Level, halves: &[u16], floats: &mut [f32]) -> usize {
    match level.kind() {
        Kind::Baseline => 0,
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 | Kind::AvxVnni | Kind::Avx512 => {
            // SAFETY: a `Level` of these kinds exists only where AVX2 and F16C were found.
            unsafe { super::avx2::widen_halves(halves, floats) };
            halves.len() / 8 * 8
        }
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
    let wide = {
        let (quads, first, second) = (
            quads.as_chunks().0,
            first.as_chunks_mut().0,
            second.as_chunks_mut().0,
        );
        match level.kind() {
            Kind::Baseline => 0,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 | Kind::AvxVnni | Kind::Avx512 => {
                // SAFETY: a `Level` of these kinds exists only where AVX2 was found.
                unsafe { super::avx2::widen(quads, first, second) };
                quads.len() * 32
            }
        }
    };
    let quads = quads[wide..].as_chunks::<4>().0;
    let first = first[wide / 2..].as_chunks_mut::<2>().0;
    let second = second[wide / 2..].as_chunks_mut::<2>().0;
    for ((quad, first), second) in quads.iter().zip(first).zip(second) {
        let [a, b, c, d] = quad.map(i16::from);
        (*first, *second) = ([a, c], [b, d]);
    }
}
