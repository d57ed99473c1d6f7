//! What smol is made of, on one thread: async-executor's futures over async-io's sockets.

use std::io;
use std::net::TcpStream;

use async_executor::LocalExecutor;
use async_io::{Async, Timer};
use futures_lite::{AsyncReadExt, AsyncWriteExt, StreamExt};

use super::{Order, Service, TICK, bind};
use crate::Result;

pub(super) fn serve(order: Order) -> Result<()> {
    let buffer = order.own_buffer();
    let listener = Async::new(bind()?)?;
    let executor = LocalExecutor::new();
    // The thread that runs the futures waits for the sockets too, as long as nobody else does.
    async_io::block_on(executor.run(async {
        if order.service == Service::Tick {
            executor.spawn(Timer::interval(TICK).for_each(|_| {})).detach();
        }
        loop {
            let (stream, _) = listener.accept().await?;
            match order.service {
                Service::Count => executor.spawn(count(stream, buffer)).detach(),
                Service::Echo | Service::Tick => executor.spawn(echo(stream, buffer)).detach(),
            }
        }
    }))
}

async fn echo(mut stream: Async<TcpStream>, buffer: usize) -> io::Result<()> {
    let mut buffer = vec![0; buffer];
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..length]).await?;
    }
}

async fn count(mut stream: Async<TcpStream>, buffer: usize) -> io::Result<()> {
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
