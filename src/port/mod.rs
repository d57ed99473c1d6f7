//! Ports: messages from one part of a program to another, each delivered as a task.
//!
//! The two ports of a channel stand in one thread today. They are meant to stand in two: nothing
//! here lets one side see what the other is doing, and messages are the only way across. Then `T`
//! will have to be `Send` for a port that leaves its thread, and for no other.

mod side;

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;

use crate::error::Outcome;
use crate::event_loop::context::current;
use crate::port::side::Side;
use crate::trace::{CallbackKind, Label};

/// Two ports, each of which delivers what is posted to the other.
///
/// Node's [`MessageChannel`](https://nodejs.org/api/worker_threads.html#class-messagechannel).
///
/// ```
/// use unspin::MessageChannel;
///
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let (here, there) = MessageChannel::new();
///     there.on_message(|number: u32| println!("{number}"));
///     here.post(1);
///     here.post(2);
///     here.close(); // both messages are still delivered
/// })
/// # }
/// ```
#[derive(Debug)]
pub struct MessageChannel<T>(PhantomData<T>);

impl<T: 'static> MessageChannel<T> {
    /// Makes two ports that are each other's other side.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[expect(clippy::new_ret_no_self, reason = "as in Node, where a channel is its two ports")]
    #[track_caller]
    pub fn new() -> (Port<T>, Port<T>) {
        let core = current();
        let label = core.label(CallbackKind::Message, Location::caller());
        let (one, two) = (Side::new(&core, label), Side::new(&core, label));
        one.join(&two);
        (Port::of(one), Port::of(two))
    }
}

/// One end of a [`MessageChannel`]. Clones are one port.
///
/// Messages wait until the port has a message handler. From then on the loop owns it, and it keeps
/// the loop alive until one of the two is closed. Before that its handles own it: dropping the last
/// one closes it.
///
/// Messages are delivered in Poll, in the order in which they were posted, a task each. A port
/// hands over those that it had when its turn began; what is posted meanwhile comes in the next
/// turn, so that ports that answer each other do not keep the loop from anything else.
pub struct Port<T: 'static> {
    side: Rc<Side<T>>,
}

impl<T: 'static> Port<T> {
    fn of(side: Rc<Side<T>>) -> Port<T> {
        side.handle_added();
        Port { side }
    }

    /// Posts a message to the other port, which delivers it in a later task.
    ///
    /// Returns `false` if the channel is closed; the message is dropped then.
    pub fn post(&self, message: T) -> bool {
        self.side.post(message)
    }

    /// Calls `handler` with each message, those that wait already included, and makes this port
    /// keep the loop alive. It replaces the handler that was there. An error it returns is
    /// uncaught, and the other messages are delivered.
    ///
    /// A handler that owns a handle of its own port keeps both in memory until the channel is
    /// closed.
    #[track_caller]
    pub fn on_message<R: Outcome>(&self, mut handler: impl FnMut(T) -> R + 'static) -> &Port<T> {
        let label = self.label(CallbackKind::Message);
        self.side.receive(label, Box::new(move |message| handler(message).into_result()));
        self
    }

    /// Calls `handler` when the channel is closed, by whichever side: in the Close phase, and after
    /// all messages. It replaces the handler that was there.
    #[track_caller]
    pub fn on_close<R: Outcome>(&self, handler: impl FnOnce() -> R + 'static) -> &Port<T> {
        let label = self.label(CallbackKind::Close);
        self.side.set_on_close(label, Box::new(move || handler().into_result()));
        self
    }

    /// Closes the channel: nothing can be posted to either side any more.
    ///
    /// What was posted before is still delivered, also the rest of what this port is delivering
    /// right now. The other side may even get its message handler later. Messages for this side are
    /// dropped if it has none.
    pub fn close(&self) {
        self.side.close();
    }

    /// Whether the channel was closed, by whichever side. Messages may still come.
    pub fn is_closed(&self) -> bool {
        self.side.is_closed()
    }

    /// Lets the loop end although this port receives. Messages are still delivered if the loop
    /// lives.
    pub fn unref(&self) -> &Port<T> {
        self.side.set_referenced(false);
        self
    }

    /// Makes this port keep the loop alive again while it receives, as
    /// [`on_message`](Port::on_message) does.
    pub fn ref_(&self) -> &Port<T> {
        self.side.set_referenced(true);
        self
    }

    /// Whether this port keeps the loop alive.
    pub fn has_ref(&self) -> bool {
        self.side.holds()
    }

    #[track_caller]
    fn label(&self, kind: CallbackKind) -> Label {
        self.side.core().label(kind, Location::caller())
    }
}

impl<T: 'static> Clone for Port<T> {
    fn clone(&self) -> Port<T> {
        Port::of(Rc::clone(&self.side))
    }
}

impl<T: 'static> Drop for Port<T> {
    fn drop(&mut self) {
        self.side.handle_gone();
    }
}

impl<T: 'static> fmt::Debug for Port<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}
