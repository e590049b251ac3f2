//! The `mimlet` binary as a user runs it: what it prints, how it exits, what it leaves behind.

mod bad_images;
mod bad_input;
mod diff;
mod encode;
mod fixture;
mod imports;
mod inspect;
mod json_keys;
mod signatures;
mod snapshot;
mod sweeps;
#[cfg(feature = "parquet")]
mod tables;
mod tcas;
mod verdicts;
mod watch;
