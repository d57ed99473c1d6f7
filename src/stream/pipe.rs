//! From one stream into another.

use std::cell::Cell;
use std::panic::Location;
use std::rc::{Rc, Weak};

use crate::error::Result;
use crate::stream::readable::is_displaced;
use crate::stream::{Done, Readable, Reader, Writable};

/// Sends what comes from one stream into another, no faster than the other takes it.
///
/// `from` is paused while `to` is above its high-water mark. When `from` ends, `to` is ended; when
/// either fails or is closed, the other is closed. One that was paused goes on; one that is given
/// another reader, or a data handler, is the pipe's no more, and `to` is left as it is.
/// `to` may stay half open: it is `from` that ends
/// its writing side. What a stream fails with is told to its own error handler. The pipe takes the place of `from`'s data and end handlers, or of these methods
/// of its handler value, and leaves the others alone. So a proxy is two pipes, one each way; piping
/// a stream into itself is an echo.
///
/// ```no_run
/// use unspin::net::{TcpListener, TcpStream};
///
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let proxy = TcpListener::bind("127.0.0.1:7001")?;
///     proxy.on_connection(|client, _peer| {
///         TcpStream::connect("127.0.0.1:7000").callback(move |server| {
///             let server = server?;
///             unspin::pipe(&client, &server);
///             unspin::pipe(&server, &client);
///             Ok(())
///         });
///     });
///     Ok(())
/// })
/// # }
/// ```
#[track_caller]
pub fn pipe<A: Readable + Clone, B: Writable + Clone>(from: &A, to: &B) {
    let at = Location::caller();
    let pipe = Rc::new(Pipe { from: from.clone(), to: to.clone(), ended: Cell::new(false) });
    // Weak, for a sink that nobody has any more is closed: it must not own itself by this.
    let sink = Rc::downgrade(&pipe);
    let done = Done::at(at, move |_| Pipe::sink_done(&sink)).leaving_failures();
    to.when_done(done);
    let source = Rc::clone(&pipe);
    let on_data = move |chunk: &[u8]| {
        pipe.data(chunk);
        Ok(())
    };
    let reader = Reader::at(at, on_data, move |outcome| source.source_done(outcome));
    from.attach_reader(reader.leaving_failures());
    from.resume();
}

/// Owned by what reads from the source, and so by the source.
struct Pipe<A, B> {
    from: A,
    to: B,
    ended: Cell<bool>,
}

impl<A: Readable, B: Writable> Pipe<A, B> {
    fn data(self: &Rc<Self>, chunk: &[u8]) {
        if self.to.write(chunk) {
            return;
        }
        self.from.pause();
        let pipe = Rc::downgrade(self);
        self.to.when_drained(Box::new(move || {
            if let Some(pipe) = pipe.upgrade() {
                pipe.from.resume();
            }
        }));
    }

    /// A source that ended in order tells the sink so; one that broke off takes it along; one that
    /// was given another reader lets go of it.
    fn source_done(&self, outcome: Result<()>) {
        self.ended.set(true);
        match outcome {
            Ok(()) => self.to.end(),
            Err(error) if is_displaced(&error) => {}
            Err(_) => self.to.close(),
        }
    }

    /// One that has ended has nothing more to bring here, but may have much to write.
    fn sink_done(pipe: &Weak<Self>) {
        if let Some(pipe) = pipe.upgrade().filter(|pipe| !pipe.ended.get()) {
            pipe.from.close();
        }
    }
}
