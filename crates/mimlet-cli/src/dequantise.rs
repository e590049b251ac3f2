//! A tensor's values as floats, whatever type and order they are stored in.

use mimlet_format::{DType, Model, TensorView, group_size, scale_of};
use mimlet_kernels::f16_to_f32;

/// A tensor's values in row-major order, integers multiplied by the scale of their row and group,
/// padding left out. Integers beyond 2^24 are rounded.
pub(crate) fn values(model: &Model<'_>, view: &TensorView<'_, '_>) -> Vec<f32> {
    let scales = Scales::of(model, view);
    match view.entry.dtype {
        DType::F32 => row_major(view, |at, _, _| element(view.f32(), at)),
        DType::F16 => row_major(view, |at, _, _| f16_to_f32(element(view.f16_bits(), at))),
        DType::I8 => row_major(view, |at, row, column| {
            f32::from(element(view.i8(), at)) * scales.at(row, column)
        }),
        DType::I4 => row_major(view, |at, row, column| {
            f32::from(half_byte(view.bytes, at)) * scales.at(row, column)
        }),
        DType::U8 => row_major(view, |at, _, _| f32::from(element(view.u8(), at))),
        DType::U32 => row_major(view, |at, _, _| element(view.u32(), at) as f32),
    }
}

/// The scales that go with a weight or with centroids, one for each row and group of columns.
#[derive(Debug)]
pub(crate) struct Scales {
    /// `[rows, groups]`; empty for a tensor without scales.
    pub(crate) values: Vec<f32>,
    groups: usize,
    group_size: usize,
}

impl Scales {
    /// Those of a tensor.
    pub(crate) fn of(model: &Model<'_>, view: &TensorView<'_, '_>) -> Self {
        let role = scale_of(view.entry.role);
        let scale = role.and_then(|role| model.tensor(role));
        let columns = view.entry.shape.last().copied().unwrap_or(1);
        let groups = scale.and_then(|scale| scale.entry.shape.get(1).copied());
        let size = groups.and_then(|groups| group_size(columns, groups));
        Self {
            values: scale.map_or(Vec::new(), |scale| values(model, &scale)),
            groups: groups.unwrap_or(1) as usize,
            group_size: size.unwrap_or(columns).max(1) as usize,
        }
    }

    fn at(&self, row: usize, column: usize) -> f32 {
        let index = row * self.groups + column / self.group_size;
        self.values.get(index).copied().unwrap_or(1.0)
    }
}

/// The values of a tensor in row-major order; `value` is given the position of an element among the
/// stored ones, its row and its column.
fn row_major(view: &TensorView<'_, '_>, value: impl Fn(usize, usize, usize) -> f32) -> Vec<f32> {
    let shape = &view.entry.shape;
    let &[rows, columns] = &shape[..] else {
        let elements: usize = shape.iter().map(|&side| side as usize).product();
        return (0..elements).map(|at| value(at, 0, 0)).collect();
    };
    let mut values = Vec::with_capacity(rows as usize * columns as usize);
    for row in 0..rows {
        for column in 0..columns {
            let at = view.entry.layout.position(columns, row, column) as usize;
            values.push(value(at, row as usize, column as usize));
        }
    }
    values
}

/// A stored element; a checked file has every element of its shape.
fn element<T: Copy + Default>(stored: Option<&[T]>, at: usize) -> T {
    stored.map_or(T::default(), |stored| stored[at])
}

/// A 4-bit integer: even elements are in the low half of their byte.
fn half_byte(bytes: &[u8], at: usize) -> i8 {
    let byte = bytes[at / 2] as i8;
    if at.is_multiple_of(2) {
        byte << 4 >> 4
    } else {
        byte >> 4
    }
}

#[cfg(test)]
mod tests {
    use super::{Scales, half_byte};

    #[test]
    fn groups_have_a_scale_each_and_what_has_none_is_one() {
        let scales = Scales {
            values: vec![1.0, 2.0, 3.0, 4.0],
            groups: 2,
            group_size: 32,
        };
        let found = [(0, 31), (0, 32), (1, 0), (1, 40)].map(|(row, column)| scales.at(row, column));
        assert_eq!(found, [1.0, 2.0, 3.0, 4.0]);
        let none = Scales {
            values: Vec::new(),
            ..scales
        };
        assert_eq!(none.at(0, 0), 1.0);
    }

    #[test]
    fn half_bytes_keep_their_sign() {
        let bytes = [0x1f, 0x87];
        let found: Vec<i8> = (0..4).map(|at| half_byte(&bytes, at)).collect();
        assert_eq!(found, [-1, 1, 7, -8]);
    }
}
