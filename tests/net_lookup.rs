//! Names of hosts and back, on the pool.

mod util;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use unspin::net::{ConnectOptions, lookup_address, lookup_host};
use util::net::{run, watchdog};
use util::{Log, child, is_child, millis, stderr, stdout};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Reserved: there is no such name, and no name server has to be asked.
const NO_NAME: &str = "no such name.invalid";

#[test]
fn localhost_is_this_host_in_each_style() {
    let log = Log::new();
    let (in_callback, in_promise) = (log.clone(), log.clone());
    run(|| {
        lookup_host("localhost").callback(move |addresses| {
            let addresses = addresses.expect("every system knows it");
            assert!(addresses.iter().all(IpAddr::is_loopback), "{addresses:?}");
            let mut once = addresses.clone();
            once.dedup();
            assert_eq!(addresses, once);
            in_callback.say("callback");
        });
        lookup_host("127.0.0.1").promise().then(move |addresses| {
            assert_eq!(addresses, [LOCALHOST]);
            in_promise.say("promise");
        });
    });
    let mut words = log.words();
    words.sort();
    assert_eq!(words, ["callback", "promise"]);
}

#[cfg(feature = "async")]
#[test]
fn a_lookup_is_awaited_forwards_and_back() {
    let (addresses, name) = util::futures::block_on(async {
        let name = lookup_address(LOCALHOST).await?;
        Ok((lookup_host(name.as_str()).await?, name))
    });
    assert!(!name.is_empty());
    assert!(addresses.iter().all(IpAddr::is_loopback), "{name} is {addresses:?}");
}

#[test]
fn an_address_in_text_needs_no_name() {
    let log = Log::new();
    let said = log.clone();
    run(|| {
        lookup_host("::1").callback(move |addresses| {
            let addresses = addresses.expect("it is an address");
            said.say(addresses.iter().map(IpAddr::to_string).collect::<String>());
        });
    });
    log.expect(&["::1"]);
}

#[test]
fn what_is_no_name_fails_and_says_what_was_looked_up() {
    let log = Log::new();
    let (said, also) = (log.clone(), log.clone());
    run(|| {
        lookup_host(NO_NAME).callback(move |addresses| {
            let error = addresses.expect_err("there is none");
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
            assert!(error.to_string().starts_with(&format!("look up {NO_NAME}: ")), "{error}");
            said.say("not found");
        });
        lookup_host("zero\0byte").callback(move |addresses| {
            let error = addresses.expect_err("no name has one");
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            also.say("invalid");
        });
    });
    assert_eq!(log.words().len(), 2);
}

#[test]
fn a_lookup_that_has_not_begun_can_be_cancelled() {
    let cancelled = Log::new();
    let event_loop = unspin::EventLoop::builder().pool_threads(1).build().expect("a loop");
    let said = cancelled.clone();
    let code = event_loop.run(move || {
        watchdog();
        // The only thread waits for this channel.
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        unspin::spawn_blocking(move || wait.recv()).callback(|_| ());
        let pending = lookup_host("localhost").callback({
            let said = said.clone();
            move |addresses| {
                assert!(addresses.expect_err("it was cancelled").is_cancelled());
                said.say("host");
            }
        });
        let back = lookup_address(LOCALHOST).callback(move |name| {
            assert!(name.expect_err("it was cancelled").is_cancelled());
            said.say("address");
        });
        assert!(pending.cancel() && back.cancel());
        drop(go_on);
    });
    assert_eq!(code.expect("nothing fails"), 0);
    cancelled.expect(&["host", "address"]);
}

/// The aliases of the resolver are read from a pipe that nobody writes to, so that each lookup of a
/// name without a dot hangs, as it does with a dead name server.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn ten_lookups_that_hang_do_not_delay_a_file() {
    const TEST: &str = "ten_lookups_that_hang_do_not_delay_a_file";
    if is_child() {
        return ten_lookups_and_a_file();
    }
    let text = in_child_whose_lookups_hang(TEST);
    assert!(text.contains("read while 10 lookups hang"), "{text}");
}

/// What the test that calls it says in a process of its own.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn in_child_whose_lookups_hang(test: &str) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let pipe = directory.path().join("aliases");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("the system has mkfifo");
    assert!(made.success());
    let output = child(test).env("HOSTALIASES", &pipe).output().expect("a test binary can be run");
    let text = stdout(&output);
    assert!(output.status.success(), "{text}\n{}", stderr(&output));
    text
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn a_lookup_that_hangs_does_not_hold_the_loop_of_a_connect_that_is_over() {
    const TEST: &str = "a_lookup_that_hangs_does_not_hold_the_loop_of_a_connect_that_is_over";
    if !is_child() {
        let text = in_child_whose_lookups_hang(TEST);
        assert!(text.contains("nobody has answered"), "{text}");
        return;
    }
    // It is the lookup that the process would wait for: it ends by itself.
    run(|| {
        ConnectOptions::new().timeout(millis(50)).connect("slow:80").callback(|stream| {
            let error = stream.map(drop).expect_err("nobody says where it is");
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert!(unspin::why_alive().is_empty(), "{:?}", unspin::why_alive());
            println!("{error}");
        });
    });
}

#[cfg(all(target_os = "linux", target_env = "gnu", feature = "async"))]
#[test]
fn a_lookup_that_hangs_does_not_hold_the_loop_of_who_has_given_it_up() {
    const TEST: &str = "a_lookup_that_hangs_does_not_hold_the_loop_of_who_has_given_it_up";
    if !is_child() {
        let text = in_child_whose_lookups_hang(TEST);
        for word in ["late", "aborted", "dropped"] {
            assert!(text.contains(&format!("{word}, and over")), "{text}");
        }
        return;
    }
    run(|| {
        lookup_host("slow").timeout(millis(50)).callback(|found| {
            assert_eq!(found.expect_err("it hangs").kind(), ErrorKind::TimedOut);
            print!("late");
        });
    });
    println!(", and over");
    run(|| {
        let controller = unspin::AbortController::new();
        lookup_host("slow").abort_on(controller.signal()).callback(|found| {
            assert!(found.expect_err("it hangs").is_abort());
            print!("aborted");
        });
        unspin::set_timeout(millis(50), move || controller.abort());
    });
    println!(", and over");
    util::futures::block_on(async {
        let mut lookup = lookup_host("slow").into_future();
        std::future::poll_fn(|cx| {
            assert!(std::pin::Pin::new(&mut lookup).poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        unspin::sleep(millis(50)).await;
        drop(lookup);
        print!("dropped");
        Ok(())
    });
    println!(", and over");
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn ten_lookups_and_a_file() {
    let _ended = unspin::run(|| {
        watchdog();
        for _ in 0..10 {
            lookup_host("slow").callback(|found| unreachable!("it hangs: {found:?}"));
        }
        unspin::fs::read("Cargo.toml").callback(|bytes| -> unspin::Result<()> {
            assert!(!bytes?.is_empty());
            let lookups = unspin::resources();
            let lookups = lookups.iter().filter(|it| it.state.contains("look up")).count();
            println!("read while {lookups} lookups hang");
            unspin::exit(0)
        });
    });
}
