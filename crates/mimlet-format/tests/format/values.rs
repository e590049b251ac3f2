//! Lies told inside tensors: padding lanes, numbers that are none, tokens and margins.

use crate::forge::{self, assert_refused};
use mimlet_format::{
    AlignedBytes, DType, FormatError, GoldenTensor, Layout, Model, TensorEntry, TensorRole,
};

/// The sample with element `index` of a tensor overwritten and the hash made good.
fn with_element(entry: &TensorEntry, index: u64, element: &[u8]) -> AlignedBytes {
    let mut file = forge::sample();
    let start = entry.offset as usize;
    forge::put(&mut file[start..], entry.dtype, index, element);
    forge::seal(&mut file);
    file
}

fn entry(role: TensorRole) -> TensorEntry {
    forge::entry(&mut forge::table(), role).clone()
}

/// Whether a tensor is one of the matrices that are not searched for NaN.
fn is_weight(entry: &TensorEntry) -> bool {
    let name = entry.role.to_string();
    entry.layout != Layout::RowMajor && !name.ends_with(".scale") && !name.starts_with("codebook")
}

#[test]
fn numbers_outside_the_weights_are_finite() {
    let floats = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    let halves = [0x7e00_u16, 0x7c00, 0xfc00];
    let entries = forge::table().tensors;
    let mut checked = 0;
    for entry in entries.iter().filter(|entry| !is_weight(entry)) {
        let elements = entry.layout.stored_elements(&entry.shape).unwrap();
        // The last scale lies in the middle of its panel: stay off the padding lanes.
        let last = match entry.layout {
            Layout::RowMajor => elements - 1,
            layout => layout.position(entry.shape[1], entry.shape[0] - 1, entry.shape[1] - 1),
        };
        for (found, half) in floats.into_iter().zip(halves) {
            for index in [0, last] {
                let file = match entry.dtype {
                    DType::F32 => with_element(entry, index, &found.to_le_bytes()),
                    DType::F16 => with_element(entry, index, &half.to_le_bytes()),
                    _ => continue,
                };
                let role = entry.role;
                assert_refused(&file, &FormatError::NotFinite { role, index, found });
                checked += 1;
            }
        }
    }
    assert!(checked > 100);
}

#[test]
fn panel_padding_is_zero() {
    let mut columns_beside = 0;
    for entry in forge::table().tensors {
        let &[n, k] = &entry.shape[..] else { continue };
        let [rows, columns] = match entry.layout {
            Layout::RowMajor => continue,
            Layout::Panel16 => [n.next_multiple_of(16), k],
            Layout::Panel16x4 => [n.next_multiple_of(16), k.next_multiple_of(4)],
            Layout::Panel16x8 => [n.next_multiple_of(16), k.next_multiple_of(8)],
        };
        let role = entry.role;
        let mut lanes = vec![(n, 0), (rows - 1, k - 1), (rows - 1, columns - 1)];
        lanes.extend((k..columns).flat_map(|column| [(0, column), (n - 1, column)]));
        for (row, column) in lanes.into_iter().filter(|lane| lane.0 < rows) {
            if row < n && column < k {
                continue;
            }
            let index = entry.layout.position(k, row, column);
            // The top bit alone: none of an element's bits may differ from zero.
            let top: &[u8] = match entry.dtype {
                DType::F32 | DType::U32 => &[0, 0, 0, 0x80],
                DType::F16 => &[0, 0x80],
                DType::I8 | DType::U8 => &[0x80],
                DType::I4 => &[0x8],
            };
            let file = with_element(&entry, index, top);
            assert_refused(&file, &FormatError::NonZeroLane { role });
            columns_beside += u32::from(column >= k);
        }
    }
    assert!(columns_beside > 0, "the sample has columns to pad");
}

#[test]
fn scales_and_margins_are_not_negative() {
    let mut checked = 0;
    for entry in forge::table().tensors {
        let role = entry.role;
        let name = role.to_string();
        if name.ends_with(".scale") || name == "golden.margins" {
            // The least of either type.
            let (found, element) = match entry.dtype {
                DType::F16 => (-(-24.0_f32).exp2(), vec![0x01, 0x80]),
                _ => (-1e-45, (-1e-45_f32).to_le_bytes().to_vec()),
            };
            let file = with_element(&entry, 1, &element);
            let (index, found) = (1, found);
            assert_refused(&file, &FormatError::Negative { role, index, found });
            Model::parse(&with_element(&entry, 1, &vec![0; element.len()])).unwrap();
            checked += 1;
        }
    }
    assert_eq!(checked, 6);
}

/// Unlike a byte that a reader casts, a half must be told from others by its bits.
#[test]
fn centroids_in_half_precision_are_finite() {
    let shape = [5, 10];
    let role = TensorRole::Centroids;
    let with = |bits: u16| {
        let manifest = forge::manifest();
        let mut writer = forge::writer(&manifest);
        let others = forge::roles(&manifest).into_iter();
        for other in others.filter(|other| !other.to_string().starts_with("codebook")) {
            forge::add(&mut writer, other);
        }
        let mut bytes = forge::content(role, DType::F16, Layout::Panel16, &shape);
        bytes[6..8].copy_from_slice(&bits.to_le_bytes());
        writer.tensor(role, DType::F16, Layout::Panel16, &shape, bytes);
        writer.finish()
    };
    for bits in [0x0001, 0x7bff, 0xfbff] {
        with(bits).unwrap();
    }
    let not_finite = |found| FormatError::NotFinite {
        role,
        index: 3,
        found,
    };
    assert_eq!(with(0x7c00).unwrap_err(), not_finite(f32::INFINITY));
    assert_eq!(with(0xfc00).unwrap_err(), not_finite(f32::NEG_INFINITY));
    assert!(with(0x7c01).is_err());
}

#[test]
fn golden_tokens_point_into_the_codebook() {
    let entry = entry(TensorRole::Golden(GoldenTensor::Tokens));
    for token in [5_u32, 6, u32::MAX] {
        for index in [0, 11] {
            let file = with_element(&entry, index, &token.to_le_bytes());
            let size = 5;
            let error = FormatError::TokenOutOfRange { index, token, size };
            assert_refused(&file, &error);
        }
    }
    Model::parse(&with_element(&entry, 3, &4_u32.to_le_bytes())).unwrap();
}
