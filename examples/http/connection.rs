//! One client: its requests, answered one after the other.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use unspin::fs::{self, File};
use unspin::net::TcpStream;
use unspin::{Handler, spawn_blocking};

use crate::answer::Answer;
use crate::body::Body;
use crate::date::Today;
use crate::file::{Found, Wish, find, status_of};
use crate::request::{self, Length};
use crate::response::{Refusal, Then, begin, end, header, length, plain};

/// Responses are sent when there are so many bytes of them, or no more requests.
const FULL: usize = 64 * 1024;

/// A client that sends nothing, and takes nothing, for so long is closed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request has to be there as a whole after this time, however busily it drips.
const LONGEST_REQUEST: Duration = Duration::from_secs(30);

/// What is still read of a client that gets no more responses: to close with bytes unread would be a
/// reset, which may overtake the last response.
const MOST_IGNORED: usize = 1 << 20;

const HELLO: &[u8] = b"hello, world\n";

/// What all connections share.
pub(crate) struct Server {
    root: PathBuf,
    today: RefCell<Today>,
    /// Empty between two connections' turns.
    out: Cell<Vec<u8>>,
}

impl Server {
    pub(crate) fn new(root: PathBuf) -> Server {
        Server { root, today: RefCell::default(), out: Cell::default() }
    }
}

pub(crate) struct Connection {
    server: Rc<Server>,
    stream: TcpStream,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    stage: Stage,
    /// What came and is not looked at yet.
    input: Vec<u8>,
    /// When the request that is coming began.
    since: Option<Duration>,
    ended: bool,
    ignored: usize,
}

#[derive(Default)]
enum Stage {
    #[default]
    Head,
    /// The body of a request, which is echoed or skipped.
    Body(Box<(Body, Answer)>),
    /// A file is looked for, or sent.
    File,
    /// No more requests are answered.
    Over,
}

/// Why no more requests are answered for now.
#[derive(PartialEq)]
enum Stopped {
    Incomplete,
    Full,
    File,
    Over,
}

impl Connection {
    pub(crate) fn serve(server: &Rc<Server>, stream: TcpStream) {
        // Requests that were sent before the client's end are answered as well.
        stream.allow_half_open(true);
        // It fails on a connection that is gone again, and that is told otherwise.
        let _ = stream.set_nodelay(true);
        stream.set_idle_timeout(Some(PATIENCE));
        let server = Rc::clone(server);
        let connection = Connection { server, stream: stream.clone(), state: RefCell::default() };
        stream.handle(Guest(Rc::new(connection)));
    }

    /// Answers the requests in `input`, and returns how many bytes that were.
    fn answer_all(self: &Rc<Self>, state: &mut State, input: &[u8]) -> usize {
        let mut out = self.server.out.take();
        let mut used = 0;
        let stopped = loop {
            match self.step(state, &input[used..], &mut out) {
                Ok(Some(taken)) => used += taken,
                Ok(None) => break Stopped::Incomplete,
                Err(refusal) => {
                    let mut today = self.server.today.borrow_mut();
                    plain(&mut out, refusal.status(), today.text(), Then::Close, true);
                    state.stage = Stage::Over;
                }
            }
            match state.stage {
                Stage::Over => break Stopped::Over,
                Stage::File => break Stopped::File,
                _ => {}
            }
            if out.len() >= FULL && !self.send(&mut out) {
                break Stopped::Full;
            }
        };
        self.send(&mut out);
        self.server.out.set(out);
        state.since = match stopped {
            Stopped::Incomplete if used < input.len() || matches!(state.stage, Stage::Body(_)) => {
                state.since.or_else(|| Some(unspin::now()))
            }
            _ => None,
        };
        if stopped == Stopped::Over || stopped == Stopped::Incomplete && state.ended {
            self.stream.end();
        }
        used
    }

