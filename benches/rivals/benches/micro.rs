//! micro

fn main() {}
