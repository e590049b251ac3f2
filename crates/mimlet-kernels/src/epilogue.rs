//! What a linear layer does with its outputs.

use crate::gelu;
use crate::panel::WIDTH;
use crate::simd::{Floats16, Level, Place};

/// The op that follows a linear layer, on outputs that are still in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epilogue {
    /// None: outputs are written.
    Store,
    /// GELU, as [`crate::gelu`] computes it.
    Gelu,
    /// The output is added to what is there, as [`crate::residual`] does.
    Add,
}

impl Epilogue {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Store, Self::Gelu, Self::Add];

    /// The kernels' constant.
    pub(crate) fn constant(self) -> (&'static str, f64) {
        let value = match self {
            Self::Store => 0.0,
            Self::Gelu => 1.0,
            Self::Add => 2.0,
        };
        ("EPILOGUE", value)
    }
}

/// Where a linear layer's outputs go.
pub(crate) struct Outputs<'a> {
    /// `[rows, channels]`.
    pub(crate) y: &'a mut [f32],
    pub(crate) channels: usize,
    pub(crate) epilogue: Epilogue,
}

impl Outputs<'_> {
    /// Writes the outputs of a tile: `outputs` gives those of a row, counted from the tile's first.
    #[inline(always)]
    pub(crate) fn write<F: Floats16, const P: usize>(
        &mut self,
        tile: Place,
        outputs: impl Fn(usize) -> [F; P],
    ) {
        let rows = self.y[tile.row * self.channels..].chunks_exact_mut(self.channels);
        let columns = Columns {
            rows: rows.take(tile.rows),
            first: tile.panel * WIDTH,
        };
        if self.epilogue == Epilogue::Add {
            columns.write(outputs, |y, outputs| F::load(y).add(outputs));
        } else {
            columns.write(outputs, |_, outputs| outputs);
        }
    }

    /// Does what is left when all outputs are written. Once for all: in tiles, a few values at a time,
    /// it takes longer.
    pub(crate) fn finish(self, level: Level) {
        match self.epilogue {
            Epilogue::Store | Epilogue::Add => {}
            Epilogue::Gelu => gelu::cpu(level, self.y),
        }
    }
}

/// Where a tile's outputs go: the columns of some rows from one on.
pub(crate) struct Columns<I> {
    pub(crate) rows: I,
    pub(crate) first: usize,
}

impl<'y, I: Iterator<Item = &'y mut [f32]>> Columns<I> {
    /// Writes `combine(present, outputs)` of each row's panels; `outputs` gives those of a row.
    #[inline(always)]
    pub(crate) fn write<F: Floats16, const P: usize>(
        self,
        outputs: impl Fn(usize) -> [F; P],
        combine: impl Fn(&[f32; WIDTH], F) -> F,
    ) {
        for (r, y) in self.rows.enumerate() {
            let y = &mut y[self.first..];
            let outputs = outputs(r);
            if let Some(y) = y.as_chunks_mut().0.first_chunk_mut::<P>() {
                for (y, outputs) in y.iter_mut().zip(outputs) {
                    combine(y, outputs).store(y);
                }
                continue;
            }
            // The last panels, of which the last is not whole.
            for (y, outputs) in y.chunks_mut(WIDTH).zip(outputs) {
                let mut lanes = [0.0; WIDTH];
                lanes[..y.len()].copy_from_slice(y);
                combine(&lanes, outputs).store(&mut lanes);
                y.copy_from_slice(&lanes[..y.len()]);
            }
        }
    }
}

/// The text of a kernel from whole files, by their paths from an op's folder, and what epilogues need.
macro_rules! with_epilogue {
    ($($part:literal),*) => {
        concat!(
            $(include_str!($part),)*
            include_str!("../epilogue.wgsl"),
            include_str!("../gelu/function.wgsl"),
        )
    };
}
pub(crate) use with_epilogue;
