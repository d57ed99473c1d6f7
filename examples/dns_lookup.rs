//! Looks up hosts and addresses: `cargo run --release --example dns_lookup localhost 127.0.0.1`.
//!
//! All at once, each answer as it comes. It ends with code 1 if one was not found in time.

mod common;

use std::net::IpAddr;
use std::time::Duration;

use unspin::{Error, Request, Result, net};

/// A name server that is dead takes longer to be given up.
const LIMIT: Duration = Duration::from_secs(5);

fn main() -> Result<()> {
    common::log_from_env();
    let asked: Vec<String> = std::env::args().skip(1).collect();
    if asked.is_empty() {
        return Err(Error::new("usage: dns_lookup HOST|ADDRESS…"));
    }
    unspin::run(|| asked.into_iter().for_each(look_up))
}

fn look_up(asked: String) {
    match asked.parse::<IpAddr>() {
        Ok(address) => tell(asked, net::lookup_address(address), |name| name),
        Err(_) => tell(asked.clone(), net::lookup_host(asked), |addresses| {
            addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ")
        }),
    }
}

fn tell<T: 'static>(asked: String, lookup: Request<T>, text: impl FnOnce(T) -> String + 'static) {
    lookup.timeout(LIMIT).callback(move |found| match found {
        Ok(found) => println!("{asked}: {}", text(found)),
        Err(error) => {
            eprintln!("{error}");
            unspin::set_exit_code(1);
        }
    });
}
