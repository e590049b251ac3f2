//! Writes a token table, image by image, in memory that does not grow with the data set.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::column::writer::ColumnWriterImpl;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use crate::SCHEMA;
use crate::error::TableError;
use crate::info::TableInfo;
use crate::partial::PartialFile;

/// Rows of a row group: about 2 MB in the file and 5 MB in memory. Engines read groups in parallel.
const GROUP_ROWS: NonZeroUsize = NonZeroUsize::new(1 << 20).expect("not 0");

/// Writes a token table beside its path. [`finish`](Self::finish) gives it its name; dropped before,
/// it leaves nothing behind.
pub struct TokenTableWriter {
    path: PathBuf,
    info: TableInfo,
    file: SerializedFileWriter<PartialFile>,
    group_rows: NonZeroUsize,
    group: Group,
    written: Written,
}

/// What a finished table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Images.
    pub images: u64,
    /// Rows: patches of all images.
    pub rows: u64,
    /// Size of the file.
    pub bytes: u64,
}

/// The rows of the next row group. Columns are written one after the other, so they wait here.
#[derive(Debug, Default)]
struct Group {
    images: Vec<Image>,
    tokens: Vec<i32>,
}

#[derive(Debug)]
struct Image {
    name: ByteArray,
    patches: usize,
    label: Option<i32>,
}

impl TokenTableWriter {
    /// Starts a table.
    ///
    /// # Errors
    /// [`TableError::Io`] when the file cannot be made, [`TableError::TooMany`].
    pub fn create(path: &Path, info: &TableInfo) -> Result<Self, TableError> {
        info.check()?;
        let partial = PartialFile::create(path).map_err(TableError::io(path, "written"))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            // Least and greatest value of a row group; those of pages would only take space.
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_key_value_metadata(Some(info.to_metadata()))
            .build();
        let file = parse_message_type(SCHEMA)
            .and_then(|schema| {
                SerializedFileWriter::new(partial, Arc::new(schema), Arc::new(properties))
            })
            .map_err(TableError::parquet(path, "written"))?;
        Ok(Self {
            path: path.to_owned(),
            info: info.clone(),
            file,
            group_rows: GROUP_ROWS,
            group: Group::default(),
            written: Written::default(),
        })
    }

    /// Starts a new row group after this many rows, at the next image: 1,048,576 unless told. They
    /// are held in memory, at 5 bytes a row.
    #[must_use]
    pub fn with_group_rows(mut self, rows: NonZeroUsize) -> Self {
        self.group_rows = rows;
        self
    }

    /// Adds an image: one token for each patch, row by row, and its class.
    ///
    /// # Errors
    /// [`TableError::Token`] or [`TableError::Label`] for a number outside the codebook or the
    /// classes, and nothing is added then; [`TableError::Parquet`] when the system refuses.
    pub fn write_image(
        &mut self,
        image: &str,
        tokens: &[u32],
        label: Option<u32>,
    ) -> Result<(), TableError> {
        let (tokens, label) = self.checked(image, tokens, label)?;
        self.written.images += 1;
        self.written.rows += tokens.len() as u64;
        self.group.images.push(Image {
            name: image.into(),
            patches: tokens.len(),
            label,
        });
        self.group.tokens.extend(tokens);
        if self.group.tokens.len() >= self.group_rows.get() {
            self.flush()?;
        }
        Ok(())
    }

    /// Completes the table and gives it its name.
    ///
    /// # Errors
    /// [`TableError::Parquet`] or [`TableError::Io`] when the system refuses; there is no file then.
    pub fn finish(mut self) -> Result<Written, TableError> {
        if !self.group.tokens.is_empty() {
            self.flush()?;
        }
        let partial = self
            .file
            .into_inner()
            .map_err(TableError::parquet(&self.path, "written"))?;
        let bytes = partial
            .commit()
            .map_err(TableError::io(&self.path, "written"))?;
        Ok(Written {
            bytes,
            ..self.written
        })
    }

    /// The numbers as the columns hold them.
    fn checked(
        &self,
        image: &str,
        tokens: &[u32],
        label: Option<u32>,
    ) -> Result<(Vec<i32>, Option<i32>), TableError> {
        let image = || image.to_owned();
        if i32::try_from(tokens.len()).is_err() {
            return Err(TableError::TooMany("the patches of an image"));
        }
        let codebook_size = self.info.codebook_size;
        if let Some(&token) = tokens.iter().find(|&&token| token >= codebook_size) {
            return Err(TableError::Token {
                image: image(),
                token,
                codebook_size,
            });
        }
        let classes = self.info.class_names.len();
        if let Some(label) = label.filter(|&label| label as usize >= classes) {
            return Err(TableError::Label {
                image: image(),
                label,
                classes,
            });
        }
        // `TableInfo::check` and the lines above leave no number that does not fit.
        let tokens = tokens.iter().map(|&token| token as i32).collect();
        Ok((tokens, label.map(|label| label as i32)))
    }

    fn flush(&mut self) -> Result<(), TableError> {
        let written = self
            .file
            .next_row_group()
            .and_then(|writer| self.group.write(writer));
        written.map_err(TableError::parquet(&self.path, "written"))?;
        self.group.images.clear();
        self.group.tokens.clear();
        Ok(())
    }
}

impl std::fmt::Debug for TokenTableWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenTableWriter")
            .field("path", &self.path)
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

impl Group {
    /// Writes the columns, in the schema's order.
    fn write(&self, mut group: SerializedRowGroupWriter<'_, PartialFile>) -> ParquetResult<()> {
        column::<ByteArrayType>(&mut group, |column| {
            for image in &self.images {
                column.write_batch(&vec![image.name.clone(); image.patches], None, None)?;
            }
            Ok(())
        })?;
        column::<Int32Type>(&mut group, |column| {
            for image in &self.images {
                let patches: Vec<i32> = (0..image.patches as i32).collect();
                column.write_batch(&patches, None, None)?;
            }
            Ok(())
        })?;
        column::<Int32Type>(&mut group, |column| {
            column.write_batch(&self.tokens, None, None).map(|_| ())
        })?;
        column::<Int32Type>(&mut group, |column| {
            for image in &self.images {
                // A null has no value, and level 0 where a value has level 1.
                let values = image.label.map(|label| vec![label; image.patches]);
                let levels = vec![i16::from(values.is_some()); image.patches];
                column.write_batch(&values.unwrap_or_default(), Some(&levels), None)?;
            }
            Ok(())
        })?;
        group.close().map(|_| ())
    }
}

/// Writes the next column of a row group.
fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, PartialFile>,
    write: impl FnOnce(&mut ColumnWriterImpl<'_, T>) -> ParquetResult<()>,
) -> ParquetResult<()> {
    let mut column = group
        .next_column()?
        .ok_or_else(|| ParquetError::General("the schema has a column less".into()))?;
    write(column.typed::<T>())?;
    column.close()
}
