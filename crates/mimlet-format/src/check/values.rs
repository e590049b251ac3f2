//! What tensors hold, as far as it can be told cheaply: panel padding is zero, numbers outside the
//! big weights are finite, tokens are indices.
//!
//! The weights themselves are not searched for NaN: that would cost as much as hashing them, and a
//! NaN there fails the acceptance test.

use crate::model::TensorView;
use crate::roles::{is_weight, weight_of};
use crate::{
    DType, FormatError, GoldenTensor, Layout, Manifest, PANEL_COLUMNS, PANEL_ROWS, TensorRole,
};

/// The tensors lie inside `bytes`, which starts at a multiple of the alignment.
pub(super) fn check_values(manifest: &Manifest, bytes: &[u8]) -> Result<(), FormatError> {
    for entry in &manifest.tensors {
        let view = TensorView::new(entry, bytes);
        if entry.layout != Layout::RowMajor {
            check_lanes(&view)?;
        }
        if !is_weight(entry.role) {
            let floats = view.f32().unwrap_or_default();
            check_finite(entry.role, floats.iter().copied())?;
            let halves = view.f16_bits().unwrap_or_default();
            check_finite(entry.role, halves.iter().map(|bits| f16_to_f32(*bits)))?;
        }
        if is_magnitude(entry.role) {
            let floats = view.f32().unwrap_or_default();
            check_not_negative(entry.role, floats.iter().copied())?;
            let halves = view.f16_bits().unwrap_or_default();
            check_not_negative(entry.role, halves.iter().map(|bits| f16_to_f32(*bits)))?;
        }
        if entry.role == TensorRole::Golden(GoldenTensor::Tokens) {
            let size = manifest
                .codebook
                .as_ref()
                .map_or(0, |codebook| codebook.size);
            check_tokens(view.u32().unwrap_or_default(), size)?;
        }
    }
    Ok(())
}

/// Scales and margins have no sign.
fn is_magnitude(role: TensorRole) -> bool {
    weight_of(role).is_some() || role == TensorRole::Golden(GoldenTensor::Margins)
}

fn check_finite(role: TensorRole, values: impl Iterator<Item = f32>) -> Result<(), FormatError> {
    for (index, found) in values.enumerate() {
        if !found.is_finite() {
            return Err(FormatError::NotFinite {
                role,
                index: index as u64,
                found,
            });
        }
    }
    Ok(())
}

/// The value of a binary16's bits.
fn f16_to_f32(bits: u16) -> f32 {
    let magnitude = match (i32::from(bits >> 10 & 31), f32::from(bits & 0x3ff)) {
        (31, 0.0) => f32::INFINITY,
        (31, _) => f32::NAN,
        (0, fraction) => fraction * power_of_two(-24),
        (exponent, fraction) => (1024.0 + fraction) * power_of_two(exponent - 25),
    };
    if bits >> 15 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// `2^exponent`, a normal number.
fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits((exponent + 127).cast_unsigned() << 23)
}

fn check_not_negative(
    role: TensorRole,
    values: impl Iterator<Item = f32>,
) -> Result<(), FormatError> {
    for (index, found) in (0..).zip(values) {
        if found < 0.0 {
            return Err(FormatError::Negative { role, index, found });
        }
    }
    Ok(())
}

fn check_tokens(tokens: &[u32], size: u32) -> Result<(), FormatError> {
    match tokens.iter().position(|token| *token >= size) {
        None => Ok(()),
        Some(index) => Err(FormatError::TokenOutOfRange {
            index: index as u64,
            token: tokens[index],
            size,
        }),
    }
}

/// The rows and columns a panel layout adds are zero: kernels run over them.
fn check_lanes(view: &TensorView<'_, '_>) -> Result<(), FormatError> {
    let &[n, k] = &view.entry.shape[..] else {
        return Ok(());
    };
    let layout = view.entry.layout;
    let rows = n.next_multiple_of(PANEL_ROWS);
    let columns = match layout {
        Layout::Panel16x4 => k.next_multiple_of(PANEL_COLUMNS),
        Layout::Panel16x8 => k.next_multiple_of(2 * PANEL_COLUMNS),
        Layout::RowMajor | Layout::Panel16 => k,
    };
    let zero = |row, column| {
        let position = layout.position(k, row, column);
        if view.entry.dtype == DType::I4 {
            let byte = view.bytes[(position / 2) as usize];
            return byte >> (4 * (position % 2)) & 0xf == 0;
        }
        let size = view.entry.dtype.bits() / 8;
        let start = (position * size) as usize;
        view.bytes[start..start + size as usize]
            .iter()
            .all(|byte| *byte == 0)
    };
    let below = (n..rows).all(|row| (0..columns).all(|column| zero(row, column)));
    let beside = (0..n).all(|row| (k..columns).all(|column| zero(row, column)));
    if below && beside {
        return Ok(());
    }
    Err(FormatError::NonZeroLane {
        role: view.entry.role,
    })
}
