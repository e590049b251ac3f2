//! Where an element of a matrix lies in each layout, and how many bytes a tensor takes.

use crate::{DType, Layout};

/// Rows of a matrix that a panel holds side by side.
pub const PANEL_ROWS: u32 = 16;
/// Columns of one row that [`Layout::Panel16x4`] keeps together.
pub const PANEL_COLUMNS: u32 = 4;

impl Layout {
    /// Elements stored for a tensor of `shape`, padding included. `None` when a panel layout is
    /// asked of what is no matrix, or when the count overflows.
    pub fn stored_elements(self, shape: &[u32]) -> Option<u64> {
        match (self, shape) {
            (Self::RowMajor, shape) => product(shape.iter().copied()),
            (Self::Panel16, &[n, k]) => product([n.div_ceil(PANEL_ROWS), k, PANEL_ROWS]),
            (Self::Panel16x4, &[n, k]) => product([
                n.div_ceil(PANEL_ROWS),
                k.div_ceil(PANEL_COLUMNS),
                PANEL_ROWS * PANEL_COLUMNS,
            ]),
            (Self::Panel16 | Self::Panel16x4, _) => None,
        }
    }

    /// Index of element (`row`, `column`) of a matrix `[n, columns]`, in elements from the
    /// tensor's start. `row` and `column` may also name a padding lane.
    ///
    /// ```
    /// use mimlet_format::Layout;
    /// // Row 17 is row 1 of the second panel; a panel of 8 columns holds 128 elements.
    /// assert_eq!(Layout::Panel16.position(8, 17, 3), 128 + 3 * 16 + 1);
    /// assert_eq!(Layout::Panel16x4.position(8, 17, 6), 128 + 64 + 1 * 4 + 2);
    /// assert_eq!(Layout::RowMajor.position(8, 17, 3), 17 * 8 + 3);
    /// ```
    pub const fn position(self, columns: u32, row: u32, column: u32) -> u64 {
        let (panel, lane) = ((row / PANEL_ROWS) as u64, (row % PANEL_ROWS) as u64);
        let (columns, column) = (columns as u64, column as u64);
        let (rows, quad) = (PANEL_ROWS as u64, PANEL_COLUMNS as u64);
        match self {
            Self::RowMajor => row as u64 * columns + column,
            Self::Panel16 => (panel * columns + column) * rows + lane,
            Self::Panel16x4 => {
                let quads = columns.div_ceil(quad);
                ((panel * quads + column / quad) * rows + lane) * quad + column % quad
            }
        }
    }
}

/// Bytes a tensor takes, layout padding included. `None` when a panel layout is asked of what is no
/// matrix, or when the count overflows.
///
/// ```
/// use mimlet_format::{DType, Layout, stored_length};
/// assert_eq!(stored_length(&[17, 5], DType::I8, Layout::Panel16x4), Some(2 * 2 * 64));
/// assert_eq!(stored_length(&[u32::MAX; 3], DType::F32, Layout::RowMajor), None);
/// ```
pub fn stored_length(shape: &[u32], dtype: DType, layout: Layout) -> Option<u64> {
    layout.stored_elements(shape)?.checked_mul(dtype.size())
}

fn product(factors: impl IntoIterator<Item = u32>) -> Option<u64> {
    factors.into_iter().try_fold(1_u64, |product, factor| {
        product.checked_mul(u64::from(factor))
    })
}
