//! The least time an op can take on this machine (Williams et al. 2009, "Roofline"): its products at
//! the rate of the machine's multipliers, or its operands at the rate of a copy, whichever takes longer.

use mimlet_kernels::Level;
use pulp::{Arch, Simd, WithSimd};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// What an op has to do.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Work {
    /// Multiplications of floats, each with an addition.
    pub(crate) float_products: usize,
    /// Multiplications of bytes, each with an addition.
    pub(crate) byte_products: usize,
    /// Bytes read and written, each operand once.
    pub(crate) bytes: usize,
}

/// What one thread of this machine does a second, as loops of nothing else measure it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Roofline {
    /// Multiplications of floats with their additions.
    pub(crate) float_products: f64,
    /// The same of bytes, by the level's instruction for them: so many times as many as of floats.
    pub(crate) byte_products: f64,
    /// Bytes of a copy of what fits the second-level cache, reads and writes counted.
    pub(crate) bytes: f64,
}

impl Roofline {
    /// Measures this machine, a fifth of a second long.
    #[must_use]
    pub(crate) fn measure(level: Level) -> Self {
        let float_products = multiplied();
        Self {
            float_products,
            byte_products: float_products * byte_factor(level),
            bytes: copied(),
        }
    }

    /// The least time for some work.
    #[must_use]
    pub(crate) fn least(&self, work: Work) -> Duration {
        let products = work.float_products as f64 / self.float_products
            + work.byte_products as f64 / self.byte_products;
        Duration::from_secs_f64(products.max(work.bytes as f64 / self.bytes))
    }
}

/// Products of bytes for each product of floats: what the level's instruction does a cycle over what a
/// fused multiplication of floats does.
fn byte_factor(level: Level) -> f64 {
    match level.name() {
        // Tiles of 16 x 16 x 64 in 16 cycles beside two registers of 16 floats a cycle.
        "amx" => 32.0,
        // Four products a lane.
        "avxvnni" | "avx512" | "neon-dotprod" => 4.0,
        "neon-i8mm" => 8.0,
        // Two products of 16 bits a lane and an addition of its own.
        _ => 1.0,
    }
}

/// Steps of [`Products`], each of so many registers.
const STEPS: usize = 100_000;
const REGISTERS: usize = 12;

/// A loop of fused multiplications of floats that wait for nothing; returns the lanes of a register.
struct Products;

impl WithSimd for Products {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        let [a, b] = [0.999, 0.001].map(|value| simd.splat_f32s(black_box(value)));
        let mut sums = [simd.splat_f32s(1.0); REGISTERS];
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = simd.mul_add_f32s(*sum, a, b);
            }
        }
        black_box(sums);
        size_of::<S::f32s>() / size_of::<f32>()
    }
}

/// Multiplications of floats a second.
fn multiplied() -> f64 {
    let arch = Arch::new();
    let lanes = arch.dispatch(Products);
    let least = least(Duration::from_millis(100), || {
        black_box(arch.dispatch(Products));
    });
    (STEPS * REGISTERS * lanes) as f64 / least.as_secs_f64()
}

/// Bytes a second of a copy, 256 KiB to 256 KiB.
fn copied() -> f64 {
    let from = vec![1.0f32; 1 << 16];
    let mut to = vec![0.0f32; 1 << 16];
    let least = least(Duration::from_millis(100), || {
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
    });
    (2 * size_of_val(&*from)) as f64 / least.as_secs_f64()
}

/// The shortest of the runs that fit in `budget`, of at least one.
pub(crate) fn least(budget: Duration, mut run: impl FnMut()) -> Duration {
    let start = Instant::now();
    let mut least = Duration::MAX;
    loop {
        let began = Instant::now();
        run();
        least = least.min(began.elapsed());
        if start.elapsed() >= budget {
            return least;
        }
    }
}
