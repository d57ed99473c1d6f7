//! idle

fn main() {}
