//! Blocking, spinning and sleeping: what an echo of 64 B costs, and what silence costs.
//!
//! `cargo bench --bench blocking` compares three servers: a thread for each connection, with
//! blocking reads; one thread that asks each socket over and over; and unspin. Each run has a
//! server in a process of its own, so that its processor time can be told from the client's, and
//! the servers take turns, so that a change of the machine's mood meets all of them. Processor time
//! is read from `/proc`: on other systems than Linux it is missing.
//!
//! The client sends a message on each connection, then reads all answers, and again. `--quick`
//! makes one short run, and so does `cargo test --benches`. Where a spinning server's idle second
//! costs less than 100 %, the machine was busy with something else.
#![allow(clippy::disallowed_methods, reason = "measures real time, and one server blocks")]

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use unspin::{Error, Result};

const MESSAGE: usize = 64;
const SERVERS: [&str; 3] = ["threads", "spinning", "unspin"];
const CONNECTIONS: [usize; 2] = [1, 50];

/// A server reads with a buffer of the size that unspin has.
const BUFFER: usize = 64 * 1024;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["--serve", server, connections] = arguments[..] {
        return run_server(server, connections.parse()?);
    }
    // `cargo bench` passes --bench, and `cargo test` does not.
    let quick = !arguments.contains(&"--bench") || arguments.contains(&"--quick");
    compare(if quick { &QUICK } else { &FULL })
}

struct Plan {
    runs: usize,
    warm_up: Duration,
    busy: Duration,
    idle: Duration,
}

const FULL: Plan = Plan {
    runs: 3,
    warm_up: Duration::from_millis(100),
    busy: Duration::from_millis(500),
    idle: Duration::from_secs(1),
};

const QUICK: Plan = Plan {
    runs: 1,
    warm_up: Duration::ZERO,
    busy: Duration::from_millis(20),
    idle: Duration::from_millis(20),
};

/// One run of one server.
struct Figures {
    requests_per_second: f64,
    micros_per_request: Option<f64>,
    idle_percent: Option<f64>,
}

fn compare(plan: &Plan) -> Result<()> {
    println!("echo of {MESSAGE} B; runs: {}, and of each figure the median", plan.runs);
    println!("server    connections  requests/s  CPU us/request  CPU when idle");
    for connections in CONNECTIONS {
        let mut figures = SERVERS.map(|_| Vec::new());
        for _ in 0..plan.runs {
            for (server, figures) in SERVERS.iter().zip(&mut figures) {
                figures.push(measure(plan, server, connections)?);
            }
        }
        for (server, figures) in SERVERS.iter().zip(&figures) {
            let requests = median(figures, |run| Some(run.requests_per_second));
            let cost = median(figures, |run| run.micros_per_request);
            let idle = median(figures, |run| run.idle_percent);
            println!(
                "{server:<9} {connections:>11}  {:>10}  {:>14}  {:>13}",
                text(requests, 0, ""),
                text(cost, 2, ""),
                text(idle, 1, " %"),
            );
        }
    }
    Ok(())
}

fn median(figures: &[Figures], of: impl Fn(&Figures) -> Option<f64>) -> Option<f64> {
    let mut values: Vec<f64> = figures.iter().filter_map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn text(value: Option<f64>, digits: usize, unit: &str) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}{unit}"))
}

fn measure(plan: &Plan, server: &str, connections: usize) -> Result<Figures> {
    let mut server = Server::start(server, connections)?;
    let mut streams = server.connect(connections)?;
    load(&mut streams, plan.warm_up)?;

    let before = server.cpu();
    let start = Instant::now();
    let requests = load(&mut streams, plan.busy)?;
    let busy_for = start.elapsed();
    let between = server.cpu();
    let start = Instant::now();
    thread::sleep(plan.idle);
    let idle_for = start.elapsed();
    let after = server.cpu();

    drop(streams);
    server.wait()?;
    let spent = |from: Option<Duration>, to: Option<Duration>| Some((to? - from?).as_secs_f64());
    Ok(Figures {
        requests_per_second: requests as f64 / busy_for.as_secs_f64(),
        micros_per_request: spent(before, between).map(|cpu| cpu * 1e6 / requests as f64),
        idle_percent: spent(between, after).map(|cpu| cpu * 100.0 / idle_for.as_secs_f64()),
    })
}

/// Sends and receives until `time` is over, once at least; returns the number of requests.
fn load(streams: &mut [TcpStream], time: Duration) -> io::Result<usize> {
    let message = [7; MESSAGE];
    let mut answer = [0; MESSAGE];
    let mut requests = 0;
    let start = Instant::now();
    while requests == 0 || start.elapsed() < time {
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
    fn start(server: &str, connections: usize) -> Result<Server> {
        let mut child = Command::new(env::current_exe()?)
            .args(["--serve", server, &connections.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut address)?;
        Ok(Server { child, address: address.trim().to_owned() })
    }

    fn connect(&self, connections: usize) -> io::Result<Vec<TcpStream>> {
        (0..connections).map(|_| TcpStream::connect(&self.address)).collect()
    }

    fn wait(&mut self) -> Result<()> {
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(Error::new(format!("the server: {status}"))) }
    }

    /// Processor time of its threads that live, to the nanosecond.
    fn cpu(&self) -> Option<Duration> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).ok()?;
        let mut nanos = 0;
        for task in tasks {
            let times = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            nanos += times.split_whitespace().next()?.parse::<u64>().ok()?;
        }
        Some(Duration::from_nanos(nanos))
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
fn run_server(server: &str, connections: usize) -> Result<()> {
    match server {
        "threads" => serve_by_threads(&bind()?, connections)?,
        "spinning" => serve_spinning(&bind()?, connections)?,
        "unspin" => serve_by_unspin(connections)?,
        _ => return Err(Error::new(format!("no server is called {server}"))),
    }
    Ok(())
}

fn bind() -> io::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    Ok(listener)
}

fn serve_by_threads(listener: &TcpListener, connections: usize) -> io::Result<()> {
    thread::scope(|scope| {
        for stream in listener.incoming().take(connections) {
            let mut stream = stream?;
            scope.spawn(move || {
                let mut buffer = vec![0; BUFFER];
                while let Ok(length @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..length]).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(())
    })
}

/// It does without a queue: 64 B always find room, as their sender waits for the answer.
fn serve_spinning(listener: &TcpListener, connections: usize) -> io::Result<()> {
    let streams: io::Result<Vec<_>> = listener.incoming().take(connections).collect();
    let mut streams = streams?;
    for stream in &streams {
        stream.set_nonblocking(true)?;
    }
    let mut buffer = vec![0; BUFFER];
    while !streams.is_empty() {
        streams.retain_mut(|stream| match stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(length) => stream.write_all(&buffer[..length]).is_ok(),
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        });
    }
    Ok(())
}

fn serve_by_unspin(mut connections: usize) -> Result<()> {
    unspin::run(move || {
        let listener = unspin::net::TcpListener::bind("127.0.0.1:0")?;
        println!("{}", listener.local_addr()?);
        let door = listener.clone();
        listener.on_connection(move |stream, _peer| {
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
