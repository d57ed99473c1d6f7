//! Servers and clients that are programs of their own: examples of this repository, and what others
//! have written.

use std::env;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::Result;
use crate::account::Account;
use crate::report::Missing;

/// Serves until it is dropped.
pub struct Outside {
    child: Child,
    address: SocketAddr,
}

impl Outside {
    /// Starts a program that prints its address at the end of its first line.
    pub fn that_tells(command: &mut Command) -> Result<Outside> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take();
        // Whatever it says, from now on it is stopped when this goes.
        let mut server = Outside { child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) };
        let mut line = String::new();
        BufReader::new(stdout.ok_or("its output is not piped")?).read_line(&mut line)?;
        let word = line.split_whitespace().last().unwrap_or_default();
        server.address = word.parse().map_err(|_| format!("it said: {line:?}"))?;
        Ok(server)
    }

    /// Starts a program that is told its port, and waits until it listens. Where there is none of
    /// this name, it is [`Missing`].
    pub fn on_port(name: &str, arguments: impl Fn(u16) -> Vec<String>) -> Result<Outside> {
        // Free a moment ago, and handed out again late.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let child = Command::new(name)
            .args(arguments(address.port()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| Missing(format!("{name} does not start: {error}")))?;
        let server = Outside { child, address };
        for _ in 0..500 {
            if TcpStream::connect(address).is_ok() {
                return Ok(server);
            }
            thread::sleep(Duration::from_millis(10));
        }
        Err(format!("{name} does not listen").into())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has cost.
    pub fn account(&self) -> Account {
        Account::of(self.child.id())
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Compiles an example of this repository, and returns where it is.
pub fn example(name: &str) -> Result<PathBuf> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--example", name, "--manifest-path", manifest])
        .status()?;
    if !built.success() {
        return Err(format!("the example {name} does not compile").into());
    }
    // This program lies in TARGET/PROFILE/deps.
    let bench = env::current_exe()?;
    let target = bench.ancestors().nth(3).unwrap_or(Path::new("target"));
    Ok(target.join("release/examples").join(name))
}

/// Runs a client, and returns what it prints. Where there is none of this name, it is [`Missing`].
pub fn client(name: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(name)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Missing(format!("{name} does not start: {error}")))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    let error = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name}: {}: {said}{error}", output.status).into())
}
