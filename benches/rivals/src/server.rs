//! A contender's server, in a process of its own.

use std::env;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::Result;
use crate::account::Account;
use crate::contenders::{Order, Rival};

/// Serves until it is dropped.
pub struct Server {
    child: Running,
    address: SocketAddr,
}

impl Server {
    /// Starts this program again, as a server, and waits until that one listens.
    pub fn start(rival: &Rival, order: Order) -> Result<Server> {
        let mut child = Command::new(env::current_exe()?)
            .args(["--serve", rival.name, order.service.name(), &order.message.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("its output is not piped")?;
        let child = Running(child);
        let mut address = String::new();
        BufReader::new(stdout).read_line(&mut address)?;
        let parsed = address.trim().parse();
        let address = parsed.map_err(|_| format!("{} said: {address:?}", rival.name))?;
        Ok(Server { child, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.0.id()
    }

    /// What it has cost.
    pub fn account(&self) -> Account {
        Account::of(self.child.0.id())
    }
}

/// Is ended with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already: whoever talks to it finds that out and says it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
