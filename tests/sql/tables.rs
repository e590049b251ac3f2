//! Token tables with known counts, over several files.

use std::num::NonZeroUsize;
use std::path::Path;

use mimlet_parquet::{TableInfo, TokenTableWriter};
use mimlet_tcas::TokenClassCounts;
use tempfile::TempDir;

/// Tokens and label of an image.
type Image = (Vec<u32>, Option<u32>);

/// A table, and what was written to it.
pub(crate) struct Table {
    tokens: u32,
    classes: u32,
    images: Vec<Image>,
    files: usize,
    folder: TempDir,
}

impl Table {
    /// Writes the images to this many files, in turn.
    pub(crate) fn of(tokens: u32, classes: u32, images: Vec<Image>, files: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let info = TableInfo {
            model: [1; 32],
            codebook_size: tokens,
            class_names: (0..classes).map(|class| format!("class {class}")).collect(),
        };
        for file in 0..files {
            let path = folder.path().join(format!("{file}.parquet"));
            // Several row groups in a file, of different sizes.
            let group_rows = NonZeroUsize::new(100 + 37 * file).unwrap();
            let mut writer = TokenTableWriter::create(&path, &info)
                .unwrap()
                .with_group_rows(group_rows);
            for (index, (tokens, label)) in images.iter().enumerate().skip(file).step_by(files) {
                let name = format!("{index}.png");
                writer.write_image(&name, tokens, *label).unwrap();
            }
            writer.finish().unwrap();
        }
        Self {
            tokens,
            classes,
            images,
            files,
            folder,
        }
    }

    /// Images of 0 to 49 patches, each with a taste for some tokens, a tenth without a label. Every
    /// seventh token is never used.
    pub(crate) fn random(
        random: &mut Random,
        tokens: u32,
        classes: u32,
        images: usize,
        files: usize,
    ) -> Self {
        let image = |_| {
            let class = random.below(classes);
            let patches = random.below(50);
            let mut token = || {
                let token = match random.below(3) {
                    0 => random.below(tokens),
                    _ => (class * 31 + random.below(1 + tokens / 8)) % tokens,
                };
                if token % 7 == 6 { token - 1 } else { token }
            };
            let tokens = (0..patches).map(|_| token()).collect();
            (tokens, (random.below(10) > 0).then_some(class))
        };
        Self::of(tokens, classes, (0..images).map(image).collect(), files)
    }

    /// The same rows, each on its own and in another order.
    pub(crate) fn with_rows_shuffled(self, random: &mut Random) -> Self {
        let mut rows: Vec<Image> = self
            .images
            .iter()
            .flat_map(|(tokens, label)| tokens.iter().map(|&token| (vec![token], *label)))
            .collect();
        for last in (1..rows.len()).rev() {
            rows.swap(last, random.below(last as u32 + 1) as usize);
        }
        Self::of(self.tokens, self.classes, rows, self.files)
    }

    /// The folder of its files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its counts.
    pub(crate) fn counts(&self) -> TokenClassCounts {
        let (tokens, classes) = (self.tokens as usize, self.classes as usize);
        let mut counts = TokenClassCounts::new(tokens, classes).unwrap();
        for (tokens, label) in &self.images {
            if let Some(label) = label {
                counts.add_tokens(tokens, *label).unwrap();
            }
        }
        counts
    }
}

/// A linear congruential generator, for the same tables on every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Uniform in `0..bound`, nearly.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((u64::from((self.0 >> 32) as u32) * u64::from(bound)) >> 32) as u32
    }
}
