//! Directories, read a batch at a time: by callbacks, as a stream, awaited.

mod util;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::rc::Rc;

use unspin::fs::{self, Entries};
use unspin::{AbortController, EventLoop, spawn_blocking};
use util::files::{ok, place};
use util::{Drops, Log, run_real};

/// A directory with that many files.
fn directory(files: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for number in 0..files {
        std::fs::write(dir.path().join(number.to_string()), "").expect("it is written");
    }
    dir
}

fn names(files: usize) -> BTreeSet<String> {
    (0..files).map(|number| number.to_string()).collect()
}

#[derive(Clone, Default)]
struct Seen(Rc<RefCell<Vec<String>>>);

impl Seen {
    fn all_of(&self, entries: &Entries) {
        let seen = self.clone();
        entries.on_entry(move |_, entry| {
            assert_eq!(entry.depth(), 1);
            seen.0.borrow_mut().push(entry.file_name().to_str().expect("text").to_owned());
        });
    }

    #[track_caller]
    fn expect(&self, files: usize) {
        let seen = self.0.borrow();
        assert_eq!(seen.len(), files);
        assert!(seen.iter().cloned().collect::<BTreeSet<_>>() == names(files));
    }
}

#[test]
fn every_entry_is_handed_over_once_and_then_come_end_and_close() {
    for files in [0, 1, 511, 512, 513, 3000] {
        let dir = directory(files);
        let (seen, log) = (Seen::default(), Log::new());
        run_real(|| {
            let entries = fs::read_dir(dir.path());
            seen.all_of(&entries);
            let (mut end, mut close) = (log.add("end"), log.add("close"));
            entries.on_end(move |_| end());
            entries.on_close(move |entries| {
                assert!(entries.is_closed());
                close();
            });
        });
        seen.expect(files);
        log.expect(&["end", "close"]);
    }
}

#[test]
fn entries_have_types_and_numbers_without_being_looked_at() {
    let (dir, file) = place("file");
    std::fs::write(&file, "").expect("it is written");
    std::fs::create_dir(dir.path().join("dir")).expect("it is created");
    std::os::unix::fs::symlink("nowhere", dir.path().join("link")).expect("a link");
    let mut entries = ok(|| fs::read_dir_all(dir.path()));
    entries.sort_by(|one, other| one.path().cmp(other.path()));
    let types: Vec<_> = entries.iter().map(fs::DirEntry::file_type).collect();
    assert!(types[0].is_dir() && types[1].is_file() && types[2].is_symlink());
    use std::os::unix::fs::MetadataExt;
    assert_eq!(entries[1].inode(), file.metadata().expect("it is there").ino());
    assert_eq!(entries[1].clone().into_path(), file);
}

#[test]
fn what_cannot_be_listed_is_an_error_with_its_path_and_then_close() {
    let (_dir, file) = place("file");
    std::fs::write(&file, "").expect("it is written");
    for (path, kind) in
        [(file, ErrorKind::NotADirectory), (PathBuf::from("nowhere"), ErrorKind::NotFound)]
    {
        let log = Log::new();
        run_real(|| {
            let entries = fs::read_dir(&path);
            entries.on_entry(|_, _| panic!("there is none")).on_end(|_| panic!("it failed"));
            let said = log.clone();
            let start = format!("list {}: ", path.display());
            entries.on_error(move |_, error| {
                assert_eq!(error.kind(), kind);
                assert!(error.to_string().starts_with(&start), "{error}");
                said.say("error");
            });
            let mut close = log.add("close");
            entries.on_close(move |_| close());
        });
        log.expect(&["error", "close"]);
    }
}

#[test]
fn a_paused_one_holds_neither_the_loop_nor_a_thread_and_goes_on_where_it_was() {
    let dir = directory(2000);
    let (seen, log) = (Seen::default(), Log::new());
    let event_loop = EventLoop::builder().pool_threads(1).build().expect("a loop");
    let total = Rc::new(Cell::new(0));
    let main = || {
        let entries = fs::read_dir(dir.path());
        let (all, said, count) = (seen.clone(), log.clone(), Rc::clone(&total));
        entries.on_entry(move |entries, entry| {
            all.0.borrow_mut().push(entry.file_name().to_str().expect("text").to_owned());
            count.set(count.get() + 1);
            if count.get() == 700 {
                entries.pause();
                let (again, said, count) = (entries.clone(), said.clone(), Rc::clone(&count));
                spawn_blocking(|| ()).callback(move |_| {
                    assert_eq!(count.get(), 700);
                    said.say("resume");
                    again.resume();
                });
            }
        });
        let mut end = log.add("end");
        entries.on_end(move |_| end());
    };
    event_loop.run(main).expect("nothing fails");
    assert_eq!(total.get(), 2000);
    seen.expect(2000);
    log.expect(&["resume", "end"]);

    run_real(|| {
        let entries = fs::read_dir(dir.path());
        entries.on_entry(|_, _| panic!("it is paused for good")).pause();
        assert!(entries.is_paused());
    });
}

