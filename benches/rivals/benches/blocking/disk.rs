//! A slow disk: a pipe that takes questions, another that gives blocks, and a thread in between.
//!
//! To those who read it, it behaves as a busy disk does: a read blocks the thread that asks for
//! milliseconds, there is no asking whether it would, and several at once do not make it faster.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;
use unspin_rivals::Result;

/// What a pipe takes and gives whole.
const BLOCK: usize = 4096;

const A_READ_TAKES: Duration = Duration::from_millis(5);

/// One end of it.
pub(crate) struct Disk {
    questions: File,
    blocks: File,
}

/// The first byte of a question, and that of the last one.
const READ: u8 = 1;
const STOP: u8 = 0;

/// What is between the pipes. Each server gets a new one: no block that another one asked for.
pub(crate) struct Spindle {
    folder: TempDir,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Spindle {
    pub(crate) fn start(parent: &Path) -> Result<Spindle> {
        let folder = tempfile::tempdir_in(parent)?;
        for name in ["questions", "blocks"] {
            let path = folder.path().join(name);
            mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        }
        let disk = Disk::open(folder.path())?;
        Ok(Spindle { folder, thread: Some(thread::spawn(move || answer(&disk))) })
    }

    /// Where it can be opened.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Spindle {
    fn drop(&mut self) {
        let asked = Disk::open(self.folder()).and_then(|disk| disk.ask(STOP));
        if let (Ok(()), Some(thread)) = (asked, self.thread.take()) {
            // What went wrong there, its readers have said.
            let _ = thread.join();
        }
    }
}

fn answer(disk: &Disk) -> io::Result<()> {
    let mut question = [READ];
    loop {
        (&disk.questions).read_exact(&mut question)?;
        if question == [STOP] {
            return Ok(());
        }
        thread::sleep(A_READ_TAKES);
        (&disk.blocks).write_all(&[0; BLOCK])?;
    }
}

impl Disk {
    pub(crate) fn open(folder: &Path) -> io::Result<Disk> {
        // Both directions: opening then does not wait for the other end, and none is ever closed.
        let open = |name| OpenOptions::new().read(true).write(true).open(folder.join(name));
        Ok(Disk { questions: open("questions")?, blocks: open("blocks")? })
    }

    /// Blocks until there is one.
    pub(crate) fn read_block(&self) -> io::Result<()> {
        self.ask(READ)?;
        (&self.blocks).read_exact(&mut [0; BLOCK])
    }

    fn ask(&self, question: u8) -> io::Result<()> {
        (&self.questions).write_all(&[question])
    }
}
