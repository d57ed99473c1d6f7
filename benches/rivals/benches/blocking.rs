//! blocking

fn main() {}
