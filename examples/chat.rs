//! A chat room: `cargo run --release --example chat [ADDR]`, then twice `nc 127.0.0.1 7002`.
//!
//! The first line a client sends is its name, and each line after it goes to all others.

mod common;
#[path = "common/leaving.rs"]
mod leaving;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use unspin::Handler;
use unspin::net::{TcpListener, TcpStream};

/// A longer line closes the connection.
const LONGEST_LINE: usize = 1024;

/// A member for whom so many bytes wait does not read, and is closed.
const MOST_WAITING: usize = 256 * 1024;

fn main() -> unspin::Result<()> {
    common::log_from_env();
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7002".to_owned());

    unspin::run(|| {
        let room = Rc::new(Room::default());
        let listener = TcpListener::bind(address)?;
        leaving::leave_at_signal(listener.clone());
        listener.serve(move |_peer| Client::new(&room));
        println!("listening on {}", listener.local_addr()?);
        Ok(())
    })
}

/// What the connections share: the members by name.
#[derive(Default)]
struct Room {
    members: RefCell<BTreeMap<String, TcpStream>>,
}

impl Room {
    /// Lets a client in, unless the name is taken.
    fn join(&self, name: &str, stream: &TcpStream) -> bool {
        if self.members.borrow().contains_key(name) {
            return false;
        }
        self.members.borrow_mut().insert(name.to_owned(), stream.clone());
        self.tell_others(name, &format!("* {name} joined"));
        let names: Vec<String> = self.members.borrow().keys().cloned().collect();
        tell(stream, &format!("* here: {}", names.join(", ")));
        true
    }

    fn leave(&self, name: &str) {
        self.members.borrow_mut().remove(name);
        self.tell_others(name, &format!("* {name} left"));
    }

    /// The members stay borrowed meanwhile: neither `write` nor `close` calls back at once.
    fn tell_others(&self, name: &str, line: &str) {
        for (member, stream) in &*self.members.borrow() {
            if member != name {
                tell(stream, line);
            }
        }
    }
}

fn tell(stream: &TcpStream, line: &str) {
    if stream.writable_length() > MOST_WAITING {
        return stream.close();
    }
    // The lines that came in one chunk leave in one system call.
    stream.cork();
    stream.write_owned(format!("{line}\n"));
}

/// One connection: a member of the room once it has a name.
struct Client {
    room: Rc<Room>,
    name: Option<String>,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
}

impl Client {
    fn new(room: &Rc<Room>) -> Client {
        Client { room: Rc::clone(room), name: None, line: Vec::new() }
    }

    fn said(&mut self, stream: &TcpStream, line: &str) {
        match &self.name {
            Some(name) => self.room.tell_others(name, &format!("{name}: {line}")),
            None if line.is_empty() => tell(stream, "* your name?"),
            None if self.room.join(line, stream) => self.name = Some(line.to_owned()),
            None => tell(stream, "* that name is taken; your name?"),
        }
    }
}

impl Handler<TcpStream> for Client {
    fn open(&mut self, stream: &TcpStream) {
        tell(stream, "* your name?");
    }

    fn data(&mut self, stream: &TcpStream, chunk: &[u8]) {
        for part in chunk.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend_from_slice(part);
            if self.line.len() > LONGEST_LINE {
                return stream.close();
            }
            if self.line.ends_with(b"\n") {
                let line = text(&std::mem::take(&mut self.line));
                self.said(stream, &line);
            }
        }
    }

    fn close(&mut self, _: &TcpStream) {
        if let Some(name) = &self.name {
            self.room.leave(name);
        }
    }
}

/// The line as text, without what could control a terminal.
fn text(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.chars().filter(|character| !character.is_control()).collect::<String>().trim().to_owned()
}
