//! The suites that need no GPU.

mod compat;
mod encoder_golden;
mod planted_faults;
mod same_bits;
