//! A server of the Redis protocol beside the real one: `cargo bench --bench resp`.
//!
//! The client is `redis-benchmark`, on the core that the server has as well. What counts is the
//! server's processor time: the client takes more of it than either.
#![allow(clippy::disallowed_methods, reason = "measures real time, and blocks")]

use std::path::Path;
use std::process::Command;

use unspin_rivals::Result;
use unspin_rivals::args::Args;
use unspin_rivals::machine::keep_still;
use unspin_rivals::outside::{Outside, client, example};
use unspin_rivals::report::{Contender, Reading, Report};

const BASE: &str = "redis-server";

/// Names of tests of `redis-benchmark`.
const COMMANDS: [&str; 3] = ["ping_mbulk", "set", "get"];

fn main() -> Result<()> {
    let args = Args::from_env();
    let ours = example("resp")?;
    let mut report = Report::new("resp", "The Redis protocol, the server's share of a core", &args);
    report.note(keep_still());
    for depth in [1, 16] {
        for command in COMMANDS {
            let requests = if args.quick { 5_000 * depth } else { 100_000 * depth };
            let load = Load { command, depth, requests };
            let row = format!("{command}, 50 connections, depth {depth}");
            let contenders = vec![
                Contender::new(BASE, || load.measure(&redis()?)),
                Contender::new("unspin", || load.measure(&unspin(&ours)?)),
            ];
            report.compare(&row, BASE, contenders)?;
        }
    }
    report.finish()
}

fn redis() -> Result<Outside> {
    Outside::on_port("redis-server", |port| {
        let port = port.to_string();
        let words = ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        words.map(str::to_owned).into()
    })
}

fn unspin(example: &Path) -> Result<Outside> {
    Outside::that_tells(Command::new(example).arg("127.0.0.1:0"))
}

struct Load {
    command: &'static str,
    depth: usize,
    requests: usize,
}

impl Load {
    fn measure(&self, server: &Outside) -> Result<Vec<Reading>> {
        self.run(server, "set", 1000)?;
        self.run(server, self.command, self.requests / 10)?;
        let account = server.account();
        let before = account.cpu()?;
        let rate = self.run(server, self.command, self.requests)?;
        let spent = account.cpu()? - before;
        let each = spent.as_secs_f64() / self.requests as f64;
        Ok(vec![
            Reading::new("CPU per request", "µs", each * 1e6),
            Reading::new("requests per second of CPU", "", 1.0 / each),
            Reading::new("requests per second", "", rate),
        ])
    }

    /// Returns the requests per second that the client has counted.
    fn run(&self, server: &Outside, command: &str, requests: usize) -> Result<f64> {
        let (port, requests) = (server.address().port().to_string(), requests.to_string());
        let depth = self.depth.to_string();
        let words =
            ["-p", &port, "-c", "50", "-n", &requests, "-P", &depth, "-t", command, "--csv"];
        let said = client("redis-benchmark", &words)?;
        let rate = said.lines().last().and_then(|line| line.split('"').nth(3)?.parse().ok());
        Ok(rate.ok_or_else(|| format!("redis-benchmark said: {said}"))?)
    }
}
