//! How weights are to be stored, as flags of `export` and `new`.

use clap::{Args, ValueEnum};
use mimlet_export::ExportOptions;
use mimlet_format::DType;

use crate::scheme::SchemeName;

/// Flags that say how weights are stored.
#[derive(Debug, Args)]
pub(crate) struct QuantisationArgs {
    /// How the weights are stored [default: as the target prefers, else int8]
    #[arg(long, value_enum)]
    pub(crate) scheme: Option<SchemeName>,
    /// Bytes the file may have, such as 12MB or 800KiB; with --scheme mixed each layer gets the type
    /// that loses least within them
    #[arg(long, value_name = "BYTES", value_parser = byte_count)]
    budget: Option<u64>,
    /// Share of tokens that must be the float model's, 0 to 1; with --scheme mixed and no budget the
    /// smallest file that keeps it is made [default: 0.99, with int4 0.97]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    min_agreement: Option<f32>,
    /// Inputs that share a scale of 4-bit weights
    #[arg(long, value_enum, default_value_t = Group::Of32)]
    group: Group,
    /// How the codebook's centroids are stored
    #[arg(long, value_enum, default_value_t = CodebookType::F32)]
    codebook_type: CodebookType,
}

/// Inputs that share a scale of 4-bit weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// 4.5 bits a weight.
    #[value(name = "32")]
    Of32,
    /// 4.25 bits a weight.
    #[value(name = "64")]
    Of64,
}

/// How centroids are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CodebookType {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// Bytes with a scale for each centroid.
    Int8,
}

impl QuantisationArgs {
    /// Writes the other flags into an export's options.
    pub(crate) fn apply(&self, options: &mut ExportOptions<'_>) {
        options.budget = self.budget;
        options.min_token_agreement = self.min_agreement.or(options.min_token_agreement);
        options.group = match self.group {
            Group::Of32 => 32,
            Group::Of64 => 64,
        };
        options.codebook_type = match self.codebook_type {
            CodebookType::F32 => DType::F32,
            CodebookType::F16 => DType::F16,
            CodebookType::Int8 => DType::I8,
        };
    }

    /// The share of tokens that must be kept, where it was given.
    pub(crate) fn min_agreement(&self) -> Option<f32> {
        self.min_agreement
    }
}

/// A number of bytes with a decimal or a binary unit.
fn byte_count(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, f64); 7] = [
        ("KiB", 1024.0),
        ("MiB", 1_048_576.0),
        ("GiB", 1_073_741_824.0),
        ("kB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("B", 1.0),
    ];
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text[digits.len()..].trim();
    let scale = UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))
        .map_or_else(|| unit.is_empty().then_some(1.0), |(_, scale)| Some(*scale));
    let number: Option<f64> = digits.trim().parse().ok();
    match (number, scale) {
        (Some(number), Some(scale)) if number.is_finite() && number > 0.0 => {
            Ok((number * scale) as u64)
        }
        _ => Err("give bytes with a unit, such as 12MB, 1.5MiB or 800kB".to_string()),
    }
}

/// A number of 0 to 1.
fn share(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("give a share of 0 to 1, such as 0.99".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{byte_count, share};

    #[test]
    fn bytes_take_decimal_and_binary_units() {
        for (text, bytes) in [
            ("12MB", 12_000_000),
            ("1.5MiB", 1_572_864),
            ("800 kb", 800_000),
            ("7", 7),
            ("2GiB", 2_147_483_648),
        ] {
            assert_eq!(byte_count(text), Ok(bytes), "{text}");
        }
        for text in ["", "MB", "-1MB", "12 apples", "0", "infMB", "NaN"] {
            assert!(byte_count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares_are_0_to_1() {
        assert_eq!(share("0.99"), Ok(0.99));
        for text in ["1.01", "-0.1", "NaN", "99%"] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
