//! The nearest neighbours' vote, as DINO evaluates features (Caron et al. 2021, arXiv 2104.14294,
//! after Wu et al. 2018, arXiv 1805.01978, section 3.4): the `k` training features of the highest
//! cosine similarity `s` vote for their classes with weight `exp(s / temperature)`.

use mimlet_kernels::panel::{Panels, WIDTH, len16, pack16};
use mimlet_kernels::{Epilogue, Level, linear};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::config::{EvaluateConfig, Pooling};
use super::features::{FeatureSet, Features};
use super::score::Score;
use crate::error::TrainError;

/// Test features compared together.
const QUERIES: usize = 48;
/// Training features compared together, a multiple of [`WIDTH`]: their similarities stay in cache.
const BLOCK: usize = 64 * WIDTH;

/// Votes of the neighbours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnnReport {
    /// Images that vote.
    pub train_images: usize,
    /// Images they were scored on.
    pub test_images: usize,
    /// Temperature of the votes.
    pub temperature: f64,
    /// By features and number of neighbours.
    pub scores: Vec<KnnScore>,
}

/// How well `k` neighbours guess.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnnScore {
    /// What was compared.
    pub features: Pooling,
    /// Number of neighbours; where there are fewer training images, all of them.
    pub k: usize,
    /// On the test features.
    pub score: Score,
}

impl KnnReport {
    /// The accuracy of the largest number of neighbours on the features that `pooling` names.
    pub fn of(&self, pooling: Pooling) -> f64 {
        let scores = self.scores.iter().filter(|score| score.features == pooling);
        scores
            .max_by_key(|score| score.k)
            .map_or(f64::NAN, |score| score.score.top1)
    }
}

/// Lets `train` vote on the classes of `test`.
///
/// # Errors
/// [`TrainError::Config`] when the classes differ or `config` is wrong.
pub fn knn(
    config: &EvaluateConfig,
    train: &Features,
    test: &Features,
) -> Result<KnnReport, TrainError> {
    config.check()?;
    train.check_classes(test)?;
    let mut scores = Vec::new();
    for features in [Pooling::ClassToken, Pooling::MeanPatch] {
        let (train_set, test_set) = (train.pooled(features), test.pooled(features));
        let most = config.neighbours.iter().copied().max().unwrap_or(1);
        let nearest = nearest(train_set, test_set, most);
        for &k in &config.neighbours {
            let votes = nearest.iter().flat_map(|list| {
                let list = &list[..k.min(list.len())];
                votes(
                    list,
                    &train_set.labels,
                    train.class_names.len(),
                    config.temperature,
                )
            });
            let votes: Vec<f64> = votes.collect();
            scores.push(KnnScore {
                features,
                k,
                score: Score::new(&votes, &test_set.labels, &train.class_names),
            });
        }
    }
    Ok(KnnReport {
        train_images: train.class_token.len(),
        test_images: test.class_token.len(),
        temperature: config.temperature,
        scores,
    })
}

/// A training feature and its similarity.
type Neighbour = (f32, u32);

/// Votes by class.
fn votes(list: &[Neighbour], labels: &[u32], classes: usize, temperature: f64) -> Vec<f64> {
    let mut votes = vec![0.0; classes];
    // Relative to the nearest, so that no temperature overflows.
    let top = list.first().map_or(0.0, |(similarity, _)| *similarity);
    for (similarity, row) in list {
        let weight = (f64::from(similarity - top) / temperature).exp();
        votes[labels[*row as usize] as usize] += weight;
    }
    votes
}

/// The `most` training features most similar to each test feature, best first; of two that are
/// equally similar the earlier one.
fn nearest(train: &FeatureSet, test: &FeatureSet, most: usize) -> Vec<Vec<Neighbour>> {
    let (dim, count) = (train.dim, train.len());
    let mut packed = vec![0.0; len16(count, dim)];
    pack16(count, dim, &normalised(train), &mut packed);
    let level = Level::detect();
    normalised(test)
        .par_chunks(QUERIES * dim)
        .flat_map_iter(|queries| {
            let mut lists = vec![Vec::with_capacity(most + 1); queries.len() / dim];
            for (block, panels) in packed.chunks(BLOCK * dim).enumerate() {
                let first = block * BLOCK;
                let columns = BLOCK.min(count - first);
                let similarities = products(level, queries, panels, [dim, columns]);
                for (list, row) in lists.iter_mut().zip(similarities.chunks_exact(columns)) {
                    for (column, &similarity) in row.iter().enumerate() {
                        insert(list, (similarity, (first + column) as u32), most);
                    }
                }
            }
            lists
        })
        .collect()
}

/// `[queries, columns]`: each query's inner products with the features in `panels`.
fn products(level: Level, queries: &[f32], panels: &[f32], [dim, columns]: [usize; 2]) -> Vec<f32> {
    let params = linear::Params {
        inputs: dim,
        outputs: columns,
        half: false,
    };
    let mut out = vec![0.0; queries.len() / dim * columns];
    let zeros = vec![0.0; columns];
    linear::cpu(
        level,
        &params,
        queries,
        Panels::F32(panels),
        &zeros,
        Epilogue::Store,
        &mut [],
        &mut out,
    );
    out
}