#[test]
fn closing_it_ends_it_and_drops_what_it_called() {
    let dir = directory(2000);
    let (log, drops) = (Log::new(), Drops::new());
    run_real(|| {
        let entries = fs::read_dir(dir.path());
        let (guard, mut say) = (drops.guard(), log.add("entry"));
        entries.on_entry(move |entries, _| {
            guard.keep();
            say();
            entries.close();
        });
        entries.on_end(|_| panic!("it did not end"));
        let mut close = log.add("close");
        entries.on_close(move |_| close());
    });
    log.expect(&["entry", "close"]);
    assert_eq!(drops.count(), 1);
}

#[test]
fn one_whose_handles_are_gone_is_closed_and_one_with_a_handler_is_not() {
    let dir = directory(10);
    let (seen, log) = (Seen::default(), Log::new());
    run_real(|| {
        let mut close = log.add("closed");
        fs::read_dir(dir.path()).on_close(move |_| close());
        seen.all_of(&fs::read_dir(dir.path()));
    });
    seen.expect(10);
    log.expect(&["closed"]);
}

#[test]
fn an_aborted_one_tells_so_and_closes() {
    let dir = directory(10);
    let log = Log::new();
    run_real(|| {
        let controller = AbortController::new();
        let entries = fs::read_dir(dir.path());
        entries.abort_on(controller.signal());
        entries.on_entry(|_, _| panic!("it is aborted before"));
        let said = log.clone();
        entries.on_error(move |_, error| {
            assert!(error.is_abort());
            said.say("aborted");
        });
        let mut close = log.add("close");
        entries.on_close(move |_| close());
        controller.abort();
    });
    log.expect(&["aborted", "close"]);
}

#[test]
fn it_is_listed_with_its_line_and_keeps_the_loop_unless_it_is_unreferenced() {
    let dir = directory(10);
    let log = Log::new();
    run_real(|| {
        let entries = fs::read_dir(dir.path());
        let line = line!() - 1;
        let mut said = log.add("entry");
        entries.on_entry(move |_, _| said());
        assert!(unspin::why_alive().iter().any(|why| why.at.line() == line));
        let state = format!("listing {}", dir.path().display());
        assert!(unspin::resources().iter().any(|resource| resource.state == state));
        entries.unref();
        assert!(!entries.has_ref());
        assert!(unspin::why_alive().is_empty());
        entries.ref_();
        assert!(entries.has_ref() && !unspin::why_alive().is_empty());
        entries.unref();
    });
    // It may have been quick, but nobody waited for it: there was no turn.
    log.expect(&[]);
}

#[test]
fn a_stream_of_a_file_can_be_unreferenced_as_well() {
    run_real(|| {
        let stream = fs::read_stream("Cargo.toml");
        stream.on_data(|_, _| panic!("nobody waits for it"));
        stream.unref();
        assert!(!stream.has_ref() && unspin::why_alive().is_empty());
    });
    let log = Log::new();
    run_real(|| {
        let stream = fs::read_stream("Cargo.toml");
        let mut end = log.add("end");
        stream.on_data(|_, _| ()).on_end(move |_| end());
        stream.unref();
        stream.ref_();
    });
    log.expect(&["end"]);
}

#[cfg(feature = "async")]
mod awaited {
    use super::*;
    use futures_lite::StreamExt;
    use util::futures::block_on;

    #[test]
    fn entries_are_awaited_one_by_one_to_the_end_and_again() {
        let dir = directory(1500);
        block_on(async move {
            let (entries, mut seen) = (fs::read_dir(dir.path()), BTreeSet::new());
            while let Some(entry) = entries.next_entry().await? {
                seen.insert(entry.file_name().to_str().expect("text").to_owned());
            }
            assert!(seen == names(1500) && entries.is_closed());
            assert!(entries.next_entry().await?.is_none());
            let closed = fs::read_dir("src");
            closed.close();
            let error = closed.next_entry().await.expect_err("it is closed");
            assert_eq!(error.kind(), ErrorKind::NotConnected);
            assert_eq!(error.to_string(), "list src: the listing was closed");
            Ok(())
        });
    }

    #[test]
    fn it_is_a_stream_of_the_traits() {
        let dir = directory(1500);
        block_on(async move {
            assert_eq!(fs::read_dir(dir.path()).count().await, 1500);
            let mut missing = fs::read_dir("nowhere");
            let error = missing.next().await.expect("an error").expect_err("it is missing");
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert!(missing.next().await.is_none());
            Ok(())
        });
    }

    #[test]
    fn a_future_that_is_dropped_loses_no_entry() {
        let dir = directory(600);
        block_on(async move {
            let (entries, mut count) = (fs::read_dir(dir.path()), 0);
            loop {
                // One that has to wait is dropped; one that need not has taken its entry.
                let taken = match util::poll::Polled::new(entries.next_entry()).poll() {
                    std::task::Poll::Ready(taken) => taken?,
                    std::task::Poll::Pending => entries.next_entry().await?,
                };
                if taken.is_none() {
                    break;
                }
                count += 1;
            }
            assert_eq!(count, 600);
            Ok(())
        });
    }

    #[test]
    fn one_with_a_handler_gives_futures_nothing() {
        block_on(async {
            let entries = fs::read_dir(PathBuf::from("src"));
            entries.on_entry(|_, _| ());
            let error = entries.next_entry().await.expect_err("the handler gets them");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            Ok(())
        });
    }
}
