//! Sessions over rungs that are right, wrong, slow, broken or lost.

mod cache;
mod ladder;
mod rungs;
