//! Images that cannot be read: named, counted and left out, up to a limit.

use std::collections::BTreeMap;
use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mimlet_image::RgbImage;

use super::Source;
use super::rate::Meter;
use crate::error::TrainError;

/// Bad images that are named on stderr as they are met; the rest are counted.
const NAMED: usize = 10;

/// Bad images named in the error that ends a run.
const QUOTED: usize = 3;

/// The bad images met so far, shared by all who read a data set.
#[derive(Debug)]
pub struct Faults {
    /// Bad images that are tolerated.
    limit: usize,
    /// What is wrong with each, by where it comes from.
    bad: Mutex<BTreeMap<String, String>>,
}

/// For sources that tolerate nothing.
static STRICT: Faults = Faults::new(0);

impl Faults {
    /// Tolerates up to `limit` bad images.
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            bad: Mutex::new(BTreeMap::new()),
        }
    }

    /// Tolerates no bad image, and remembers none.
    pub fn strict() -> &'static Self {
        &STRICT
    }

    /// Different images found bad so far.
    pub fn count(&self) -> usize {
        self.bad().len()
    }

    /// Takes note that the image `name`, as its source describes it, cannot be read; it is named on
    /// stderr the first time.
    ///
    /// # Errors
    /// `error` itself where no bad image is tolerated; [`TrainError::Config`] naming the first ones
    /// when there are more than tolerated.
    pub fn tolerate(&self, name: String, error: TrainError) -> Result<(), TrainError> {
        if self.limit == 0 {
            return Err(error);
        }
        let mut bad = self.bad();
        if bad.insert(name, error.to_string()).is_none() && bad.len() <= NAMED.min(self.limit) {
            eprintln!("mimlet-train: left out: {error}");
        }
        if bad.len() <= self.limit {
            return Ok(());
        }
        let first: Vec<&str> = bad.values().take(QUOTED).map(String::as_str).collect();
        Err(TrainError::Config(format!(
            "{} bad images, more than the {} tolerated: {}; mend or remove them, or raise \
             data.max_bad",
            bad.len(),
            self.limit,
            first.join("; ")
        )))
    }

    /// Whether image `index` of `source` was found bad before.
    fn know(&self, source: &dyn Source, index: usize) -> bool {
        let bad = self.bad();
        !bad.is_empty() && bad.contains_key(&source.describe(index))
    }

    fn bad(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.bad.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Image `index` of `source`, or `None` when it is bad and still tolerated.
///
/// # Errors
/// As [`Faults::tolerate`].
pub fn read(source: &dyn Source, index: usize) -> Result<Option<RgbImage>, TrainError> {
    let faults = source.faults();
    if faults.know(source, index) {
        return Ok(None);
    }
    match source.read(index) {
        Ok(image) => Ok(Some(image)),
        Err(error) => {
            faults.tolerate(source.describe(index), error)?;
            Ok(None)
        }
    }
}

/// The image at place `at` of an epoch's `order`, or the next good one after it, around the end;
/// with its index. A function of the set and the order, whoever reads and when.
///
/// # Errors
/// As [`Faults::tolerate`]; [`TrainError::Config`] when no image is good.
pub fn read_or_next(
    source: &dyn Source,
    order: &[u32],
    at: usize,
) -> Result<(usize, RgbImage), TrainError> {
    for step in 0..order.len() {
        let index = order[(at + step) % order.len()] as usize;
        if let Some(image) = read(source, index)? {
            return Ok((index, image));
        }
    }
    Err(TrainError::Config("not one image can be read".into()))
}

/// A data set whose bad images are tolerated up to a limit. When it is dropped, a terminal is told
/// how fast images were read.
#[derive(Debug)]
pub struct Tolerant {
    source: Box<dyn Source>,
    faults: Faults,
    meter: Meter,
}

impl Tolerant {
    /// Tolerates `limit` bad images of `source`; without a number 1 % of it, at least 10, and never
    /// more than half.
    pub fn new(source: Box<dyn Source>, limit: Option<usize>) -> Self {
        let usual = (source.len() / 100).max(10).min(source.len() / 2);
        Self {
            faults: Faults::new(limit.unwrap_or(usual)),
            meter: Meter::default(),
            source,
        }
    }
}

impl Source for Tolerant {
    fn len(&self) -> usize {
        self.source.len()
    }

    fn class_names(&self) -> &[String] {
        self.source.class_names()
    }

    fn label(&self, index: usize) -> u32 {
        self.source.label(index)
    }

    fn describe(&self, index: usize) -> String {
        self.source.describe(index)
    }

    fn read(&self, index: usize) -> Result<RgbImage, TrainError> {
        self.meter.time(|| self.source.read(index))
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }
}

impl Drop for Tolerant {
    /// The names on stderr stop after the first few: here is how many more there were.
    fn drop(&mut self) {
        let count = self.faults.count();
        if count > NAMED && count <= self.faults.limit {
            eprintln!("mimlet-train: and {} more images left out", count - NAMED);
        }
        let (images, rate) = self.meter.total();
        if images > 0 && stderr().is_terminal() {
            eprintln!("mimlet-train: {images} images read, {rate:.0} a second by each thread");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twelve images, of which those in `bad` cannot be read.
    #[derive(Debug)]
    struct Holed {
        bad: Vec<usize>,
        names: Vec<String>,
    }

    impl Source for Holed {
        fn len(&self) -> usize {
            12
        }
        fn class_names(&self) -> &[String] {
            &self.names
        }
        fn label(&self, _: usize) -> u32 {
            0
        }
        fn describe(&self, index: usize) -> String {
            format!("photo-{index}")
        }
        fn read(&self, index: usize) -> Result<RgbImage, TrainError> {
            if self.bad.contains(&index) {
                return Err(TrainError::Config(format!("photo-{index} is torn")));
            }
            Ok(RgbImage::new(1, 1, vec![index as u8; 3]).unwrap())
        }
    }

    fn holed(bad: &[usize], limit: Option<usize>) -> Tolerant {
        let source = Holed {
            bad: bad.to_vec(),
            names: vec!["one".into()],
        };
        Tolerant::new(Box::new(source), limit)
    }

    #[test]
    fn bad_images_are_counted_once_and_left_out() {
        let source = holed(&[3, 5], Some(2));
        for _ in 0..3 {
            let good: Vec<usize> = (0..12)
                .filter(|&index| read(&source, index).unwrap().is_some())
                .collect();
            assert_eq!(good, [0, 1, 2, 4, 6, 7, 8, 9, 10, 11]);
        }
        assert_eq!(source.faults().count(), 2);
    }

    #[test]
    fn one_too_many_names_the_first() {
        let source = holed(&[3, 5, 6], Some(2));
        let outcome: Result<Vec<_>, _> = (0..12).map(|index| read(&source, index)).collect();
        let message = outcome.unwrap_err().to_string();
        for part in [
            "3 bad images",
            "the 2 tolerated",
            "photo-3",
            "photo-6",
            "data.max_bad",
        ] {
            assert!(message.contains(part), "{message}");
        }
        let strict = holed(&[3], Some(0));
        let message = read(&strict, 3).unwrap_err().to_string();
        assert!(message.ends_with("photo-3 is torn"), "{message}");
    }

    #[test]
    fn at_most_half_is_tolerated_unasked() {
        assert_eq!(holed(&[], None).faults.limit, 6);
    }

    #[test]
    fn the_next_good_image_of_the_order_stands_in() {
        let source = holed(&[3, 5, 11], Some(5));
        let order: Vec<u32> = vec![0, 5, 3, 7, 1, 2, 4, 6, 8, 9, 10, 11];
        let index = |at| read_or_next(&source, &order, at).unwrap().0;
        assert_eq!([index(0), index(1), index(2), index(3)], [0, 7, 7, 7]);
        assert_eq!(index(11), 0, "around the end");
        let all = holed(&(0..12).collect::<Vec<_>>(), Some(100));
        assert!(read_or_next(&all, &order, 0).is_err());
    }
}
