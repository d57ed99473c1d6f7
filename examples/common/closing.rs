//! Closing a server in good order, at SIGINT or SIGTERM: it accepts no more, finishes what is in
//! flight, and ends with code 0. A second signal ends it at once, since the first one has given the
//! default back.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use unspin::net::{TcpListener, TcpStream};
use unspin::signal::{self, Signal};

/// A connection over which nothing went for so long has nothing in flight.
pub(crate) const QUIET: Duration = Duration::from_secs(1);

/// Connections that are never quiet are cut off after this.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const SIGNALS: [Signal; 2] = [Signal::INTERRUPT, Signal::TERMINATE];

/// The connections that are open.
#[derive(Clone, Default)]
pub(crate) struct Guests(Rc<RefCell<BTreeMap<SocketAddr, TcpStream>>>);

impl Guests {
    pub(crate) fn came(&self, stream: &TcpStream, peer: SocketAddr) {
        self.0.borrow_mut().insert(peer, stream.clone());
    }

    pub(crate) fn left(&self, peer: SocketAddr) {
        // Dropped where nothing is borrowed.
        let stream = self.0.borrow_mut().remove(&peer);
        drop(stream);
    }

    /// Closes the listener at a signal, and each connection once it is quiet; then nothing keeps the
    /// loop alive.
    pub(crate) fn leave_at_signal(&self, listener: TcpListener) {
        let guests = self.clone();
        signal::once(SIGNALS).callback(move |signal| {
            eprintln!("{}: closing", signal?);
            listener.close();
            for stream in guests.0.borrow().values() {
                stream.set_idle_timeout(Some(QUIET));
                stream.on_idle(TcpStream::close);
            }
            give_up_in_the_end();
            Ok(())
        });
    }
}

pub(crate) fn give_up_in_the_end() {
    unspin::set_timeout(PATIENCE, || unspin::exit(0)).unref();
}
