//! What is said of several runs: statistics, tables and a scatter plot.

pub mod rank;
pub mod scatter;
pub mod statistics;
mod student;
pub mod table;
