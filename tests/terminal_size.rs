//! The size of a terminal's window, and its changes.

mod util;

use unspin::signal::{self, Signal};
use unspin::terminal::Terminal;
use util::pty::Pty;
use util::signals::{alone, send};
use util::{Log, is_child, run_real};

/// A terminal that is not the one of this process: so the signal is sent by hand.
fn window() -> (Pty, Terminal) {
    let pty = Pty::open();
    pty.set_size(80, 24);
    let terminal = Terminal::of(&pty.slave()).expect("it is one");
    (pty, terminal)
}

#[test]
fn a_window_has_a_size() {
    let (pty, terminal) = window();
    let size = terminal.size().expect("it tells");
    assert_eq!((size.columns, size.rows), (80, 24));
    pty.set_size(100, 40);
    assert_eq!(terminal.size().expect("it tells").to_string(), "100 columns and 40 rows");
}

#[test]
fn each_new_size_is_told_and_the_same_is_not() {
    let _alone = alone();
    let log = Log::new();
    run_real(|| {
        let log = log.clone();
        let (pty, terminal) = window();
        let watcher = terminal.watch_size()?;
        watcher.on_close(log.add("close"));
        let sizes = [(80, 24), (100, 40), (100, 40), (90, 30)];
        let mut left = sizes.into_iter();
        watcher.on_resize(move |watcher, size| {
            log.say(size.to_string());
            if size.columns == 90 {
                watcher.close();
            }
        });
        unspin::set_interval(util::millis(1), move |timer| match left.next() {
            Some((columns, rows)) => {
                pty.set_size(columns, rows);
                send(Signal::WINDOW_CHANGE, 1);
            }
            None => timer.clear(),
        });
        unspin::Result::Ok(())
    });
    log.expect(&["100 columns and 40 rows", "90 columns and 30 rows", "close"]);
}

#[test]
fn a_watcher_lets_the_loop_end_only_if_it_is_unreferenced() {
    let _alone = alone();
    run_real(|| {
        let (_pty, terminal) = window();
        let watcher = terminal.watch_size()?;
        watcher.on_resize(|_, _| unreachable!("nobody changes it"));
        let line = unspin::why_alive();
        assert_eq!(line.len(), 1);
        assert!(line[0].at.file().ends_with("terminal_size.rs"), "{}", line[0]);
        assert!(watcher.has_ref());
        watcher.unref();
        assert!(unspin::why_alive().is_empty());
        unspin::Result::Ok(())
    });
}

#[cfg(feature = "async")]
#[test]
fn sizes_can_be_awaited_one_by_one_and_as_a_stream() {
    use futures_lite::StreamExt;

    let _alone = alone();
    run_real(|| {
        unspin::spawn(async {
            let (pty, terminal) = window();
            let watcher = terminal.watch_size()?;
            pty.set_size(81, 24);
            send(Signal::WINDOW_CHANGE, 2);
            assert_eq!(watcher.next().await?.columns, 81);
            let mut sizes = watcher.sizes();
            pty.set_size(82, 24);
            send(Signal::WINDOW_CHANGE, 1);
            let size = sizes.next().await.expect("it is open")?;
            assert_eq!(size.columns, 82);
            watcher.close();
            assert!(sizes.next().await.is_none());
            unspin::Result::Ok(())
        })
        .or_uncaught();
    });
}

#[test]
fn the_system_tells_whose_terminal_it_is() {
    if is_child() {
        return run_real(|| {
            let terminal = Terminal::open()?;
            let watcher = terminal.watch_size()?;
            watcher.on_resize(|watcher, size| {
                println!("now {size}");
                watcher.close();
            });
            println!("ready");
            unspin::Result::Ok(())
        });
    }
    let mut session = Pty::open().run("the_system_tells_whose_terminal_it_is");
    session.expect("ready");
    session.set_size(132, 50);
    session.expect("now 132 columns and 50 rows");
    assert!(session.end().0.success());
    // Nothing is left that would catch it here.
    signal::raise(Signal::WINDOW_CHANGE).expect("there is this signal");
}
