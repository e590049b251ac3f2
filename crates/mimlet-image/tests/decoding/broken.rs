//! Cut, damaged, huge, foreign and unreadable files.

use image::ImageFormat;
use mimlet_image::{FileProblem, ImageError, Limits, decode, read};
use proptest::prelude::*;

use crate::files::{
    FORMATS, PNG_SIGNATURE, chunk, encoded, patched_png_size, png, stored_zlib, textured,
};

/// The problem; its message must be one line that starts with the name.
fn problem(bytes: &[u8]) -> FileProblem {
    refused(bytes, &Limits::default())
}

fn refused(bytes: &[u8], limits: &Limits) -> FileProblem {
    let error = decode(bytes, "photo.png", limits).unwrap_err();
    let message = error.to_string();
    assert!(
        message.starts_with("photo.png: ") && !message.contains('\n'),
        "{message}"
    );
    match error {
        ImageError::File { problem, .. } => problem,
        other => panic!("{other}"),
    }
}

/// Cut anywhere, also inside the last bytes, where decoders still return a picture.
#[test]
fn a_file_cut_at_any_length_is_refused() {
    for format in FORMATS {
        let bytes = encoded(textured(24, 16), format);
        for length in 0..bytes.len() {
            let found = problem(&bytes[..length]);
            if length == 0 {
                assert!(matches!(found, FileProblem::Empty));
            } else if length >= 12 {
                assert!(
                    matches!(found, FileProblem::CutShort(_)),
                    "{format:?} {length}: {found}"
                );
            }
        }
        assert_eq!(decode(&bytes, "", &Limits::default()).unwrap().width(), 24);
    }
}

#[test]
fn a_thumbnails_end_is_not_the_images_end() {
    let inner = encoded(textured(8, 8), ImageFormat::Jpeg);
    let outer = encoded(textured(40, 40), ImageFormat::Jpeg);
    let length = (inner.len() as u16 + 2).to_be_bytes();
    let mut bytes = outer[..2].to_vec();
    bytes.extend([0xFF, 0xE1]);
    bytes.extend(length);
    bytes.extend(&inner);
    bytes.extend(&outer[2..]);
    assert_eq!(decode(&bytes, "", &Limits::default()).unwrap().width(), 40);
    let cut = bytes.len() - 40;
    assert!(matches!(
        problem(&bytes[..cut]),
        FileProblem::CutShort("JPEG")
    ));
}

#[test]
fn data_that_ends_inside_whole_chunks_is_refused() {
    // Every chunk is whole, but the pixels stop after the first of four rows.
    let short = png(
        4,
        4,
        8,
        0,
        &[chunk(b"IDAT", &stored_zlib(&[0, 1, 2, 3, 4]))],
    );
    assert!(matches!(
        problem(&short),
        FileProblem::Damaged { format: "PNG", .. }
    ));
    let mut flipped = encoded(textured(24, 16), ImageFormat::Png);
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x10;
    assert!(matches!(
        problem(&flipped),
        FileProblem::Damaged { format: "PNG", .. }
    ));
}

#[test]
fn a_huge_image_is_refused_from_its_header() {
    let small = encoded(textured(4, 4), ImageFormat::Png);
    for (width, height) in [
        (100_000, 100_000),
        (100_000, 1),
        (1, 100_000),
        (20_000, 20_000),
    ] {
        match problem(&patched_png_size(&small, width, height)) {
            FileProblem::TooLarge {
                width: w,
                height: h,
                ..
            } => assert_eq!((w, h), (width, height)),
            other => panic!("{other}"),
        }
    }
    let mut jpeg = encoded(textured(4, 4), ImageFormat::Jpeg);
    let frame = jpeg
        .windows(2)
        .position(|marker| marker == [0xFF, 0xC0])
        .unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xFD, 0xE8, 0xFD, 0xE8]);
    assert!(matches!(
        problem(&jpeg),
        FileProblem::TooLarge {
            width: 65_000,
            height: 65_000,
            ..
        }
    ));
}

#[test]
fn the_callers_limits_hold_for_every_format() {
    let side = Limits {
        max_side: 39,
        ..Limits::default()
    };
    let pixels = Limits {
        max_pixels: 40 * 20 - 1,
        ..Limits::default()
    };
    let enough = Limits {
        max_side: 40,
        max_pixels: 40 * 20,
        ..Limits::default()
    };
    for format in FORMATS {
        let bytes = encoded(textured(40, 20), format);
        assert!(matches!(
            refused(&bytes, &side),
            FileProblem::TooLarge { .. }
        ));
        assert!(matches!(
            refused(&bytes, &pixels),
            FileProblem::TooLarge { .. }
        ));
        assert_eq!(decode(&bytes, "", &enough).unwrap().width(), 40);
    }
}

#[test]
fn content_decides_the_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.jpg");
    std::fs::write(&path, encoded(textured(5, 4), ImageFormat::Png)).unwrap();
    assert_eq!(read(&path, &Limits::default()).unwrap().height(), 4);
    assert!(matches!(
        problem(b"just some text"),
        FileProblem::UnknownFormat
    ));
    assert!(matches!(problem(b"\x89"), FileProblem::UnknownFormat));
    let named = |bytes: &[u8]| problem(bytes).to_string();
    assert!(named(b"GIF89a\x01\x00\x01\x00").contains("is a GIF image"));
    assert!(named(b"BM\x00\x00\x00\x00").contains("is a BMP image"));
    assert!(named(b"II*\x00\x08\x00\x00\x00").contains("is a TIFF image"));
    assert!(named(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00").contains("is a HEIC image"));
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let read_problem = |name: &str, limits: &Limits| {
        let path = folder.path().join(name);
        let error = read(&path, limits).unwrap_err();
        assert!(error.to_string().starts_with(&path.display().to_string()));
        match error {
            ImageError::File { problem, .. } => problem,
            other => panic!("{other}"),
        }
    };
    let limits = Limits::default();
    assert!(matches!(
        read_problem("nothing.png", &limits),
        FileProblem::Missing
    ));
    assert!(matches!(read_problem("", &limits), FileProblem::IsFolder));
    std::fs::write(folder.path().join("empty.png"), b"").unwrap();
    assert!(matches!(
        read_problem("empty.png", &limits),
        FileProblem::Empty
    ));
    std::fs::write(folder.path().join("long.png"), [0; 65]).unwrap();
    let tight = Limits {
        max_file_bytes: 64,
        ..limits
    };
    assert!(matches!(
        read_problem("long.png", &tight),
        FileProblem::TooLong { limit: 64 }
    ));
    assert!(matches!(
        read_problem("long.png", &limits),
        FileProblem::UnknownFormat
    ));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn damaged_files_never_panic(
        format in 0usize..3,
        (width, height) in (1u32..40, 1u32..40),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..10),
        cut in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let tight = Limits { max_pixels: 1 << 16, ..Limits::default() };
        let mut bytes = encoded(textured(width, height), FORMATS[format]);
        for (index, value) in damage {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        let spliced = [&bytes[..cut.index(bytes.len())], &noise].concat();
        let marked = [&PNG_SIGNATURE[..], &noise].concat();
        for candidate in [bytes, spliced, marked, noise] {
            match decode(&candidate, "damaged", &tight) {
                Ok(image) => prop_assert!(tight.allow(image.width(), image.height())),
                Err(error) => prop_assert!(!error.to_string().contains('\n')),
            }
        }
    }
}
