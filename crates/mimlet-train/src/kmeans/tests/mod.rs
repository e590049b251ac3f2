//! The fast k-means held to the textbook's, and to what users rely on.

mod processes;
mod resume;

use std::cell::RefCell;

use burn::tensor::Device;
use indicatif::ProgressBar;
use proptest::prelude::*;

use super::job::{Algorithm, Clusters, Job, Options};
use super::rows::{Cached, Matrix, Rows};
use super::{cluster, lloyd, mini_batch, oracle, seeding, state::State};
use crate::collective::{Collective, Solo};
use crate::error::TrainError;
use crate::random::Stream;

fn normals(key: u64, count: usize) -> Vec<f32> {
    let mut random = Stream::new(&[key]);
    (0..count).map(|_| random.normal()).collect()
}

fn options(algorithm: Algorithm, clusters: usize) -> Options {
    Options {
        clusters,
        algorithm,
        batch: 40,
        passes: 3,
        patience: 0,
        tolerance: 0.0,
        spherical: false,
        seed: 3,
    }
}

/// What a test does with a job over these vectors.
fn with_job<T>(
    options: &Options,
    rows: &dyn Rows,
    collective: &dyn Collective,
    test: impl FnOnce(Job<'_>) -> T,
) -> T {
    test(Job {
        options,
        rows,
        device: &Device::flex(),
        collective,
        state: None,
        id: "test",
        resume: false,
        stop_after: None,
        progress: &ProgressBar::hidden(),
    })
}

fn run(options: &Options, rows: &dyn Rows) -> Clusters {
    with_job(options, rows, &Solo, |job| cluster(&job))
        .unwrap()
        .unwrap()
}

fn assert_near(found: &[f32], expected: &oracle::Points) {
    let expected: Vec<f64> = expected.concat();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (f64::from(*found) - expected).abs() < 1e-5,
            "{found} {expected}"
        );
    }
}

#[test]
fn lloyd_equals_the_textbook_on_odd_shapes() {
    for (rows, dim, clusters) in [(1, 1, 1), (3, 5, 2), (65, 7, 4), (197, 33, 9)] {
        let values = normals(rows as u64, rows * dim);
        let matrix = Matrix::new(values.clone(), dim).unwrap();
        let options = options(Algorithm::Lloyd, clusters);
        let seeds = with_job(&options, &matrix, &Solo, |job| seeding::seed(&job)).unwrap();
        let vectors = oracle::points(&values, dim);
        let mut centers = oracle::points(&seeds, dim);
        let found = run(&options, &matrix);
        (0..found.steps).for_each(|_| oracle::lloyd(&mut centers, &vectors));
        assert_near(&found.centers, &centers);
        assert!((found.inertia - oracle::inertia(&centers, &vectors)).abs() < 1e-6);
        assert_eq!(found.counts.iter().sum::<u64>(), rows as u64);
    }
}

#[test]
fn mini_batches_equal_the_textbook() {
    for (rows, dim, clusters) in [(3, 5, 2), (65, 7, 4), (197, 33, 5)] {
        let values = normals(rows as u64, rows * dim);
        let matrix = Matrix::new(values.clone(), dim).unwrap();
        let options = options(Algorithm::MiniBatch, clusters);
        let vectors = oracle::points(&values, dim);
        let mut counts = vec![0.0; clusters];
        let (centers, steps) = with_job(&options, &matrix, &Solo, |job| {
            let mut centers = oracle::points(&seeding::seed(&job).unwrap(), dim);
            let steps = job.steps();
            for step in 0..steps.total {
                let order = mini_batch::order(&job, step / steps.per_pass);
                let items = mini_batch::batch(&order, steps, step % steps.per_pass);
                let batch: Vec<_> = items.iter().map(|&item| &vectors[item]).collect();
                oracle::mini_batch(&mut centers, &mut counts, &batch);
                assert!(
                    mini_batch::starved(&counts, rows).is_empty(),
                    "no centroid moves"
                );
            }
            (centers, steps.total)
        });
        let found = run(&options, &matrix);
        assert_eq!(found.steps, steps);
        assert_near(&found.centers, &centers);
    }
}

