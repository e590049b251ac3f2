//! Several processes give what one gives.

use std::sync::{Arc, Barrier, Mutex};

use super::{options, run, with_job};
use crate::collective::Collective;
use crate::error::TrainError;
use crate::kmeans::{Algorithm, Clusters, Matrix, Options, cluster};
use crate::random::Stream;

/// Multiples of 1/8: their sums are exact, in any order.
fn coarse(key: u64, count: usize) -> Vec<f32> {
    let mut random = Stream::new(&[key]);
    (0..count).map(|_| random.below(160) as f32 / 8.0).collect()
}

/// Processes that are threads.
#[derive(Debug)]
struct Member {
    rank: usize,
    world: usize,
    barrier: Arc<Barrier>,
    /// What each brought, as bits.
    parts: Arc<Mutex<Vec<Vec<u64>>>>,
}

impl Member {
    fn exchange(&self, own: Vec<u64>) -> Vec<Vec<u64>> {
        self.parts.lock().unwrap()[self.rank] = own;
        self.barrier.wait();
        let parts = self.parts.lock().unwrap().clone();
        self.barrier.wait();
        parts
    }
}

impl Collective for Member {
    fn rank(&self) -> usize {
        self.rank
    }

    fn world(&self) -> usize {
        self.world
    }

    fn sum_f32(&self, _values: &mut [f32]) -> Result<(), TrainError> {
        unreachable!("k-means sums in f64")
    }

    fn sum_f64(&self, values: &mut [f64]) -> Result<(), TrainError> {
        let parts = self.exchange(values.iter().map(|v| v.to_bits()).collect());
        for (at, value) in values.iter_mut().enumerate() {
            *value = parts.iter().map(|part| f64::from_bits(part[at])).sum();
        }
        Ok(())
    }

    fn sum_u64(&self, values: &mut [u64]) -> Result<(), TrainError> {
        let parts = self.exchange(values.to_vec());
        for (at, value) in values.iter_mut().enumerate() {
            *value = parts.iter().map(|part| part[at]).sum();
        }
        Ok(())
    }

    fn broadcast_f32(&self, root: usize, values: &mut [f32]) -> Result<(), TrainError> {
        let parts = self.exchange(values.iter().map(|v| u64::from(v.to_bits())).collect());
        for (value, bits) in values.iter_mut().zip(&parts[root]) {
            *value = f32::from_bits(*bits as u32);
        }
        Ok(())
    }

    fn barrier(&self) -> Result<(), TrainError> {
        self.barrier.wait();
        Ok(())
    }

    fn fail(&self, error: TrainError) -> TrainError {
        error
    }
}

#[test]
fn three_processes_give_what_one_gives() {
    const WORLD: usize = 3;
    // Sums of these are exact, so that even the bits are the same.
    let values = coarse(3, 260 * 5);
    for algorithm in [Algorithm::Lloyd, Algorithm::MiniBatch] {
        // More clusters than some batches fill: the moves of starved centroids are shared too.
        let options = Options {
            passes: 4,
            ..options(algorithm, 30)
        };
        let alone = run(&options, &Matrix::new(values.clone(), 5).unwrap());
        let barrier = Arc::new(Barrier::new(WORLD));
        let parts = Arc::new(Mutex::new(vec![Vec::new(); WORLD]));
        let found: Vec<Clusters> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..WORLD)
                .map(|rank| {
                    let (barrier, parts) = (Arc::clone(&barrier), Arc::clone(&parts));
                    let member = Member {
                        rank,
                        world: WORLD,
                        barrier,
                        parts,
                    };
                    let matrix = Matrix::new(values.clone(), 5).unwrap();
                    let options = &options;
                    scope.spawn(move || {
                        with_job(options, &matrix, &member, |job| cluster(&job))
                            .unwrap()
                            .unwrap()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        for clusters in found {
            assert_eq!(clusters.centers, alone.centers);
            assert_eq!(clusters.counts, alone.counts);
            assert!((clusters.inertia - alone.inertia).abs() < 1e-9);
        }
    }
}
