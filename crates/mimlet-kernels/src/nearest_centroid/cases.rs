//! Odd sizes, one centroid, exact ties, a row on its centroid, rows skipped.

use super::{Params, call, cpu, reference};
use crate::case::{
    Case, Output, Stream, Tolerance, Values, at_each_level, unwritten_f32, unwritten_u32,
};
use crate::panel::{len16, pack16};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// The examples of nearest centroid.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        (1, 1, 1),
        (3, 37, 50),
        (64, 128, 64),
        (196, 192, 100),
        (5, 768, 17),
        (2, 8, 1),
    ]
    .map(random)
    .into();
    // Centroids 0 and 18 are equal, and so are 1 and 2: the first of each pair wins.
    let mut centroids = Stream::new(0x1a).values(20 * 4, 1.0);
    centroids.copy_within(0..4, 18 * 4);
    centroids.copy_within(4..8, 8);
    let x = [&centroids[0..4], &centroids[8..12]].concat();
    cases.push(case(
        "ties",
        Params {
            dim: 4,
            centroids: 20,
        },
        &x,
        &centroids,
    ));
    cases
}

fn random((rows, dim, centroids): (usize, usize, usize)) -> Case {
    let mut stream = Stream::new(0x1b);
    let matrix = stream.values(centroids * dim, 1.0);
    let x = stream.values(rows * dim, 1.0);
    let name = format!("{rows} rows of {dim}, {centroids} centroids");
    case(&name, Params { dim, centroids }, &x, &matrix)
}

fn case(name: &str, params: Params, x: &[f32], centroids: &[f32]) -> Case {
    let rows = x.len() / params.dim;
    let mut packed = vec![0.0; len16(params.centroids, params.dim)];
    pack16(params.centroids, params.dim, centroids, &mut packed);
    let mut tokens = vec![0; rows];
    let mut distances = vec![0.0; 2 * rows];
    reference(&params, x, centroids, &mut tokens, &mut distances);
    // Two rows before the first, which the GPU is told to skip.
    let mut padded = vec![f32::NAN; 2 * params.dim];
    padded.extend_from_slice(x);
    let near = Tolerance::Near {
        absolute: 1e-6,
        relative: 1e-5,
    };
    let exact = Tolerance::Exact;
    Case {
        name: name.into(),
        call: call(&params, 2, rows as u32),
        buffers: vec![
            Values::F32(padded),
            Values::F32(packed.clone()),
            unwritten_u32(rows),
            unwritten_f32(2 * rows),
        ],
        outputs: vec![
            Output {
                binding: 2,
                expected: Values::U32(tokens),
                cpu: exact,
                gpu: exact,
            },
            Output {
                binding: 3,
                expected: Values::F32(distances),
                cpu: near,
                gpu: near,
            },
        ],
        cpu: at_each_level(|level| {
            let mut tokens = vec![u32::MAX; rows];
            let mut distances = vec![f32::NAN; 2 * rows];
            cpu(level, &params, x, &packed, &mut tokens, &mut distances);
            vec![Values::U32(tokens), Values::F32(distances)]
        }),
    }
}
