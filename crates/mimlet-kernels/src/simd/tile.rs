//! What every tile has in common: how many rows it takes at a time, and for which instructions it is
//! compiled.

/// Calls `$tile::<R>(first)` for tiles of `R` rows that together cover `$rows` rows: as high as the
/// machine's registers allow (`$height`, a constant: 12, 6, 4, 3 or 2), and lower ones for the rest.
macro_rules! by_height {
    ($height:expr, $rows:expr, |$first:ident, $r:ident| $tile:expr) => {{
        let rows: usize = $rows;
        let mut $first = 0;
        by_height!(@if $height >= 12, 12, rows, $first, $r, $tile);
        by_height!(@if $height >= 6, 6, rows, $first, $r, $tile);
        by_height!(@if $height == 4, 4, rows, $first, $r, $tile);
        by_height!(@if $height >= 3, 3, rows, $first, $r, $tile);
        by_height!(@if $height >= 2, 2, rows, $first, $r, $tile);
        by_height!(@if true, 1, rows, $first, $r, $tile);
    }};
    (@if $fits:expr, $n:literal, $rows:ident, $first:ident, $r:ident, $tile:expr) => {
        if $fits {
            const $r: usize = $n;
            while $first + $r <= $rows {
                $tile;
                $first += $r;
            }
        }
    };
}

pub(super) use by_height;

/// Defines the tiles of a kind of machine, compiled for its instructions. Each takes the type that does
/// the work, the rows of a tile and, where they lie side by side, its panels.
#[allow(unused_macros, reason = "no architecture without a folder has them")]
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
        pub(super) fn pairs(x: PairRows<'_>, panels: PairPanels<'_>, sink: &mut impl IntegerSink) {
            // SAFETY: compiled for the instructions that the type needs.
            unsafe { pair_tile::products::<$type, { $height }>(x, panels, sink) }
        }
    };
    (for $features:literal: quads $type:ty, $height:expr, $panels:literal) => {
        #[target_feature(enable = $features)]
        pub(super) fn quads(x: ByteRows<'_>, panels: &[[i8; 64]], sink: &mut impl IntegerSink) {
            // SAFETY: compiled for the instructions that the type needs.
            unsafe { quad_tile::products::<$type, { $height }, $panels>(x, panels, sink) }
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

#[allow(unused_imports, reason = "no architecture without a folder has them")]
pub(super) use tiles;

/// The same pointer, of which the compiler does not know where it came from: it keeps the pointers of
/// a tile's rows in registers, and does not work each out anew from the first at every step, which
/// costs a quarter of the speed.
#[inline(always)]
pub(super) fn opaque<T>(pointer: *const T) -> *const T {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    {
        let mut pointer = pointer;
        // SAFETY: no instruction is executed.
        unsafe {
            core::arch::asm!(
                "/* {0} */",
                inout(reg) pointer,
                options(pure, readonly, nostack, preserves_flags)
            );
        }
        pointer
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    pointer
}
