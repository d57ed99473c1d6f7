//! What the tests of awaited streams share.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};

use unspin::net::TcpListener;
use unspin::{Promise, Result};

use crate::util::net::watchdog;

/// Runs a future to its end, unless that takes too long.
#[track_caller]
pub fn block_on<T: 'static>(future: impl Future<Output = Result<T>> + 'static) -> T {
    let guarded = async {
        watchdog();
        future.await
    };
    unspin::block_on(guarded).expect("nothing in it fails")
}

pub fn bind() -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Lets the loop go once around, and see what is ready.
pub async fn next_turn() {
    let turned = Promise::new(|resolver| {
        unspin::set_immediate(move || resolver.resolve(()));
    });
    turned.await.expect("an immediate comes");
}
