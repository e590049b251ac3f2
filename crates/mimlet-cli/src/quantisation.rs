//! How weights are to be stored, as flags of `export` and `new`.

use clap::{Args, ValueEnum};
use mimlet_export::ExportOptions;
use mimlet_format::DType;

use crate::scheme::SchemeName;
use crate::units::parse_bytes;

/// Flags that say how weights are stored.
#[derive(Debug, Args)]
pub(crate) struct QuantisationArgs {
    /// How the weights are stored [default: as the target prefers, else int8]
    #[arg(long, value_enum)]
    pub(crate) scheme: Option<SchemeName>,
    /// Bytes the file may have, such as 12MB or 800KiB; with --scheme mixed each layer gets the type
    /// that loses least within them
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
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

/// A number of 0 to 1.
fn share(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("give a share of 0 to 1, such as 0.99".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_are_0_to_1() {
        assert_eq!(share("0.99"), Ok(0.99));
        for text in ["1.01", "-0.1", "NaN", "99%"] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
