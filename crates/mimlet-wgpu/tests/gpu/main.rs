//! Kernels and encoders on every GPU of this machine, opened with the limits of the smallest; a
//! software driver such as lavapipe is one. Without any GPU these tests fail, unless `MIMLET_GPU` is
//! `skip`.

mod compiled;
mod encoder;
mod faults;
mod machine;
mod matrices;
mod model;
mod parity;
mod parts;
mod planted;
mod subgroups;
