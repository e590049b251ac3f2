//! Tokens as a Parquet table, for TCAS over more than one machine: `docs/token-tables.md`.

use std::path::Path;

use mimlet_parquet::{TableInfo, TokenTableWriter, image_name};
use mimlet_tcas::ImageTokens;

use crate::codebook::Codebook;
use crate::data::Source;
use crate::error::TrainError;

/// The table of a source's tokens, while it is written.
#[derive(Debug)]
pub(crate) struct TokenTable<'s> {
    writer: TokenTableWriter,
    source: &'s dyn Source,
    data: Option<&'s Path>,
}

impl<'s> TokenTable<'s> {
    /// Starts the table at `path` for the images of `source`, which are called by their paths below
    /// `data`. `file` holds the `codebook`; its BLAKE3 hash goes into the table.
    ///
    /// # Errors
    /// [`TrainError::Io`] when the codebook's file cannot be read, [`TrainError::Table`].
    pub(crate) fn create(
        path: &Path,
        file: &Path,
        codebook: &Codebook,
        data: Option<&'s Path>,
        source: &'s dyn Source,
    ) -> Result<Self, TrainError> {
        let bytes = std::fs::read(file).map_err(TrainError::io(file, "read"))?;
        let info = TableInfo {
            model: *blake3::hash(&bytes).as_bytes(),
            // More would not fit a token.
            codebook_size: u32::try_from(codebook.tokens()).unwrap_or(u32::MAX),
            class_names: source.class_names().to_vec(),
        };
        Ok(Self {
            writer: TokenTableWriter::create(path, &info)?,
            source,
            data,
        })
    }

    /// Adds image `index` of the source.
    ///
    /// # Errors
    /// [`TrainError::Table`].
    pub(crate) fn write(&mut self, index: usize, image: &ImageTokens) -> Result<(), TrainError> {
        let path = self.source.describe(index);
        let (name, class) = (image_name(Path::new(&path), self.data), Some(image.class));
        self.writer.write_image(&name, &image.tokens, class)?;
        Ok(())
    }

    /// Completes the table.
    ///
    /// # Errors
    /// [`TrainError::Table`]; there is no file then.
    pub(crate) fn finish(self) -> Result<(), TrainError> {
        self.writer.finish()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::TokenTable;
    use crate::codebook::{Codebook, Normalise, Space};
    use crate::data::ImageSet;
    use mimlet_parquet::TableError;
    use mimlet_tcas::ImageTokens;

    #[test]
    fn a_table_holds_every_token_under_its_class() {
        let folder = tempfile::tempdir().unwrap();
        let [file, path] =
            ["codebook.safetensors", "t.parquet"].map(|name| folder.path().join(name));
        let codebook = Codebook {
            centers: vec![0.0; 9],
            counts: vec![1.0; 3],
            dim: 3,
            space: Space::Pixels,
            patch_size: 1,
            mean: [0.0; 3],
            std: [1.0; 3],
            normalise: Normalise::None,
            layer: None,
        };
        codebook.write(&file).unwrap();
        let names = vec!["cat".to_owned(), "dog".to_owned()];
        let images = ImageSet::new([1, 1], vec![0; 6], vec![1, 0], names).unwrap();
        let mut table = TokenTable::create(&path, &file, &codebook, None, &images).unwrap();
        for (index, (tokens, class)) in [(vec![2, 0], 1), (vec![1, 1], 0)].into_iter().enumerate() {
            table.write(index, &ImageTokens { tokens, class }).unwrap();
        }
        table.finish().unwrap();

        let table = mimlet_parquet::TokenTable::open(&path).unwrap();
        assert_eq!(table.info().class_names, ["cat", "dog"]);
        let mut rows = Vec::new();
        let read = table.read(|batch| {
            rows.extend(batch.tokens.iter().copied().zip(batch.labels.clone()));
            Ok::<_, TableError>(())
        });
        read.unwrap();
        let expected = [(2, Some(1)), (0, Some(1)), (1, Some(0)), (1, Some(0))];
        assert_eq!(rows, expected);
    }
}
