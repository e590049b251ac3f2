//! What the crate promises, by promise: round trips, one test per lie, no panic on any bytes.

mod any_bytes;
mod document;
mod encoding;
mod files;
mod forge;
mod header;
mod manifest;
mod places;
mod round_trip;
mod signature;
mod table;
mod values;
