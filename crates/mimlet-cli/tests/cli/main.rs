//! The `mimlet` binary as a user runs it: what it prints, how it exits, what it leaves behind.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod bad_images;
mod bad_input;
mod encode;
mod fixture;
mod json_keys;
mod tcas;
mod verdicts;
