//! What the crate promises, by promise: round trips, one test per lie, no panic on any bytes.

mod forge;
mod round_trip;
