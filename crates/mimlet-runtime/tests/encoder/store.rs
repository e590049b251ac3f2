//! Float tensors as a file stores them, by element type.

use mimlet_format::{
    BlockTensor, DType, Layout, LinearPart, ModelWriter, TensorRole, expected_shape, layout_for,
    scale_of,
};
use mimlet_kernels::panel;

/// Adds a tensor as `dtype` when its role may be that, with the scale it then has; else in f16 when
/// `dtype` is narrow and the role may be that; else in f32.
pub(crate) fn store(
    writer: &mut ModelWriter<'static>,
    role: TensorRole,
    values: &[f32],
    dtype: DType,
) {
    let shape = expected_shape(role, writer.manifest()).unwrap();
    let wanted = [dtype, DType::F16, DType::F32];
    let wanted = &wanted[if dtype == DType::F32 { 2 } else { 0 }..];
    let storage = wanted
        .iter()
        .find_map(|&dtype| Some((dtype, layout_for(role, dtype)?)));
    let (dtype, layout) = storage.unwrap();
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
        let (values, scales) = quantize(self.values, self.k, 127.0);
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

    /// 4-bit integers by the largest magnitude of each group, of 64 in the MLP's second layer and of
    /// 32 elsewhere; adds the groups' scales.
    fn nibbles(&self, writer: &mut ModelWriter<'static>, role: TensorRole) -> Vec<u8> {
        let size = match role {
            TensorRole::Block {
                tensor: BlockTensor::Fc2(LinearPart::Weight),
                ..
            } => 64,
            _ => 32,
        };
        let (mut values, mut scales) = (Vec::new(), Vec::new());
        for row in self.values.chunks(self.k) {
            for group in row.chunks(size) {
                // Scales in half precision, as the file has them.
                let largest = group.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
                let scale = half::f16::from_f32(largest / 7.0);
                let steps = group.iter().map(|v| v / scale.to_f32());
                values.extend(steps.map(|v| v.round_ties_even().clamp(-8.0, 7.0) as i8));
                scales.push(scale.to_bits());
            }
        }
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

/// Integers up to `largest` by the largest magnitude of each row of `columns` values, and the rows'
/// scales.
fn quantize(matrix: &[f32], columns: usize, largest: f32) -> (Vec<i8>, Vec<f32>) {
    let mut integers = Vec::new();
    let mut scales = Vec::new();
    for row in matrix.chunks(columns) {
        let scale = row.iter().fold(0.0_f32, |most, v| most.max(v.abs())) / largest;
        integers.extend(row.iter().map(|v| (v / scale).round_ties_even() as i8));
        scales.push(scale);
    }
    (integers, scales)
}

fn bytes<T: bytemuck::NoUninit>(values: &[T]) -> Vec<u8> {
    bytemuck::cast_slice(values).to_vec()
}
