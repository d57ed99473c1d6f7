//! Handlers of others: called as before, and put back.
#![allow(unsafe_code, reason = "only the system's own call installs a handler of the plain kind")]

mod util;

use std::sync::atomic::{AtomicUsize, Ordering};

use unspin::signal::{self, Signal};
use util::net::run;
use util::signals::{alone, is_caught, send};

static PLAIN: AtomicUsize = AtomicUsize::new(0);
static INFORMED: AtomicUsize = AtomicUsize::new(0);
static LATER: AtomicUsize = AtomicUsize::new(0);

extern "C" fn plain(_: libc::c_int) {
    PLAIN.fetch_add(1, Ordering::SeqCst);
}

extern "C" fn informed(number: libc::c_int, info: *mut libc::siginfo_t, _: *mut std::ffi::c_void) {
    // SAFETY: the kernel gave it for this call.
    let told = unsafe { (*info).si_signo };
    assert_eq!(told, number);
    INFORMED.fetch_add(1, Ordering::SeqCst);
}

extern "C" fn later(_: libc::c_int) {
    LATER.fetch_add(1, Ordering::SeqCst);
}

fn install(signal: Signal, handler: usize, flags: libc::c_int) {
    // SAFETY: all zeros is a sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: the handler is one of the above, of the type that the flags say.
    let failed = unsafe { libc::sigaction(signal.as_raw(), &action, std::ptr::null_mut()) };
    assert_eq!(failed, 0);
}

#[test]
fn a_handler_that_was_there_is_called_too_and_put_back() {
    let _alone = alone();
    install(Signal::USER_1, plain as *const () as usize, 0);
    install(Signal::USER_2, informed as *const () as usize, libc::SA_SIGINFO);
    run(|| {
        for signal in [Signal::USER_1, Signal::USER_2] {
            signal::once(signal).callback(|signal| assert!(signal.is_ok()));
            send(signal, 1);
        }
    });
    assert_eq!((PLAIN.load(Ordering::SeqCst), INFORMED.load(Ordering::SeqCst)), (1, 1));
    send(Signal::USER_1, 1);
    send(Signal::USER_2, 1);
    assert_eq!((PLAIN.load(Ordering::SeqCst), INFORMED.load(Ordering::SeqCst)), (2, 2));
}

#[test]
fn an_ignored_signal_is_told_and_ignored_again() {
    let _alone = alone();
    // Rust programs ignore it from the start.
    assert!(!is_caught(Signal::PIPE));
    run(|| {
        signal::once(Signal::PIPE).callback(|signal| assert!(signal.is_ok()));
        send(Signal::PIPE, 1);
    });
    assert!(!is_caught(Signal::PIPE));
    send(Signal::PIPE, 1);
}

#[test]
fn a_handler_that_came_later_keeps_its_place() {
    let _alone = alone();
    run(|| {
        let watcher = signal::watch(Signal::HANGUP).expect("it can be watched");
        install(Signal::HANGUP, later as *const () as usize, 0);
        watcher.close();
    });
    send(Signal::HANGUP, 1);
    assert_eq!(LATER.load(Ordering::SeqCst), 1);
}
