//! Weights on their way from memory while others are multiplied.

use core::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
use core::iter;

/// `columns` in `count` parts as long as each other, but for the last ones, and nothing from there on.
pub(super) fn parts<C>(columns: &[C], count: usize) -> impl Iterator<Item = &[C]> {
    let length = columns.len().div_ceil(count.max(1)).max(1);
    columns.chunks(length).chain(iter::repeat(&[][..]))
}

/// Has weights come from memory while others are multiplied.
#[inline(always)]
pub(super) fn prefetch(columns: &[[i8; 64]]) {
    for column in columns {
        // SAFETY: a hint, of an address that exists.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(column.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::parts;
    use alloc::vec::Vec;

    #[test]
    fn parts_are_all_columns_in_order_however_many_rows_share_them() {
        for len in 0..40 {
            let columns: Vec<usize> = (0..len).collect();
            for count in 0..12 {
                let found: Vec<usize> = parts(&columns, count)
                    .take(count)
                    .flatten()
                    .copied()
                    .collect();
                let expected = if count == 0 { &[][..] } else { &columns };
                assert_eq!(found, expected, "{count}");
            }
        }
    }
}
