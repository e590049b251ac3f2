//! Vectors to cluster: in memory, or made when they are asked for.

use std::cell::RefCell;
use std::fmt::Debug;

use crate::error::TrainError;

/// Vectors of one width, read item by item: an item is what is read as a whole, such as an image
/// with its patches. Sets larger than memory are clustered through it.
pub trait Rows: Debug {
    /// Number of items.
    fn items(&self) -> usize;

    /// Vectors of each item, at least 1.
    fn per_item(&self) -> usize;

    /// Width of a vector, at least 1.
    fn dim(&self) -> usize;

    /// The vectors of `items`, in that order: f32 `[items * per_item, dim]`.
    ///
    /// # Errors
    /// What reading an item reports.
    fn read(&self, items: &[usize]) -> Result<Vec<f32>, TrainError>;

    /// Where `item` comes from, for messages.
    fn describe(&self, item: usize) -> String;

    /// Number of vectors.
    fn len(&self) -> usize {
        self.items() * self.per_item()
    }

    /// Whether there is no vector.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Reads `items` and refuses what is not finite: one NaN would spread over every centroid.
pub(super) fn read_finite(rows: &dyn Rows, items: &[usize]) -> Result<Vec<f32>, TrainError> {
    let vectors = rows.read(items)?;
    match vectors.iter().position(|value| !value.is_finite()) {
        None => Ok(vectors),
        Some(at) => {
            let (row, axis) = (at / rows.dim(), at % rows.dim());
            let (item, row) = (items[row / rows.per_item()], row % rows.per_item());
            Err(TrainError::Content {
                path: rows.describe(item).into(),
                reason: format!(
                    "value {axis} of vector {row} is {}; only finite numbers can be clustered",
                    vectors[at]
                ),
            })
        }
    }
}

/// Vectors in memory, each an item.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    values: Vec<f32>,
    dim: usize,
}

impl Matrix {
    /// `[rows, dim]`, row-major.
    ///
    /// # Errors
    /// [`TrainError::Config`] when the values are not whole rows.
    pub fn new(values: Vec<f32>, dim: usize) -> Result<Self, TrainError> {
        if dim == 0 || !values.len().is_multiple_of(dim) {
            let count = values.len();
            return Err(TrainError::Config(format!(
                "{count} values are not rows of {dim}"
            )));
        }
        Ok(Self { values, dim })
    }
}

impl Rows for Matrix {
    fn items(&self) -> usize {
        self.values.len() / self.dim
    }

    fn per_item(&self) -> usize {
        1
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn read(&self, items: &[usize]) -> Result<Vec<f32>, TrainError> {
        let mut out = Vec::with_capacity(items.len() * self.dim);
        for &item in items {
            out.extend_from_slice(&self.values[item * self.dim..(item + 1) * self.dim]);
        }
        Ok(out)
    }

    fn describe(&self, item: usize) -> String {
        format!("row {item}")
    }
}

/// Keeps every item once it has been read.
#[derive(Debug)]
pub struct Cached<'a> {
    inner: &'a dyn Rows,
    kept: RefCell<Vec<Option<Box<[f32]>>>>,
}

impl<'a> Cached<'a> {
    /// The same vectors.
    pub fn new(inner: &'a dyn Rows) -> Self {
        let kept = RefCell::new(vec![None; inner.items()]);
        Self { inner, kept }
    }
}

impl Rows for Cached<'_> {
    fn items(&self) -> usize {
        self.inner.items()
    }

    fn per_item(&self) -> usize {
        self.inner.per_item()
    }

    fn dim(&self) -> usize {
        self.inner.dim()
    }

    fn read(&self, items: &[usize]) -> Result<Vec<f32>, TrainError> {
        let mut kept = self.kept.borrow_mut();
        let is_new = |item: &usize| kept[*item].is_none();
        let new: Vec<usize> = items.iter().copied().filter(is_new).collect();
        let values = self.per_item() * self.dim();
        let read = self.inner.read(&new)?;
        for (item, vectors) in new.iter().zip(read.chunks_exact(values)) {
            kept[*item] = Some(vectors.into());
        }
        let mut out = Vec::with_capacity(items.len() * values);
        for &item in items {
            out.extend(kept[item].iter().flatten());
        }
        Ok(out)
    }

    fn describe(&self, item: usize) -> String {
        self.inner.describe(item)
    }
}
