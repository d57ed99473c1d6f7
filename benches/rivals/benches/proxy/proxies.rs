//! The proxies, each in a process of its own, or a process for each connection.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, set_parent_process_death_signal};
use tempfile::NamedTempFile;
use unspin_rivals::Result;
use unspin_rivals::account::Account;
use unspin_rivals::report::Missing;

/// With what the others are compared: what is used where it matters.
pub const BASE: &str = "tokio";

/// A proxy that can be started.
pub struct Proxy {
    pub name: &'static str,
    /// It is a process for each connection.
    pub is_for_one: bool,
    start: fn(&str, SocketAddr) -> Result<Running>,
}

pub const PROXIES: [Proxy; 4] = [
    Proxy { name: BASE, is_for_one: false, start: itself },
    Proxy { name: "unspin", is_for_one: false, start: itself },
    Proxy { name: "haproxy", is_for_one: false, start: |_, upstream| haproxy(upstream) },
    Proxy { name: "socat", is_for_one: true, start: |_, upstream| socat(upstream) },
];

impl Proxy {
    pub fn start(&self, upstream: SocketAddr) -> Result<Running> {
        (self.start)(self.name, upstream)
    }
}

/// Passes on until it is dropped.
pub struct Running {
    children: Arc<Mutex<Vec<Child>>>,
    address: SocketAddr,
    /// What it may still read.
    settings: Option<NamedTempFile>,
}

impl Running {
    fn new(child: Option<Child>, address: SocketAddr) -> Running {
        let children = Arc::new(Mutex::new(child.into_iter().collect()));
        Running { children, address, settings: None }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Processor time so far, of all its processes.
    pub fn cpu(&self) -> Result<Duration> {
        let children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.iter().map(|child| Account::of(child.id()).cpu()).sum()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        for child in &mut *children {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// This program again.
fn itself(name: &str, upstream: SocketAddr) -> Result<Running> {
    let mut child = Command::new(env::current_exe()?)
        .args(["--proxy", name, &upstream.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().ok_or("its output is not piped")?;
    let mut address = String::new();
    BufReader::new(stdout).read_line(&mut address)?;
    Ok(Running::new(Some(child), address.trim().parse()?))
}

/// In a child that was started to be a proxy, is one until it is killed.
pub fn serve_if_asked() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [flag, name, upstream] = arguments.as_slice() else { return Ok(()) };
    if flag != "--proxy" {
        return Ok(());
    }
    // A bench that is killed cannot stop its servers.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let upstream = upstream.parse()?;
    if name == BASE {
        tokio(upstream)?;
    } else {
        unspin(upstream)?;
    }
    Err("it has stopped".into())
}

/// What `examples/proxy.rs` does, in short.
fn unspin(upstream: SocketAddr) -> Result<()> {
    use unspin::net::{TcpListener, TcpStream};

    unspin::run(move || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        println!("{}", listener.local_addr()?);
        listener.on_connection(move |client, _peer| {
            TcpStream::connect(upstream).callback(move |server| {
                let server = server?;
                client.set_nodelay(true)?;
                server.set_nodelay(true)?;
                unspin::pipe(&client, &server);
                unspin::pipe(&server, &client);
                Ok(())
            });
        });
        Ok(())
    })?;
    Ok(())
}

fn tokio(upstream: SocketAddr) -> Result<()> {
    use tokio::io::copy_bidirectional_with_sizes;
    use tokio::net::{TcpListener, TcpStream};

    /// As unspin reads.
    const BUFFER: usize = 64 * 1024;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?);
        loop {
            let (mut client, _) = listener.accept().await?;
            tokio::spawn(async move {
                let mut server = TcpStream::connect(upstream).await?;
                client.set_nodelay(true)?;
                server.set_nodelay(true)?;
                copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER).await
            });
        }
    })
}

/// It inherits the listener as its standard input, which it would close were it told to be quiet.
fn haproxy(upstream: SocketAddr) -> Result<Running> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let mut settings = NamedTempFile::new()?;
    write!(
        settings,
        "global\n nbthread 1\n maxconn 1000\ndefaults\n mode tcp\n option splice-auto\n \
         timeout connect 5s\n timeout client 1m\n timeout server 1m\n\
         listen it\n bind fd@0\n server upstream {upstream}\n"
    )?;
    let child = Command::new("haproxy")
        .args(["-db", "-f"])
        .arg(settings.path())
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| Missing(format!("haproxy does not start: {error}")))?;
    let mut running = Running::new(Some(child), address);
    running.settings = Some(settings);
    Ok(running)
}

/// Each connection is the standard input of one that is started for it, as by inetd.
fn socat(upstream: SocketAddr) -> Result<Running> {
    if let Err(error) = Command::new("socat").arg("-V").stdout(Stdio::null()).status() {
        return Err(Missing(format!("socat does not start: {error}")).into());
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let running = Running::new(None, listener.local_addr()?);
    let children = Arc::downgrade(&running.children);
    // It ends with this program: nobody could tell it that nobody else will connect.
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Some(children) = children.upgrade() else { return };
            let mut children = children.lock().unwrap_or_else(PoisonError::into_inner);
            let child = Command::new("socat")
                .args(["-b", "65536", "FD:0", &format!("TCP:{upstream},nodelay")])
                .stdin(Stdio::from(OwnedFd::from(client)))
                .spawn();
            children.extend(child);
        }
    });
    Ok(running)
}
