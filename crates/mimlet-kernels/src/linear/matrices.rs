//! Linear layers on a GPU's units for products of matrices.

use super::Params;
use crate::epilogue::with_epilogue;
use crate::op::{Variant, WgslKernel};
use crate::tiles::{Matrices, products_of_matrices};

/// The text of a kernel of such matrices and lanes.
macro_rules! products {
    ($matrices:literal, $lanes:literal) => {
        concat!(
            products_of_matrices!(
                $matrices,
                $lanes,
                ["linear.wgsl", "ends.wgsl", "outputs.wgsl", "../store.wgsl"]
            ),
            with_epilogue!()
        )
    };
}

/// As [`super::KERNEL`], 64 rows x 32 outputs a workgroup, for 16-bit weights and rows rounded to such.
static HALVES_8: WgslKernel = Matrices::HALVES_8.kernel(
    "linear_half_matrices_8",
    products!(
        "../tiles/matrices/halves_8.wgsl",
        "../tiles/matrices/lanes_32.wgsl"
    ),
);

/// As [`HALVES_8`], 64 x 64 a workgroup.
static HALVES_16: WgslKernel = Matrices::HALVES_16.kernel(
    "linear_half_matrices_16",
    products!(
        "../tiles/matrices/halves_16.wgsl",
        "../tiles/matrices/lanes_32.wgsl"
    ),
);

/// As [`HALVES_8`], 32 rows x 64 outputs a workgroup.
static HALVES_16_BY_64: WgslKernel = Matrices::HALVES_16_BY_64.kernel(
    "linear_half_matrices_16_by_64",
    products!(
        "../tiles/matrices/halves_16.wgsl",
        "../tiles/matrices/lanes_64.wgsl"
    ),
);

/// As [`super::KERNEL`], 64 rows x 32 outputs a workgroup.
static FLOATS_8: WgslKernel = Matrices::FLOATS_8.kernel(
    "linear_matrices_8",
    products!(
        "../tiles/matrices/floats_8.wgsl",
        "../tiles/matrices/lanes_32.wgsl"
    ),
);

/// A variant for each of [`Matrices::ALL`] that the weights allow.
pub(super) fn variants(
    params: &Params,
    constants: &[(&'static str, f64)],
    rows: usize,
) -> impl Iterator<Item = Variant> {
    let kernels = [&HALVES_8, &HALVES_16, &HALVES_16_BY_64, &FLOATS_8];
    let all = Matrices::ALL.into_iter().zip(kernels);
    let fit = all.filter(|(matrices, _)| params.half || !matrices.half);
    fit.map(move |(matrices, kernel)| matrices.variant(kernel, constants, rows, params.outputs))
}

#[cfg(test)]
mod tests {
    use super::{Matrices, Params, variants};
    use alloc::vec::Vec;

    #[test]
    fn each_kernel_s_text_multiplies_what_it_is_listed_for() {
        let of = |half| {
            let params = Params {
                inputs: 5,
                outputs: 7,
                half,
            };
            let found = variants(&params, &[], 3).map(|variant| variant.matrices());
            found.collect::<Option<Vec<_>>>()
        };
        assert_eq!(of(true).unwrap(), Matrices::ALL);
        assert_eq!(of(false).unwrap(), [Matrices::FLOATS_8]);
    }
}
