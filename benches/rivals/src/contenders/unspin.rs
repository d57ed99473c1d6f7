//! unspin in its ways: what `examples/echo.rs` and `examples/echo_async.rs` do, line for line, and
//! reads into a buffer of the caller's.

use std::net::Ipv4Addr;

use unspin::net::{TcpListener, TcpStream};
use unspin::{Handler, set_interval, spawn};

use super::{Order, Service, TICK, announce};
use crate::Result;

pub(super) fn by_callbacks(order: Order) -> Result<()> {
    unspin::run(move || {
        let listener = bind(order.service)?;
        if order.service == Service::Count {
            listener.serve(|_peer| Counter::default());
            return Ok(());
        }
        listener.on_connection(|stream, _peer| {
            stream.on_data(|stream, chunk| {
                stream.write(chunk);
            });
        });
        Ok(())
    })?;
    Ok(())
}

#[derive(Default)]
struct Counter {
    bytes: u64,
}

impl Handler<TcpStream> for Counter {
    fn data(&mut self, _: &TcpStream, chunk: &[u8]) {
        self.bytes += chunk.len() as u64;
    }

    fn end(&mut self, stream: &TcpStream) {
        stream.write(&self.bytes.to_le_bytes());
    }
}

pub(super) fn by_chunks(order: Order) -> Result<()> {
    unspin::block_on(async move {
        let listener = bind(order.service)?;
        loop {
            let (stream, _peer) = listener.accept().await?;
            if order.service == Service::Count {
                spawn(count_chunks(stream)).log_err();
                continue;
            }
            spawn(async move {
                while let Some(chunk) = stream.chunk().await? {
                    stream.write_all(&chunk).await?;
                }
                Ok(())
            })
            .log_err();
        }
    })?;
    Ok(())
}

async fn count_chunks(stream: TcpStream) -> unspin::Result<()> {
    let mut counted = 0;
    while let Some(chunk) = stream.chunk().await? {
        counted += chunk.len() as u64;
    }
    stream.write_all(&u64::to_le_bytes(counted)).await
}

pub(super) fn by_reads(order: Order) -> Result<()> {
    let buffer = order.own_buffer();
    unspin::block_on(async move {
        let listener = bind(order.service)?;
        loop {
            let (stream, _peer) = listener.accept().await?;
            match order.service {
                Service::Count => spawn(count_reads(stream, buffer)).log_err(),
                Service::Echo | Service::Tick => spawn(echo_reads(stream, buffer)).log_err(),
            }
        }
    })?;
    Ok(())
}

async fn echo_reads(stream: TcpStream, buffer: usize) -> unspin::Result<()> {
    let mut buffer = vec![0; buffer];
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..length]).await?;
    }
}

async fn count_reads(stream: TcpStream, buffer: usize) -> unspin::Result<()> {
    let mut buffer = vec![0; buffer];
    let mut counted = 0;
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return stream.write_all(&u64::to_le_bytes(counted)).await;
        }
        counted += length as u64;
    }
}

fn bind(service: Service) -> unspin::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    announce(listener.local_addr()?);
    if service == Service::Tick {
        set_interval(TICK, |_| {});
    }
    Ok(listener)
}
