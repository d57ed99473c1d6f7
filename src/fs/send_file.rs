//! From a file into a stream, without a copy through this program.

use std::cell::{Cell, OnceCell};
use std::fs::File as StdFile;
use std::io::ErrorKind;
use std::mem;
use std::ops::RangeBounds;
use std::os::fd::AsRawFd;
use std::panic::Location;
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, PoisonError};

use mio::Interest;
use mio::unix::SourceFd;

use crate::error::{Error, Result};
use crate::event_loop::core::Loop;
use crate::event_loop::source::{Activity, Source};
use crate::fs::file::{File, Inner};
use crate::fs::reader::Span;
use crate::fs::sender::{self, Sent, Then};
use crate::pool::Lane;
use crate::reactor::Readiness;
use crate::request::{Complete, Request, Stop, Underway};
use crate::slots::Key;
use crate::stream::{ByteStream, Facts, Flow, Io, WriteQueue};
use crate::trace::{Label, Resource, ResourceKind};

/// Sends a part of a file into a stream; gives the number of bytes, which are fewer if the file is
/// shorter.
///
/// The system copies them from its cache to the socket, and this program does not see them. A pool
/// thread asks it to, since the file may have to be fetched from a disk, and comes back when the
/// socket is full: so a slow peer holds no thread, and no memory. Where the system cannot do that,
/// with a file of `/proc` for example, the bytes are read and written.
///
/// What was written to the stream before comes first, and what is written meanwhile comes after. A
/// second file that is asked for meanwhile waits until that is sent, too: the stream's queue drains.
/// [`bytes_written`](crate::net::TcpStream::bytes_written) tells how far it got. Aborting it leaves the
/// peer with a part, and the stream free for what is written next; what was written before is sent
/// all the same.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// use unspin::fs;
/// use unspin::net::{TcpListener, TcpStream};
///
/// unspin::block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let client = TcpStream::connect(listener.local_addr()?).await?;
///     let (server, _peer) = listener.accept().await?;
///     let file = fs::open("Cargo.toml").await?;
///     assert_eq!(fs::send_file(&file, ..9, &server).await?, 9);
///     let mut text = [0; 9];
///     client.read_exact(&mut text).await?;
///     assert_eq!(&text, b"[package]");
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// `NotConnected` if the stream is closed, `BrokenPipe` if its end was called before this began (a
/// second file begins when the first is sent) or the peer is gone, `NotSeekable` for what has no
/// offsets, such as a pipe, and what else reading the file fails with. The stream stays open.
#[track_caller]
pub fn send_file<S: ByteStream>(
    file: &File,
    range: impl RangeBounds<u64>,
    stream: &S,
) -> Request<u64> {
    let (from, span) = (Arc::clone(&file.inner), Span::of(&range));
    let stream = stream.clone();
    Request::new(Location::caller(), move |core, label, complete| {
        Sending::begin(core, label, complete, from, span, stream)
    })
}

struct Sending<S: ByteStream> {
    core: Loop,
    label: Label,
    stream: S,
    from: Arc<Inner>,
    /// What was written before, while no job has it.
    head: Cell<WriteQueue>,
    /// What is left.
    span: Cell<Span>,
    sent: Cell<u64>,
    complete: Cell<Option<Complete<u64>>>,
    stop: Stop,
    /// The stream's socket by another descriptor, which stays open for as long as a job uses it.
    /// There from the beginning on.
    to: OnceCell<Arc<StdFile>>,
    /// Registered when the socket is full for the first time.
    key: Cell<Option<Key>>,
    activity: Activity,
}

/// Dropped with the handlers of the stream, when that is closed.
struct WhileOpen<S: ByteStream>(Rc<Sending<S>>);

impl<S: ByteStream> Drop for WhileOpen<S> {
    fn drop(&mut self) {
        if self.0.flow().state.is(Facts::CLOSED) {
            self.0.end_later(self.0.failure(ErrorKind::NotConnected));
        }
    }
}

impl<S: ByteStream> Sending<S> {
    fn begin(
        core: &Loop,
        label: Label,
        complete: Complete<u64>,
        from: Arc<Inner>,
        span: Span,
        stream: S,
    ) -> Underway {
        let sending = Rc::new(Sending {
            core: Rc::clone(core),
            label,
            stream,
            from,
            head: Cell::default(),
            span: Cell::new(span),
            sent: Cell::new(0),
            complete: Cell::new(Some(complete)),
            stop: Stop::default(),
            to: OnceCell::new(),
            key: Cell::new(None),
            activity: Activity::default(),
        });
        sending.wait_for_others();
        let unwanted = Rc::clone(&sending);
        let cancel = move |_: &Loop| sending.cancel();
        let cancel = Underway::Other(Box::new(cancel));
        Underway::Told(Box::new(cancel), Rc::new(move || unwanted.call_off()))
    }

    fn flow(&self) -> &Rc<Flow<S>> {
        self.stream.flow()
    }

    fn failure(&self, error: impl Into<std::io::Error>) -> Error {
        Error::io(format!("send {}", self.from.path.display()), error.into())
    }

    /// One at a time.
    fn wait_for_others(self: &Rc<Self>) {
        if self.stop.is_set() {
            return self.end_later(Error::cancelled());
        }
        let flow = self.flow();
        if flow.state.is(Facts::CLOSED | Facts::FAILED) {
            return self.end_later(self.failure(ErrorKind::NotConnected));
        }
        if flow.state.is(Facts::ENDING) {
            return self.end_later(self.failure(ErrorKind::BrokenPipe));
        }
        if !flow.state.is(Facts::LENT) {
            return self.send_first();
        }
        let while_open = WhileOpen(Rc::clone(self));
        flow.when_drained(Box::new(move || while_open.0.wait_for_others()));
    }

