//! Lies told in the tensor table: where each tensor lies.

use crate::forge::{self, assert_refused, entry, forge, resealed};
use mimlet_format::{FormatError, GoldenTensor, Manifest, Model, TensorEntry, TensorRole};

const LAST: TensorRole = TensorRole::Golden(GoldenTensor::OwnMeanFeature);

fn entries() -> Vec<TensorEntry> {
    forge::table().tensors
}

/// The role after this one in the table.
fn next(role: TensorRole) -> TensorRole {
    let entries = entries();
    let at = entries.iter().position(|entry| entry.role == role).unwrap();
    entries[at + 1].role
}

#[test]
fn a_tensor_starts_at_a_multiple_of_64() {
    for honest in entries() {
        let role = honest.role;
        for by in [1, 4, 32, 63] {
            let file = forge(|manifest| entry(manifest, role).offset += by);
            let offset = moved(&file, role);
            assert_refused(&file, &FormatError::TensorMisaligned { role, offset });
        }
    }
}

/// The offset a forged file states for a role.
fn moved(file: &[u8], role: TensorRole) -> u64 {
    entry(&mut decoded(file), role).offset
}

fn decoded(file: &[u8]) -> Manifest {
    postcard::take_from_bytes(&file[64..]).unwrap().0
}

#[test]
fn tensors_do_not_overlap() {
    for pair in entries().windows(2) {
        let role = pair[1].role;
        // One line back lies inside the tensor before, or its padding's end coincides with it.
        let file = forge(|manifest| entry(manifest, role).offset -= 64);
        let before = entry(&mut decoded(&file), pair[0].role).clone();
        let offset = moved(&file, role);
        let previous_end = before.offset + before.length;
        let error = FormatError::Overlap {
            role,
            offset,
            previous_end,
        };
        assert_refused(&file, &error);
    }
}

#[test]
fn no_tensor_lies_in_header_or_manifest() {
    let role = TensorRole::PatchEmbedWeight;
    for offset in [0, 64] {
        let file = forge(|manifest| entry(manifest, role).offset = offset);
        let len = u32::from_le_bytes(file[12..16].try_into().unwrap());
        let error = FormatError::Overlap {
            role,
            offset,
            previous_end: 64 + u64::from(len),
        };
        assert_refused(&file, &error);
    }
}

#[test]
fn there_is_no_hole() {
    for honest in entries() {
        let role = honest.role;
        for by in [64, 1 << 40] {
            let file = forge(|manifest| entry(manifest, role).offset += by);
            let offset = moved(&file, role);
            let expected = offset - by;
            let error = FormatError::Hole {
                role,
                offset,
                expected,
            };
            assert_refused(&file, &error);
        }
        let end_of_addresses = u64::MAX - 63;
        let file = forge(|manifest| entry(manifest, role).offset = end_of_addresses);
        let found = Model::parse(&file).unwrap_err();
        let is_hole = matches!(found, FormatError::Hole { role: named, .. } if named == role);
        assert!(is_hole, "{found}");
    }
}

#[test]
fn a_file_cut_at_a_section_edge_does_not_hold_its_tensor() {
    let file = forge::sample();
    for honest in entries() {
        let role = honest.role;
        let (start, end) = (
            honest.offset as usize,
            (honest.offset + honest.length) as usize,
        );
        for len in [start, start + 1, end - 1] {
            let cut = resealed(file[..len].to_vec());
            let total = len as u64;
            assert_refused(&cut, &FormatError::TensorPastEnd { role, total });
        }
        if role != LAST {
            let cut = resealed(file[..end].to_vec());
            let (role, total) = (next(role), end as u64);
            assert_refused(&cut, &FormatError::TensorPastEnd { role, total });
        }
    }
}

#[test]
fn every_byte_after_the_last_tensor_is_refused() {
    let end = forge::sample().len() as u64;
    for extra in [1, 63, 64] {
        let file = resealed([&forge::sample()[..], &vec![0; extra]].concat());
        let total = end + extra as u64;
        assert_refused(&file, &FormatError::UnclaimedBytes { end, total });
    }
}

#[test]
fn padding_between_sections_is_zero() {
    let honest = forge::sample();
    let manifest = forge::table();
    let mut end = 64 + postcard::to_allocvec(&manifest).unwrap().len() as u64;
    let mut padded = 0;
    for honest_entry in &manifest.tensors {
        let role = honest_entry.role;
        for at in end..honest_entry.offset {
            let mut file = honest.clone();
            file[at as usize] = 1;
            forge::seal(&mut file);
            assert_refused(&file, &FormatError::NonZeroPadding { role, at });
            padded += 1;
        }
        end = honest_entry.offset + honest_entry.length;
    }
    assert!(padded > 100, "the sample has padding to lie in");
}
