//! fan_in

fn main() {}
