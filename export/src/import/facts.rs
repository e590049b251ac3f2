//! What a checkpoint says of itself beside its tensors.

use super::PositionRule;
use crate::ExportError;
use mimlet_checkpoint::Checkpoint;

/// What a checkpoint says of itself; what it leaves open is `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Facts {
    pub(super) num_heads: Option<u32>,
    /// Height and width that the positions are for, pixels.
    pub(super) image_size: Option<[u32; 2]>,
    pub(super) layer_norm_eps: Option<f32>,
    pub(super) resize: Option<u32>,
    pub(super) mean: Option<[f32; 3]>,
    pub(super) std: Option<[f32; 3]>,
    pub(super) licence: Option<String>,
    /// How its library takes positions to other sizes.
    pub(super) positions: Option<PositionRule>,
    /// What a user should know.
    pub(super) notes: Vec<String>,
}

impl Facts {
    /// What the texts beside safetensors say: the keys that `mimlet-train` writes.
    pub(super) fn of_metadata(checkpoint: &Checkpoint) -> Result<Self, ExportError> {
        let side: Option<u32> = parsed(checkpoint, "image_size")?;
        Ok(Self {
            num_heads: parsed(checkpoint, "num_heads")?,
            image_size: side.map(|side| [side; 2]),
            layer_norm_eps: parsed(checkpoint, "layer_norm_eps")?,
            resize: parsed(checkpoint, "resize")?,
            mean: colours(checkpoint, "mean")?,
            std: colours(checkpoint, "std")?,
            licence: checkpoint.metadata("licence").map(str::to_owned),
            ..Self::default()
        })
    }

    /// Fills what is open with what `other` says.
    pub(super) fn or(self, other: Self) -> Self {
        let mut notes = self.notes;
        notes.extend(other.notes);
        Self {
            num_heads: self.num_heads.or(other.num_heads),
            image_size: self.image_size.or(other.image_size),
            layer_norm_eps: self.layer_norm_eps.or(other.layer_norm_eps),
            resize: self.resize.or(other.resize),
            mean: self.mean.or(other.mean),
            std: self.std.or(other.std),
            licence: self.licence.or(other.licence),
            positions: self.positions.or(other.positions),
            notes,
        }
    }
}

/// A text beside the tensors, as a number.
fn parsed<T: std::str::FromStr>(
    checkpoint: &Checkpoint,
    key: &str,
) -> Result<Option<T>, ExportError> {
    let parse = |text: &str| {
        let reason = format!("its metadata {key} is {text:?}, which is no number");
        let number = text.trim().parse();
        number.map_err(|_| ExportError::content(checkpoint.path(), reason))
    };
    checkpoint.metadata(key).map(parse).transpose()
}

/// Three numbers beside the tensors, one per colour, separated by commas.
pub(crate) fn colours(checkpoint: &Checkpoint, key: &str) -> Result<Option<[f32; 3]>, ExportError> {
    let parse = |text: &str| {
        let numbers: Result<Vec<f32>, _> = text.split(',').map(|n| n.trim().parse()).collect();
        let numbers = numbers.ok().and_then(|n| <[f32; 3]>::try_from(n).ok());
        let reason = format!("its metadata {key} is {text:?}, not three numbers");
        numbers.ok_or_else(|| ExportError::content(checkpoint.path(), reason))
    };
    checkpoint.metadata(key).map(parse).transpose()
}
