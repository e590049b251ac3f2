//! Float tensors as a file stores them, by element type.

use mimlet_format::{
    BlockTensor, DType, Layout, LinearPart, ModelWriter, TensorRole, expected_shape, layout_for,
    scale_of,
};
use mimlet_kernels::panel;

/// How a role is stored when `dtype` is asked for: as that where the role may be, else in f16 when
/// `dtype` is narrow and the role may be that, else in f32.
fn storage(role: TensorRole, dtype: DType) -> (DType, Layout) {
    let wanted: &[DType] = match dtype {
        DType::F32 => &[DType::F32],
        _ => &[dtype, DType::F16, DType::F32],
    };
    let as_type = |&dtype| Some((dtype, layout_for(role, dtype)?));
    wanted.iter().find_map(as_type).unwrap()
}

/// The values that a file holds of these when it stores them.
pub(crate) fn rounded(role: TensorRole, shape: &[u32], values: Vec<f32>, dtype: DType) -> Vec<f32> {
    let columns = shape[shape.len() - 1] as usize;
    let scaled = |(values, scales): (Vec<i8>, Vec<f32>), group: usize| -> Vec<f32> {
        let rows = values.chunks(columns).flat_map(|row| row.chunks(group));
        let groups = rows.zip(scales);
        groups
            .flat_map(|(group, scale)| group.iter().map(move |&v| f32::from(v) * scale))
            .collect()
    };
    match storage(role, dtype).0 {
        DType::I4 => {
            let group = group_size(role);
            scaled(quantize_groups(&values, columns, group), group)
        }
        DType::I8 => scaled(quantize_rows(&values, columns), columns),
        DType::F16 => values
            .iter()
            .map(|&v| half::f16::from_f32(v).to_f32())
            .collect(),
        _ => values,
    }
}

/// Adds a tensor, stored as [`rounded`] says, and the scale it then has.
pub(crate) fn store(
    writer: &mut ModelWriter<'static>,
    role: TensorRole,
    values: &[f32],
    dtype: DType,
) {
    let shape = expected_shape(role, writer.manifest()).unwrap();
    let (dtype, layout) = storage(role, dtype);
    if layout == Layout::RowMajor {
        writer.tensor(role, dtype, layout, &shape, bytes(values));
        return;
    }
    let matrix = Matrix {
        n: shape[0] as usize,
        k: shape[1] as usize,
        values,
    };
    let stored = match dtype {
        DType::I4 => matrix.nibbles(writer, role),
        DType::I8 => matrix.bytes(writer, role, layout),
        DType::F16 => matrix.packed(|value| half::f16::from_f32(value).to_bits()),
        _ => matrix.packed(f32::to_bits),
    };
    writer.tensor(role, dtype, layout, &shape, stored);
}

/// A row-major matrix.
struct Matrix<'a> {
    n: usize,
    k: usize,
    values: &'a [f32],
}

impl Matrix<'_> {
    fn packed<T: Copy + Default + bytemuck::NoUninit>(&self, element: fn(f32) -> T) -> Vec<u8> {
        let elements: Vec<T> = self.values.iter().map(|&value| element(value)).collect();
        let mut packed = vec![T::default(); panel::len16(self.n, self.k)];
        panel::pack16(self.n, self.k, &elements, &mut packed);
        bytes(&packed)
    }

    /// Signed bytes by the largest magnitude of each row; adds the rows' scales.
    fn bytes(
        &self,
        writer: &mut ModelWriter<'static>,
        role: TensorRole,
        layout: Layout,
    ) -> Vec<u8> {
        let (values, scales) = quantize_rows(self.values, self.k);
        let mut packed;
        if layout == Layout::Panel16 {
            packed = vec![0; panel::len16(self.n, self.k)];
            panel::pack16(self.n, self.k, &values, &mut packed);
        } else {
            packed = vec![0; panel::len16x4(self.n, self.k)];
            panel::pack16x4(self.n, self.k, &values, &mut packed);
        }
        let scale = scale_of(role).unwrap();
        let shape = [self.n as u32];
        writer.tensor(scale, DType::F32, Layout::RowMajor, &shape, bytes(&scales));
        bytes(&packed)
    }

    /// 4-bit integers by the largest magnitude of each group; adds the groups' scales.
    fn nibbles(&self, writer: &mut ModelWriter<'static>, role: TensorRole) -> Vec<u8> {
        let (values, scales) = quantize_groups(self.values, self.k, group_size(role));
        let bits = |scale: &f32| half::f16::from_f32(*scale).to_bits();
        let scales: Vec<u16> = scales.iter().map(bits).collect();
        let groups = scales.len() / self.n;
        let mut packed_scales = vec![0; panel::len16(self.n, groups)];
        panel::pack16(self.n, groups, &scales, &mut packed_scales);
        let scale = scale_of(role).unwrap();
        let shape = [self.n as u32, groups as u32];
        let stored = bytes(&packed_scales);
        writer.tensor(scale, DType::F16, Layout::Panel16, &shape, stored);
        let mut packed = vec![0; panel::len16x8(self.n, self.k)];
        panel::pack16x8(self.n, self.k, &values, &mut packed);
        packed
    }
}

/// Inputs that share a scale: 64 in the MLP's second layer, 32 elsewhere.
fn group_size(role: TensorRole) -> usize {
    match role {
        TensorRole::Block {
            tensor: BlockTensor::Fc2(LinearPart::Weight),
            ..
        } => 64,
        _ => 32,
    }
}

/// Integers up to 127 by the largest magnitude of each row of `columns` values, and the rows'
/// scales.
fn quantize_rows(matrix: &[f32], columns: usize) -> (Vec<i8>, Vec<f32>) {
    let (mut integers, mut scales) = (Vec::new(), Vec::new());
    for row in matrix.chunks(columns) {
        let scale = largest(row) / 127.0;
        integers.extend(row.iter().map(|v| (v / scale).round_ties_even() as i8));
        scales.push(scale);
    }
    (integers, scales)
}

/// Integers up to 7 by the largest magnitude of each group of a row's columns, and the groups'
/// scales, which f16 holds.
fn quantize_groups(matrix: &[f32], columns: usize, size: usize) -> (Vec<i8>, Vec<f32>) {
    let (mut integers, mut scales) = (Vec::new(), Vec::new());
    for group in matrix.chunks(columns).flat_map(|row| row.chunks(size)) {
        let scale = half::f16::from_f32(largest(group) / 7.0).to_f32();
        integers.extend(group.iter().map(|v| (v / scale).round_ties_even() as i8));
        scales.push(scale);
    }
    (integers, scales)
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most, value| most.max(value.abs()))
}

fn bytes<T: bytemuck::NoUninit>(values: &[T]) -> Vec<u8> {
    bytemuck::cast_slice(values).to_vec()
}
