//! Sessions over rungs that are right, wrong, slow, broken or lost.

mod cache;
mod faults;
mod ladder;
mod lost;
mod rungs;
mod signed;
