//! Lies told in the header, damage to the bytes, and bytes that lie wrong in memory.

use crate::forge::{self, HEADER_LEN, assert_refused, resealed, seal};
use mimlet_format::limits::MAX_MANIFEST_LEN;
use mimlet_format::{AlignedBytes, FormatError, Model};

/// The sample with one header field overwritten and the hash made good.
fn with_field(at: usize, field: &[u8]) -> AlignedBytes {
    let mut file = forge::sample();
    file[at..at + field.len()].copy_from_slice(field);
    seal(&mut file);
    file
}

/// The sample with another manifest length.
fn with_manifest_len(len: u32) -> AlignedBytes {
    with_field(12, &len.to_le_bytes())
}

fn manifest_len() -> u32 {
    let file = forge::sample();
    u32::from_le_bytes(file[12..16].try_into().unwrap())
}

#[test]
fn other_files_are_not_mim() {
    for other in [&b"\x89PNG\r\n\x1a\n"[..], b"MZ", b"{\"a\": 1}", &[0; 100]] {
        assert_refused(other, &FormatError::NotMim);
    }
    for at in 0..8 {
        let mut file = forge::sample();
        file[at] ^= 0x20;
        seal(&mut file);
        let expected = match at {
            1..4 => FormatError::NotMim,
            _ => FormatError::MangledMagic,
        };
        assert_refused(&file, &expected);
    }
}

#[test]
fn a_text_mode_transfer_is_told() {
    let file = forge::sample();
    let head = |from: &[u8], to: &[u8]| {
        let at = file
            .windows(from.len())
            .position(|found| found == from)
            .unwrap();
        [&file[..at], to, &file[at + from.len()..]].concat()
    };
    let unix = head(b"\r\n", b"\n");
    let dos = head(b"\x1a\n", b"\x1a\r\n");
    let seven_bits = head(b"\x89", b"\x09");
    let utf8 = head(b"\x89", "\u{fffd}".as_bytes());
    for mangled in [unix, dos, seven_bits] {
        assert_refused(&mangled, &FormatError::MangledMagic);
    }
    assert_refused(&utf8, &FormatError::NotMim);
}

#[test]
fn version_zero_never_was() {
    assert_refused(&with_field(8, &[0, 0]), &FormatError::VersionZero);
}

#[test]
fn a_version_from_before_the_first_release_is_named() {
    let expected = FormatError::UnreleasedVersion { found: 1 };
    assert_refused(&with_field(8, &[1, 0]), &expected);
}

#[test]
fn a_future_version_is_named() {
    for found in [3, 256, u16::MAX] {
        let file = with_field(8, &found.to_le_bytes());
        assert_refused(&file, &FormatError::FutureVersion { found });
    }
}

#[test]
fn reserved_bytes_are_zero() {
    for at in [10, 11].into_iter().chain(56..64) {
        let expected = FormatError::ReservedNonZero { at: at as u64 };
        assert_refused(&with_field(at, &[1]), &expected);
    }
}

#[test]
fn the_total_length_is_the_files() {
    let found = forge::sample().len() as u64;
    for expected in [found + 1, found + (1 << 32), u64::MAX] {
        let file = with_field(16, &expected.to_le_bytes());
        assert_refused(&file, &FormatError::Truncated { expected, found });
    }
    for expected in [found - 1, 64, 0] {
        let file = with_field(16, &expected.to_le_bytes());
        assert_refused(&file, &FormatError::TrailingBytes { expected, found });
    }
}

#[test]
fn a_manifest_ends_inside_the_file_and_is_of_sensible_length() {
    let total = forge::sample().len() as u64;
    let after = total as u32 - HEADER_LEN as u32;
    let past_end = |len: u32| FormatError::ManifestPastEnd {
        end: u64::from(len) + HEADER_LEN as u64,
        total,
    };
    for len in [after + 1, MAX_MANIFEST_LEN] {
        assert_refused(&with_manifest_len(len), &past_end(len));
    }
    for len in [MAX_MANIFEST_LEN + 1, u32::MAX] {
        let found = u64::from(len);
        let expected = FormatError::ManifestTooLarge { found };
        assert_refused(&with_manifest_len(len), &expected);
    }
}

#[test]
fn a_manifest_is_as_long_as_stated() {
    use postcard::Error::DeserializeUnexpectedEnd;
    let cut_off = FormatError::ManifestDecode(DeserializeUnexpectedEnd);
    for len in 0..manifest_len() {
        let file = with_manifest_len(len);
        // An integer cut in half is a bad integer, a text cut in half may be a bad text.
        let found = Model::parse(&file).unwrap_err();
        assert!(
            matches!(found, FormatError::ManifestDecode(_)),
            "{len}: {found}"
        );
    }
    assert_refused(&with_manifest_len(0), &cut_off);
    let end = HEADER_LEN as u32 + manifest_len();
    let padding = end.next_multiple_of(64) - end;
    assert!(padding > 0, "the sample's manifest has padding behind it");
    let longer = with_manifest_len(manifest_len() + padding);
    let unused = u64::from(padding);
    assert_refused(&longer, &FormatError::ManifestTrailingBytes { unused });
}

#[test]
fn the_hash_is_the_contents() {
    for at in 24..56 {
        let mut file = forge::sample();
        file[at] ^= 1;
        assert_refused(&file, &FormatError::HashMismatch);
    }
}

#[test]
fn no_byte_can_change_unnoticed() {
    let mut file = forge::sample();
    for at in 0..file.len() {
        let mask = 1 << (at % 8);
        file[at] ^= mask;
        let found = Model::parse(&file).expect_err("a flipped bit was believed");
        if at >= HEADER_LEN {
            assert_eq!(found, FormatError::HashMismatch, "byte {at}");
        }
        file[at] ^= mask;
    }
    Model::parse(&file).unwrap();
}

#[test]
fn a_file_cut_short_anywhere_is_truncated() {
    let file = forge::sample();
    let expected = file.len() as u64;
    for len in 0..file.len() {
        let found = len as u64;
        let error = if len < HEADER_LEN {
            FormatError::TooShort { found }
        } else {
            FormatError::Truncated { expected, found }
        };
        assert_refused(&file[..len], &error);
    }
}

#[test]
fn nothing_follows_the_file() {
    let file = forge::sample();
    let expected = file.len() as u64;
    for extra in [1, 64, 4096] {
        let longer = [&file[..], &vec![0; extra]].concat();
        let found = longer.len() as u64;
        assert_refused(&longer, &FormatError::TrailingBytes { expected, found });
        let end = expected;
        let sealed = resealed(longer);
        assert_refused(&sealed, &FormatError::UnclaimedBytes { end, total: found });
    }
}

#[test]
fn bytes_must_be_aligned_in_memory() {
    let file = forge::sample();
    for past in [1, 4, 32, 63] {
        let mut shifted = AlignedBytes::zeroed(file.len() + past);
        shifted[past..].copy_from_slice(&file);
        let expected = FormatError::Misaligned { past: past as u64 };
        assert_refused(&shifted[past..], &expected);
        Model::parse(&AlignedBytes::from(&shifted[past..])).unwrap();
    }
}
