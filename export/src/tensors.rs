//! Tensors as a file stores them.

use crate::{ExportError, FloatCodebook, quantize};
use bytemuck::cast_slice;
use half::f16;
use mimlet_format::{DType, ModelWriter, TensorRole, layout_for};
use mimlet_kernels::panel;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A tensor's elements, in their layout.
#[derive(Debug, Clone)]
pub(crate) struct Stored<'m> {
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<u32>,
    /// Little-endian, layout padding included.
    pub(crate) bytes: Cow<'m, [u8]>,
}

/// The tensors of a file, by role.
pub(crate) type Tensors<'m> = BTreeMap<TensorRole, Stored<'m>>;

impl Stored<'_> {
    /// The same tensor, borrowed.
    pub(crate) fn lent(&self) -> Stored<'_> {
        Stored {
            dtype: self.dtype,
            shape: self.shape.clone(),
            bytes: Cow::Borrowed(&self.bytes),
        }
    }
}

/// A row-major array of floats.
pub(crate) fn floats<'m>(values: &[f32], shape: &[u32]) -> Stored<'m> {
    array(DType::F32, bytes_of(values), shape)
}

/// A row-major array of numbers of another type.
pub(crate) fn array<'m>(dtype: DType, bytes: Vec<u8>, shape: &[u32]) -> Stored<'m> {
    Stored {
        dtype,
        shape: shape.to_vec(),
        bytes: Cow::Owned(bytes),
    }
}

/// A matrix `[n, k]` of f32 in panels.
pub(crate) fn matrix_f32<'m>(values: &[f32], [n, k]: [u32; 2]) -> Stored<'m> {
    let (rows, columns) = (n as usize, k as usize);
    let mut packed = vec![0.0_f32; panel::len16(rows, columns)];
    panel::pack16(rows, columns, values, &mut packed);
    array(DType::F32, bytes_of(&packed), &[n, k])
}

/// A matrix `[n, k]` of f16 in panels, rounded to nearest, halves to even.
///
/// # Errors
/// [`ExportError::Overflow`] when a value rounds to infinity.
pub(crate) fn matrix_f16<'m>(
    role: TensorRole,
    values: &[f32],
    [n, k]: [u32; 2],
) -> Result<Stored<'m>, ExportError> {
    Ok(panels_f16(&to_halves(role, values)?, [n, k]))
}

/// The bits of the nearest f16 of each value.
///
/// # Errors
/// [`ExportError::Overflow`] when one is infinite.
pub(crate) fn to_halves(role: TensorRole, values: &[f32]) -> Result<Vec<u16>, ExportError> {
    let half = |(index, &value): (usize, &f32)| {
        let half = f16::from_f32(value);
        if half.is_finite() {
            return Ok(half.to_bits());
        }
        Err(ExportError::Overflow {
            role,
            index,
            value,
            dtype: DType::F16,
        })
    };
    values.iter().enumerate().map(half).collect()
}

/// A matrix `[n, k]` of bytes in panels of four columns.
pub(crate) fn matrix_i8<'m>(values: &[i8], [n, k]: [u32; 2]) -> Stored<'m> {
    let (rows, columns) = (n as usize, k as usize);
    let mut packed = vec![0_i8; panel::len16x4(rows, columns)];
    panel::pack16x4(rows, columns, values, &mut packed);
    array(DType::I8, bytes_of(&packed), &[n, k])
}

/// A matrix `[n, k]` of f16 bits in panels.
pub(crate) fn panels_f16<'m>(halves: &[u16], [n, k]: [u32; 2]) -> Stored<'m> {
    let (rows, columns) = (n as usize, k as usize);
    let mut packed = vec![0_u16; panel::len16(rows, columns)];
    panel::pack16(rows, columns, halves, &mut packed);
    array(DType::F16, bytes_of(&packed), &[n, k])
}

/// A matrix `[n, k]` of 4-bit integers, one a byte, in panels of eight columns.
pub(crate) fn matrix_i4<'m>(values: &[i8], [n, k]: [u32; 2]) -> Stored<'m> {
    let (rows, columns) = (n as usize, k as usize);
    let mut packed = vec![0; panel::len16x8(rows, columns)];
    panel::pack16x8(rows, columns, values, &mut packed);
    array(DType::I4, packed, &[n, k])
}

/// A codebook's centroids, and their scales where they are bytes.
///
/// # Errors
/// [`ExportError::Overflow`] when a value is beyond f16.
pub(crate) fn codebook(
    codebook: &FloatCodebook,
    dtype: DType,
) -> Result<Tensors<'static>, ExportError> {
    let shape = [codebook.size, codebook.dim];
    let (values, role) = (&codebook.centroids, TensorRole::Centroids);
    let mut tensors = Tensors::new();
    let centroids = match dtype {
        DType::F16 => matrix_f16(role, values, shape)?,
        DType::I8 => {
            let (bytes, scales) = quantize::bytes_of_rows(values, codebook.dim as usize);
            let mut packed = vec![0_i8; panel::len16(shape[0] as usize, shape[1] as usize)];
            panel::pack16(shape[0] as usize, shape[1] as usize, &bytes, &mut packed);
            tensors.insert(TensorRole::CentroidScale, floats(&scales, &shape[..1]));
            array(DType::I8, bytes_of(&packed), &shape)
        }
        _ => matrix_f32(values, shape),
    };
    tensors.insert(role, centroids);
    Ok(tensors)
}

/// Numbers as the bytes a file stores. The format's crate builds on little-endian machines only.
pub(crate) fn bytes_of<T: bytemuck::NoUninit>(values: &[T]) -> Vec<u8> {
    cast_slice(values).to_vec()
}

/// Hands every tensor to a writer, in place.
pub(crate) fn write_all<'t>(writer: &mut ModelWriter<'t>, tensors: &'t Tensors<'_>) {
    for (&role, stored) in tensors {
        // Every type that a function above stores a role in has a layout; the writer checks it.
        let Some(layout) = layout_for(role, stored.dtype) else {
            continue;
        };
        writer.tensor(
            role,
            stored.dtype,
            layout,
            &stored.shape,
            Cow::Borrowed(&*stored.bytes),
        );
    }
}
