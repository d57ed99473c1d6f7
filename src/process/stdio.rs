//! What the descriptors of a child are, and our ends of its pipes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;

use crate::error::Result;
use crate::event_loop::core::Loop;
use crate::pipes::{PipeIo, PipeReader, PipeWriter};
use crate::stream::Kind as _;
use crate::sys::fd;
use crate::trace::Label;

/// What one of a child's descriptors is: inherited, nothing, a pipe, or something that is open here.
///
/// Any `OwnedFd` can be given to a child, and whatever std makes one of: a file, a socket, another
/// child's pipe. Of this crate's streams, `into_fd` gives it.
#[derive(Debug)]
pub struct Stdio(Way);

#[derive(Debug)]
enum Way {
    Inherit,
    Null,
    Piped,
    Reader,
    Writer,
    Given(OwnedFd),
}

impl Stdio {
    /// What this process has under the same number.
    pub fn inherit() -> Stdio {
        Stdio(Way::Inherit)
    }

    /// `/dev/null`: an end at once for who reads, and no end of room for who writes.
    pub fn null() -> Stdio {
        Stdio(Way::Null)
    }

    /// A pipe: for descriptor 0 one that we write, for all others one that we read.
    pub fn piped() -> Stdio {
        Stdio(Way::Piped)
    }

    /// A pipe that we read, whatever the number.
    pub fn reader() -> Stdio {
        Stdio(Way::Reader)
    }

    /// A pipe that we write, whatever the number.
    pub fn writer() -> Stdio {
        Stdio(Way::Writer)
    }

    /// A second descriptor of what is open here, and stays so.
    ///
    /// # Errors
    ///
    /// What the system says: it may be out of descriptors.
    pub fn share(fd: &impl AsFd) -> Result<Stdio> {
        Ok(Stdio(Way::Given(fd.as_fd().try_clone_to_owned()?)))
    }
}

impl<T: Into<OwnedFd>> From<T> for Stdio {
    fn from(fd: T) -> Stdio {
        Stdio(Way::Given(fd.into()))
    }
}

/// Our ends of a child's pipes that nobody has taken; they are closed when all handles of the child
/// are gone.
#[derive(Default)]
pub(super) struct Pipes {
    readers: RefCell<BTreeMap<u32, PipeReader>>,
    writers: RefCell<BTreeMap<u32, PipeWriter>>,
}

impl Pipes {
    pub(super) fn take_reader(&self, number: u32) -> Option<PipeReader> {
        self.readers.borrow_mut().remove(&number)
    }

    pub(super) fn take_writer(&self, number: u32) -> Option<PipeWriter> {
        self.writers.borrow_mut().remove(&number)
    }

    /// Has `then` called as each of them is closed; returns how many there are.
    pub(super) fn after_each_close(&self, then: &Rc<impl Fn() + 'static>) -> usize {
        let (readers, writers) = (self.readers.borrow(), self.writers.borrow());
        for reader in readers.values() {
            let then = Rc::clone(then);
            reader.flow().after_close(move || then());
        }
        for writer in writers.values() {
            let then = Rc::clone(then);
            writer.flow().after_close(move || then());
        }
        readers.len() + writers.len()
    }
}

/// What a child is given, kept open until it has started; and our ends.
#[derive(Default)]
pub(super) struct Arranged {
    pub(super) descriptors: Vec<(RawFd, RawFd)>,
    pub(super) pipes: Pipes,
    /// The child's ends: closed here once it has them, or their end would never come.
    given: Vec<OwnedFd>,
}

impl Arranged {
    pub(super) fn add(
        &mut self,
        core: &Loop,
        label: Label,
        number: u32,
        Stdio(way): Stdio,
    ) -> Result<()> {
        let target = RawFd::try_from(number).map_err(|_| io::ErrorKind::InvalidInput)?;
        match way {
            Way::Inherit => self.descriptors.push((target, target)),
            Way::Null => {
                let null = File::options().read(true).write(true).open("/dev/null")?;
                self.give(null.into(), target);
            }
            Way::Given(fd) => self.give(fd, target),
            Way::Writer => self.add_writer(core, label, number, target)?,
            Way::Piped if number == 0 => self.add_writer(core, label, number, target)?,
            Way::Piped | Way::Reader => self.add_reader(core, label, number, target)?,
        }
        Ok(())
    }

    fn give(&mut self, fd: OwnedFd, target: RawFd) {
        self.descriptors.push((fd.as_raw_fd(), target));
        self.given.push(fd);
    }

    fn add_reader(&mut self, core: &Loop, label: Label, number: u32, target: RawFd) -> Result<()> {
        let (theirs, ours) = mio::unix::pipe::new()?;
        let io = PipeIo::new(ours.into(), name(number));
        let reader = PipeReader::adopt(core, label, io)?;
        self.pipes.readers.borrow_mut().insert(number, reader);
        self.give_blocking(theirs.into(), target)
    }

    fn add_writer(&mut self, core: &Loop, label: Label, number: u32, target: RawFd) -> Result<()> {
        let (ours, theirs) = mio::unix::pipe::new()?;
        let io = PipeIo::new(ours.into(), name(number));
        let writer = PipeWriter::adopt(core, label, io)?;
        self.pipes.writers.borrow_mut().insert(number, writer);
        self.give_blocking(theirs.into(), target)
    }

    /// Programs expect that their descriptors block.
    fn give_blocking(&mut self, fd: OwnedFd, target: RawFd) -> Result<()> {
        fd::set_nonblocking(&fd, false)?;
        self.give(fd, target);
        Ok(())
    }
}

fn name(number: u32) -> String {
    match number {
        0 => "a child's stdin".to_owned(),
        1 => "a child's stdout".to_owned(),
        2 => "a child's stderr".to_owned(),
        _ => format!("a child's descriptor {number}"),
    }
}
