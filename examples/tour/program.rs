//! The program of the tour: an ordinary one, but for what it says.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use unspin::net::TcpListener;
use unspin::{fs, next_tick, queue_microtask, request_frame};
use unspin::{set_immediate, set_interval, set_timeout};

use crate::narrator::{say, show};

pub(crate) fn main() -> unspin::Result<()> {
    say("the script runs first, to its end");

    // Queued in the wrong order on purpose.
    set_timeout(Duration::from_millis(20), || say("20 ms have passed"));
    set_immediate(|| say("right after the poll"));
    queue_microtask(|| {
        say("after all ticks");
        next_tick(|| say("queued by a microtask: after all those"));
    });
    next_tick(|| say("before everything else that waits"));

    read_a_file();
    draw_a_frame();
    look_around();
    serve_echoes()
}

fn read_a_file() {
    fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).callback(|bytes| {
        say(format!("read {} bytes on a pool thread", bytes?.len()));
        queue_microtask(|| say("before the next task"));
        Ok(())
    });
}

fn draw_a_frame() {
    request_frame(|_timestamp| say("one frame was asked for, and one comes"));
}

/// Looks at where it is, and the second time clears itself.
fn look_around() {
    let mut times = 0;
    set_interval(Duration::from_millis(40), move |interval| {
        times += 1;
        say(format!("interval, time {times}"));
        if times == 1 {
            show("the call stack", unspin::stack().to_string().lines());
            show("the heap", unspin::resources().iter().map(ToString::to_string));
        } else {
            interval.clear();
        }
    });
}

/// A server in this thread, and a client in another that talks to it over real sockets.
fn serve_echoes() -> unspin::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let to_close = listener.clone();
    listener.on_connection(move |stream, _peer| {
        say("a connection");
        let listener = to_close.clone();
        stream.on_data(|stream, chunk| {
            say(format!("echo {} bytes", chunk.len()));
            stream.write(chunk);
        });
        stream.on_end(|_| say("the peer has said all"));
        stream.on_close(move |_| {
            say("the stream is closed; so is the listener");
            listener.close();
        });
    });
    std::thread::spawn(move || client(address));
    Ok(())
}

fn client(address: SocketAddr) -> std::io::Result<()> {
    let mut stream = std::net::TcpStream::connect(address)?;
    let mut answer = [0; 5];
    for message in [b"hello", b"again"] {
        stream.write_all(message)?;
        stream.read_exact(&mut answer)?;
        pause();
    }
    stream.shutdown(Shutdown::Write)?;
    stream.read_to_end(&mut Vec::new()).map(drop)
}

/// Long enough for the loop to fall asleep.
#[expect(clippy::disallowed_methods, reason = "this is the client's thread, not the loop's")]
fn pause() {
    std::thread::sleep(Duration::from_millis(30));
}
