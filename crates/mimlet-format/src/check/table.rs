//! The tensor table: which tensors, how each is stored, and where.

use crate::header::ALIGNMENT;
use crate::roles::{expected_shape, layout_for, required_roles, scale_of, weight_of};
use crate::{
    DType, FormatError, GROUP_SIZES, GoldenTensor, Manifest, TensorEntry, TensorRole, group_size,
    stored_length,
};

/// Ascending, each once, exactly those the manifest asks for.
pub(super) fn check_roles(manifest: &Manifest) -> Result<(), FormatError> {
    let entries = &manifest.tensors;
    for pair in entries.windows(2) {
        let role = pair[1].role;
        match pair[0].role.cmp(&role) {
            core::cmp::Ordering::Less => {}
            core::cmp::Ordering::Equal => return Err(FormatError::DuplicateTensor { role }),
            core::cmp::Ordering::Greater => return Err(FormatError::TensorOrder { role }),
        }
    }
    for entry in entries {
        let role = entry.role;
        let for_floats = weight_of(role)
            .and_then(|weight| find(entries, weight))
            .is_some_and(|weight| !is_scaled(weight.dtype));
        if for_floats || !belongs(role, manifest) {
            return Err(FormatError::UnexpectedTensor { role });
        }
    }
    let scales = entries
        .iter()
        .filter(|entry| is_scaled(entry.dtype))
        .filter_map(|entry| scale_of(entry.role));
    match required_roles(manifest)
        .chain(scales)
        .find(|role| find(entries, *role).is_none())
    {
        None => Ok(()),
        Some(role) => Err(FormatError::MissingTensor { role }),
    }
}

/// Whether weights of this type are integers that a scale gives their size.
fn is_scaled(dtype: DType) -> bool {
    matches!(dtype, DType::I8 | DType::I4)
}

/// The entry of a role in a table sorted by role.
pub(crate) fn find(entries: &[TensorEntry], role: TensorRole) -> Option<&TensorEntry> {
    let index = entries
        .binary_search_by_key(&role, |entry| entry.role)
        .ok()?;
    entries.get(index)
}

/// Whether the encoder has a place for the role at all, whatever its size.
fn belongs(role: TensorRole, manifest: &Manifest) -> bool {
    match role {
        TensorRole::Block { layer, .. } => layer < manifest.encoder.depth,
        TensorRole::Centroids | TensorRole::CentroidScale => manifest.codebook.is_some(),
        TensorRole::Golden(GoldenTensor::OwnMeanFeature) => manifest.acceptance.own.is_some(),
        TensorRole::Golden(tensor) => {
            use crate::GoldenTensor::{Margins, Tokens};
            manifest.codebook.is_some() || !matches!(tensor, Tokens | Margins)
        }
        TensorRole::PatchEmbedWeight | TensorRole::TokenTable | TensorRole::FinalNorm(_) => true,
    }
}

/// Element type and layout by role, shape by configuration, length by all three.
pub(super) fn check_storage(manifest: &Manifest) -> Result<(), FormatError> {
    for entry in &manifest.tensors {
        let role = entry.role;
        let weight = weight_of(role).and_then(|weight| find(&manifest.tensors, weight));
        // Groups have f16 scales, channels and centroids f32.
        let suits =
            weight.is_none_or(|weight| (entry.dtype == DType::F16) == (weight.dtype == DType::I4));
        let Some(layout) = layout_for(role, entry.dtype).filter(|_| suits) else {
            return Err(FormatError::WrongDType {
                role,
                found: entry.dtype,
            });
        };
        if entry.layout != layout {
            return Err(FormatError::WrongLayout {
                role,
                found: entry.layout,
                expected: layout,
            });
        }
        let too_large = || FormatError::TensorTooLarge { role };
        let mut shape = expected_shape(role, manifest).ok_or_else(too_large)?;
        if let Some(weight) = weight.filter(|weight| weight.dtype == DType::I4) {
            shape.push(groups(entry, weight));
        }
        if entry.shape != shape {
            return Err(FormatError::WrongShape {
                role,
                found: entry.shape.clone(),
                expected: shape,
            });
        }
        let expected = stored_length(&shape, entry.dtype, layout).ok_or_else(too_large)?;
        if entry.length != expected {
            return Err(FormatError::WrongLength {
                role,
                found: entry.length,
                expected,
            });
        }
    }
    Ok(())
}

/// The groups of an i4 weight by its scale, when there is a group size that gives so many; else
/// those of the smallest groups. The weight, first in the table, has the shape it must have.
fn groups(scale: &TensorEntry, weight: &TensorEntry) -> u32 {
    let inputs = weight.shape.get(1).copied().unwrap_or_default();
    let stated = scale.shape.get(1).copied();
    let fits = |groups: &u32| group_size(inputs, *groups).is_some();
    stated
        .filter(fits)
        .unwrap_or(inputs.div_ceil(GROUP_SIZES[0]))
}

/// In table order, each at the first multiple of the alignment after the one before it, zeros
/// between, the last one ending the file.
pub(super) fn check_places(
    entries: &[TensorEntry],
    bytes: &[u8],
    manifest_end: u64,
) -> Result<(), FormatError> {
    let total = bytes.len() as u64;
    let mut end = manifest_end;
    for entry in entries {
        let (role, offset) = (entry.role, entry.offset);
        if !offset.is_multiple_of(ALIGNMENT as u64) {
            return Err(FormatError::TensorMisaligned { role, offset });
        }
        if offset < end {
            return Err(FormatError::Overlap {
                role,
                offset,
                previous_end: end,
            });
        }
        // `end` is at most the file's length, which memory holds: rounding up cannot overflow.
        let expected = end.next_multiple_of(ALIGNMENT as u64);
        if offset != expected {
            return Err(FormatError::Hole {
                role,
                offset,
                expected,
            });
        }
        let next = offset
            .checked_add(entry.length)
            .filter(|next| *next <= total);
        let next = next.ok_or(FormatError::TensorPastEnd { role, total })?;
        check_padding(bytes, end, offset, role)?;
        end = next;
    }
    if end != total {
        return Err(FormatError::UnclaimedBytes { end, total });
    }
    Ok(())
}

/// `start..end` lies inside `bytes`.
fn check_padding(bytes: &[u8], start: u64, end: u64, role: TensorRole) -> Result<(), FormatError> {
    let padding = &bytes[start as usize..end as usize];
    match padding.iter().position(|byte| *byte != 0) {
        None => Ok(()),
        Some(index) => Err(FormatError::NonZeroPadding {
            role,
            at: start + index as u64,
        }),
    }
}
