//! Counting the tokens of tables that were written before.

use std::path::{Path, PathBuf};

use mimlet_parquet::{Batch, TokenTable};
use mimlet_tcas::{CountsShard, TokenClassCounts};

use crate::error::Error;
use crate::progress::Progress;

/// The counts over all tables; rows without a label are passed over. `None` without a table.
pub(super) fn count(tables: &[PathBuf]) -> Result<Option<CountsShard>, Error> {
    let progress = Progress::new(tables.len(), "counting tables");
    let mut sum = None;
    for path in tables {
        add(&mut sum, of_table(path)?, path)?;
        progress.step();
    }
    Ok(sum)
}

fn of_table(path: &Path) -> Result<CountsShard, Error> {
    let table = TokenTable::open(path)?;
    let info = table.info();
    if info.class_names.is_empty() {
        let problem = "has no labels; write it with `mimlet encode --data`";
        return Err(Error::file(path, problem));
    }
    let (tokens, classes) = (info.codebook_size as usize, info.class_names.len());
    let refuse = |error| Error::file(path, error);
    let mut counts = TokenClassCounts::new(tokens, classes).map_err(refuse)?;
    table.read(|batch| count_batch(&mut counts, batch).map_err(refuse))?;
    Ok(CountsShard::new(
        info.model,
        info.class_names.clone(),
        counts,
    )?)
}

fn count_batch(
    counts: &mut TokenClassCounts,
    batch: &Batch,
) -> Result<(), mimlet_tcas::CountsError> {
    let mut tokens = batch.tokens.as_slice();
    // The rows of an image have one label.
    for labels in batch.labels.chunk_by(|a, b| a == b) {
        let (run, rest) = tokens.split_at(labels.len());
        if let Some(label) = labels[0] {
            counts.add_tokens(run, label)?;
        }
        tokens = rest;
    }
    Ok(())
}

/// Adds the counts of the file at `path` to what there is.
fn add(sum: &mut Option<CountsShard>, shard: CountsShard, path: &Path) -> Result<(), Error> {
    match sum {
        Some(sum) => sum.merge(&shard).map_err(|error| Error::file(path, error)),
        None => {
            *sum = Some(shard);
            Ok(())
        }
    }
}
