//! Closing a server in good order, at SIGINT or SIGTERM: it accepts no more, finishes what is in
//! flight, and ends with code 0. A second signal ends it at once, since the first one has given the
//! default back.

use std::time::Duration;

use unspin::net::TcpListener;
use unspin::signal::{self, Signal};

/// Connections that are never quiet are cut off after this.
const GRACE: Duration = Duration::from_secs(30);

const SIGNALS: [Signal; 2] = [Signal::INTERRUPT, Signal::TERMINATE];

/// Closes the listener at a signal, and each connection once it is quiet; then nothing keeps the
/// loop alive.
pub(crate) fn leave_at_signal(listener: TcpListener) {
    signal::once(SIGNALS).callback(move |signal| {
        eprintln!("{}: closing", signal?);
        listener.close_all(GRACE).callback(|closed| {
            let cut_off = closed?.cut_off;
            if cut_off > 0 {
                eprintln!("{cut_off} connections were cut off");
            }
            unspin::Result::Ok(())
        });
        unspin::Result::Ok(())
    });
}
