//! A connection handler that fails: its connection is closed, and the listener goes on.

mod util;

use std::io::Read;

use unspin::Error;
use util::Log;
use util::net::{listen, run, socket};

#[test]
fn an_error_from_a_connection_handler_closes_that_connection_only() {
    let log = Log::default();
    run(|| {
        let (listener, address) = listen();
        unspin::on_uncaught(|uncaught| panic!("uncaught: {uncaught}"));
        let mut connections = 0;
        let (words, to_close) = (log.clone(), listener.clone());
        listener.ref_().on_connection(move |stream, _| {
            connections += 1;
            let number = connections;
            let words = words.clone();
            words.say(format!("connection {number}"));
            let closed = words.clone();
            stream.on_close(move |_| closed.say(format!("closed {number}")));
            stream.on_data(|_, _| ());
            if number == 1 {
                return Err(Error::new("not this one"));
            }
            to_close.close();
            stream.close();
            Ok(())
        });
        std::thread::spawn(move || {
            for _ in 0..2 {
                let end = socket(address).read(&mut [0; 1]);
                assert_eq!(end.expect("an end in order"), 0);
            }
        });
    });
    // The second connection may come before the Close phase of the turn that closed the first.
    let mut words = log.words();
    words.sort();
    assert_eq!(words, ["closed 1", "closed 2", "connection 1", "connection 2"]);
}
