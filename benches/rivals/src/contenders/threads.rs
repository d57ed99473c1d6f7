//! A thread for each connection, with blocking calls.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;

use super::{Order, Service, TICK, bind};
use crate::Result;

/// A stack has no more pages than were touched; this is what may be.
const STACK: usize = 256 * 1024;

pub(super) fn serve(order: Order) -> Result<()> {
    let buffer = order.own_buffer();
    let listener = bind()?;
    if order.service == Service::Tick {
        thread::Builder::new().stack_size(STACK).spawn(|| {
            loop {
                thread::sleep(TICK);
            }
        })?;
    }
    let each = if order.service == Service::Count { count } else { echo };
    for stream in listener.incoming() {
        let stream = stream?;
        thread::Builder::new().stack_size(STACK).spawn(move || each(stream, buffer))?;
    }
    Ok(())
}

fn echo(mut stream: TcpStream, buffer: usize) -> io::Result<()> {
    let mut buffer = vec![0; buffer];
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..length])?;
    }
}

fn count(mut stream: TcpStream, buffer: usize) -> io::Result<()> {
    let mut buffer = vec![0; buffer];
    let mut counted = 0;
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return stream.write_all(&u64::to_le_bytes(counted));
        }
        counted += length as u64;
    }
}
