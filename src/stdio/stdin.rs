//! The standard input.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::rc::{Rc, Weak};

use mio::Interest;

use crate::event_loop::core::Loop;
use crate::event_loop::source::Source;
use crate::reactor::Readiness;
use crate::stdio::DescriptorKind;
use crate::stdio::channel::{Channel, Direction};
use crate::stream::{self, Facts, Flow, Kind, byte_reader};
use crate::terminal::Terminal;
use crate::trace::Label;

/// The standard input: a cheap handle, to be cloned at will. See
/// [the module](crate::stdio) for what it may be connected to.
///
/// **The end.** A terminal ends where Ctrl-D is pressed on an empty line, and where it is hung up. At
/// its end the input is closed; the process's descriptor stays open, and to ask for the input again
/// reads on where the system does, behind what a [question](Stdin::read_line) has left.
///
/// **Alive.** While it is read it keeps the loop alive, until its end; an idle or a paused one does
/// not. Nothing is read before somebody wants it, and a program that has read its line and ends does
/// so at once: no thread waits for another.
///
/// ```no_run
/// # fn main() -> unspin::Result<()> {
/// unspin::block_on(async {
///     let stdin = unspin::stdio::stdin()?;
///     while let Some(chunk) = stdin.chunk().await? {
///         println!("{} bytes", chunk.len());
///     }
///     Ok(())
/// })
/// # }
/// ```
pub struct Stdin(Rc<Flow<Stdin>>);

thread_local! {
    /// A thread has one loop nearly always. Owned by the loops.
    static OPEN: RefCell<Vec<Weak<Flow<Stdin>>>> = const { RefCell::new(Vec::new()) };
}

impl Stdin {
    /// The loop's standard input; if it has none that is open, it is opened.
    pub(super) fn of(core: &Loop, open: impl FnOnce() -> io::Result<Stdin>) -> io::Result<Stdin> {
        let is_there =
            |flow: &Rc<Flow<Stdin>>| Rc::ptr_eq(&flow.core, core) && !flow.state.is(Facts::CLOSED);
        let there = OPEN.with_borrow_mut(|flows| {
            flows.retain(|flow| flow.strong_count() > 0);
            flows.iter().filter_map(Weak::upgrade).find(is_there)
        });
        there.map_or_else(open, |flow| Ok(Stdin::of_flow(flow)))
    }

    pub(super) fn open(core: &Loop, label: Label, file: File) -> io::Result<Stdin> {
        let mut channel = Channel::new(file, "input", Direction::In)?;
        let key = core.register_for(&mut channel, Interest::READABLE)?;
        if let Some(stored) = channel.stored() {
            stored.belongs_to(core, key, label);
        }
        let stdin: Stdin = stream::attach(core, key, channel, label);
        // Whether it is readable is not always told, and never of what has no readiness.
        stream::note_readiness(&stdin, Readiness::READABLE);
        core.hold(key, Rc::clone(&stdin.0) as Rc<dyn Source>);
        OPEN.with_borrow_mut(|flows| flows.push(Rc::downgrade(&stdin.0)));
        Ok(stdin)
    }

    /// What it is connected to; `None` once it is closed.
    pub fn kind(&self) -> Option<DescriptorKind> {
        self.0.io.borrow().as_ref().map(Channel::kind)
    }

    /// The terminal that it is connected to, if it is one: for raw mode.
    pub fn terminal(&self) -> Option<Terminal> {
        self.0.io.borrow().as_ref().and_then(Channel::terminal)
    }
}

byte_reader!(Stdin, Channel, "standard input");
