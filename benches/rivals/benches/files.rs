//! files

fn main() {}