/// Keeps `list` sorted and no longer than `most`. Rows come in order, so one that is equal to an
/// earlier one stays behind it.
fn insert(list: &mut Vec<Neighbour>, new: Neighbour, most: usize) {
    if list.len() == most && list.last().is_some_and(|last| last.0 >= new.0) {
        return;
    }
    let at = list.partition_point(|kept| kept.0 >= new.0);
    list.insert(at, new);
    list.truncate(most);
}

/// Every feature over its length.
fn normalised(set: &FeatureSet) -> Vec<f32> {
    let mut values = set.values.clone();
    for row in values.chunks_exact_mut(set.dim) {
        let square: f64 = row.iter().map(|&v| f64::from(v).powi(2)).sum();
        // As torch's `normalize`: a feature of zeros stays one.
        let scale = 1.0 / square.sqrt().max(1e-12);
        row.iter_mut()
            .for_each(|v| *v = (f64::from(*v) * scale) as f32);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn features(key: u64, rows: usize, dim: usize) -> FeatureSet {
        let mut random = Stream::new(&[key]);
        FeatureSet {
            values: (0..rows * dim).map(|_| random.normal()).collect(),
            labels: (0..rows).map(|row| (row % 3) as u32).collect(),
            dim,
        }
    }

    fn both(set: FeatureSet) -> Features {
        Features {
            class_token: set.clone(),
            mean_patch: set,
            class_names: ["a", "b", "c"].map(str::to_owned).into(),
        }
    }

    #[test]
    fn neighbours_are_those_of_the_definition() {
        for (rows, queries, dim, most) in [(1, 1, 3, 4), (65, 3, 7, 20), (2500, 65, 16, 5)] {
            let (train, test) = (features(1, rows, dim), features(2, queries, dim));
            let lists = nearest(&train, &test, most);
            assert_eq!(lists.len(), queries);
            for (query, list) in lists.iter().enumerate() {
                let cosine = |row: usize| {
                    let dot = |a: &[f32], b: &[f32]| -> f64 {
                        a.iter()
                            .zip(b)
                            .map(|(x, y)| f64::from(*x) * f64::from(*y))
                            .sum()
                    };
                    let (a, b) = (test.row(query), train.row(row));
                    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
                };
                let mut all: Vec<usize> = (0..rows).collect();
                all.sort_by(|&a, &b| cosine(b).total_cmp(&cosine(a)));
                assert_eq!(list.len(), most.min(rows));
                for ((similarity, row), expected) in list.iter().zip(all) {
                    assert_eq!(*row as usize, expected);
                    assert!((f64::from(*similarity) - cosine(expected)).abs() < 1e-5);
                }
            }
        }
    }

    #[test]
    fn of_equal_neighbours_the_earlier_come_first() {
        let mut train = features(1, 40, 2);
        train.values = [1.0, 0.0].repeat(40);
        let mut test = features(2, 1, 2);
        test.values = vec![2.0, 0.0];
        let rows: Vec<u32> = nearest(&train, &test, 5)[0].iter().map(|n| n.1).collect();
        assert_eq!(rows, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn near_neighbours_outvote_many_far_ones() {
        // One of class 0 at cosine 1, two of class 1 at cosine 0.6: exp(0.4 / 0.07) is 303.
        let train = FeatureSet {
            values: vec![0.6, 0.8, 1.0, 0.0, 0.6, -0.8],
            labels: vec![1, 0, 1],
            dim: 2,
        };
        let test = FeatureSet {
            values: vec![5.0, 0.0],
            labels: vec![0],
            dim: 2,
        };
        let mut config = EvaluateConfig {
            neighbours: vec![1, 3],
            ..EvaluateConfig::default()
        };
        let top1 = |config: &EvaluateConfig| -> Vec<f64> {
            let report = knn(config, &both(train.clone()), &both(test.clone())).unwrap();
            let means = report
                .scores
                .iter()
                .filter(|s| s.features == Pooling::MeanPatch);
            means.map(|score| score.score.top1).collect()
        };
        assert_eq!(top1(&config), [1.0, 1.0]);
        config.temperature = 10.0;
        assert_eq!(top1(&config), [1.0, 0.0], "near to a plain majority");
    }

    #[test]
    fn a_training_set_smaller_than_k_votes_whole() {
        let report = knn(
            &EvaluateConfig::default(),
            &both(features(1, 4, 3)),
            &both(features(2, 5, 3)),
        );
        let report = report.unwrap();
        assert_eq!((report.train_images, report.test_images), (4, 5));
        assert_eq!(report.scores.len(), 8);
        assert_eq!(report.of(Pooling::MeanPatch), report.scores[7].score.top1);
    }
}
