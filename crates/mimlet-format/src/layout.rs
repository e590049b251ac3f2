//! Where an element of a matrix lies in each layout, and how many bytes a tensor takes.

use crate::{DType, Layout};

/// Rows of a matrix that a panel holds side by side.
pub const PANEL_ROWS: u32 = 16;
/// Columns of one row that [`Layout::Panel16x4`] keeps together; [`Layout::Panel16x8`] keeps twice
/// as many.
pub const PANEL_COLUMNS: u32 = 4;

/// Numbers of neighbouring inputs that may share a scale of i4 weights.
pub const GROUP_SIZES: [u32; 2] = [32, 64];

/// Inputs that share a scale of an i4 weight with `inputs` columns and `groups` columns of scales;
/// `None` when no group size gives that many. The last group may be short. Up to 32 inputs are one
/// group by either size, and count as one of 32.
///
/// ```
/// use mimlet_format::group_size;
/// assert_eq!(group_size(384, 12), Some(32));
/// assert_eq!(group_size(100, 2), Some(64)); // 64 inputs, then 36.
/// assert_eq!(group_size(100, 3), None);
/// ```
pub fn group_size(inputs: u32, groups: u32) -> Option<u32> {
    let gives = |size: &u32| inputs.div_ceil(*size) == groups;
    GROUP_SIZES.into_iter().find(gives)
}

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
            (Self::Panel16x8, &[n, k]) => product([
                n.div_ceil(PANEL_ROWS),
                k.div_ceil(2 * PANEL_COLUMNS),
                PANEL_ROWS * 2 * PANEL_COLUMNS,
            ]),
            (Self::Panel16 | Self::Panel16x4 | Self::Panel16x8, _) => None,
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
    /// assert_eq!(Layout::Panel16x8.position(8, 17, 6), 128 + (1 * 4 + 2) * 2 + 1);
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
            Self::Panel16x8 => {
                let octets = columns.div_ceil(2 * quad);
                let byte = ((panel * octets + column / (2 * quad)) * rows + lane) * quad;
                (byte + column % quad) * 2 + column / quad % 2
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
/// assert_eq!(stored_length(&[17, 5], DType::I4, Layout::Panel16x8), Some(2 * 64));
/// assert_eq!(stored_length(&[u32::MAX; 3], DType::F32, Layout::RowMajor), None);
/// ```
pub fn stored_length(shape: &[u32], dtype: DType, layout: Layout) -> Option<u64> {
    let elements = layout.stored_elements(shape)?;
    match dtype {
        DType::I4 => Some(elements.div_ceil(2)),
        _ => elements.checked_mul(dtype.bits() / 8),
    }
}

fn product(factors: impl IntoIterator<Item = u32>) -> Option<u64> {
    factors.into_iter().try_fold(1_u64, |product, factor| {
        product.checked_mul(u64::from(factor))
    })
}
