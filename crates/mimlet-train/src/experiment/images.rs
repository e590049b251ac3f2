//! Synthetic images, drawn once for all cells of an experiment.

use std::path::{Path, PathBuf};

use super::config::Experiment;
use crate::atomic;
use crate::data::ImageSet;
use crate::error::TrainError;
use crate::synth::{self, SIDE, SynthConfig};

/// The folder of drawn images in the experiment's folder.
fn folder(out: &Path) -> PathBuf {
    out.join("images")
}

/// Where the pixels of `synth` are kept, u8 `[images, SIDE, SIDE, 3]`.
fn file(out: &Path, synth: SynthConfig) -> PathBuf {
    folder(out).join(format!("synth-{}-{}.u8", synth.images, synth.seed))
}

/// Draws every synthetic set of `experiment` into `out`, on all cores, where it is not yet.
///
/// # Errors
/// As [`synth::generate`], or [`TrainError::Io`].
pub fn draw(experiment: &Experiment, out: &Path) -> Result<(), TrainError> {
    let images = &experiment.plan.images;
    let sets = [
        Some(&images.pretrain),
        images.probe.as_ref(),
        Some(&images.test),
    ];
    for synth in sets.into_iter().flatten().filter_map(|set| set.synth) {
        let path = file(out, synth);
        if !path.exists() {
            atomic::write(&path, &synth::generate(synth)?.pixels)?;
        }
    }
    Ok(())
}

/// Removes what [`draw`] left.
///
/// # Errors
/// [`TrainError::Io`].
pub fn remove(out: &Path) -> Result<(), TrainError> {
    let folder = folder(out);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(TrainError::io(&folder, "remove"))?;
    }
    Ok(())
}

/// The images of `synth`: those in `out`, or, where there are none, drawn anew.
pub(super) fn load(out: &Path, synth: SynthConfig) -> Result<ImageSet, TrainError> {
    let path = file(out, synth);
    if !path.exists() {
        return synth::generate(synth);
    }
    let pixels = std::fs::read(&path).map_err(TrainError::io(&path, "read"))?;
    let names = synth::class_names();
    // As `synth::generate` gives them out.
    let labels = (0..synth.images).map(|index| (index % names.len()) as u32);
    ImageSet::new([SIDE, SIDE], pixels, labels.collect(), names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_images_are_those_that_were_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let synth = SynthConfig {
            images: 13,
            seed: 4,
        };
        let drawn = synth::generate(synth).unwrap();
        assert_eq!(load(folder.path(), synth).unwrap(), drawn);
        atomic::write(&file(folder.path(), synth), &drawn.pixels).unwrap();
        assert_eq!(load(folder.path(), synth).unwrap(), drawn);
        remove(folder.path()).unwrap();
        assert!(!file(folder.path(), synth).exists());
        remove(folder.path()).unwrap();
    }
}