#[test]
fn as_many_clusters_as_vectors_leave_no_distance() {
    for algorithm in [Algorithm::Lloyd, Algorithm::MiniBatch] {
        let matrix = Matrix::new(normals(1, 30 * 3), 3).unwrap();
        let found = run(&options(algorithm, 30), &matrix);
        assert!(found.inertia < 1e-9, "{}", found.inertia);
        assert_eq!(found.counts, [1; 30]);
    }
}

#[test]
fn equal_vectors_are_one_cluster_and_numbers_stay_finite() {
    for algorithm in [Algorithm::Lloyd, Algorithm::MiniBatch] {
        let matrix = Matrix::new(vec![0.7; 50 * 3], 3).unwrap();
        let found = run(&options(algorithm, 4), &matrix);
        assert_eq!(found.centers, [0.7; 12]);
        assert_eq!(found.counts, [50, 0, 0, 0]);
        assert!(found.inertia < 1e-12);
    }
}

#[test]
fn what_is_not_finite_is_refused_with_its_place() {
    for (bad, name) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
        let mut values = normals(1, 20 * 3);
        values[17 * 3 + 2] = bad;
        let matrix = Matrix::new(values, 3).unwrap();
        for algorithm in [Algorithm::Lloyd, Algorithm::MiniBatch] {
            let options = options(algorithm, 2);
            let error = with_job(&options, &matrix, &Solo, |job| cluster(&job)).unwrap_err();
            let error = error.to_string();
            assert!(
                error.contains("row 17: value 2") && error.contains(name),
                "{error}"
            );
        }
    }
}

#[test]
fn too_few_vectors_are_refused() {
    let matrix = Matrix::new(vec![0.0; 8], 2).unwrap();
    let options = options(Algorithm::Lloyd, 6);
    let error = with_job(&options, &matrix, &Solo, |job| cluster(&job)).unwrap_err();
    assert!(error.to_string().contains("only 4 vectors"), "{error}");
    assert!(Matrix::new(vec![0.0; 7], 2).is_err());
}

#[test]
fn lloyd_gives_empty_clusters_the_farthest_vectors() {
    let mut values = normals(4, 40 * 2);
    values[12 * 2] = 50.0;
    values[31 * 2 + 1] = -40.0;
    let matrix = Matrix::new(values.clone(), 2).unwrap();
    let options = options(Algorithm::Lloyd, 3);
    let state = with_job(&options, &matrix, &Solo, |job| {
        let mut state = State::new(vec![0.0, 0.0, 900.0, 900.0, -900.0, 900.0], 3);
        lloyd::pass(&job, &mut state).unwrap();
        state
    });
    assert_eq!(state.weights, [38.0, 1.0, 1.0]);
    let row = |row: usize| oracle::points(&values[row * 2..row * 2 + 2], 2).concat();
    assert_eq!(state.values[2..4], row(12));
    assert_eq!(state.values[4..6], row(31));
}

#[test]
fn starved_centroids_are_moved_onto_vectors() {
    assert_eq!(
        mini_batch::starved(&[500.0, 4.0, 0.0, 5.0, 3.0], 9),
        [1, 2, 4]
    );
    assert_eq!(mini_batch::starved(&[500.0, 4.0, 0.0, 5.0, 3.0], 2), [2, 4]);
    let mut drawn = mini_batch::distinct(5, 5, &mut Stream::new(&[1]));
    drawn.sort_unstable();
    assert_eq!(drawn, [0, 1, 2, 3, 4]);
    // Two far blobs and a seed that no vector is near: it ends up in a blob.
    let values: Vec<f32> = normals(2, 400)
        .iter()
        .enumerate()
        .map(|(i, v)| v + (i / 200) as f32 * 60.0)
        .collect();
    let found = run(
        &options(Algorithm::MiniBatch, 5),
        &Matrix::new(values, 2).unwrap(),
    );
    assert!(
        found.counts.iter().all(|&count| count > 0),
        "{:?}",
        found.counts
    );
}

