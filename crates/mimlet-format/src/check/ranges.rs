//! The record of how large numbers became: of every layer or of none, each a magnitude.

use super::number;
use crate::roles::ranged_roles;
use crate::{FormatError, Manifest};

/// A record with gaps would pass for evidence about the layers it leaves out.
pub(super) fn check_ranges(manifest: &Manifest) -> Result<(), FormatError> {
    if manifest.ranges.is_empty() {
        return Ok(());
    }
    let (found, expected) = (manifest.ranges.len(), ranged_roles(manifest).count());
    if found != expected {
        return Err(FormatError::RangeCount {
            found: found as u64,
            expected: expected as u64,
        });
    }
    for (index, (range, expected)) in (0..).zip(manifest.ranges.iter().zip(ranged_roles(manifest)))
    {
        if range.role != expected {
            return Err(FormatError::RangeRole {
                index,
                found: range.role,
                expected,
            });
        }
        for (field, value) in [
            ("ranges.max_input", range.max_input),
            ("ranges.max_output", range.max_output),
        ] {
            let ok = value.is_finite() && value >= 0.0;
            number(ok, field, value, "finite and not negative")?;
        }
    }
    Ok(())
}
