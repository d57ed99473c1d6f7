//! A process that has given SIGPIPE its default back, as a host program may: a pipe that nobody
//! reads ends no process. One test, since the signal is the process's.
#![allow(unsafe_code, reason = "only the system's own call puts a default back")]

mod util;

use std::io::ErrorKind;

use unspin::pipes;
use unspin::signal::Signal;
use util::Log;
use util::net::{pattern, run};

#[test]
fn a_broken_pipe_is_an_error_and_no_signal() {
    // SAFETY: no handler is installed: the default needs none.
    unsafe { libc::signal(Signal::PIPE.as_raw(), libc::SIG_DFL) };
    let log = Log::new();
    run(|| {
        for bytes in [1, 1024 * 1024] {
            let (reader, writer) = pipes::pair().expect("descriptors are left");
            let failed = log.clone();
            writer.on_error(move |_, error| {
                assert_eq!(error.kind(), ErrorKind::BrokenPipe);
                failed.say("broken");
            });
            if bytes == 1 {
                reader.close();
            }
            writer.write(&pattern(bytes));
            reader.close();
        }
    });
    log.expect(&["broken", "broken"]);
}