    fn send_first(self: &Rc<Self>) {
        let opened =
            self.flow().io.borrow().as_ref().map_or(Err(ErrorKind::NotConnected.into()), |io| {
                io.to_send_to().ok_or(ErrorKind::Unsupported)?.try_clone_to_owned()
            });
        match opened {
            Err(error) => self.end_later(self.failure(error)),
            Ok(fd) => {
                // It is empty: this is called once.
                let _ = self.to.set(Arc::new(StdFile::from(fd)));
                self.head.set(self.flow().lend());
                let while_open = WhileOpen(Rc::clone(self));
                self.flow().when_drained(Box::new(move || drop(while_open)));
                self.send();
            }
        }
    }

    fn send(self: &Rc<Self>) {
        let (from, span, stop) = (Arc::clone(&self.from), self.span.get(), self.stop.clone());
        let Some(to) = self.to.get().map(Arc::clone) else { return };
        // Shared, because a job that cannot be started is dropped: the bytes are not.
        let head = Arc::new(Mutex::new(self.head.take()));
        let (sending, shared) = (Rc::clone(self), Arc::clone(&head));
        let work = move || Ok(sender::send(take_from(&shared), &from, span, &to, &stop));
        self.core.submit(Lane::Fs, self.label, "send", work, move |_, result| {
            if result.is_err() {
                sending.head.set(take_from(&head));
            }
            sending.came_back(result);
        });
    }

    fn came_back(self: &Rc<Self>, result: Result<Sent>) {
        let then = result.and_then(|Sent { head, head_length, length, then }| {
            self.head.set(head);
            let span = self.span.get();
            self.span.set(Span { start: span.start + length, ..span });
            self.sent.set(self.sent.get() + length);
            self.flow().note_lent_sent(head_length + length);
            then
        });
        match then {
            Err(error) => self.end(Err(error)),
            Ok(Then::Done) => self.end(Ok(self.sent.get())),
            Ok(_) if self.stop.is_set() || self.flow().state.is(Facts::CLOSED) => {
                self.end(Err(self.failure(ErrorKind::NotConnected)));
            }
            Ok(Then::More) => self.send(),
            Ok(Then::Full) => self.wait_for_room(),
        }
    }

    /// The kernel looks at once, so that room which came meanwhile is not missed.
    fn wait_for_room(self: &Rc<Self>) {
        let Some(to) = self.to.get() else { return };
        let fd = to.as_raw_fd();
        let io = &mut SourceFd(&fd);
        let armed = match self.key.get() {
            Some(key) => self.core.rearm(key, io, Interest::WRITABLE),
            None => self.core.register_for(io, Interest::WRITABLE).map(|key| {
                let source: Weak<Sending<S>> = Rc::downgrade(self);
                self.core.attach(key, source);
                self.core.hold(key, Rc::clone(self) as Rc<dyn Source>);
                self.key.set(Some(key));
            }),
        };
        match armed {
            Ok(()) => self.activity.set_active(&self.core, true),
            Err(error) => self.end(Err(self.failure(error))),
        }
    }

    /// Takes it back if it has not begun: nothing of it was sent.
    fn cancel(self: &Rc<Self>) -> bool {
        let is_early = self.to.get().is_none();
        if is_early {
            self.end_later(Error::cancelled());
        }
        is_early
    }

    /// Ends it at the next piece; at once if it waits for the peer, who may never read.
    fn call_off(self: &Rc<Self>) {
        self.stop.set();
        if self.activity.is_active() {
            self.end_later(Error::cancelled());
        }
    }

    /// An end from inside of user code, or of the stream: told in the next turn.
    fn end_later(self: &Rc<Self>, error: Error) {
        if let Some(complete) = self.complete.take() {
            self.let_go();
            if !self.core.lifetime.has_ended() {
                self.core.defer(self.label, move |core| complete(core, Err(error)));
            }
        }
    }

    fn end(self: &Rc<Self>, result: Result<u64>) {
        if let Some(complete) = self.complete.take() {
            self.let_go();
            complete(&self.core, result);
        }
    }

    fn let_go(&self) {
        self.activity.set_active(&self.core, false);
        if let (Some(key), Some(to)) = (self.key.take(), self.to.get()) {
            drop(self.core.deregister(key, &mut SourceFd(&to.as_raw_fd())));
        }
        if self.to.get().is_some() {
            self.flow().give_back(self.head.take());
        }
    }
}

fn take_from(head: &Mutex<WriteQueue>) -> WriteQueue {
    mem::take(&mut *head.lock().unwrap_or_else(PoisonError::into_inner))
}

impl<S: ByteStream> Source for Sending<S> {
    fn ready(self: Rc<Self>, _: Readiness, _: &mut [u8]) {
        // Readiness may be told more than once.
        if self.activity.is_active() {
            self.activity.set_active(&self.core, false);
            if self.stop.is_set() {
                return self.end(Err(Error::cancelled()));
            }
            self.send();
        }
    }

    fn describe(&self) -> Resource {
        Resource {
            kind: ResourceKind::Request,
            at: self.label.at,
            state: format!("sending {}", self.from.path.display()).into(),
            bytes: 0,
            holds: self.activity.holds(),
        }
    }

    fn abandon(&self) {
        drop(self.complete.take());
        self.activity.set_active(&self.core, false);
        if let (Some(key), Some(to)) = (self.key.take(), self.to.get()) {
            drop(self.core.deregister(key, &mut SourceFd(&to.as_raw_fd())));
        }
    }
}
