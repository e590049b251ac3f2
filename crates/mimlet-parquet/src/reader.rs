//! Reads the tokens and labels of a table, in memory that does not grow with it.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_typed_column_reader};
use parquet::data_type::{DataType, Int32Type};
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::schema::parser::parse_message_type;

use crate::SCHEMA;
use crate::error::TableError;
use crate::info::TableInfo;

/// Rows of a batch at most.
const BATCH_ROWS: usize = 1 << 16;

/// The columns that are read.
const TOKEN: usize = 2;
const LABEL: usize = 3;

/// A token table that is open for reading.
pub struct TokenTable {
    path: PathBuf,
    info: TableInfo,
    reader: SerializedFileReader<File>,
}

/// Some rows of a table, in its order. An image may be spread over two batches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// Token of each row.
    pub tokens: Vec<u32>,
    /// Class of each row's image; `None` when it is not labelled.
    pub labels: Vec<Option<u32>>,
}

impl TokenTable {
    /// Opens a table that [`TokenTableWriter`](crate::TokenTableWriter) wrote.
    ///
    /// # Errors
    /// [`TableError::Io`], [`TableError::Parquet`], or [`TableError::NoTable`] naming what the file
    /// lacks.
    pub fn open(path: &Path) -> Result<Self, TableError> {
        let file = File::open(path).map_err(TableError::io(path, "read"))?;
        let read = TableError::parquet(path, "read");
        let reader = SerializedFileReader::new(file).map_err(read)?;
        let schema = parse_message_type(SCHEMA).map_err(TableError::parquet(path, "read"))?;
        let metadata = reader.metadata().file_metadata();
        let no_table = |problem| TableError::NoTable {
            path: path.to_owned(),
            problem,
        };
        let entries = metadata.key_value_metadata();
        let info =
            TableInfo::from_metadata(entries.map_or(&[], Vec::as_slice)).map_err(no_table)?;
        if metadata.schema().get_fields() != schema.get_fields() {
            let problem = "its columns are not image, patch, token, label as mimlet writes them; \
                           give the table as it was written";
            return Err(no_table(problem.into()));
        }
        Ok(Self {
            path: path.to_owned(),
            info,
            reader,
        })
    }

    /// What its numbers mean.
    pub fn info(&self) -> &TableInfo {
        &self.info
    }

    /// Rows: patches of all images.
    pub fn rows(&self) -> u64 {
        let rows = self.reader.metadata().file_metadata().num_rows();
        u64::try_from(rows).unwrap_or(0)
    }

    /// Hands all rows to `each`, up to 65,536 at a time.
    ///
    /// # Errors
    /// [`TableError::Parquet`] or [`TableError::NoTable`] for a file that is damaged, and whatever
    /// `each` returns.
    pub fn read<E: From<TableError>>(
        &self,
        mut each: impl FnMut(&Batch) -> Result<(), E>,
    ) -> Result<(), E> {
        for index in 0..self.reader.num_row_groups() {
            let opened = self.guarded(|| {
                let group = self.reader.get_row_group(index)?;
                Ok((Columns::of(group.as_ref())?, group.metadata().num_rows()))
            });
            let (mut columns, mut left) = opened?;
            while left > 0 {
                let batch = self.batch(&mut columns)?;
                if batch.tokens.is_empty() {
                    return Err(self.damaged("a row group ends early").into());
                }
                left -= batch.tokens.len() as i64;
                each(&batch)?;
            }
        }
        Ok(())
    }

    fn batch(&self, columns: &mut Columns) -> Result<Batch, TableError> {
        let (tokens, labels) = self.guarded(|| columns.read())?;
        let number = |number: i32| {
            u32::try_from(number).map_err(|_| self.damaged("a token or label is negative"))
        };
        let batch = Batch {
            tokens: tokens.into_iter().map(number).collect::<Result<_, _>>()?,
            labels: labels
                .into_iter()
                .map(|label| label.map(number).transpose())
                .collect::<Result<_, _>>()?,
        };
        if batch.tokens.len() != batch.labels.len() {
            return Err(self.damaged("a column is shorter than another"));
        }
        Ok(batch)
    }

    /// Runs the Parquet reader, which panics on some damaged pages.
    fn guarded<T>(&self, read: impl FnOnce() -> ParquetResult<T>) -> Result<T, TableError> {
        match catch_unwind(AssertUnwindSafe(read)) {
            Ok(read) => read.map_err(TableError::parquet(&self.path, "read")),
            Err(_) => Err(self.damaged("a page is not what its header says")),
        }
    }

    fn damaged(&self, what: &str) -> TableError {
        TableError::NoTable {
            path: self.path.clone(),
            problem: format!("{what}; write the table again"),
        }
    }
}

impl std::fmt::Debug for TokenTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenTable")
            .field("path", &self.path)
            .field("info", &self.info)
            .field("rows", &self.rows())
            .finish_non_exhaustive()
    }
}

/// The columns of a row group that are read, side by side.
struct Columns {
    token: ColumnReaderImpl<Int32Type>,
    label: ColumnReaderImpl<Int32Type>,
}

impl Columns {
    fn of(group: &dyn RowGroupReader) -> ParquetResult<Self> {
        let column = |index| group.get_column_reader(index).map(typed::<Int32Type>);
        Ok(Self {
            token: column(TOKEN)?,
            label: column(LABEL)?,
        })
    }

    /// The next rows' tokens and labels.
    fn read(&mut self) -> ParquetResult<(Vec<i32>, Vec<Option<i32>>)> {
        let (mut tokens, mut values, mut levels) = (Vec::new(), Vec::new(), Vec::new());
        self.token
            .read_records(BATCH_ROWS, None, None, &mut tokens)?;
        self.label
            .read_records(BATCH_ROWS, Some(&mut levels), None, &mut values)?;
        // A row has a value exactly when its level is 1.
        let mut values = values.into_iter();
        let labels = levels
            .iter()
            .map(|&level| if level == 1 { values.next() } else { None })
            .collect();
        Ok((tokens, labels))
    }
}

/// The schema has been held against ours, so the column is of this type.
fn typed<T: DataType>(reader: ColumnReader) -> ColumnReaderImpl<T> {
    get_typed_column_reader(reader)
}