#[test]
fn spherical_centroids_are_unit_vectors_of_the_groups() {
    let mut random = Stream::new(&[5]);
    let values: Vec<f32> = (0..300)
        .flat_map(|i| {
            let angle = (i % 3) as f32 * 2.0 + 0.05 * random.normal();
            [angle.cos(), angle.sin()]
        })
        .collect();
    for algorithm in [Algorithm::Lloyd, Algorithm::MiniBatch] {
        let options = Options {
            spherical: true,
            ..options(algorithm, 3)
        };
        let found = run(&options, &Matrix::new(values.clone(), 2).unwrap());
        assert_eq!(found.counts, [100; 3]);
        for center in found.centers.chunks_exact(2) {
            assert!((center[0].hypot(center[1]) - 1.0).abs() < 1e-6);
        }
        assert!(found.inertia < 0.01, "{}", found.inertia);
    }
}

#[test]
fn mini_batches_stop_when_the_smoothed_inertia_does_not_fall() {
    let matrix = Matrix::new(normals(6, 400 * 2), 2).unwrap();
    let patient = Options {
        passes: 200,
        ..options(Algorithm::MiniBatch, 4)
    };
    let hasty = Options {
        patience: 10,
        ..patient.clone()
    };
    let (all, some) = (run(&patient, &matrix).steps, run(&hasty, &matrix).steps);
    assert_eq!(all, 2000);
    assert!((12..1000).contains(&some), "{some}");
}

#[test]
fn one_thread_or_many_give_the_same_bits() {
    let matrix = Matrix::new(normals(9, 3000 * 33), 33).unwrap();
    for algorithm in [Algorithm::Lloyd, Algorithm::MiniBatch] {
        let options = Options {
            batch: 700,
            ..options(algorithm, 70)
        };
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            // Built within: rows are of one thread.
            let matrix = matrix.clone();
            pool.install(|| run(&options, &matrix))
        };
        let one = on(1);
        assert_eq!(one, on(2));
        assert_eq!(one, on(5));
    }
}

/// Counts what is read.
#[derive(Debug)]
struct Counted<'a>(&'a Matrix, RefCell<usize>);

impl Rows for Counted<'_> {
    fn items(&self) -> usize {
        self.0.items() / 4
    }

    fn per_item(&self) -> usize {
        4
    }

    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn read(&self, items: &[usize]) -> Result<Vec<f32>, TrainError> {
        *self.1.borrow_mut() += items.len();
        let rows = items.iter().flat_map(|item| item * 4..item * 4 + 4);
        self.0.read(&rows.collect::<Vec<_>>())
    }

    fn describe(&self, item: usize) -> String {
        format!("image {item}")
    }
}

#[test]
fn kept_vectors_are_read_once_and_change_nothing() {
    let matrix = Matrix::new(normals(8, 200 * 3), 3).unwrap();
    let counted = Counted(&matrix, RefCell::new(0));
    for algorithm in [Algorithm::Lloyd, Algorithm::MiniBatch] {
        let options = options(algorithm, 5);
        let streamed = run(&options, &counted);
        assert!(*counted.1.borrow() > 100);
        *counted.1.borrow_mut() = 0;
        assert_eq!(run(&options, &Cached::new(&counted)), streamed);
        assert_eq!(*counted.1.borrow(), 50);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn inertia_never_rises_over_passes(
        (dim, values) in (1usize..9).prop_flat_map(|dim| {
            let value = (-8i32..8).prop_map(|v| v as f32 / 2.0);
            (Just(dim), prop::collection::vec(value, dim * 2..dim * 70))
        }),
        clusters in 1usize..12,
        seed in 0u64..1000,
    ) {
        let rows = values.len() / dim;
        let matrix = Matrix::new(values[..rows * dim].to_vec(), dim).unwrap();
        let options = Options { seed, ..options(Algorithm::Lloyd, clusters.min(rows)) };
        with_job(&options, &matrix, &Solo, |job| {
            let mut state = State::new(seeding::seed(&job).unwrap(), options.clusters);
            let mut last = f64::INFINITY;
            for _ in 0..8 {
                lloyd::pass(&job, &mut state).unwrap();
                // A millionth for f32 centroids and scores.
                prop_assert!(state.inertia <= last + 1e-6 * last.min(1e3), "{} {}", last, state.inertia);
                last = state.inertia;
            }
            Ok(())
        })?;
    }
}
