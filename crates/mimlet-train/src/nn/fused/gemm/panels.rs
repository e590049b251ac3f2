//! A right-hand side in panels: all rows of the first columns, then all rows of the next ones.

use pulp::{Simd, WithSimd};

use crate::nn::fused::buffer::Buffer;
use crate::nn::fused::vector::arch;

/// `[depth, width]`, packed. The last panel's missing columns are zeros.
#[derive(Debug)]
pub(in crate::nn::fused) struct Panels {
    data: Buffer,
    depth: usize,
    width: usize,
    panel_width: usize,
}

impl Panels {
    /// Nothing yet.
    pub(in crate::nn::fused) fn empty() -> Self {
        Self {
            data: Buffer::new(0),
            depth: 0,
            width: 0,
            panel_width: panel_width(),
        }
    }

    /// Element `(k, j)` is `source[k * stride + j]`.
    pub(in crate::nn::fused) fn from_rows(
        source: &[f32],
        stride: usize,
        depth: usize,
        width: usize,
    ) -> Self {
        let mut panels = Self::empty();
        panels.fill_rows(source, stride, depth, width);
        panels
    }

    /// Element `(k, j)` is `source[j * stride + k]`.
    pub(in crate::nn::fused) fn from_columns(
        source: &[f32],
        stride: usize,
        depth: usize,
        width: usize,
    ) -> Self {
        let mut panels = Self::empty();
        panels.fill_columns(source, stride, depth, width);
        panels
    }

    /// [`Panels::from_rows`] in the memory of these panels.
    pub(in crate::nn::fused) fn fill_rows(
        &mut self,
        source: &[f32],
        stride: usize,
        depth: usize,
        width: usize,
    ) {
        self.resize(depth, width);
        // A width that the compiler knows makes each copy a move or two.
        match self.panel_width {
            8 => self.copy_rows::<8>(source, stride),
            16 => self.copy_rows::<16>(source, stride),
            32 => self.copy_rows::<32>(source, stride),
            _ => self.copy_rows::<2>(source, stride),
        }
    }

    fn copy_rows<const P: usize>(&mut self, source: &[f32], stride: usize) {
        let Self { depth, width, .. } = *self;
        let (rows, _) = self.data.as_chunks_mut::<P>();
        for (panel, out) in rows.chunks_exact_mut(depth.max(1)).enumerate() {
            let first = panel * P;
            let count = P.min(width - first);
            for (k, row) in out.iter_mut().enumerate() {
                let values = &source[k * stride + first..][..count];
                if let Ok(values) = <&[f32; P]>::try_from(values) {
                    *row = *values;
                } else {
                    row[..count].copy_from_slice(values);
                    row[count..].fill(0.0);
                }
            }
        }
    }

    /// [`Panels::from_columns`] in the memory of these panels.
    pub(in crate::nn::fused) fn fill_columns(
        &mut self,
        source: &[f32],
        stride: usize,
        depth: usize,
        width: usize,
    ) {
        self.resize(depth, width);
        let panel_width = self.panel_width;
        for (panel, out) in self.data.chunks_exact_mut(depth * panel_width).enumerate() {
            let first = panel * panel_width;
            for j in 0..panel_width {
                let column = out[j..].iter_mut().step_by(panel_width);
                if first + j < width {
                    let at = (first + j) * stride;
                    let values = &source[at..at + depth];
                    column.zip(values).for_each(|(to, &from)| *to = from);
                } else {
                    column.for_each(|to| *to = 0.0);
                }
            }
        }
    }

    fn resize(&mut self, depth: usize, width: usize) {
        self.depth = depth;
        self.width = width;
        let padded = width.next_multiple_of(self.panel_width);
        self.data.resize(depth * padded);
    }

    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn panel_width(&self) -> usize {
        self.panel_width
    }

    pub(super) fn count(&self) -> usize {
        self.width.div_ceil(self.panel_width)
    }

    /// Rows `first..first + depth` of a panel.
    #[inline(always)]
    pub(super) fn slice(&self, panel: usize, first: usize, depth: usize) -> &[f32] {
        let start = (panel * self.depth + first) * self.panel_width;
        &self.data[start..start + depth * self.panel_width]
    }
}

/// Two vectors of this machine: 2, 8, 16 or 32.
fn panel_width() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) -> usize {
            S::F32_LANES
        }
    }
    2 * arch().dispatch(Lanes)
}
