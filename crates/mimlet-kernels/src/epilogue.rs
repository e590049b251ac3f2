//! What a linear layer does with its outputs.

use crate::gelu;
use crate::math::shorten;
use crate::panel::WIDTH;
use crate::simd::{Floats16, Level};

/// The op that follows a linear layer, on outputs that are still in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epilogue {
    /// None: outputs are written.
    Store,
    /// GELU, as [`crate::gelu`] computes it.
    Gelu,
    /// The output is added to what is there, as [`crate::residual`] does.
    Add,
    /// The output is rounded to 12 significant bits, and to zero below `2^-60`: products of two are
    /// exact in f32. Attention between layers of integers multiplies such numbers, and gives the same
    /// bits whether or not a machine fuses products with additions.
    Shorten,
}

impl Epilogue {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Store, Self::Gelu, Self::Add, Self::Shorten];

    /// The kernels' constant.
    pub(crate) fn constant(self) -> (&'static str, f64) {
        let value = match self {
            Self::Store => 0.0,
            Self::Gelu => 1.0,
            Self::Add => 2.0,
            Self::Shorten => 3.0,
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
    /// Writes the outputs of a row for one panel's channels.
    #[inline(always)]
    pub(crate) fn write<F: Floats16>(&mut self, row: usize, panel: usize, outputs: F) {
        let (first, add) = (panel * WIDTH, self.epilogue == Epilogue::Add);
        let y = &mut self.y[row * self.channels + first..];
        if first + WIDTH <= self.channels
            && let Some(y) = y.first_chunk_mut()
        {
            let outputs = if add {
                F::load(y).add(outputs)
            } else {
                outputs
            };
            outputs.store(y);
            return;
        }
        let mut lanes = [0.0; WIDTH];
        outputs.store(&mut lanes);
        for (y, output) in y.iter_mut().zip(&lanes[..self.channels - first]) {
            *y = if add { *y + output } else { *output };
        }
    }

    /// Does what is left when all outputs are written.
    pub(crate) fn finish(self, level: Level) {
        match self.epilogue {
            Epilogue::Store | Epilogue::Add => {}
            Epilogue::Gelu => gelu::cpu(level, self.y),
            Epilogue::Shorten => level.vectorize(
                #[inline(always)]
                || {
                    for y in self.y.iter_mut() {
                        *y = shorten(*y);
                    }
                },
            ),
        }
    }
}

/// The text of a kernel from whole files, by their paths from an op's folder, and what epilogues need.
macro_rules! with_epilogue {
    ($($part:literal),*) => {
        concat!(
            $(include_str!($part),)*
            include_str!("../epilogue.wgsl"),
            include_str!("../shorten.wgsl"),
            include_str!("../gelu/function.wgsl"),
        )
    };
}
pub(crate) use with_epilogue;
