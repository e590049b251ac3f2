//! The `mimlet` binary as a user runs it: what it prints, how it exits, what it leaves behind.

mod bad_images;
mod bad_input;
mod encode;
mod fixture;
mod json_keys;
mod sweeps;
#[cfg(feature = "parquet")]
mod tables;
mod tcas;
mod verdicts;
