//! An example, run as a user runs it, and clients of it.
#![allow(dead_code, reason = "no test file needs all of it")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use unspin::signal::{self, Signal};

/// Only a test that fails waits for so long.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// The binary of an example. `cargo test` builds them, next to the folder of the test binaries.
pub(crate) fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its binary");
    let profile = test.parent().and_then(Path::parent).expect("it lies in target/PROFILE/deps");
    let binary =
        profile.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(binary.exists(), "no {}: run `cargo build --examples` first", binary.display());
    binary
}

/// Serves until it is dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: String,
}

impl Server {
    /// Starts an example, and waits until it listens.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Server {
        Server::of(Command::new(binary(name)).args(arguments).arg("127.0.0.1:0"))
    }

    /// The same for a command.
    pub(crate) fn of(command: &mut Command) -> Server {
        let mut child = command
            .stdout(Stdio::piped())
            // Under AddressSanitizer, freed memory is kept back: hundreds of megabytes, if it may.
            .env("ASAN_OPTIONS", "quarantine_size_mb=1")
            .spawn()
            .expect("it can be run");
        let stdout = child.stdout.take().expect("it is piped");
        let mut server = Server { child, address: String::new() };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("it prints text");
        let address = line.trim().strip_prefix("listening on ");
        server.address.push_str(address.unwrap_or_else(|| panic!("it printed {line:?}")));
        server
    }

    pub(crate) fn signal(&self, signal: Signal) {
        signal::kill(self.child.id(), signal).expect("it lives");
    }

    /// Waits until it does: a signal takes its time.
    #[track_caller]
    pub(crate) fn stops_accepting(&self) {
        let refuses = |_| TcpStream::connect(&self.address).is_err();
        assert!((0..10_000).any(refuses), "it goes on accepting");
    }

    /// Waits until it has ended by itself, in order.
    #[track_caller]
    pub(crate) fn has_ended(mut self) {
        let status = self.child.wait().expect("it is our child");
        assert_eq!(status.code(), Some(0), "{status}");
    }

    pub(crate) fn connect(&self) -> Client {
        let stream = TcpStream::connect(&self.address).expect("it accepts");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit can be set");
        stream.set_write_timeout(Some(LIMIT)).expect("a limit can be set");
        Client(BufReader::new(stream))
    }

    /// The most memory that it had so far, in KiB; 0 where the system does not tell.
    pub(crate) fn peak_memory(&self) -> u32 {
        peak_memory(&self.child)
    }
}

/// The most memory that a process had so far, in KiB; 0 where the system does not tell.
pub(crate) fn peak_memory(child: &Child) -> u32 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id()));
    let peak = status
        .iter()
        .flat_map(|status| status.lines())
        .find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB")?.trim().parse().ok());
    peak.unwrap_or(0)
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to kill.
        let _ = self.child.kill();
        self.child.wait().expect("it ends when it is killed");
    }
}

pub(crate) struct Client(pub(crate) BufReader<TcpStream>);

impl Client {
    /// A second handle, to write while the first one reads.
    pub(crate) fn writer(&self) -> Client {
        let stream = self.0.get_ref().try_clone().expect("a second handle");
        Client(BufReader::new(stream))
    }

    #[track_caller]
    pub(crate) fn send(&self, text: impl AsRef<[u8]>) {
        self.0.get_ref().write_all(text.as_ref()).expect("the server reads");
    }

    pub(crate) fn end(&self) {
        self.0.get_ref().shutdown(Shutdown::Write).expect("it is connected");
    }

    /// The next line, without its line feed.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).expect("the server writes");
        assert_eq!(line.pop(), Some(b'\n'), "the server has ended");
        String::from_utf8(line).expect("lines are text")
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, line: &str) {
        assert_eq!(self.line(), line);
    }

    #[track_caller]
    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).expect("the server writes so much");
        bytes
    }

    /// What comes until the server ends its side.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).expect("the server ends in order");
        bytes
    }
}
