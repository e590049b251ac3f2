//! Repository chores: set-up, tests, tidiness.
fn main() {}
