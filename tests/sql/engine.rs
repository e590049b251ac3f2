//! DataFusion over the files of a table.

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, FieldRef, Float64Type, Int64Type};
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use tokio::runtime::{Builder, Runtime};

use crate::tables::Table;

/// The query, as documented.
const TCAS: &str = include_str!("../../crates/mimlet-tcas/sql/tcas.sql");

/// What the query gives; the score as bits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Score {
    pub(crate) tcas: Option<u64>,
    pub(crate) used_tokens: i64,
    pub(crate) patches: Option<i64>,
}

/// An engine that sees a table's files as `tokens`.
pub(crate) struct Engine {
    runtime: Runtime,
    context: SessionContext,
}

impl Engine {
    /// Divides scans and joins into this many partitions, small files too.
    pub(crate) fn new(table: &Table, partitions: usize) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let mut config = SessionConfig::new()
            .with_target_partitions(partitions)
            .with_batch_size(1000 + partitions);
        config.options_mut().optimizer.repartition_file_min_size = 1;
        let context = SessionContext::new_with_config(config);
        let folder = table.folder().to_str().unwrap().to_owned();
        let options = ParquetReadOptions::default();
        runtime
            .block_on(context.register_parquet("tokens", folder, options))
            .unwrap();
        Self { runtime, context }
    }

    fn run(&self, sql: &str) -> Vec<RecordBatch> {
        let collected = async { self.context.sql(sql).await?.collect().await };
        self.runtime.block_on(collected).unwrap()
    }

    /// Runs the documented query.
    pub(crate) fn score(&self) -> Score {
        let batches = self.run(TCAS);
        let rows: Vec<_> = batches.iter().filter(|rows| rows.num_rows() > 0).collect();
        assert!(rows.len() == 1 && rows[0].num_rows() == 1, "{batches:?}");
        let (tcas, tokens, patches) = (rows[0].column(0), rows[0].column(1), rows[0].column(2));
        let number = |column: &dyn Array| {
            let column = column.as_primitive::<Int64Type>();
            column.is_valid(0).then(|| column.value(0))
        };
        Score {
            tcas: tcas
                .is_valid(0)
                .then(|| tcas.as_primitive::<Float64Type>().value(0).to_bits()),
            used_tokens: number(tokens).unwrap(),
            patches: number(patches),
        }
    }

    /// The rows of three whole numbers that a query gives.
    pub(crate) fn rows(&self, sql: &str) -> Vec<[i64; 3]> {
        let of_batch = |batch: &RecordBatch| {
            let columns: Vec<_> = batch
                .columns()
                .iter()
                .map(|column| cast(column, &DataType::Int64).unwrap())
                .collect();
            let number =
                |row, column: usize| columns[column].as_primitive::<Int64Type>().value(row);
            (0..batch.num_rows())
                .map(|row| [0, 1, 2].map(|column| number(row, column)))
                .collect::<Vec<_>>()
        };
        self.run(sql).iter().flat_map(of_batch).collect()
    }

    /// The columns of `tokens`.
    pub(crate) fn columns(&self) -> Vec<FieldRef> {
        let table = self.runtime.block_on(self.context.table("tokens")).unwrap();
        table.schema().fields().iter().cloned().collect()
    }
}
