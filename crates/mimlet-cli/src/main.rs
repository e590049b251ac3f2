//! The mimlet command line.
fn main() {}
