//! The suites that need no GPU.

mod compat;
mod encoder_golden;
mod planted_faults;
mod quantised;
mod same_bits;
