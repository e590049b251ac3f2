//! Lies told in the manifest's encoding.

use crate::forge::{self, HEADER_LEN, assert_refused};
use mimlet_format::{AlignedBytes, FormatError, Model};

/// Bytes of the sample's manifest.
fn encoded() -> Vec<u8> {
    postcard::to_allocvec(&forge::table()).unwrap()
}

/// The sample with other bytes for its manifest.
fn with_encoded(manifest: &[u8]) -> AlignedBytes {
    let start = (HEADER_LEN + manifest.len()).next_multiple_of(64);
    forge::assemble(manifest, start, &[])
}

#[test]
fn a_manifest_that_is_no_postcard_is_refused() {
    use postcard::Error;
    let mut bad_option = encoded();
    let at = offset_of_codebook_option(&bad_option);
    assert_eq!(bad_option[at], 1);
    bad_option[at] = 2;
    let expected = FormatError::ManifestDecode(Error::DeserializeBadOption);
    assert_refused(&with_encoded(&bad_option), &expected);

    let noise = vec![0xff; 300];
    let expected = FormatError::ManifestDecode(Error::DeserializeBadVarint);
    assert_refused(&with_encoded(&noise), &expected);
}

/// Where the byte lies that says whether there is a codebook: after encoder and preprocessing.
fn offset_of_codebook_option(encoded: &[u8]) -> usize {
    let manifest = forge::manifest();
    let encoder = postcard::to_allocvec(&manifest.encoder).unwrap();
    let preprocess = postcard::to_allocvec(&manifest.preprocess).unwrap();
    assert!(encoded.starts_with(&encoder));
    encoder.len() + preprocess.len()
}

#[test]
fn only_the_canonical_encoding_is_read() {
    // 24, the image's height, as an integer of two bytes.
    let mut overlong = encoded();
    assert_eq!(overlong[0], 24);
    overlong.splice(0..1, [24 | 0x80, 0]);
    assert_refused(&with_encoded(&overlong), &FormatError::ManifestNotCanonical);
}

#[test]
fn a_claimed_length_is_not_believed() {
    // The number of class names, raised to four billion in a file of a few hundred bytes.
    let mut manifest = forge::manifest();
    manifest.acceptance.class_names = Vec::new();
    let encoded = postcard::to_allocvec(&manifest).unwrap();
    let labels = [2, 1, 0, 0];
    let at = encoded
        .windows(4)
        .position(|found| found == labels)
        .unwrap()
        + 3;
    let mut huge = encoded[..at].to_vec();
    huge.extend([0xff, 0xff, 0xff, 0xff, 0x0f]);
    huge.extend(&encoded[at + 1..]);
    let found = Model::parse(&with_encoded(&huge)).unwrap_err();
    assert!(matches!(found, FormatError::ManifestDecode(_)), "{found}");
}
