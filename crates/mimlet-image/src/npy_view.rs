//! NumPy's array files whatever their numbers, without a copy.

use crate::error::NpyError;
use crate::npy_header;

/// A `.npy` file in C order whose numbers the caller reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NpyView<'a> {
    /// Type of the numbers in NumPy's notation, such as `<i8` or `|u1`.
    pub descr: String,
    /// Length of each axis; empty for a single number.
    pub shape: Vec<usize>,
    /// The numbers, last axis fastest, as many as the shape says.
    pub data: &'a [u8],
}

impl<'a> NpyView<'a> {
    /// Reads the header of a `.npy` file of version 1, 2 or 3 and holds the data to it.
    ///
    /// ```
    /// use mimlet_image::NpyView;
    ///
    /// let header = "{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }\n";
    /// let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    /// bytes.extend((header.len() as u16).to_le_bytes());
    /// bytes.extend(header.bytes());
    /// bytes.extend(7i64.to_le_bytes());
    /// let view = NpyView::parse(&bytes)?;
    /// assert_eq!((view.descr.as_str(), view.data[0]), ("<i8", 7));
    /// # Ok::<(), mimlet_image::NpyError>(())
    /// ```
    ///
    /// # Errors
    /// One [`NpyError`] for each way the bytes can be wrong; [`NpyError::Type`] for what is no
    /// plain number of 1, 2, 4 or 8 bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, NpyError> {
        let (header, data) = npy_header::split(bytes)?;
        let Some(width) = width(&header.descr) else {
            return Err(NpyError::Type(header.descr));
        };
        header.check(width, data)?;
        Ok(Self {
            descr: header.descr,
            shape: header.shape,
            data,
        })
    }
}

/// Bytes of one number.
fn width(descr: &str) -> Option<usize> {
    let (kind, digits) = descr
        .strip_prefix(['<', '>', '|', '='])
        .unwrap_or(descr)
        .split_at_checked(1)?;
    let width = match digits {
        "1" => 1,
        "2" => 2,
        "4" => 4,
        "8" => 8,
        _ => return None,
    };
    ["b", "i", "u", "f"].contains(&kind).then_some(width)
}
