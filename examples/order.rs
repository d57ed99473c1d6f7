//! The order of callbacks, and beside each the reason: `cargo run --example order`.
//!
//! What is asked for is written in the opposite order to the one it runs in.

use std::time::Duration;

use unspin::{fs, next_tick, queue_microtask, set_immediate, set_timeout};

fn main() -> unspin::Result<()> {
    unspin::run(|| {
        // From here the timeout and the immediate below would race, as in Node: the timers are
        // looked at before the first turn, and 1 ms may be over by then, or not.
        fs::metadata(".").callback(|metadata| {
            metadata?;
            file();
            Ok(())
        });
        queue_microtask(|| {
            next_tick(|| say("tick of a microtask", "it goes on until both queues are empty"));
            say("microtask", "then microtasks");
        });
        next_tick(|| say("tick", "a checkpoint follows each task: first ticks"));
        say("script", "it is the first task, and a task is never interrupted");
    })
}

fn file() {
    set_timeout(Duration::ZERO, || say("timeout", "Timers is the last phase of a turn"));
    set_immediate(|| {
        queue_microtask(|| say("its microtask", "a checkpoint follows each task, not each phase"));
        say("immediate", "Check is the phase after Poll");
    });
    set_immediate(|| say("second immediate", "it is a task of its own"));
    queue_microtask(|| say("microtask of the file", "every task has its checkpoint"));
    say("file", "a thread of the pool has answered: the loop slept in Poll until then");
}

fn say(what: &str, why: &str) {
    println!("{what:<22} {why}");
}
