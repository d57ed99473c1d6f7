//! What it costs to send back datagrams that come in bursts: `cargo bench --bench udp`.
//!
//! The client, on the server's core, sends a burst and waits for all its answers: so the server
//! finds as many datagrams as a burst has.
#![allow(clippy::disallowed_methods, reason = "measures real time, and blocks")]

mod servers;

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use servers::{BASE, SERVERS};
use unspin_rivals::Result;
use unspin_rivals::account::{Account, Instructions};
use unspin_rivals::args::Args;
use unspin_rivals::machine::keep_still;
use unspin_rivals::report::{Contender, Reading, Report};

const SIZE: usize = 64;

fn main() -> Result<()> {
    servers::serve_if_asked()?;
    let args = Args::from_env();
    let mut report = Report::new("udp", "UDP echo, the server's share of one core", &args);
    report.note(keep_still());
    let time = Duration::from_millis(if args.quick { 60 } else { 280 });
    for burst in [32, 1] {
        let contenders = SERVERS
            .iter()
            .map(|(name, _)| Contender::new(name, move || measure(name, burst, time)));
        let row = format!("bursts of {burst} × {SIZE} B");
        report.compare(&row, BASE, contenders.collect())?;
    }
    report.finish()
}

fn measure(name: &str, burst: usize, time: Duration) -> Result<Vec<Reading>> {
    let server = Server::start(name)?;
    let account = Account::of(server.0.id());
    let instructions = Instructions::of(server.0.id());
    let client = &server.1;
    echo(client, burst, time / 4)?;
    let (before, start) = (account.cpu()?, Instant::now());
    let echoed = echo(client, burst, time)? as f64;
    let (spent, took) = (account.cpu()? - before, start.elapsed());
    let counted = instructions.map(|mut instructions| {
        let (counted, echoed) = instructions.during(|| echo(client, burst, time / 4))?;
        Result::Ok(counted as f64 / echoed as f64)
    });
    Ok(vec![
        Reading::new("CPU per datagram", "µs", spent.as_secs_f64() * 1e6 / echoed),
        Reading::new("datagrams per second of CPU", "", echoed / spent.as_secs_f64()),
        Reading::new("datagrams per second", "", echoed / took.as_secs_f64()),
        Reading::new(
            "user instructions per datagram",
            "",
            counted.transpose()?.unwrap_or(f64::NAN),
        ),
    ])
}

/// Sends bursts for so long, and returns how many datagrams came back.
fn echo(client: &UdpSocket, burst: usize, time: Duration) -> Result<usize> {
    let (mut echoed, mut answer) = (0, [0; SIZE + 1]);
    let start = Instant::now();
    while start.elapsed() < time {
        for n in 0..burst {
            client.send(&[n as u8; SIZE])?;
        }
        for n in 0..burst {
            let length = client.recv(&mut answer)?;
            if answer[..length] != [n as u8; SIZE] {
                return Err("another answer came".into());
            }
        }
        echoed += burst;
    }
    Ok(echoed)
}

/// A server in a process of its own, ended with this; and a socket that is connected to it.
struct Server(Child, UdpSocket);

impl Server {
    fn start(name: &str) -> Result<Server> {
        let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        client.set_read_timeout(Some(Duration::from_secs(10)))?;
        let child = Command::new(std::env::current_exe()?)
            .args(["--udp", name])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut server = Server(child, client);
        let stdout = server.0.stdout.take().ok_or("its output is not piped")?;
        let mut address = String::new();
        BufReader::new(stdout).read_line(&mut address)?;
        server.1.connect(address.trim())?;
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
