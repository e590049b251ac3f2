//! A killed clustering that goes on equals one that was never killed.

use std::path::Path;

use super::{normals, options, with_job};
use crate::collective::Solo;
use crate::error::TrainError;
use crate::kmeans::{Algorithm, Clusters, Job, Matrix, Options, cluster};

fn run_in(
    path: &Path,
    options: &Options,
    id: &str,
    resume: bool,
    stop_after: Option<usize>,
) -> Result<Option<Clusters>, TrainError> {
    let matrix = Matrix::new(normals(7, 300 * 5), 5).unwrap();
    with_job(options, &matrix, &Solo, |job| {
        cluster(&Job {
            state: Some(path),
            id,
            resume,
            stop_after,
            ..job
        })
    })
}

#[test]
fn a_resumed_clustering_equals_an_unbroken_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    for algorithm in [Algorithm::Lloyd, Algorithm::MiniBatch] {
        let options = Options {
            patience: 10,
            ..options(algorithm, 6)
        };
        let whole = run_in(&path, &options, "a", false, None).unwrap();
        assert!(whole.is_some());
        for stop in [0, 1, 2] {
            assert_eq!(
                run_in(&path, &options, "a", false, Some(stop)).unwrap(),
                None
            );
            assert_eq!(run_in(&path, &options, "a", true, None).unwrap(), whole);
        }
        let error = run_in(&path, &options, "b", true, None)
            .unwrap_err()
            .to_string();
        assert!(error.contains("another clustering"), "{error}");
    }
    std::fs::write(&path, b"cut").unwrap();
    let options = options(Algorithm::Lloyd, 6);
    assert!(run_in(&path, &options, "a", true, None).is_err());
    std::fs::remove_file(&path).unwrap();
    assert!(run_in(&path, &options, "a", true, None).is_err());
}
