//! Echo servers, each in a process of its own, and the client that loads them.
//!
//! The client sends a message on each connection, then reads all answers, and again.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Plan, Result, median, text};

const CONNECTIONS: usize = 50;
const MESSAGE: usize = 64;

/// Of those servers that read into one of their own.
const BUFFER: usize = 4096;

const SERVERS: [&str; 4] =
    ["unspin, callbacks", "unspin, async, chunk", "unspin, async, read", "tokio, read"];

/// The server that the last column compares with.
const RIVAL: &str = "tokio, read";

pub(crate) fn compare(plan: &Plan) -> Result<()> {
    println!(
        "\n{:<28} {:>10} {:>14} {:>15} {:>8}",
        format!("echo, {CONNECTIONS} x {MESSAGE} B"),
        "requests/s",
        "CPU us/request",
        "[least-most]",
        "of tokio",
    );
    let mut speeds = SERVERS.map(|_| Vec::new());
    let mut costs = SERVERS.map(|_| Vec::new());
    for _ in 0..plan.turns {
        for ((server, speeds), costs) in SERVERS.iter().zip(&mut speeds).zip(&mut costs) {
            let (speed, cost) = measure(server, Duration::from_millis(plan.echo_millis))?;
            speeds.push(speed);
            costs.push(cost);
        }
    }
    let rival = SERVERS.iter().position(|server| *server == RIVAL).and_then(|at| costs.get(at));
    let rival = rival.cloned().unwrap_or_default();
    for ((server, speeds), costs) in SERVERS.iter().zip(speeds).zip(costs) {
        // Neighbours in time are compared, and then the median taken.
        let shares = costs.iter().zip(&rival).map(|(cost, rival)| cost / rival).collect();
        let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
        let most = costs.iter().copied().fold(0.0, f64::max);
        println!(
            "{server:<28} {:>10} {:>14} {:>15} {:>8}",
            text(median(speeds), 0),
            text(median(costs), 3),
            format!("[{least:.3}-{most:.3}]"),
            text(median(shares), 2),
        );
    }
    Ok(())
}

/// Requests per second, and microseconds of the server's processor time for each.
fn measure(server: &str, time: Duration) -> Result<(f64, f64)> {
    let mut server = Server::start(server)?;
    let mut streams = server.connect()?;
    load(&mut streams, time / 5)?;
    let before = server.cpu()?;
    let start = Instant::now();
    let requests = load(&mut streams, time)? as f64;
    let elapsed = start.elapsed();
    let spent = server.cpu()? - before;
    drop(streams);
    server.wait()?;
    Ok((requests / elapsed.as_secs_f64(), spent.as_secs_f64() * 1e6 / requests))
}

/// Sends and receives until `time` is over; returns the number of requests.
fn load(streams: &mut [TcpStream], time: Duration) -> io::Result<usize> {
    let message = [7; MESSAGE];
    let mut answer = [0; MESSAGE];
    let mut requests = 0;
    let start = Instant::now();
    while start.elapsed() < time {
        for stream in &mut *streams {
            stream.write_all(&message)?;
        }
        for stream in &mut *streams {
            stream.read_exact(&mut answer)?;
        }
        requests += streams.len();
    }
    assert_eq!(answer, message);
    Ok(requests)
}

/// A server in a process of its own. It ends when its connections have ended.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(server: &str) -> Result<Server> {
        let mut child = Command::new(env::current_exe()?)
            .args(["--serve", server, &CONNECTIONS.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().expect("it is piped");
        let mut server = Server { child, address: String::new() };
        BufReader::new(stdout).read_line(&mut server.address)?;
        Ok(server)
    }

    fn connect(&self) -> io::Result<Vec<TcpStream>> {
        (0..CONNECTIONS).map(|_| TcpStream::connect(self.address.trim())).collect()
    }

    fn wait(&mut self) -> Result<()> {
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the server: {status}").into()) }
    }

    /// Processor time of its threads, to the nanosecond: exact while it sleeps.
    fn cpu(&self) -> Result<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let times = fs::read_to_string(task?.path().join("schedstat"))?;
            let time = times.split_whitespace().next().ok_or("an empty schedstat")?;
            nanos += time.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanos))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already, unless a measurement failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves so many connections, and returns when all of them have ended.
pub(crate) fn serve(server: &str, connections: usize) -> Result<()> {
    match server {
        "unspin, callbacks" => by_callbacks(connections)?,
        "unspin, async, chunk" => by_chunks(connections)?,
        "unspin, async, read" => by_reads(connections)?,
        "tokio, read" => by_tokio(connections)?,
        _ => return Err(format!("no server is called {server}").into()),
    }
    Ok(())
}

fn by_callbacks(mut connections: usize) -> unspin::Result<()> {
    unspin::run(move || {
        let listener = bind()?;
        let door = listener.clone();
        listener.on_connection(move |stream, _| {
            stream.on_data(|stream, chunk| {
                stream.write(chunk);
            });
            connections -= 1;
            if connections == 0 {
                door.close();
            }
        });
        Ok(())
    })
}

fn by_chunks(connections: usize) -> unspin::Result<()> {
    unspin::run(move || {
        let listener = bind()?;
        unspin::spawn(async move {
            for _ in 0..connections {
                let (stream, _) = listener.accept().await?;
                unspin::spawn(async move {
                    while let Some(chunk) = stream.chunk().await? {
                        stream.write_all(&chunk).await?;
                    }
                    Ok(())
                })
                .or_uncaught();
            }
            Ok(())
        })
        .or_uncaught();
        Ok(())
    })
}

fn by_reads(connections: usize) -> unspin::Result<()> {
    unspin::run(move || {
        let listener = bind()?;
        unspin::spawn(async move {
            for _ in 0..connections {
                let (stream, _) = listener.accept().await?;
                unspin::spawn(async move {
                    let mut buffer = vec![0; BUFFER];
                    loop {
                        let length = stream.read(&mut buffer).await?;
                        if length == 0 {
                            return Ok(());
                        }
                        stream.write_all(&buffer[..length]).await?;
                    }
                })
                .or_uncaught();
            }
            Ok(())
        })
        .or_uncaught();
        Ok(())
    })
}

fn bind() -> unspin::Result<unspin::net::TcpListener> {
    let listener = unspin::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?);
    Ok(listener)
}

fn by_tokio(connections: usize) -> io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?);
        let mut served = Vec::new();
        for _ in 0..connections {
            let (mut stream, _) = listener.accept().await?;
            served.push(tokio::spawn(async move {
                let mut buffer = vec![0; BUFFER];
                loop {
                    let length = stream.read(&mut buffer).await?;
                    if length == 0 {
                        return io::Result::Ok(());
                    }
                    stream.write_all(&buffer[..length]).await?;
                }
            }));
        }
        for future in served {
            future.await??;
        }
        Ok(())
    })
}
