//! Where a clustering is, and the file that a killed one goes on from.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

use super::job::Job;
use crate::atomic;
use crate::error::TrainError;

/// Time between saves.
const INTERVAL: Duration = Duration::from_secs(30);

/// Everything the next step depends on; the rest follows from seed and step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    /// `[clusters, dim]`. Mini-batches: the running means; Lloyd: the means of the last pass.
    pub(super) values: Vec<f64>,
    /// Vectors behind each mean.
    pub(super) weights: Vec<f64>,
    /// Steps done.
    pub(super) step: usize,
    /// Vectors since starved centroids were last looked for.
    pub(super) since_moved: usize,
    /// The smoothed inertia of mini-batches, or that of Lloyd's last pass.
    pub(super) inertia: f64,
    /// The lowest smoothed inertia.
    pub(super) best: f64,
    /// Mini-batches since `best`.
    pub(super) stale: usize,
    /// Whether it has converged.
    pub(super) finished: bool,
}

impl State {
    /// Before the first step.
    pub(super) fn new(centers: Vec<f32>, clusters: usize) -> Self {
        Self {
            values: centers.into_iter().map(f64::from).collect(),
            weights: vec![0.0; clusters],
            step: 0,
            since_moved: 0,
            inertia: f64::INFINITY,
            best: f64::INFINITY,
            stale: 0,
            finished: false,
        }
    }

    /// The centroids that vectors are held against: the means, on the unit sphere if asked for.
    pub(super) fn centers(&self, job: &Job<'_>) -> Vec<f32> {
        let mut centers = self.values.clone();
        if job.options.spherical {
            for center in centers.chunks_exact_mut(job.rows.dim()) {
                let norm = center.iter().map(|v| v * v).sum::<f64>().sqrt();
                if norm > 0.0 {
                    center.iter_mut().for_each(|v| *v /= norm);
                }
            }
        }
        centers.into_iter().map(|v| v as f32).collect()
    }

    /// What is not a mean, as numbers.
    fn scalars(&self) -> [f64; 6] {
        [
            self.step as f64,
            self.since_moved as f64,
            self.inertia,
            self.best,
            self.stale as f64,
            f64::from(u8::from(self.finished)),
        ]
    }

    /// Writes the file, whole or not at all; the first process does.
    pub(super) fn save(&self, job: &Job<'_>) -> Result<(), TrainError> {
        let Some(path) = job.state.filter(|_| job.collective.rank() == 0) else {
            return Ok(());
        };
        let bytes =
            |values: &[f64]| -> Vec<u8> { values.iter().flat_map(|v| v.to_le_bytes()).collect() };
        let (clusters, dim) = (job.options.clusters, job.rows.dim());
        let parts = [
            ("values", vec![clusters, dim], bytes(&self.values)),
            ("weights", vec![clusters], bytes(&self.weights)),
            ("scalars", vec![6], bytes(&self.scalars())),
        ];
        let mut views = Vec::with_capacity(parts.len());
        for (name, shape, bytes) in &parts {
            let view = TensorView::new(Dtype::F64, shape.clone(), bytes)
                .map_err(TrainError::content(path, "cannot hold a tensor"))?;
            views.push((*name, view));
        }
        let metadata = HashMap::from([("run".to_owned(), job.id.to_owned())]);
        let file = serialize(views, Some(metadata))
            .map_err(TrainError::content(path, "cannot be serialised"))?;
        atomic::write(path, &file)
    }

    /// The state of [`State::save`], read by the first process and given to all.
    pub(super) fn load(job: &Job<'_>) -> Result<Self, TrainError> {
        let (clusters, dim) = (job.options.clusters, job.rows.dim());
        let mut all = vec![0.0; clusters * dim + clusters + 6];
        if job.collective.rank() == 0 {
            let path = job.state.ok_or_else(|| {
                TrainError::Config("to resume, k-means needs the file of its state".into())
            })?;
            all = read(path, job)?;
        }
        job.collective.sum_f64(&mut all)?;
        let scalars = all.split_off(clusters * dim + clusters);
        let weights = all.split_off(clusters * dim);
        Ok(Self {
            values: all,
            weights,
            step: scalars[0] as usize,
            since_moved: scalars[1] as usize,
            inertia: scalars[2],
            best: scalars[3],
            stale: scalars[4] as usize,
            finished: scalars[5] > 0.0,
        })
    }
}

/// All numbers of the file, in order.
fn read(path: &Path, job: &Job<'_>) -> Result<Vec<f64>, TrainError> {
    let bytes = std::fs::read(path).map_err(TrainError::io(path, "read"))?;
    let damaged = TrainError::content(path, "not the state of a clustering");
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
    let run = header.metadata().as_ref().and_then(|all| all.get("run"));
    if run.map(String::as_str) != Some(job.id) {
        return Err(TrainError::Content {
            path: path.to_owned(),
            reason: "is the state of another clustering: other options, images or encoder; start \
                     anew without --resume"
                .into(),
        });
    }
    let damaged = TrainError::content(path, "not the state of a clustering");
    let file = SafeTensors::deserialize(&bytes).map_err(damaged)?;
    let (clusters, dim) = (job.options.clusters, job.rows.dim());
    let mut all = Vec::new();
    for (name, shape) in [
        ("values", vec![clusters, dim]),
        ("weights", vec![clusters]),
        ("scalars", vec![6]),
    ] {
        let view = file
            .tensor(name)
            .ok()
            .filter(|view| view.dtype() == Dtype::F64 && view.shape() == shape)
            .ok_or_else(|| TrainError::Content {
                path: path.to_owned(),
                reason: format!("needs a tensor {name} of f64 {shape:?}"),
            })?;
        let words = view.data().as_chunks::<8>().0.iter();
        all.extend(words.map(|word| f64::from_le_bytes(*word)));
    }
    Ok(all)
}

/// Saves a state now and then.
pub(super) struct Saver {
    last: Instant,
}

impl Saver {
    pub(super) fn new() -> Self {
        Self {
            last: Instant::now(),
        }
    }

    pub(super) fn save_when_due(&mut self, state: &State, job: &Job<'_>) -> Result<(), TrainError> {
        if self.last.elapsed() >= INTERVAL {
            state.save(job)?;
            self.last = Instant::now();
        }
        Ok(())
    }
}
