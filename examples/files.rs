//! A file server in constant memory: `cargo run --release --example files DIR [ADDR]`, then
//! `echo Cargo.toml | nc 127.0.0.1 7001`.
//!
//! A client sends a name and a line feed. It gets `ok LENGTH`, a line feed and the bytes, or
//! `error MESSAGE` and a line feed, and may ask again. Symbolic links in DIR are followed.

mod common;
#[path = "common/leaving.rs"]
mod leaving;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use unspin::fs::{self, File};
use unspin::net::{TcpListener, TcpStream};
use unspin::{Error, Result};

/// What is read from a file at once: all that a client costs, however large the file is.
const PIECE: usize = 64 * 1024;

/// A longer request is refused.
const LONGEST_LINE: usize = 1024;

/// A client that neither asks nor reads for so long is closed.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    common::log_from_env();
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or_else(|| Error::new("usage: files DIR [ADDR]"))?;
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:7001".to_owned());

    unspin::run(|| {
        let root: Rc<Path> = PathBuf::from(directory).into();
        let listener = TcpListener::bind(address)?;
        leaving::leave_at_signal(listener.clone());
        listener.on_connection(move |stream, _peer| Connection::serve(&root, stream));
        println!("listening on {}", listener.local_addr()?);
        Ok(())
    })
}

/// One client, served one request after the other.
///
/// While a request is served the stream is paused: what the client sends ahead waits in the system,
/// and then in the client. If the client leaves, writing fails, `drain` never comes, and the
/// connection goes with its handlers.
struct Connection {
    root: Rc<Path>,
    stream: TcpStream,
    /// Requests not looked at yet: at most a chunk and the beginning of a line before it.
    asked: RefCell<VecDeque<u8>>,
    /// What is left to send of a file, while nothing of it is being read.
    rest: Cell<Option<Rest>>,
}

struct Rest {
    file: File,
    offset: u64,
    length: u64,
}

impl Connection {
    fn serve(root: &Rc<Path>, stream: TcpStream) {
        stream.set_idle_timeout(Some(PATIENCE));
        let connection = Rc::new(Connection {
            root: Rc::clone(root),
            stream: stream.clone(),
            asked: RefCell::default(),
            rest: Cell::default(),
        });
        let drained = Rc::clone(&connection);
        stream.on_drain(move |_| drained.go_on());
        stream.on_data(move |stream, chunk| {
            stream.pause();
            connection.asked.borrow_mut().extend(chunk);
            connection.go_on();
        });
    }

    /// Called when the client has room for more: the next piece of a file, or the next request.
    fn go_on(self: &Rc<Self>) {
        if let Some(rest) = self.rest.take() {
            return self.send_piece(rest);
        }
        // Many short answers leave in one system call; a full queue ends the loop, until it drains.
        self.stream.cork();
        loop {
            let name = match self.next_line() {
                Line::Complete(name) => name,
                Line::Incomplete => return self.stream.resume(),
                Line::TooLong => return self.give_up(),
            };
            if let Some(path) = path_inside(&self.root, &name) {
                return self.look_up(path);
            }
            if !self.refuse("the name is not allowed") {
                return;
            }
        }
    }

    fn next_line(&self) -> Line {
        let mut asked = self.asked.borrow_mut();
        match asked.iter().take(LONGEST_LINE + 1).position(|&byte| byte == b'\n') {
            Some(end) => {
                let mut line: Vec<u8> = asked.drain(..=end).collect();
                line.pop();
                Line::Complete(line)
            }
            None if asked.len() > LONGEST_LINE => Line::TooLong,
            None => Line::Incomplete,
        }
    }

    fn look_up(self: &Rc<Self>, path: PathBuf) {
        let connection = Rc::clone(self);
        // Before it is opened: opening a device alone may do something.
        fs::metadata(&path).callback(move |metadata| match metadata {
            Ok(metadata) if metadata.is_file() => connection.open(&path, metadata.len()),
            Ok(_) => connection.answer_error("not a file"),
            Err(error) => connection.answer_error(&error.kind().to_string()),
        });
    }

    fn open(self: &Rc<Self>, path: &Path, length: u64) {
        let connection = Rc::clone(self);
        fs::open(path).callback(move |file| match file {
            Ok(file) => connection.send_piece(Rest { file, offset: 0, length }),
            Err(error) => connection.answer_error(&error.kind().to_string()),
        });
    }

    fn send_piece(self: &Rc<Self>, rest: Rest) {
        let wanted = PIECE.min(usize::try_from(rest.length - rest.offset).unwrap_or(PIECE));
        let connection = Rc::clone(self);
        rest.file.read_at(rest.offset, wanted).callback(move |piece| match piece {
            Ok(piece) if piece.len() == wanted => connection.sent(rest, piece),
            Err(error) if rest.offset == 0 => connection.answer_error(&error.kind().to_string()),
            // It failed, or the file was cut off. The client counts bytes, and sees that.
            _ => connection.stream.close(),
        });
    }

    fn sent(self: &Rc<Self>, mut rest: Rest, piece: Vec<u8>) {
        if rest.offset == 0 {
            // The line and the first bytes in one segment.
            self.stream.cork();
            self.stream.write(format!("ok {}\n", rest.length).as_bytes());
        }
        rest.offset += piece.len() as u64;
        if rest.offset < rest.length {
            self.rest.set(Some(rest));
        }
        if self.stream.write_owned(piece) {
            self.go_on();
        }
    }

    fn answer_error(self: &Rc<Self>, message: &str) {
        if self.refuse(message) {
            self.go_on();
        }
    }

    /// Returns whether the client has room for more.
    fn refuse(&self, message: &str) -> bool {
        self.stream.write(format!("error {message}\n").as_bytes())
    }

    /// Reads on to the client's end, and forgets it: to close with bytes unread would be a reset,
    /// which may overtake the message.
    fn give_up(&self) {
        self.asked.take();
        self.refuse("the line is too long");
        self.stream.end();
        self.stream.on_data(|_, _| {});
        self.stream.resume();
    }
}

enum Line {
    Complete(Vec<u8>),
    Incomplete,
    TooLong,
}

/// The path of a name that has no way out of `root`: not absolute, and without `..`.
fn path_inside(root: &Path, name: &[u8]) -> Option<PathBuf> {
    let name = Path::new(std::str::from_utf8(name).ok()?);
    let inside = name.components().all(|part| matches!(part, Component::Normal(_)));
    inside.then(|| root.join(name))
}
