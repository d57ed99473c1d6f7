//! One server, written in five ways, and once as it should not be.
//!
//! A request is 64 bytes, and so is the answer: the same. If the first byte asks for it, the server
//! reads a block from its disk before it answers.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustix::net::listen;
use unspin::net::{ListenOptions, TcpListener as LoopListener, TcpStream as LoopStream};
use unspin_rivals::Result;

use crate::disk::Disk;

/// Of a request, and of its answer.
pub(crate) const MESSAGE: usize = 64;

/// As the first byte of a request: read the disk first.
pub(crate) const FROM_DISK: u8 = 1;

/// Connections that nobody has accepted yet. A full queue makes a client wait for a second.
const BACKLOG: i32 = 4096;

pub(crate) const ONE_AT_A_TIME: &str = "one client at a time";
pub(crate) const CALLBACKS: &str = "unspin, callbacks";
pub(crate) const BLOCKED: &str = "unspin, disk in the callback";

/// Those that are compared everywhere.
pub(crate) const WAYS: [&str; 5] =
    [ONE_AT_A_TIME, "a thread each", "one that spins", CALLBACKS, "unspin, async"];

/// Serves until the process is ended.
pub(crate) fn serve(way: &str, disk: Disk) -> Result<()> {
    let disk = Arc::new(disk);
    match way {
        ONE_AT_A_TIME => one_at_a_time(&bind()?, &disk)?,
        "a thread each" => a_thread_each(&bind()?, &disk)?,
        "one that spins" => spinning(&bind()?, &disk)?,
        CALLBACKS => by_callbacks(disk, answer_later)?,
        BLOCKED => by_callbacks(disk, answer_at_once)?,
        "unspin, async" => by_futures(disk)?,
        _ => return Err(format!("no server is called {way}").into()),
    }
    Ok(())
}

fn bind() -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // It listens already; this only makes the queue longer.
    listen(&listener, BACKLOG)?;
    println!("{}", listener.local_addr()?);
    Ok(listener)
}

fn bind_loop() -> unspin::Result<LoopListener> {
    let options = ListenOptions::new().backlog(BACKLOG as u32);
    let listener = options.bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?);
    Ok(listener)
}

/// What every book begins with. Whoever comes second waits until the first has gone.
fn one_at_a_time(listener: &TcpListener, disk: &Disk) -> io::Result<()> {
    for stream in listener.incoming() {
        // An error is the end of that client.
        let _ = converse(stream?, disk);
    }
    Ok(())
}

fn a_thread_each(listener: &TcpListener, disk: &Arc<Disk>) -> io::Result<()> {
    for stream in listener.incoming() {
        let (stream, disk) = (stream?, Arc::clone(disk));
        thread::Builder::new().spawn(move || converse(stream, &disk))?;
    }
    Ok(())
}

/// Blocks in each step.
fn converse(mut stream: TcpStream, disk: &Disk) -> io::Result<()> {
    let mut message = [0; MESSAGE];
    loop {
        stream.read_exact(&mut message)?;
        if message[0] == FROM_DISK {
            disk.read_block()?;
        }
        stream.write_all(&message)?;
    }
}

/// Asks each socket whether there is something, over and over. A file has no such question.
fn spinning(listener: &TcpListener, disk: &Disk) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut streams = Vec::new();
    loop {
        while let Some(stream) = unless_it_would_block(listener.accept())? {
            stream.0.set_nonblocking(true)?;
            streams.push(stream.0);
        }
        // An error is the end of that client.
        streams.retain_mut(|stream| unless_it_would_block(ask(stream, disk)).is_ok());
    }
}

fn unless_it_would_block<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// A message comes in one piece, and an answer finds room: its client waits for it.
fn ask(stream: &mut TcpStream, disk: &Disk) -> io::Result<()> {
    let mut message = [0; MESSAGE];
    stream.read_exact(&mut message)?;
    if message[0] == FROM_DISK {
        disk.read_block()?;
    }
    stream.write_all(&message)
}

fn by_callbacks(
    disk: Arc<Disk>,
    answer: fn(&LoopStream, &[u8], &Arc<Disk>) -> Result<()>,
) -> Result<()> {
    unspin::run(move || {
        let listener = bind_loop()?;
        listener.on_connection(move |stream, _peer| {
            let disk = Arc::clone(&disk);
            stream.on_data(move |stream, message| {
                if message[0] == FROM_DISK {
                    return answer(stream, message, &disk).map_err(unspin::Error::new);
                }
                stream.write(message);
                Ok(())
            });
        });
        Ok(())
    })?;
    Ok(())
}

/// The pool reads, and the loop goes on.
fn answer_later(stream: &LoopStream, message: &[u8], disk: &Arc<Disk>) -> Result<()> {
    let (stream, message, disk) = (stream.clone(), message.to_vec(), Arc::clone(disk));
    unspin::spawn_blocking(move || disk.read_block()).callback(move |read| {
        read??;
        stream.write_owned(message);
        Ok(())
    });
    Ok(())
}

/// As it should not be: nobody is served while this reads.
fn answer_at_once(stream: &LoopStream, message: &[u8], disk: &Arc<Disk>) -> Result<()> {
    disk.read_block()?;
    stream.write(message);
    Ok(())
}

fn by_futures(disk: Arc<Disk>) -> Result<()> {
    unspin::block_on(async move {
        let listener = bind_loop()?;
        loop {
            let (stream, _peer) = listener.accept().await?;
            unspin::spawn(converse_async(stream, Arc::clone(&disk))).log_err();
        }
    })?;
    Ok(())
}

async fn converse_async(stream: LoopStream, disk: Arc<Disk>) -> unspin::Result<()> {
    while let Some(message) = stream.chunk().await? {
        if message[0] == FROM_DISK {
            let disk = Arc::clone(&disk);
            unspin::spawn_blocking(move || disk.read_block()).await??;
        }
        stream.write_all(&message).await?;
    }
    Ok(())
}
