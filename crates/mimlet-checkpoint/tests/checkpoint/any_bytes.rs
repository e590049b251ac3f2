//! Any bytes: read or refused, never a panic, never more memory than the file is long.

use crate::files::{archive, fixture, read_all};
use proptest::prelude::*;

/// Instructions of pickles, and bytes that are none.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(b"(".to_vec()),
        Just(b"t".to_vec()),
        Just(b"}".to_vec()),
        Just(b"u".to_vec()),
        Just(b"s".to_vec()),
        Just(b"R".to_vec()),
        Just(b"Q".to_vec()),
        Just(b"q\x01".to_vec()),
        Just(b"h\x01".to_vec()),
        Just(b"\x86\x85".to_vec()),
        Just(b"ctorch._utils\n_rebuild_tensor_v2\n".to_vec()),
        Just(b"ctorch\nFloatStorage\n".to_vec()),
        Just(b"X\x07\x00\x00\x00storage".to_vec()),
        Just(b"X\x01\x00\x00\x000".to_vec()),
        any::<u8>().prop_map(|byte| vec![b'K', byte]),
        any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn pickles_of_any_instructions(soup in soup()) {
        let pickle = [b"\x80\x02", &soup[..], b"."].concat();
        read_all("any.pth", &archive(&pickle, &[&[0; 64]]));
    }

    #[test]
    fn files_that_start_like_a_known_one(kind in 0_usize..5, rest: Vec<u8>) {
        let start: &[u8] = [
            &b"PK\x03\x04"[..], b"\x80\x02\x8a\x0a", b"\x93NUMPY\x01\x00", b"\x10\0\0\0\0\0\0\0{",
            b"\x08\x07\x3a",
        ][kind];
        let name = if kind == 4 { "any.onnx" } else { "any.bin" };
        read_all(name, &[start, &rest].concat());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn files_with_bytes_changed(
        kind in 0_usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let name = [
            "dino_16_p8_d16_l1_h2.pth",
            "pixel_codebook_k50_p16.pth",
            "onnx_timm_script.onnx",
        ][kind];
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_all(name, &bytes);
    }

    /// The directory at a zip archive's end, where all places are told.
    #[test]
    fn archives_with_a_changed_directory(at in 0_usize..900, byte: u8) {
        let name = "pixel_codebook_k50_p16.pth";
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        let end = bytes.len();
        bytes[end - 1 - at] = byte;
        read_all(name, &bytes);
    }
}
