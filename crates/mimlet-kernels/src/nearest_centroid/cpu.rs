//! Nearest centroid, sixteen centroids at a time.
//!
//! Distances are sums of squared differences rather than `|c|^2 - 2 x c`: the latter loses most of
//! its digits when a row lies close to its centroid, which is where near-ties are.

use super::Params;
use crate::panel::WIDTH;
use crate::simd::Level;

/// Writes each row's token to `tokens` `[rows]` and the distances to its best and second-best
/// centroid to `distances` `[rows, 2]`; `x` is `[rows, dim]`, `centroids` `Panel16 [centroids, dim]`.
pub fn cpu(
    level: Level,
    params: &Params,
    x: &[f32],
    centroids: &[f32],
    tokens: &mut [u32],
    distances: &mut [f32],
) {
    let outputs = tokens.iter_mut().zip(distances.chunks_exact_mut(2));
    level.vectorize(
        #[inline(always)]
        || {
            for (x, (token, distances)) in x.chunks_exact(params.dim).zip(outputs) {
                let found = nearest(params, x, centroids);
                *token = found.token;
                distances[0] = libm::sqrtf(found.best);
                distances[1] = libm::sqrtf(found.second);
            }
        },
    );
}

/// The two smallest squared distances and the token of the smallest.
struct Nearest {
    token: u32,
    best: f32,
    second: f32,
}

#[inline(always)]
fn nearest(params: &Params, x: &[f32], centroids: &[f32]) -> Nearest {
    let mut found = Nearest {
        token: 0,
        best: f32::MAX,
        second: f32::MAX,
    };
    for (panel, centroids) in centroids.chunks_exact(WIDTH * params.dim).enumerate() {
        let mut squared = [0.0f32; WIDTH];
        for (&x, centroids) in x.iter().zip(centroids.chunks_exact(WIDTH)) {
            for (squared, centroid) in squared.iter_mut().zip(centroids) {
                let difference = x - centroid;
                *squared += difference * difference;
            }
        }
        let present = WIDTH.min(params.centroids - panel * WIDTH);
        for (lane, &squared) in squared[..present].iter().enumerate() {
            if squared < found.best {
                found.second = found.best;
                found.best = squared;
                found.token = (panel * WIDTH + lane) as u32;
            } else if squared < found.second {
                found.second = squared;
            }
        }
    }
    found
}
