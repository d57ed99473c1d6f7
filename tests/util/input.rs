//! Children whose standard input is a pipe, a file or a socket.

use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Output, Stdio};

use super::{child, stdout};

/// What the input of a child is.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    Pipe,
    File,
    Socket,
}

impl Source {
    pub const ALL: [Source; 3] = [Source::Pipe, Source::File, Source::Socket];
}

/// What one test of this binary prints, in a process that has this input and then its end.
pub fn fed(test: &str, source: Source, text: &[u8]) -> String {
    let mut command = child(test);
    let mut feed: Option<Box<dyn Write>> = None;
    match source {
        Source::Pipe => drop(command.stdin(Stdio::piped())),
        Source::File => drop(command.stdin(file(text))),
        Source::Socket => {
            let (ours, theirs) = UnixStream::pair().expect("there are descriptors left");
            command.stdin(OwnedFd::from(theirs));
            feed = Some(Box::new(ours));
        }
    }
    let mut running = command.stdout(Stdio::piped()).spawn().expect("it can be run");
    if let Some(pipe) = running.stdin.take() {
        feed = Some(Box::new(pipe));
    }
    // It may have ended before: then it wanted no more.
    drop(feed.map(|mut feed| feed.write_all(text)));
    let output: Output = running.wait_with_output().expect("it was not waited for");
    assert!(output.status.success(), "{source:?}: {}", stdout(&output));
    stdout(&output)
}

pub fn file(text: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("there is room");
    file.write_all(text).expect("there is room");
    file.rewind().expect("it is a file");
    file
}
