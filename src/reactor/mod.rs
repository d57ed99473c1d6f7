//! Readiness of descriptors, by mio.
//!
//! mio is edge-triggered: an event tells that a direction *became* ready. Whoever owns the
//! descriptor remembers that until the kernel says `WouldBlock`. Every descriptor is registered
//! once, for all it will ever need; pausing is a flag at its owner and no system call.

mod notifier;
mod readiness;

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use mio::event::Source;
use mio::{Events, Interest, Poll, Registry, Token};

use crate::slots::{Key, Slots};

pub(crate) use notifier::Notifier;
pub(crate) use readiness::Readiness;

#[cfg(not(target_pointer_width = "64"))]
compile_error!("unspin needs 64-bit tokens: a slab index and a generation share one");

/// A key that `Slots` cannot give out.
const WAKE: Token = Token(usize::MAX);

/// Events taken from the kernel in one poll; more stay with the kernel until the next turn.
const EVENTS: usize = 1024;

/// The registered descriptors, each with the `S` that its owner left here.
#[derive(Debug)]
pub(crate) struct Reactor<S> {
    poll: Poll,
    events: Events,
    sources: Slots<S>,
    /// What the last poll brought, and how much of it has been taken. An owner may be gone by
    /// then: the key tells.
    ready: Vec<(Key, Readiness)>,
    taken: usize,
}

impl<S> Reactor<S> {
    pub(crate) fn new() -> io::Result<Reactor<S>> {
        Ok(Reactor {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            sources: Slots::new(),
            ready: Vec::with_capacity(EVENTS),
            taken: 0,
        })
    }

    pub(crate) fn notifier(&self) -> io::Result<Notifier> {
        Ok(Notifier::new(mio::Waker::new(self.poll.registry(), WAKE)?))
    }

    /// Registers a descriptor for reading and writing, for good.
    ///
    /// `source` must be something whose drop runs no user code: a `Weak`.
    pub(crate) fn register(&mut self, io: &mut impl Source, source: S) -> io::Result<Key> {
        self.register_for(io, Interest::READABLE | Interest::WRITABLE, source)
    }

    /// Registers a descriptor that is only ever read, as a listener is.
    pub(crate) fn register_readable(&mut self, io: &mut impl Source, source: S) -> io::Result<Key> {
        self.register_for(io, Interest::READABLE, source)
    }

    /// Registers a descriptor for what is asked of it now; `rearm` and `disarm` change that.
    pub(crate) fn register_for(
        &mut self,
        io: &mut impl Source,
        interest: Interest,
        source: S,
    ) -> io::Result<Key> {
        let key = self.sources.next_key();
        self.registry().register(io, token(key), interest)?;
        self.sources.insert(source);
        Ok(key)
    }

    /// Registers again: the kernel looks, and what it finds ready is an event, even if it was told
    /// before.
    pub(crate) fn rearm(
        &self,
        key: Key,
        io: &mut impl Source,
        interest: Interest,
    ) -> io::Result<()> {
        match self.registry().reregister(io, token(key), interest) {
            // It was disarmed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.registry().register(io, token(key), interest)
            }
            other => other,
        }
    }

    /// Keeps the key, and has the kernel tell of nothing until `rearm`.
    pub(crate) fn disarm(&self, io: &mut impl Source) -> io::Result<()> {
        self.registry().deregister(io)
    }

    /// Changes what a descriptor is watched for: a system call, so only for what is rare.
    pub(crate) fn watch_writable(
        &self,
        key: Key,
        io: &mut impl Source,
        writable: bool,
    ) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        let interest = if writable { both } else { Interest::READABLE };
        self.registry().reregister(io, token(key), interest)
    }

    /// Ends a registration, before the descriptor is closed: a duplicate of it elsewhere would
    /// keep its events coming. Events that are already on the way find no source.
    pub(crate) fn deregister(&mut self, key: Key, io: &mut impl Source) -> Option<S> {
        let source = self.sources.remove(key)?;
        // It fails only for a descriptor that was closed behind our back: nothing is left to do.
        let _ = self.registry().deregister(io);
        Some(source)
    }

    pub(crate) fn source(&self, key: Key) -> Option<&S> {
        self.sources.get(key)
    }

    pub(crate) fn source_mut(&mut self, key: Key) -> Option<&mut S> {
        self.sources.get_mut(key)
    }

    pub(crate) fn sources(&self) -> impl Iterator<Item = &S> {
        self.sources.iter().map(|(_, source)| source)
    }

    /// Sleeps until something is ready or `timeout` is over. Returns whether another thread called
    /// `Notifier::notify`.
    ///
    /// A signal ends the sleep early, without an event and without an error.
    pub(crate) fn poll(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        self.ready.clear();
        self.taken = 0;
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
            other => other?,
        }
        let mut notified = false;
        for event in &self.events {
            match event.token() {
                WAKE => notified = true,
                Token(word) => {
                    self.ready.push((Key::from_word(word as u64), Readiness::of(event)));
                }
            }
        }
        Ok(notified)
    }

    /// Takes the next descriptor that the last poll found ready.
    #[inline]
    pub(crate) fn next_ready(&mut self) -> Option<(Key, Readiness)> {
        let next = self.ready.get(self.taken).copied()?;
        self.taken += 1;
        Some(next)
    }

    /// How many have not been taken.
    pub(crate) fn ready_left(&self) -> usize {
        self.ready.len() - self.taken
    }

    fn registry(&self) -> &Registry {
        self.poll.registry()
    }
}

fn token(key: Key) -> Token {
    Token(key.to_word() as usize)
}

impl<S> AsRawFd for Reactor<S> {
    fn as_raw_fd(&self) -> RawFd {
        self.poll.as_raw_fd()
    }
}
