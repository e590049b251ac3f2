//! K-means as textbooks write it, in f64 and vector by vector: what the fast one is held to.

/// Vectors or centroids.
pub(super) type Points = Vec<Vec<f64>>;

pub(super) fn points(values: &[f32], dim: usize) -> Points {
    let rows = values.chunks_exact(dim);
    rows.map(|row| row.iter().map(|&v| f64::from(v)).collect())
        .collect()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn nearest(centers: &Points, vector: &[f64]) -> usize {
    (0..centers.len()).fold(0, |best, other| {
        if distance(&centers[other], vector) < distance(&centers[best], vector) {
            other
        } else {
            best
        }
    })
}

/// Mean squared distance to the nearest centroid.
pub(super) fn inertia(centers: &Points, vectors: &Points) -> f64 {
    let to_nearest = |vector: &Vec<f64>| distance(&centers[nearest(centers, vector)], vector);
    vectors.iter().map(to_nearest).sum::<f64>() / vectors.len() as f64
}

/// One pass of Lloyd's algorithm; an empty cluster keeps its centroid.
pub(super) fn lloyd(centers: &mut Points, vectors: &Points) {
    let mut members = vec![Vec::new(); centers.len()];
    for vector in vectors {
        members[nearest(centers, vector)].push(vector);
    }
    for (center, members) in centers.iter_mut().zip(members) {
        for (axis, value) in center.iter_mut().enumerate() {
            if !members.is_empty() {
                let sum: f64 = members.iter().map(|vector| vector[axis]).sum();
                *value = sum / members.len() as f64;
            }
        }
    }
}

/// One mini-batch, algorithm 1 of Sculley 2010: each vector of the batch moves its centroid by one
/// over the number of vectors it has had.
pub(super) fn mini_batch(centers: &mut Points, counts: &mut [f64], batch: &[&Vec<f64>]) {
    let chosen: Vec<usize> = batch
        .iter()
        .map(|vector| nearest(centers, vector))
        .collect();
    for (vector, token) in batch.iter().zip(chosen) {
        counts[token] += 1.0;
        let rate = 1.0 / counts[token];
        for (value, target) in centers[token].iter_mut().zip(vector.iter()) {
            *value = (1.0 - rate) * *value + rate * target;
        }
    }
}
