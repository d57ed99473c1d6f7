//! tokio on one thread: a task for each connection, and each with a buffer of its own.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Order, Service, TICK, announce};
use crate::Result;

pub(super) fn serve(order: Order) -> Result<()> {
    let buffer = order.own_buffer();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        announce(listener.local_addr()?);
        if order.service == Service::Tick {
            tokio::spawn(tick());
        }
        loop {
            let (stream, _) = listener.accept().await?;
            match order.service {
                Service::Count => tokio::spawn(count(stream, buffer)),
                Service::Echo | Service::Tick => tokio::spawn(echo(stream, buffer)),
            };
        }
    })
}

async fn tick() -> io::Result<()> {
    let mut interval = tokio::time::interval(TICK);
    loop {
        interval.tick().await;
    }
}

async fn echo(mut stream: TcpStream, buffer: usize) -> io::Result<()> {
    let mut buffer = vec![0; buffer];
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..length]).await?;
    }
}

async fn count(mut stream: TcpStream, buffer: usize) -> io::Result<()> {
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