    /// Takes a head or a part of a body; `None` if it takes more bytes to go on.
    fn step(
        self: &Rc<Self>,
        state: &mut State,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<usize>, Refusal> {
        if let Stage::Body(coming) = &mut state.stage {
            let taken = coming.0.take(input)?;
            if !coming.0.is_complete() {
                return if taken > 0 { Ok(Some(taken)) } else { Ok(None) };
            }
            if let Stage::Body(coming) = std::mem::take(&mut state.stage) {
                let (body, answer) = *coming;
                state.since = None;
                state.stage = self.answer(answer, &body.bytes, out);
            }
            return Ok(Some(taken));
        }
        // A line end before a request is allowed.
        if let [b'\r' | b'\n', ..] = input {
            return Ok(Some(1));
        }
        if input.is_empty() {
            return Ok(None);
        }
        let Some(head) = request::parse(input)? else { return Ok(None) };
        let answer = Answer::to(&head, &self.server.root);
        state.stage = if head.body == Length::Known(0) {
            // A request that comes with the next is not that much older.
            state.since = None;
            self.answer(answer, &[], out)
        } else {
            let body = Body::new(head.body, matches!(answer, Answer::Echo { .. }))?;
            if head.awaits_continue {
                out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
            Stage::Body(Box::new((body, answer)))
        };
        Ok(Some(head.length))
    }

    /// Writes the response, or begins to look for the file that it is.
    fn answer(self: &Rc<Self>, answer: Answer, body: &[u8], out: &mut Vec<u8>) -> Stage {
        let mut today = self.server.today.borrow_mut();
        let then = match answer {
            Answer::Hello { with_body, then } => {
                begin(out, "200 OK", today.text(), then);
                header(out, "Content-Type", "text/plain");
                header(out, "Content-Length", "13");
                end(out);
                if with_body {
                    out.extend_from_slice(HELLO);
                }
                then
            }
            Answer::Echo { then } => {
                begin(out, "200 OK", today.text(), then);
                header(out, "Content-Type", "application/octet-stream");
                length(out, body.len() as u64);
                end(out);
                out.extend_from_slice(body);
                then
            }
            Answer::Status { status, with_body, then } => {
                plain(out, status, today.text(), then, with_body);
                then
            }
            Answer::File { path, wish, then } => {
                self.look_for(path, wish, then);
                return Stage::File;
            }
        };
        stage_after(then)
    }

    fn send(&self, out: &mut Vec<u8>) -> bool {
        if out.is_empty() {
            return true;
        }
        let room = self.stream.write(out);
        out.clear();
        if out.capacity() > 4 * FULL {
            *out = Vec::new();
        }
        room
    }

    fn look_for(self: &Rc<Self>, path: PathBuf, wish: Wish, then: Then) {
        // What the client sends ahead waits in the system, and then in the client.
        self.stream.pause();
        let connection = Rc::clone(self);
        let root = self.server.root.clone();
        spawn_blocking(move || find(&root, path)).callback(move |found| match found {
            Ok(Ok(found)) => connection.send_file(found, &wish, then),
            Ok(Err(error)) => connection.refuse_file(status_of(&error), &wish, then),
            Err(_) => connection.refuse_file("500 Internal Server Error", &wish, then),
        });
    }

    fn refuse_file(self: &Rc<Self>, status: &str, wish: &Wish, then: Then) {
        let mut out = Vec::new();
        plain(&mut out, status, self.server.today.borrow_mut().text(), then, wish.with_body);
        self.stream.write_owned(out);
        self.file_done(then);
    }

    fn send_file(self: &Rc<Self>, found: Found, wish: &Wish, then: Then) {
        let mut head = Vec::new();
        let bytes = wish.answer(&found, &mut head, self.server.today.borrow_mut().text(), then);
        // The head leaves with the first bytes of the file.
        self.stream.cork();
        self.stream.write_owned(head);
        if bytes.is_empty() {
            return self.file_done(then);
        }
        let length = bytes.end - bytes.start;
        let connection = Rc::clone(self);
        let file = File::from_std(found.file, found.path);
        fs::send_file(&file, bytes, &self.stream).callback(move |sent| match sent {
            Ok(sent) if sent == length => connection.file_done(then),
            // The file was cut off, or the client has gone. It counts bytes, and sees that.
            _ => connection.stream.close(),
        });
    }

    fn file_done(self: &Rc<Self>, then: Then) {
        if self.stream.is_closed() {
            return;
        }
        self.state.borrow_mut().stage = stage_after(then);
        if then == Then::Close {
            self.stream.end();
        }
        self.stream.resume();
        self.go_on();
    }

    /// Goes on with what is kept.
    fn go_on(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        if let Stage::File | Stage::Over = state.stage {
            return;
        }
        let mut input = std::mem::take(&mut state.input);
        let used = self.answer_all(&mut state, &input);
        if used < input.len() {
            input.drain(..used);
            state.input = input;
        }
    }

    fn received(self: &Rc<Self>, chunk: &[u8]) {
        let mut state = self.state.borrow_mut();
        if let Stage::Over = state.stage {
            state.ignored += chunk.len();
            if state.ignored > MOST_IGNORED {
                self.stream.close();
            }
            return;
        }
        if state.since.is_some_and(|since| unspin::now() - since > LONGEST_REQUEST) {
            return self.time_out(&mut state);
        }
        if !state.input.is_empty() || matches!(state.stage, Stage::File) {
            state.input.extend_from_slice(chunk);
            drop(state);
            return self.go_on();
        }
        let used = self.answer_all(&mut state, chunk);
        state.input.extend_from_slice(&chunk[used..]);
    }

    fn time_out(&self, state: &mut State) {
        let mut out = Vec::new();
        let mut today = self.server.today.borrow_mut();
        plain(&mut out, Refusal::Timeout.status(), today.text(), Then::Close, true);
        self.stream.write_owned(out);
        self.stream.end();
        state.stage = Stage::Over;
    }
}

fn stage_after(then: Then) -> Stage {
    match then {
        Then::KeepAlive => Stage::Head,
        Then::Close => Stage::Over,
    }
}

/// What the stream calls.
struct Guest(Rc<Connection>);

impl Handler<TcpStream> for Guest {
    fn data(&mut self, _: &TcpStream, chunk: &[u8]) {
        self.0.received(chunk);
    }

    fn drain(&mut self, _: &TcpStream) {
        self.0.go_on();
    }

    fn end(&mut self, _: &TcpStream) {
        self.0.state.borrow_mut().ended = true;
        self.0.go_on();
    }

    fn idle(&mut self, stream: &TcpStream) {
        let mut state = self.0.state.borrow_mut();
        if state.since.take().is_some() {
            self.0.time_out(&mut state);
        } else {
            stream.close();
        }
    }

    /// A client may leave as it likes.
    fn error(&mut self, _: &TcpStream, _: unspin::Error) {}
}
