//! Sources: what services register with the reactor, as the loop sees it.

use std::cell::Cell;
use std::io;
use std::rc::{Rc, Weak};

use mio::Interest;
use mio::event::Source as Descriptor;

use crate::event_loop::core::Core;
use crate::event_loop::guest::Guest;
use crate::reactor::{Reactor, Readiness};
use crate::slots::Key;
use crate::trace::{Label, Resource};

/// A registered descriptor's owner: a listener, a stream.
pub(crate) trait Source {
    /// Runs the tasks that a readiness event makes. Called in Poll, and in Pending for what was
    /// put off. `buffer` is the loop's, lent for the call: to read into.
    fn ready(self: Rc<Self>, readiness: Readiness, buffer: &mut [u8]);

    fn describe(&self) -> Resource;

    /// The run is over, after the exit hooks: the process may end next.
    fn run_ends(&self) {}

    /// The source as a connection, if it is one that the listener with this number accepted.
    fn guest_of(self: Rc<Self>, _host: u32) -> Option<Weak<dyn Guest>> {
        None
    }

    /// The loop is going: close the descriptor and drop the callbacks, without calling them.
    fn abandon(&self);
}

pub(crate) struct SourceSlot {
    source: Weak<dyn Source>,
    /// Set while the loop owns the source, as it does once a data handler is installed.
    held: Option<Rc<dyn Source>>,
}

/// How many sources are at work, and how many of those keep the loop alive.
#[derive(Default)]
pub(crate) struct SourceCounts {
    active: Cell<usize>,
    holding: Cell<usize>,
}

impl SourceCounts {
    pub(crate) fn active(&self) -> usize {
        self.active.get()
    }

    pub(crate) fn holding(&self) -> usize {
        self.holding.get()
    }
}

/// A source's share in `SourceCounts`.
#[derive(Default)]
pub(crate) struct Activity {
    active: Cell<bool>,
    unreferenced: Cell<bool>,
}

impl Activity {
    pub(crate) fn is_active(&self) -> bool {
        self.active.get()
    }

    pub(crate) fn is_referenced(&self) -> bool {
        !self.unreferenced.get()
    }

    pub(crate) fn set_active(&self, core: &Core, active: bool) {
        if self.active.get() != active {
            self.withdraw(core);
            self.active.set(active);
            self.contribute(core);
        }
    }

    pub(crate) fn set_referenced(&self, core: &Core, referenced: bool) {
        self.withdraw(core);
        self.unreferenced.set(!referenced);
        self.contribute(core);
    }

    pub(crate) fn holds(&self) -> bool {
        self.is_active() && self.is_referenced()
    }

    fn withdraw(&self, core: &Core) {
        let counts = &core.sources;
        counts.active.set(counts.active.get() - usize::from(self.is_active()));
        counts.holding.set(counts.holding.get() - usize::from(self.holds()));
    }

    fn contribute(&self, core: &Core) {
        let counts = &core.sources;
        counts.active.set(counts.active.get() + usize::from(self.is_active()));
        counts.holding.set(counts.holding.get() + usize::from(self.holds()));
    }
}

/// What a key leads to between `register` and `attach`.
struct Nobody;

impl Source for Nobody {
    fn ready(self: Rc<Self>, _: Readiness, _: &mut [u8]) {}

    fn describe(&self) -> Resource {
        unreachable!("a Weak to Nobody is never upgraded")
    }

    fn abandon(&self) {}
}

/// A source whose close callback is due. If the loop ends before that, it is abandoned as those are
/// that are registered: its handlers may hold it, and each other.
struct Closing<S: Source>(Rc<S>);

