//! From one stream into another.

use std::rc::Rc;

use crate::event_loop::core::Loop;
use crate::stream::state::Facts;
use crate::stream::{ByteStream, OnStream};
use crate::trace::{At, CallbackKind};

/// Sends what comes from one stream into another, no faster than the other takes it.
///
/// `from` is paused while `to` is above its high-water mark. When `from` ends, `to` is ended; when
/// either fails or is closed, the other is closed. `to` may stay half open: it is `from` that ends
/// its writing side. The pipe takes the place of `from`'s data and end handlers, or of these methods
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
pub fn pipe<A: ByteStream, B: ByteStream>(from: &A, to: &B) {
    connect(&from.flow().core, std::panic::Location::caller(), from, to);
}

fn connect<A: ByteStream, B: ByteStream>(core: &Loop, at: At, from: &A, to: &B) {
    let (source, sink) = (from.flow(), to.flow());
    if source.state.is(Facts::CLOSED) || sink.state.is(Facts::CLOSED) {
        // There is nobody left to tell of it later.
        source.close();
        return sink.close();
    }
    sink.state.set(Facts::HALF_OPEN_ALLOWED);
    close_together(from, to);

    let label = core.label(CallbackKind::Data, at);
    let target = to.clone();
    let end: Box<OnStream<A>> = Box::new(move |_| {
        target.flow().end();
        Ok(())
    });
    source.handlers.fill(|extras| &extras.end, label, end);
    let target = to.clone();
    source.state.clear(Facts::VALUE_READS);
    source.install_data(
        label,
        Box::new(move |from, chunk| {
            if !target.flow().write(chunk) {
                pause_until_drained(from, &target);
            }
            Ok(())
        }),
    );
}

fn pause_until_drained<A: ByteStream, B: ByteStream>(from: &A, to: &B) {
    if to.flow().state.is(Facts::CLOSED) {
        return;
    }
    from.flow().pause();
    let from = Rc::downgrade(from.flow());
    let resume: Box<dyn FnOnce()> = Box::new(move || {
        if let Some(from) = from.upgrade() {
            from.resume();
        }
    });
    if let Some(extras) = to.flow().handlers.extras_to_fill() {
        extras.after_drain.borrow_mut().push(resume);
    }
}

/// A stream that ended in order has told the other so; one that broke off takes it along.
fn close_together<A: ByteStream, B: ByteStream>(from: &A, to: &B) {
    let target = to.clone();
    let source = Rc::downgrade(from.flow());
    after_close(from, move || {
        let in_order = source.upgrade().is_some_and(|source| source.state.is(Facts::READ_ENDED));
        if in_order {
            target.flow().end();
        } else {
            target.flow().close();
        }
    });
    let source = Rc::downgrade(from.flow());
    after_close(to, move || {
        if let Some(source) = source.upgrade() {
            // One that has ended has nothing more to bring here, but may have much to write.
            if !source.state.is(Facts::READ_ENDED) {
                source.close();
            }
        }
    });
}

fn after_close<S: ByteStream>(stream: &S, then: impl FnOnce() + 'static) {
    if let Some(extras) = stream.flow().handlers.extras_to_fill() {
        extras.after_close.borrow_mut().push(Box::new(then));
    }
}
