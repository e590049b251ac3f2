//! What every tile has in common: how many rows it takes at a time.

/// Calls `$tile::<R>(first)` for tiles of `R` rows that together cover `$rows` rows: as high as the
/// machine's registers allow (`$height`, a constant: 12, 6 or 3), and lower ones for the rest.
macro_rules! by_height {
    ($height:expr, $rows:expr, |$first:ident, $r:ident| $tile:expr) => {{
        let rows: usize = $rows;
        let mut $first = 0;
        by_height!(@of 12, $height, rows, $first, $r, $tile);
        by_height!(@of 6, $height, rows, $first, $r, $tile);
        by_height!(@of 3, $height, rows, $first, $r, $tile);
        by_height!(@of 2, $height, rows, $first, $r, $tile);
        by_height!(@of 1, $height, rows, $first, $r, $tile);
    }};
    (@of $n:literal, $height:expr, $rows:ident, $first:ident, $r:ident, $tile:expr) => {
        if $n <= $height {
            const $r: usize = $n;
            while $first + $r <= $rows {
                $tile;
                $first += $r;
            }
        }
    };
}

pub(super) use by_height;

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
