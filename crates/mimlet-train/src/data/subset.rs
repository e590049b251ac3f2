//! Some images of a data set, and a split into a part to train and a part to test on.

use std::sync::Arc;

use mimlet_image::RgbImage;

use super::{Faults, Source};
use crate::error::TrainError;
use crate::random::Stream;

/// A word that keeps the streams of splits apart from the others of the same seed.
const SPLIT: u64 = 0x7370_6c69;

/// Some images of another source, with all its classes.
#[derive(Debug, Clone)]
pub struct Subset {
    source: Arc<dyn Source>,
    indices: Vec<usize>,
}

impl Subset {
    /// The images of `indices`, in that order.
    ///
    /// # Errors
    /// [`TrainError::Config`] when there is none, or an index is past the source's end.
    pub fn new(source: Arc<dyn Source>, indices: Vec<usize>) -> Result<Self, TrainError> {
        let images = source.len();
        if let Some(index) = indices.iter().find(|&&index| index >= images) {
            return Err(TrainError::Config(format!(
                "there is no image {index} of {images}"
            )));
        }
        if indices.is_empty() {
            return Err(TrainError::Config(
                "a part of a data set needs at least one image".into(),
            ));
        }
        Ok(Self { source, indices })
    }

    /// Splits `source` into a part to train on and a part to test on that has `test_fraction` of
    /// each class: rounded, but at least one image on either side of a class that has two. Which
    /// images depends on `seed`, the classes and their sizes alone.
    ///
    /// # Errors
    /// [`TrainError::Config`] when a part would be empty.
    pub fn split(
        source: Arc<dyn Source>,
        test_fraction: f64,
        seed: u64,
    ) -> Result<(Self, Self), TrainError> {
        let mut classes = vec![Vec::new(); source.class_names().len()];
        for index in 0..source.len() {
            classes[source.label(index) as usize].push(index);
        }
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for (class, mut members) in classes.into_iter().enumerate() {
            Stream::new(&[SPLIT, seed, class as u64]).shuffle(&mut members);
            let held_out = (members.len() as f64 * test_fraction).round() as usize;
            let held_out = match members.len() {
                0 | 1 => 0,
                count => held_out.clamp(1, count - 1),
            };
            test.extend(members.drain(..held_out));
            train.extend(members);
        }
        train.sort_unstable();
        test.sort_unstable();
        Ok((
            Self::new(Arc::clone(&source), train)?,
            Self::new(source, test)?,
        ))
    }
}

impl Source for Subset {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn class_names(&self) -> &[String] {
        self.source.class_names()
    }

    fn label(&self, index: usize) -> u32 {
        self.source.label(self.indices[index])
    }

    fn describe(&self, index: usize) -> String {
        self.source.describe(self.indices[index])
    }

    fn read(&self, index: usize) -> Result<RgbImage, TrainError> {
        self.source.read(self.indices[index])
    }

    fn faults(&self) -> &Faults {
        self.source.faults()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ImageSet;

    /// Classes of 10, 5, 2 and 1 images.
    fn set() -> Arc<dyn Source> {
        let labels: Vec<u32> = [(0, 10), (1, 5), (2, 2), (3, 1)]
            .into_iter()
            .flat_map(|(class, count)| vec![class; count])
            .collect();
        let pixels = (0..18).flat_map(|index| [index; 3]).collect();
        let names = ["a", "b", "c", "d"].map(String::from).to_vec();
        Arc::new(ImageSet::new([1, 1], pixels, labels, names).unwrap())
    }

    #[test]
    fn each_class_is_split_and_each_image_is_on_one_side() {
        let (train, test) = Subset::split(set(), 0.2, 1).unwrap();
        let per_class = |part: &Subset| {
            let labels = (0..part.len()).map(|index| part.label(index) as usize);
            labels.fold([0; 4], |mut counts, label| {
                counts[label] += 1;
                counts
            })
        };
        assert_eq!(per_class(&train), [8, 4, 1, 1]);
        assert_eq!(per_class(&test), [2, 1, 1, 0]);
        let mut all = [train.indices.clone(), test.indices.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..18).collect::<Vec<_>>());
        // A part's image is the whole's.
        let index = test.indices[0];
        assert_eq!(test.read(0).unwrap().pixels(), [index as u8; 3]);
        assert_eq!(test.describe(0), format!("image {index}"));
        let (again, _) = Subset::split(set(), 0.2, 1).unwrap();
        assert_eq!(again.indices, train.indices);
        let other = (2..9).map(|seed| Subset::split(set(), 0.2, seed).unwrap().0.indices);
        assert!(other.into_iter().any(|indices| indices != train.indices));
    }

    #[test]
    fn empty_parts_and_wild_indices_are_refused() {
        assert!(Subset::new(set(), vec![]).is_err());
        assert!(Subset::new(set(), vec![18]).is_err());
    }
}