impl<S: Source> Drop for Closing<S> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Core {
    /// Has `finish` called in this turn's Close phase, for a source that is deregistered.
    pub(crate) fn close_source<S: Source + 'static>(
        &self,
        label: Label,
        source: &Rc<S>,
        finish: fn(&Rc<S>),
    ) {
        let closing = Closing(Rc::clone(source));
        self.defer_to_close(label, move |_| finish(&closing.0));
    }

    /// Registers a descriptor, for reading and writing unless it is only ever read.
    ///
    /// # Errors
    ///
    /// What the system says; `NotConnected` once the loop is torn down.
    pub(crate) fn register(&self, io: &mut impl Descriptor, read_only: bool) -> io::Result<Key> {
        let slot = SourceSlot { source: Weak::<Nobody>::new(), held: None };
        let mut reactor = self.reactor.borrow_mut();
        let reactor = reactor.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        if read_only { reactor.register_readable(io, slot) } else { reactor.register(io, slot) }
    }

    /// Registers a descriptor for what is asked of it now; `rearm` and `disarm` change that.
    ///
    /// # Errors
    ///
    /// As `register`.
    pub(crate) fn register_for(
        &self,
        io: &mut impl Descriptor,
        interest: Interest,
    ) -> io::Result<Key> {
        let slot = SourceSlot { source: Weak::<Nobody>::new(), held: None };
        let mut reactor = self.reactor.borrow_mut();
        let reactor = reactor.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        reactor.register_for(io, interest, slot)
    }

    /// Has the kernel look again, and tell what it finds ready, even if it was told before.
    pub(crate) fn rearm(
        &self,
        key: Key,
        io: &mut impl Descriptor,
        interest: Interest,
    ) -> io::Result<()> {
        let reactor = self.reactor.borrow();
        reactor.as_ref().ok_or(io::ErrorKind::NotConnected)?.rearm(key, io, interest)
    }

    /// Has the kernel tell nothing of a descriptor until it is rearmed.
    pub(crate) fn disarm(&self, io: &mut impl Descriptor) -> io::Result<()> {
        self.reactor.borrow().as_ref().map_or(Ok(()), |reactor| reactor.disarm(io))
    }

    /// Tells whom the events of a registered descriptor are for.
    pub(crate) fn attach(&self, key: Key, source: Weak<dyn Source>) {
        self.with_slot(key, |slot| slot.source = source);
    }

    /// Makes the loop own a source, until it is deregistered.
    pub(crate) fn hold(&self, key: Key, source: Rc<dyn Source>) {
        self.with_slot(key, |slot| slot.held = Some(source));
    }

    /// Stops owning a source, which stays registered.
    pub(crate) fn release(&self, key: Key) {
        let mut held = None;
        self.with_slot(key, |slot| held = slot.held.take());
        drop(held);
    }

    /// Lets a source that is registered for reading hear of a writable descriptor as well, or no
    /// longer. For datagrams: their descriptor says so after each one that was sent.
    ///
    /// # Errors
    ///
    /// What the system says; `NotConnected` once the loop is torn down.
    pub(crate) fn watch_writable(
        &self,
        key: Key,
        io: &mut impl Descriptor,
        writable: bool,
    ) -> io::Result<()> {
        let reactor = self.reactor.borrow();
        let reactor = reactor.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        reactor.watch_writable(key, io, writable)
    }

    /// Ends a registration; what the loop owned is given back, to be dropped outside.
    pub(crate) fn deregister(&self, key: Key, io: &mut impl Descriptor) -> Option<Rc<dyn Source>> {
        let mut reactor = self.reactor.borrow_mut();
        reactor.as_mut()?.deregister(key, io)?.held
    }

    pub(crate) fn source(&self, key: Key) -> Option<Rc<dyn Source>> {
        self.reactor.borrow().as_ref()?.source(key)?.source.upgrade()
    }

    /// The next source that Poll found ready. Those that are gone by now are passed over.
    #[inline]
    fn next_ready(&self) -> Option<(Rc<dyn Source>, Readiness)> {
        let mut reactor = self.reactor.borrow_mut();
        let reactor = reactor.as_mut()?;
        loop {
            let (key, readiness) = reactor.next_ready()?;
            let source = reactor.source(key).and_then(|slot| slot.source.upgrade());
            if let Some(source) = source {
                return Some((source, readiness));
            }
        }
    }

    /// Runs the tasks of the sources that are ready.
    pub(crate) fn run_sources(self: &Rc<Self>) {
        let mut buffer = self.take_read_buffer();
        while !self.lifetime.has_ended() {
            let Some((source, readiness)) = self.next_ready() else { break };
            source.ready(readiness, &mut buffer[..]);
        }
        self.put_read_buffer(buffer);
    }

    /// Lets a source go on that had used up its budget.
    pub(crate) fn resume_source(&self, key: Key) {
        self.tell_ready(key, Readiness::NONE);
    }

    /// Tells a source that it is ready, where no poll finds that out.
    pub(crate) fn tell_ready(&self, key: Key, readiness: Readiness) {
        if let Some(source) = self.source(key) {
            let mut buffer = self.take_read_buffer();
            source.ready(readiness, &mut buffer[..]);
            self.put_read_buffer(buffer);
        }
    }

    pub(crate) fn sources_ready(&self) -> usize {
        self.reactor.borrow().as_ref().map_or(0, Reactor::ready_left)
    }

    /// All sources, to be asked or abandoned where nothing is borrowed.
    pub(crate) fn all_sources(&self) -> Vec<Rc<dyn Source>> {
        let reactor = self.reactor.borrow();
        let slots = reactor.iter().flat_map(Reactor::sources);
        slots.filter_map(|slot| slot.source.upgrade()).collect()
    }

    fn with_slot(&self, key: Key, change: impl FnOnce(&mut SourceSlot)) {
        let mut reactor = self.reactor.borrow_mut();
        if let Some(slot) = reactor.as_mut().and_then(|reactor| reactor.source_mut(key)) {
            change(slot);
        }
    }
}
