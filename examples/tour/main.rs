//! The tour: everything the loop does, told while it happens: `cargo run --release --example tour`.
//!
//! One line per task, with the ticks and microtasks of its checkpoint indented under it; one line
//! per sleep, with what it waited for; at the end the loop's own account, beside the kernel's.
//!
//! * `--spin` runs the program twice, on a loop that sleeps and on one that polls without sleeping,
//!   and puts the two accounts side by side;
//! * `--log` shows the log that all this is told from.

mod kernel;
mod ledger;
mod narrator;
mod program;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use unspin::{EventLoop, Result, Turn};

use ledger::Ledger;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        None => tell(),
        Some("--spin") => compare(),
        Some("--log") => log(),
        Some(other) => {
            eprintln!("`{other}` is not understood: there are --spin and --log");
            Ok(())
        }
    }
}

fn tell() -> Result<()> {
    narrator::install();
    println!("one thread, one loop; callbacks in the order in which they run\n");
    let ledger = sleeping()?;
    println!("            nothing is left to wait for: the loop ends by itself\n");
    print!("{}", ledger.text());
    println!("\n(--spin: the same without sleeping; --log: the log this is told from)");
    Ok(())
}

fn compare() -> Result<()> {
    println!("the same program twice: on a loop that sleeps, and on one that spins\n");
    let (sleeping, spinning) = (sleeping()?, spinning()?);
    print!("{}", Ledger::beside(&sleeping, &spinning));
    Ok(())
}

fn log() -> Result<()> {
    let ours = Targets::new().with_target("unspin", tracing::Level::TRACE);
    tracing_subscriber::registry().with(tracing_subscriber::fmt::layer().with_filter(ours)).init();
    sleeping().map(drop)
}

/// The program on a loop that sleeps when there is nothing to do.
fn sleeping() -> Result<Ledger> {
    let event_loop = EventLoop::new()?;
    let before = kernel::Account::of_this_thread();
    event_loop.run(program::main)?;
    Ok(Ledger::of(&event_loop.metrics(), before))
}

/// The same program on the same loop, driven by someone who never lets it sleep.
fn spinning() -> Result<Ledger> {
    let event_loop = EventLoop::new()?;
    let before = kernel::Account::of_this_thread();
    event_loop.enter(program::main)?;
    while event_loop.turn(Turn::NoWait)?.alive {}
    Ok(Ledger::of(&event_loop.metrics(), before))
}
