//! Lloyd's algorithm (Lloyd 1982): means of all vectors, pass by pass. An empty cluster is put on
//! the vector that lies farthest from its centroid, as scikit-learn does.

use super::farthest::{Candidate, Farthest};
use super::job::Job;
use super::nearest::Nearest;
use super::rows::read_finite;
use super::state::{Saver, State};
use super::sums::Sums;
use crate::error::TrainError;

/// Passes until `state` is finished; false when it stops before.
pub(super) fn run(job: &Job<'_>, state: &mut State) -> Result<bool, TrainError> {
    let mut saver = Saver::new();
    while state.step < job.options.passes && !state.finished {
        if job.stops_at(state.step) {
            return Ok(false);
        }
        pass(job, state)?;
        job.progress
            .set_message(format!("inertia {:.5}", state.inertia));
        saver.save_when_due(state, job)?;
    }
    Ok(true)
}

/// One pass: assign, add up, fill empty clusters, take means.
pub(super) fn pass(job: &Job<'_>, state: &mut State) -> Result<(), TrainError> {
    let (clusters, dim, per_item) = (job.options.clusters, job.rows.dim(), job.rows.per_item());
    let centers = state.centers(job);
    let nearest = Nearest::new(&centers, dim, job.device);
    let mut sums = Sums::new(clusters, dim);
    let mut farthest = Farthest::new(clusters);
    for items in job.blocks() {
        let vectors = read_finite(job.rows, &items)?;
        let tokens = nearest.assign(&vectors);
        let distances = sums.add(&vectors, &tokens, &centers);
        for (place, (&distance, &token)) in distances.iter().zip(&tokens).enumerate() {
            let row = items[place / per_item] * per_item + place % per_item;
            farthest.offer(Candidate {
                distance,
                row,
                token,
            });
        }
        job.progress.inc(1);
    }
    sums.reduce(job.collective)?;
    fill_empty(job, &mut sums, farthest)?;
    let inertia = sums.inertia / job.rows.len() as f64;
    let moved = take_means(state, &sums, dim);
    state.finished = !moved || state.inertia - inertia <= job.options.tolerance * inertia;
    state.inertia = inertia;
    state.step += 1;
    Ok(())
}

/// Gives each empty cluster the farthest vector, which leaves its own.
fn fill_empty(job: &Job<'_>, sums: &mut Sums, farthest: Farthest) -> Result<(), TrainError> {
    let (dim, per_item) = (job.rows.dim(), job.rows.per_item());
    let empty: Vec<usize> = (0..sums.counts.len())
        .filter(|&token| sums.counts[token] == 0)
        .collect();
    if empty.is_empty() {
        return Ok(());
    }
    let candidates = gather(job, &farthest.into_first(sums.counts.len()))?;
    let mut counts = sums.counts.clone();
    let mut taken = Vec::with_capacity(empty.len());
    for candidate in candidates {
        // A vector that is its centroid, or alone with it, gains nothing by a move.
        let left = &mut counts[candidate.token as usize];
        if taken.len() < empty.len() && candidate.distance > 0.0 && *left > 1 {
            *left -= 1;
            taken.push(candidate);
        }
    }
    let mut vectors = vec![0.0f64; taken.len() * dim];
    for (candidate, out) in taken.iter().zip(vectors.chunks_exact_mut(dim)) {
        let (item, place) = (candidate.row / per_item, candidate.row % per_item);
        if job.owns(item) {
            let read = read_finite(job.rows, &[item])?;
            for (out, &value) in out.iter_mut().zip(&read[place * dim..]) {
                *out = f64::from(value);
            }
        }
    }
    job.collective.sum_f64(&mut vectors)?;
    for ((candidate, vector), token) in taken.iter().zip(vectors.chunks_exact(dim)).zip(empty) {
        let from = candidate.token as usize;
        for (axis, &value) in vector.iter().enumerate() {
            sums.values[from * dim + axis] -= value;
            sums.values[token * dim + axis] = value;
        }
        sums.counts[from] -= 1;
        sums.counts[token] = 1;
    }
    Ok(())
}

/// The candidates of all processes, farthest first.
fn gather(job: &Job<'_>, own: &[Candidate]) -> Result<Vec<Candidate>, TrainError> {
    const NUMBERS: usize = 3;
    let (rank, world) = (job.collective.rank(), job.collective.world());
    let most = job.options.clusters * NUMBERS;
    let mut all = vec![0.0f64; world * most];
    // Rows are below 2^53, so that f64 holds them; a distance of 0 is no candidate.
    for (candidate, out) in own.iter().zip(all[rank * most..].chunks_exact_mut(NUMBERS)) {
        out.copy_from_slice(&[
            candidate.distance,
            candidate.row as f64,
            f64::from(candidate.token),
        ]);
    }
    job.collective.sum_f64(&mut all)?;
    let mut candidates: Vec<Candidate> = all
        .chunks_exact(NUMBERS)
        .map(|numbers| Candidate {
            distance: numbers[0],
            row: numbers[1] as usize,
            token: numbers[2] as u32,
        })
        .collect();
    candidates.sort_by(Candidate::rank);
    Ok(candidates)
}

/// Sets each mean that has vectors; whether any of them moved.
fn take_means(state: &mut State, sums: &Sums, dim: usize) -> bool {
    let mut moved = false;
    let means = state.values.chunks_exact_mut(dim).zip(&mut state.weights);
    for ((mean, weight), (sum, &count)) in
        means.zip(sums.values.chunks_exact(dim).zip(&sums.counts))
    {
        *weight = count as f64;
        if count == 0 {
            continue;
        }
        for (value, sum) in mean.iter_mut().zip(sum) {
            let new = sum / count as f64;
            moved |= new != *value;
            *value = new;
        }
    }
    moved
}
