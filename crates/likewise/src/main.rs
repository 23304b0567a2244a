//! Likewise.
fn main() {}
