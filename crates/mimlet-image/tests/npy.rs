//! NumPy files: read, written, refused, and taken as an encoder's input.

use std::fs;
use std::path::Path;

use mimlet_format::{Preprocess, Resample};
use mimlet_image::{
    FileProblem, ImageError, NpyArray, NpyData, NpyError, Prepared, Preprocessor, write_npy,
};
use proptest::prelude::*;

/// A file of the given version, header text and data.
fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
    let length = header.len() as u32;
    let length = length.to_le_bytes();
    let length = if version == 1 {
        &length[..2]
    } else {
        &length[..]
    };
    [
        b"\x93NUMPY",
        &[version, 0][..],
        length,
        header.as_bytes(),
        data,
    ]
    .concat()
}

fn dictionary(descr: &str, fortran: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}  \n")
}

fn refused(bytes: &[u8]) -> NpyError {
    NpyArray::parse(bytes).unwrap_err()
}

/// Byte for byte what `numpy.save` writes for `numpy.arange(6, dtype="f4").reshape(2, 3)`.
fn numpys_own_file() -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
    bytes.resize(127, b' ');
    bytes.push(b'\n');
    (0..6u8).for_each(|value| bytes.extend(f32::from(value).to_le_bytes()));
    bytes
}

#[test]
fn reads_what_numpy_writes() {
    let array = NpyArray::parse(&numpys_own_file()).unwrap();
    assert_eq!(array.shape, [2, 3]);
    assert_eq!(array.data, NpyData::F32(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
    assert_eq!(array.describe(), "float32 [2, 3]");
}

#[test]
fn reads_every_version_type_and_spelling() {
    for version in 1..=3 {
        let bytes = file(
            version,
            &dictionary("<u4", "False", "(2,)"),
            &[1, 0, 0, 0, 0, 1, 0, 0],
        );
        let expected = NpyArray {
            shape: vec![2],
            data: NpyData::U32(vec![1, 256]),
        };
        assert_eq!(NpyArray::parse(&bytes), Ok(expected));
    }
    let other = "{\"shape\":(1,2),\"fortran_order\":False,\"descr\":\"|u1\"}";
    let array = NpyArray::parse(&file(1, other, &[7, 8])).unwrap();
    assert_eq!(
        array,
        NpyArray {
            shape: vec![1, 2],
            data: NpyData::U8(vec![7, 8])
        }
    );
    // A single number has no axes; one axis has no order.
    assert!(NpyArray::parse(&file(1, &dictionary("|u1", "False", "()"), &[7])).is_ok());
    assert!(NpyArray::parse(&file(1, &dictionary("|u1", "True", "(1,)"), &[7])).is_ok());
    assert!(NpyArray::parse(&file(1, &dictionary("<f4", "False", "(0, 3)"), &[])).is_ok());
}

#[test]
fn each_fault_has_its_error() {
    let good = numpys_own_file();
    assert_eq!(refused(b"PK\x03\x04"), NpyError::Magic);
    assert_eq!(refused(&file(9, "{}", &[])), NpyError::Version(9));
    for cut in 6..128 {
        assert_eq!(refused(&good[..cut]), NpyError::CutShort, "{cut}");
    }
    for cut in 128..good.len() {
        let found = cut - 128;
        assert_eq!(
            refused(&good[..cut]),
            NpyError::Length {
                shape: vec![2, 3],
                found,
                needed: 24
            }
        );
    }
    let order = file(1, &dictionary("<f4", "True", "(1, 1)"), &[0; 4]);
    assert_eq!(refused(&order), NpyError::FortranOrder);
    for descr in ["<f8", ">f4", "<i8", "|b1", "|O", ""] {
        let bytes = file(1, &dictionary(descr, "False", "(1,)"), &[0; 4]);
        assert_eq!(refused(&bytes), NpyError::Type(descr.to_string()));
    }
    let huge = format!("({}, {})", usize::MAX, 3);
    let overflow = file(1, &dictionary("|u1", "False", &huge), &[0; 4]);
    assert!(matches!(
        refused(&overflow),
        NpyError::Length {
            needed: usize::MAX,
            ..
        }
    ));
    for header in [
        "",
        "{}",
        "[1, 2]",
        "{'descr': '|u1', 'fortran_order': False}",
        "{'descr': '|u1', 'fortran_order': maybe, 'shape': (1,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), 'more': 'keys'}",
        "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999999,)}",
        "{'descr': '|u1' 'fortran_order': False 'shape': (1,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1,)} and more",
        "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1",
    ] {
        assert_eq!(
            refused(&file(1, header, &[0])),
            NpyError::Header,
            "{header}"
        );
    }
}

#[test]
fn what_is_written_is_numpys_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.npy");
    let values = [0.0f32, 1.0, 2.0, 3.0, 4.0, 5.0];
    write_npy(&path, &[2, 3], &values).unwrap();
    let bytes = fs::read(&path).unwrap();
    let start = bytes.len() - 24;
    assert_eq!(start % 64, 0);
    assert_eq!(bytes[..8], *b"\x93NUMPY\x01\x00");
    assert_eq!(
        usize::from(u16::from_le_bytes([bytes[8], bytes[9]])),
        start - 10
    );
    assert_eq!(bytes[start - 1], b'\n');
    assert_eq!(bytes[start..], numpys_own_file()[128..]);
}

#[test]
fn a_refused_write_leaves_the_folder_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept.npy");
    fs::write(&kept, b"old").unwrap();
    let shape = write_npy(&kept, &[2, 3], &[0u32; 5])
        .unwrap_err()
        .to_string();
    assert!(
        shape.contains("kept.npy: has 20 bytes of data where its shape [2, 3] needs 24"),
        "{shape}"
    );
    let nowhere = folder.path().join("no/such/folder/out.npy");
    let missing = write_npy(&nowhere, &[1], &[0u32]).unwrap_err();
    assert!(matches!(
        missing,
        ImageError::File {
            problem: FileProblem::Unwritable(_),
            ..
        }
    ));
    assert!(write_npy(folder.path(), &[1], &[0u32]).is_err());
    assert_eq!(fs::read(&kept).unwrap(), b"old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

fn preprocessor() -> Preprocessor {
    let preprocess = Preprocess {
        resize_short_side: 9,
        resample: Resample::Bicubic,
        mean: [0.5; 3],
        std: [0.5; 3],
    };
    Preprocessor::new(&preprocess, [4, 5]).unwrap()
}

fn prepared(folder: &Path, shape: &[usize], data: NpyData) -> Result<Prepared, FileProblem> {
    let path = folder.join("input.npy");
    match data {
        NpyData::U8(values) => write_npy(&path, shape, &values),
        NpyData::U32(values) => write_npy(&path, shape, &values),
        NpyData::F32(values) => write_npy(&path, shape, &values),
    }
    .unwrap();
    preprocessor().prepare(&path).map_err(|error| match error {
        ImageError::File { problem, .. } => problem,
        other => panic!("{other}"),
    })
}

#[test]
fn arrays_skip_the_steps_behind_them() {
    let folder = tempfile::tempdir().unwrap();
    let pixels: Vec<u8> = (0..60).map(|value| value * 4).collect();
    let found = prepared(folder.path(), &[4, 5, 3], NpyData::U8(pixels.clone())).unwrap();
    assert_eq!(found.pixels.unwrap().pixels(), pixels);
    // Row 0, column 1, green is the array's fifth value and the input's 20 + 1st.
    assert_eq!(found.input[21], (16.0 / 255.0 - 0.5) / 0.5);
    let values: Vec<f32> = (0..60u8).map(|value| f32::from(value) - 30.0).collect();
    let found = prepared(folder.path(), &[3, 4, 5], NpyData::F32(values.clone())).unwrap();
    assert_eq!(
        found,
        Prepared {
            pixels: None,
            input: values
        }
    );
}

#[test]
fn arrays_that_are_no_input_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (shape, data) in [
        (&[5, 4, 3][..], NpyData::U8(vec![0; 60])),
        (&[3, 4, 5], NpyData::U8(vec![0; 60])),
        (&[4, 5, 3], NpyData::F32(vec![0.0; 60])),
        (&[1, 3, 4, 5], NpyData::F32(vec![0.0; 60])),
        (&[4, 5, 3], NpyData::U32(vec![0; 60])),
    ] {
        let found = prepared(folder.path(), shape, data).unwrap_err();
        assert!(matches!(found, FileProblem::NotAnInput { .. }), "{found}");
        assert!(
            found
                .to_string()
                .contains("uint8 [4, 5, 3], or float32 [3, 4, 5]"),
            "{found}"
        );
    }
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values = vec![0.0; 60];
        values[37] = bad;
        let found = prepared(folder.path(), &[3, 4, 5], NpyData::F32(values)).unwrap_err();
        assert!(matches!(found, FileProblem::NotFinite { index: 37, .. }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn arrays_round_trip(shape in prop::collection::vec(0usize..5, 0..5), seed in any::<u32>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("array.npy");
        let count: usize = shape.iter().product();
        let words: Vec<u32> = (0..count as u32).map(|at| at.wrapping_mul(2_654_435_761) ^ seed).collect();
        write_npy(&path, &shape, &words).unwrap();
        let expected = NpyArray { shape, data: NpyData::U32(words) };
        prop_assert_eq!(NpyArray::parse(&fs::read(&path).unwrap()), Ok(expected));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn hostile_bytes_are_errors_or_consistent(
        damage in prop::collection::vec((0usize..152, any::<u8>()), 1..6),
        noise in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut bytes = numpys_own_file();
        for (at, value) in damage {
            bytes[at] = value;
        }
        for candidate in [bytes, file(2, &String::from_utf8_lossy(&noise), &noise), noise] {
            if let Ok(array) = NpyArray::parse(&candidate) {
                let count = match &array.data {
                    NpyData::U8(values) => values.len(),
                    NpyData::U32(values) => values.len(),
                    NpyData::F32(values) => values.len(),
                };
                prop_assert_eq!(array.shape.iter().product::<usize>(), count);
            }
        }
    }
}
