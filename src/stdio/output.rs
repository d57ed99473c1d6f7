//! The standard outputs.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::rc::{Rc, Weak};

use mio::Interest;

use crate::event_loop::core::Loop;
use crate::event_loop::source::Source;
use crate::stdio::DescriptorKind;
use crate::stdio::channel::{Channel, Direction};
use crate::stream::{self, Facts, Flow, Kind, byte_writer};
use crate::terminal::Terminal;
use crate::trace::Label;

/// The standard output, or that for errors: a cheap handle, to be cloned at will. See
/// [the module](crate::stdio) for what it may be connected to, and for
/// [what becomes of its last bytes](crate::stdio#the-end).
///
/// It can be given to `write!` and `writeln!`: they queue what is not taken at once, as
/// [`write`](Output::write) does, and fail with `BrokenPipe` once it is closed.
///
/// ```
/// use std::io::Write;
///
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let stdout = unspin::stdio::stdout()?;
///     stdout.write(b"hello\n");
///     writeln!(&stdout, "{} bytes so far", stdout.bytes_written())?;
///     Ok(())
/// })
/// # }
/// ```
pub struct Output(Rc<Flow<Output>>);

thread_local! {
    /// With the number of the descriptor. A thread has one loop nearly always. Owned by the loops.
    static OPEN: RefCell<Vec<(u8, Weak<Flow<Output>>)>> = const { RefCell::new(Vec::new()) };
}

impl Output {
    /// The loop's output of this number; if it has none that is open, it is opened.
    pub(super) fn of(
        core: &Loop,
        number: u8,
        open: impl FnOnce() -> io::Result<Output>,
    ) -> io::Result<Output> {
        let there = OPEN.with_borrow_mut(|outputs| {
            outputs.retain(|(_, flow)| flow.strong_count() > 0);
            let same = outputs.iter().filter(|(its, _)| *its == number);
            same.filter_map(|(_, flow)| flow.upgrade())
                .find(|flow| Rc::ptr_eq(&flow.core, core) && !flow.state.is(Facts::CLOSED))
        });
        if let Some(flow) = there {
            return Ok(Output::of_flow(flow));
        }
        let output = open()?;
        OPEN.with_borrow_mut(|outputs| outputs.push((number, Rc::downgrade(&output.0))));
        Ok(output)
    }

    pub(super) fn open(
        core: &Loop,
        label: Label,
        file: File,
        name: &'static str,
    ) -> io::Result<Output> {
        let mut channel = Channel::new(file, name, Direction::Out)?;
        let key = core.register_for(&mut channel, Interest::WRITABLE)?;
        let output: Output = stream::attach(core, key, channel, label);
        core.hold(key, Rc::clone(&output.0) as Rc<dyn Source>);
        Ok(output)
    }

    /// What it is connected to; `None` once it is closed.
    pub fn kind(&self) -> Option<DescriptorKind> {
        self.0.io.borrow().as_ref().map(Channel::kind)
    }

    /// The terminal that it is connected to, if it is one: for the size of its window.
    pub fn terminal(&self) -> Option<Terminal> {
        self.0.io.borrow().as_ref().and_then(Channel::terminal)
    }
}

byte_writer!(Output, Channel, "standard output");

impl Write for &Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let closed = Facts::CLOSED | Facts::FAILED | Facts::ENDING;
        if self.0.state.is(closed) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Output::write(self, bytes);
        Ok(bytes.len())
    }

    /// Does nothing: what is queued is written by the loop.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(&mut &*self, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
