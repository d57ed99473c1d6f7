//! An HTTP/1.1 server beside hyper on tokio's runtime of one thread: `cargo bench --bench http`.
//!
//! The client is `wrk`, on the core that the server has as well. What counts is the server's
//! processor time: the client takes much of the core itself.
#![allow(clippy::disallowed_methods, reason = "measures real time, and blocks")]

use std::convert::Infallible;
use std::env;
use std::io::Write;
use std::net::Ipv4Addr;
use std::process::Command;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustix::process::{Signal, set_parent_process_death_signal};
use tempfile::NamedTempFile;
use unspin_rivals::Result;
use unspin_rivals::args::Args;
use unspin_rivals::machine::keep_still;
use unspin_rivals::outside::{Outside, client, example};
use unspin_rivals::report::{Contender, Reading, Report};

const BASE: &str = "hyper";

/// For `wrk`: sixteen requests at once.
const PIPELINED: &str = "init = function(args)\n  local one = wrk.format('GET', '/')\n  \
                         many = string.rep(one, 16)\nend\nrequest = function() return many end\n";

fn main() -> Result<()> {
    if env::args().nth(1).as_deref() == Some("--hyper") {
        return hyper();
    }
    let args = Args::from_env();
    let ours = example("http")?;
    let mut report = Report::new("http", "HTTP/1.1, the server's share of a core", &args);
    report.note(keep_still());
    let seconds = if args.quick { 1 } else { 2 };
    let mut script = NamedTempFile::new()?;
    script.write_all(PIPELINED.as_bytes())?;
    let script = script.path().to_str().ok_or("its name is no text")?;
    for (depth, script) in [(1, None), (16, Some(script))] {
        let row = format!("GET /, 50 connections, depth {depth}");
        let contenders = vec![
            Contender::new(BASE, || {
                let server = Outside::that_tells(Command::new(env::current_exe()?).arg("--hyper"))?;
                measure(&server, seconds, script)
            }),
            Contender::new("unspin", || {
                let server = Outside::that_tells(Command::new(&ours).arg("127.0.0.1:0"))?;
                measure(&server, seconds, script)
            }),
        ];
        report.compare(&row, BASE, contenders)?;
    }
    report.finish()
}

fn measure(server: &Outside, seconds: u32, script: Option<&str>) -> Result<Vec<Reading>> {
    let account = server.account();
    let before = account.cpu()?;
    let (requests, rate) = load(server, seconds, script)?;
    let each = (account.cpu()? - before).as_secs_f64() / requests;
    Ok(vec![
        Reading::new("CPU per request", "µs", each * 1e6),
        Reading::new("requests per second of CPU", "", 1.0 / each),
        Reading::new("requests per second", "", rate),
    ])
}

/// Returns the requests that the client has counted, and those per second.
fn load(server: &Outside, seconds: u32, script: Option<&str>) -> Result<(f64, f64)> {
    let (target, time) = (format!("http://{}/", server.address()), format!("{seconds}s"));
    let mut words = vec!["-t", "1", "-c", "50", "-d", &time];
    words.extend(script.iter().flat_map(|script| ["-s", script]));
    words.push(&target);
    let said = client("wrk", &words)?;
    if said.contains("Non-2xx") || said.contains("Socket errors") {
        return Err(said.into());
    }
    let number = |behind: &str, at: usize| {
        let line = said.lines().find(|line| line.contains(behind))?;
        line.split_whitespace().nth(at)?.parse().ok()
    };
    let requests = number(" requests in ", 0).ok_or_else(|| format!("wrk said: {said}"))?;
    let rate = number("Requests/sec:", 1).ok_or_else(|| format!("wrk said: {said}"))?;
    Ok((requests, rate))
}

/// The same response as that of `examples/http`.
async fn hello(_: Request<Incoming>) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"hello, world\n")));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}

/// Serves until it is killed.
fn hyper() -> Result<()> {
    // A bench that is killed cannot stop its servers.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(async move {
                let mut server = http1::Builder::new();
                // A client that goes away is no failure.
                let _ = server
                    .pipeline_flush(true)
                    .serve_connection(TokioIo::new(stream), service_fn(hello))
                    .await;
            });
        }
    })
}
