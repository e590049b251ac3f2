//! Mini-batch k-means with the rules of scikit-learn's `MiniBatchKMeans`: a centroid is the running
//! mean of all vectors it ever received, starved ones move onto vectors of the batch, and it is done
//! when the smoothed inertia stops falling. Batches are drawn without replacement, pass by pass.

use super::job::{Job, Steps};
use super::nearest::Nearest;
use super::rows::read_finite;
use super::state::{Saver, State};
use super::sums::Sums;
use crate::error::TrainError;
use crate::random::Stream;

/// A centroid with fewer vectors than this share of the most is moved; scikit-learn's
/// `reassignment_ratio`.
const STARVED: f64 = 0.01;

/// Vectors for each cluster between two searches for starved ones.
const SEARCH: usize = 10;

/// Steps until `state` is finished; false when it stops before.
pub(super) fn run(job: &Job<'_>, state: &mut State) -> Result<bool, TrainError> {
    let steps = job.steps();
    let mut saver = Saver::new();
    let mut order = order(job, state.step / steps.per_pass);
    while state.step < steps.total && !state.finished {
        if job.stops_at(state.step) {
            return Ok(false);
        }
        let place = state.step % steps.per_pass;
        if place == 0 {
            order = self::order(job, state.step / steps.per_pass);
        }
        step(job, steps, state, batch(&order, steps, place))?;
        job.progress.inc(1);
        job.progress
            .set_message(format!("inertia {:.5}", state.inertia));
        saver.save_when_due(state, job)?;
    }
    Ok(true)
}

/// The items of a pass in their order: the same on all processes.
pub(super) fn order(job: &Job<'_>, pass: usize) -> Vec<usize> {
    let mut items: Vec<usize> = (0..job.rows.items()).collect();
    Stream::new(&[0x0062_6174_6368, job.options.seed, pass as u64]).shuffle(&mut items);
    items
}

/// The items of the batch at `place` in a pass.
pub(super) fn batch(order: &[usize], steps: Steps, place: usize) -> &[usize] {
    let start = place * steps.items;
    &order[start..(start + steps.items).min(order.len())]
}

fn step(job: &Job<'_>, steps: Steps, state: &mut State, items: &[usize]) -> Result<(), TrainError> {
    let (clusters, dim) = (job.options.clusters, job.rows.dim());
    let own: Vec<usize> = items
        .iter()
        .copied()
        .filter(|&item| job.owns(item))
        .collect();
    let vectors = read_finite(job.rows, &own)?;
    let centers = state.centers(job);
    let tokens = Nearest::new(&centers, dim, job.device).assign(&vectors);
    let mut sums = Sums::new(clusters, dim);
    sums.add(&vectors, &tokens, &centers);
    sums.reduce(job.collective)?;
    // As scikit-learn, which decides before it updates.
    let rows = items.len() * job.rows.per_item();
    state.since_moved += rows;
    let search = state.weights.contains(&0.0) || state.since_moved >= SEARCH * clusters;
    update(state, &sums, dim);
    if search {
        state.since_moved = 0;
        move_starved(job, state, items, &own, &vectors)?;
    }
    state.step += 1;
    observe(job, steps, state, sums.inertia / rows as f64);
    Ok(())
}

/// Weighs the batch's vectors into the running means.
fn update(state: &mut State, sums: &Sums, dim: usize) {
    let means = state.values.chunks_exact_mut(dim).zip(&mut state.weights);
    let sums = sums.values.chunks_exact(dim).zip(&sums.counts);
    for ((mean, weight), (sum, &count)) in means.zip(sums).filter(|(_, (_, count))| **count > 0) {
        let total = *weight + count as f64;
        for (value, sum) in mean.iter_mut().zip(sum) {
            *value = (*value * *weight + sum) / total;
        }
        *weight = total;
    }
}

/// Puts starved centroids onto random vectors of the batch: at most on half of them.
fn move_starved(
    job: &Job<'_>,
    state: &mut State,
    items: &[usize],
    own: &[usize],
    vectors: &[f32],
) -> Result<(), TrainError> {
    let (dim, per_item) = (job.rows.dim(), job.rows.per_item());
    let rows = items.len() * per_item;
    let moved = starved(&state.weights, rows / 2);
    if moved.is_empty() {
        return Ok(());
    }
    let mut random = Stream::new(&[0x6d6f_7665, job.options.seed, state.step as u64]);
    let mut chosen = vec![0.0f64; moved.len() * dim];
    for (place, row) in distinct(rows, moved.len(), &mut random)
        .into_iter()
        .enumerate()
    {
        // Whose item it is gives the vector, the others zeros.
        let Some(at) = own.iter().position(|&item| item == items[row / per_item]) else {
            continue;
        };
        let vector = &vectors[(at * per_item + row % per_item) * dim..][..dim];
        for (out, &value) in chosen[place * dim..].iter_mut().zip(vector) {
            *out = f64::from(value);
        }
    }
    job.collective.sum_f64(&mut chosen)?;
    let stays = |token: &usize| moved.binary_search(token).is_err();
    let fewest = (0..state.weights.len())
        .filter(stays)
        .map(|token| state.weights[token])
        .fold(f64::INFINITY, f64::min);
    for (&token, vector) in moved.iter().zip(chosen.chunks_exact(dim)) {
        state.values[token * dim..(token + 1) * dim].copy_from_slice(vector);
        state.weights[token] = fewest;
    }
    Ok(())
}

/// The clusters to move, in order: the lightest `most` of those below the threshold.
pub(super) fn starved(weights: &[f64], most: usize) -> Vec<usize> {
    let heaviest = weights.iter().copied().fold(0.0, f64::max);
    let mut light: Vec<usize> = (0..weights.len())
        .filter(|&token| weights[token] < STARVED * heaviest)
        .collect();
    light.sort_by(|&a, &b| weights[a].total_cmp(&weights[b]).then(a.cmp(&b)));
    light.truncate(most);
    light.sort_unstable();
    light
}

/// `count` different numbers below `bound`, which is not smaller.
pub(super) fn distinct(bound: usize, count: usize, random: &mut Stream) -> Vec<usize> {
    let mut all: Vec<usize> = (0..bound).collect();
    for place in 0..count {
        let other = place + random.below(bound - place);
        all.swap(place, other);
    }
    all.truncate(count);
    all
}

/// Smooths the batch's inertia and finds out whether it still falls. The first batch tells of the
/// seeding only.
fn observe(job: &Job<'_>, steps: Steps, state: &mut State, inertia: f64) {
    if state.step == 1 {
        return;
    }
    let share = 2.0 * steps.items as f64 / (job.rows.items() as f64 + 1.0);
    let share = share.min(1.0);
    state.inertia = if state.inertia.is_finite() {
        state.inertia * (1.0 - share) + inertia * share
    } else {
        inertia
    };
    if state.inertia < state.best {
        state.best = state.inertia;
        state.stale = 0;
    } else {
        state.stale += 1;
        state.finished = job.options.patience > 0 && state.stale >= job.options.patience;
    }
}
