//! Odd sizes, one centroid, exact ties, a row on its centroid, rows skipped, narrow centroids.

use super::{Centroids, Params, Storage, cpu, panel_weight, reference, variants};
use crate::case::{
    Case, FloatWeight, Output, Stream, Tolerance, Values, at_each_level, unwritten_f32,
    unwritten_u32,
};
use crate::in_parts::and_in_parts;
use crate::panel::{len16, pack16};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// The examples of nearest centroid.
pub(crate) fn cases() -> Vec<Case> {
    let shapes = [
        (1, 1, 1),
        (3, 37, 50),
        (64, 128, 64),
        (196, 192, 100),
        (5, 768, 17),
        (33, 129, 33),
        (2, 8, 1),
    ];
    let mut cases: Vec<Case> = shapes.map(random).into();
    cases.extend(shapes.map(random_halves));
    cases.extend(shapes.map(random_bytes));
    // More rounds of loops than a software GPU makes.
    cases.push(random((1, 132, 8192)));
    cases.push(random_bytes((2, 520, 8192)));
    // Centroids 0 and 18 are equal, and so are 1 and 2: the first of each pair wins.
    let mut centroids = Stream::new(0x1a).values(20 * 4, 1.0);
    centroids.copy_within(0..4, 18 * 4);
    centroids.copy_within(4..8, 8);
    let x = [&centroids[0..4], &centroids[8..12]].concat();
    let params = Params {
        dim: 4,
        centroids: 20,
    };
    cases.push(floats("ties", params, &x, &centroids));
    cases.push(ties_among_panels());
    cases.push(nearer_by_less_than_a_root_tells());
    cases
}

/// Equally near centroids in several panels, best and second-best.
fn ties_among_panels() -> Case {
    let mut centroids = Stream::new(0x2a).values(70 * 4, 1.0);
    for (of, copy) in [(5, 37), (5, 69), (20, 21), (20, 50), (33, 64)] {
        centroids.copy_within(of * 4..of * 4 + 4, copy * 4);
    }
    let row = |centroid: usize| &centroids[centroid * 4..][..4];
    let x = [row(5), row(50), row(64), row(69), row(12)].concat();
    let params = Params {
        dim: 4,
        centroids: 70,
    };
    floats("ties among panels", params, &x, &centroids)
}

/// Squares of 1 + 2^-23 and of 1, the later one nearer: their roots are equal.
fn nearer_by_less_than_a_root_tells() -> Case {
    let small = 1.0 / 4096.0;
    let mut centroids = vec![3.0; 40 * 3];
    centroids[3 * 3..][..3].copy_from_slice(&[small, small, 1.0]);
    centroids[20 * 3..][..3].copy_from_slice(&[0.0, 0.0, 1.0]);
    let params = Params {
        dim: 3,
        centroids: 40,
    };
    floats(
        "nearer by less than a root tells",
        params,
        &[0.0; 3],
        &centroids,
    )
}

fn random((rows, dim, centroids): (usize, usize, usize)) -> Case {
    let mut stream = Stream::new(0x1b);
    let matrix = stream.values(centroids * dim, 1.0);
    let x = stream.values(rows * dim, 1.0);
    let name = format!("{rows} rows of {dim}, {centroids} centroids");
    floats(&name, Params { dim, centroids }, &x, &matrix)
}

/// Centroids in f32.
fn floats(name: &str, params: Params, x: &[f32], centroids: &[f32]) -> Case {
    let mut packed = vec![0.0; len16(params.centroids, params.dim)];
    pack16(params.centroids, params.dim, centroids, &mut packed);
    let buffer = Values::F32(packed.clone());
    let stored = (Storage::F32, buffer, Centroids::F32(&packed));
    case(name, params, x, centroids, stored)
}

/// Centroids in f16.
fn random_halves((rows, dim, centroids): (usize, usize, usize)) -> Case {
    let mut stream = Stream::new(0x1e);
    let weight = FloatWeight::random(&mut stream, centroids, dim, true);
    let x = stream.values(rows * dim, 1.0);
    let name = format!("{rows} rows of {dim}, {centroids} centroids in f16");
    let stored = (Storage::F16, weight.buffer(), Centroids::F16(&weight.f16));
    case(&name, Params { dim, centroids }, &x, &weight.matrix, stored)
}

/// Centroids in bytes, -128 among them, every third with a scale of zero.
fn random_bytes((rows, dim, centroids): (usize, usize, usize)) -> Case {
    let mut stream = Stream::new(0x1f);
    let bytes: Vec<i8> = (0..centroids * dim)
        .map(|_| (stream.bits() >> 56) as u8 as i8)
        .collect();
    let scale = |centroid| match centroid % 3 {
        2 => 0.0,
        _ => 0.008 + 0.002 * stream.signed(),
    };
    let scales: Vec<f32> = (0..centroids).map(scale).collect();
    let widened = bytes.iter().enumerate();
    let widened: Vec<f32> = widened
        .map(|(index, &byte)| f32::from(byte) * scales[index / dim])
        .collect();
    let x = stream.values(rows * dim, 1.0);
    let mut packed = vec![0; len16(centroids, dim)];
    pack16(centroids, dim, &bytes, &mut packed);
    let mut words: Vec<u32> = bytemuck::allocation::pod_collect_to_vec(&packed);
    words.extend(scales.iter().map(|scale| scale.to_bits()));
    let name = format!("{rows} rows of {dim}, {centroids} centroids in bytes");
    let stored = Centroids::I8(&packed, &scales);
    let stored = (Storage::I8, Values::U32(words), stored);
    case(&name, Params { dim, centroids }, &x, &widened, stored)
}

/// A case of centroids as values, as a GPU's buffer and as the CPU takes them.
fn case(
    name: &str,
    params: Params,
    x: &[f32],
    centroids: &[f32],
    (storage, buffer, stored): (Storage, Values, Centroids<'_>),
) -> Case {
    let rows = x.len() / params.dim;
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
        fuses: false,
        name: name.to_owned(),
        variants: and_in_parts(
            variants(&params, storage, [2, rows as u32], 1),
            &panel_weight(&params, storage),
        ),
        buffers: vec![
            Values::F32(padded),
            buffer,
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
            cpu(level, &params, x, stored, &mut tokens, &mut distances);
            vec![Values::U32(tokens), Values::F32(distances)]
        }),
    }
}
