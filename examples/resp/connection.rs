//! One client: its bytes become commands, and those replies.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

use unspin::net::TcpStream;
use unspin::{Handler, Timer};

use crate::commands::{Call, Table, answer};
use crate::parse::{Command, Parser};
use crate::pubsub::Channels;
use crate::reply::Reply;
use crate::store::{Bytes, Store};

/// Replies are sent when there are so many bytes of them, or no more commands.
const FULL: usize = 64 * 1024;

/// What is still read of a client that gets no more replies: to close with bytes unread would be a
/// reset, which may overtake the last reply.
const MOST_IGNORED: usize = 1 << 20;

/// A client that gets no more replies, and does not go, is closed after so long a silence.
const FAREWELL: Duration = Duration::from_secs(5);

/// What all connections share.
pub(crate) struct Server {
    table: Table,
    shared: RefCell<Shared>,
}

/// Borrowed while commands are answered: nothing of what they use calls back.
#[derive(Default)]
struct Shared {
    store: Store,
    channels: Channels,
    /// Empty between two connections' turns.
    reply: Reply,
    clients: usize,
    clients_ever: u64,
    served: u64,
    /// For the key that is due first.
    timer: Option<(Duration, Timer)>,
}

impl Server {
    pub(crate) fn new() -> Server {
        Server { table: Table::new(), shared: RefCell::default() }
    }

    /// Has a timer for the first key that will be due, so that nothing looks for them meanwhile.
    fn watch_deadlines(self: &Rc<Self>) {
        let mut shared = self.shared.borrow_mut();
        let Some(next) = shared.store.next_deadline() else { return };
        // One that is earlier finds nothing, and is set again.
        if shared.timer.as_ref().is_some_and(|(at, timer)| *at <= next && timer.is_pending()) {
            return;
        }
        let server = Rc::clone(self);
        let delay = next.saturating_sub(unspin::now());
        let timer = unspin::set_timeout(delay, move || {
            let mut shared = server.shared.borrow_mut();
            shared.timer = None;
            shared.store.drop_due(unspin::now());
            drop(shared);
            server.watch_deadlines();
        });
        timer.unref();
        if let Some((_, late)) = shared.timer.replace((next, timer)) {
            late.clear();
        }
    }
}

/// What a command may know and change of the client that sent it.
#[derive(Default)]
pub(crate) struct Client {
    pub(crate) number: u64,
    pub(crate) name: Bytes,
    pub(crate) channels: HashSet<Bytes>,
    /// It gets no more replies.
    pub(crate) leaves: bool,
}

impl Client {
    pub(crate) fn is_subscriber(&self) -> bool {
        !self.channels.is_empty()
    }
}

pub(crate) struct Connection {
    server: Rc<Server>,
    client: Client,
    parser: Parser,
    /// What came and is not answered: the beginning of a command, or what a client that does not
    /// read its replies has sent ahead.
    input: Vec<u8>,
    ended: bool,
    ignored: usize,
}

/// Why no more commands are answered for now.
#[derive(PartialEq)]
enum Stopped {
    /// The next command is not there as a whole.
    Incomplete,
    /// The client has to read first.
    Full,
    /// There will be no more.
    Over,
}

impl Connection {
    pub(crate) fn new(server: &Rc<Server>) -> Connection {
        let mut shared = server.shared.borrow_mut();
        shared.clients += 1;
        shared.clients_ever += 1;
        let client = Client { number: shared.clients_ever, ..Client::default() };
        Connection {
            server: Rc::clone(server),
            client,
            parser: Parser::default(),
            input: Vec::new(),
            ended: false,
            ignored: 0,
        }
    }

    /// Answers the commands in `input`, and returns how many bytes that were.
    fn answer_all(&mut self, stream: &TcpStream, input: &[u8]) -> usize {
        let mut shared = self.server.shared.borrow_mut();
        let shared = &mut *shared;
        let mut used = 0;
        let stopped = loop {
            match self.parser.parse(&input[used..]) {
                Ok(Some(command)) => {
                    used += command.length;
                    answer_one(&self.server.table, shared, &mut self.client, stream, command);
                }
                Ok(None) => break Stopped::Incomplete,
                Err(error) => {
                    shared.reply.error(format!("ERR Protocol error: {error}").as_bytes());
                    self.client.leaves = true;
                }
            }
            if self.client.leaves {
                break Stopped::Over;
            }
            if shared.reply.bytes.len() >= FULL && !send(stream, &mut shared.reply) {
                break Stopped::Full;
            }
        };
        send(stream, &mut shared.reply);
        if stopped == Stopped::Over || stopped == Stopped::Incomplete && self.ended {
            stream.end();
            stream.set_idle_timeout(Some(FAREWELL));
        }
        used
    }

    /// Goes on with what is kept.
    fn go_on(&mut self, stream: &TcpStream) {
        let input = std::mem::take(&mut self.input);
        let used = self.answer_all(stream, &input);
        if !self.client.leaves && used == 0 {
            self.input = input;
        } else if !self.client.leaves {
            // Not in the old place, which was as large as the command.
            self.input.extend_from_slice(&input[used..]);
        }
        self.server.watch_deadlines();
    }
}

#[inline]
fn answer_one(
    table: &Table,
    shared: &mut Shared,
    client: &mut Client,
    stream: &TcpStream,
    command: Command<'_>,
) {
    if command.count() == 0 {
        return;
    }
    shared.served += 1;
    let Shared { store, channels, reply, served, clients, .. } = shared;
    let (served, clients) = (*served, *clients);
    answer(table, &mut Call { command, store, channels, client, stream, reply, served, clients });
}

/// Sends the replies; returns whether the client has room for more.
fn send(stream: &TcpStream, reply: &mut Reply) -> bool {
    if reply.bytes.is_empty() {
        return true;
    }
    if reply.bytes.len() > 2 * FULL {
        return stream.write_owned(std::mem::take(&mut reply.bytes));
    }
    let room = stream.write(&reply.bytes);
    reply.bytes.clear();
    room
}

impl Handler<TcpStream> for Connection {
    fn open(&mut self, stream: &TcpStream) {
        // Without it, replies to commands sent ahead may wait for an acknowledgement. It fails on a
        // connection that is gone again, and that is told otherwise.
        let _ = stream.set_nodelay(true);
        // What the client has sent before its end is answered as well.
        stream.allow_half_open(true);
    }

    fn data(&mut self, stream: &TcpStream, chunk: &[u8]) {
        if self.client.leaves {
            self.ignored += chunk.len();
            if self.ignored > MOST_IGNORED {
                stream.close();
            }
            return;
        }
        if !self.input.is_empty() {
            self.input.extend_from_slice(chunk);
            return self.go_on(stream);
        }
        let used = self.answer_all(stream, chunk);
        if !self.client.leaves {
            self.input.extend_from_slice(&chunk[used..]);
        }
        self.server.watch_deadlines();
    }

    fn drain(&mut self, stream: &TcpStream) {
        if !self.client.leaves {
            self.go_on(stream);
        }
    }

    fn end(&mut self, stream: &TcpStream) {
        self.ended = true;
        if !self.client.leaves {
            self.go_on(stream);
        }
    }

    fn close(&mut self, _: &TcpStream) {
        let mut shared = self.server.shared.borrow_mut();
        shared.clients -= 1;
        for channel in &self.client.channels {
            shared.channels.remove(channel, self.client.number);
        }
    }

    fn idle(&mut self, stream: &TcpStream) {
        stream.close();
    }

    /// A client may leave as it likes.
    fn error(&mut self, _: &TcpStream, _: unspin::Error) {}
}
