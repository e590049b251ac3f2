//! `mimlet-train unpack`.

use std::path::PathBuf;

use clap::Args;

use super::image_files::{self, Format};
use crate::data::{self, OpenOptions, Source, Split};
use crate::error::TrainError;

/// Flags of `unpack`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The data set: as other commands take it, .npz, IDX, CIFAR's binary version, shards or a folder.
    #[arg(long)]
    data: PathBuf,
    /// Part of the data: train, test or all; of a set without parts of its own with that part's
    /// share, as in test:0.2.
    #[arg(long, default_value = "all")]
    split: Split,
    /// Seed of which images are held out of a set without parts of its own.
    #[arg(long, default_value_t = 0)]
    split_seed: u64,
    /// The number that stands for full brightness in an array, less than 255 in some.
    #[arg(long)]
    levels: Option<u32>,
    /// The first images of each class, class by class in turn; all of them when not given.
    #[arg(long)]
    images: Option<usize>,
    /// Folder to write into; must be new or empty.
    #[arg(long)]
    out: PathBuf,
    /// As class folders of PNGs, or as tar shards.
    #[arg(long, value_enum, default_value = "folder")]
    format: Format,
}

/// Writes the images.
pub(crate) fn run(arguments: &Arguments) -> Result<(), TrainError> {
    let options = OpenOptions {
        part: arguments.split.part,
        test_fraction: arguments.split.test_fraction.unwrap_or(0.0),
        split_seed: arguments.split_seed,
        levels: arguments.levels,
    };
    let source = data::open(&arguments.data, &options)?;
    let mut indices = in_turn(source.as_ref());
    let wanted = arguments.images.unwrap_or(indices.len());
    if wanted > indices.len() {
        let found = indices.len();
        return Err(TrainError::Config(format!(
            "--images {wanted}: this part of {} has {found}",
            arguments.data.display()
        )));
    }
    indices.truncate(wanted);
    let (out, format) = (&arguments.out, arguments.format);
    image_files::write(out, format, source.as_ref(), &indices)
}

/// Every image, one of each class in turn as long as the class lasts.
fn in_turn(source: &dyn Source) -> Vec<usize> {
    let mut seen = vec![0_usize; source.class_names().len()];
    let mut ranked: Vec<(usize, u32, usize)> = (0..source.len())
        .map(|index| {
            let label = source.label(index);
            let rank = seen[label as usize];
            seen[label as usize] += 1;
            (rank, label, index)
        })
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, _, index)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::in_turn;
    use crate::data::ImageSet;

    #[test]
    fn classes_take_turns_and_every_image_comes_once() {
        let labels = vec![1, 1, 0, 1, 2];
        let names = ["a", "b", "c"].map(String::from).to_vec();
        let set = ImageSet::new([1, 1], vec![0; 15], labels, names).unwrap();
        assert_eq!(in_turn(&set), [2, 0, 4, 1, 3]);
    }
}
