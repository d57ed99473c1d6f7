//! Many slices in one job, and reads and writes that signals interrupt.

mod util;

use std::fs::File as StdFile;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use unspin::fs::{self, File};
use unspin::signal::{self, Signal};
use util::files::{ok, place};
use util::run_real;

/// As many as libuv's tests have, and far more than the system takes with one call.
const MANY: usize = 54_321;

/// Short, longer and empty ones.
fn many() -> Vec<Vec<u8>> {
    (0..MANY).map(|n| vec![n as u8; n % 5]).collect()
}

#[test]
fn more_slices_than_the_system_takes_are_written_and_read() {
    let (_dir, path) = place("file");
    let file = ok(|| fs::create(&path));
    ok(|| file.write_vectored_at(3, many()));
    let expected = many().concat();
    let bytes = ok(|| fs::read(&path));
    assert!(bytes[..3] == [0; 3] && bytes[3..] == expected);
    let (length, read) = ok(|| file.read_vectored_at(3, many()));
    assert_eq!(length, expected.len());
    assert!(read.concat() == expected);
    let (length, read) = ok(|| file.read_vectored_at(3 + length as u64 - 2, vec![vec![9; 5]; 2]));
    assert_eq!((length, read[1].as_slice()), (2, &[9; 5][..]), "there were no more");
}

#[test]
fn no_slices_are_nothing() {
    let (_dir, path) = place("file");
    let file = ok(|| fs::create(&path));
    ok(|| file.write_vectored_at(0, Vec::new()));
    ok(|| file.write_vectored_at(0, vec![Vec::new(); 3]));
    assert_eq!(ok(|| file.read_vectored_at(0, Vec::new())).0, 0);
    assert_eq!(ok(|| file.metadata()).len(), 0);
}

/// Sends this process a signal over and over while it lives: one that is ignored by default, since
/// the last may come when its watcher is gone.
struct Storm {
    over: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Storm {
    fn begin() -> Storm {
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                signal::kill(std::process::id(), Signal::WINDOW_CHANGE).expect("it lives");
                thread::yield_now();
            }
        });
        Storm { over, thread: Some(thread) }
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it does not panic");
        }
    }
}

/// Two ends of what has no offsets, takes little at once, and can be interrupted in the middle.
fn ends() -> (File, StdFile) {
    let (one, other) = UnixStream::pair().expect("two sockets");
    let of = |socket| StdFile::from(OwnedFd::from(socket));
    (File::from_std(of(one), "one end"), of(other))
}

#[test]
fn a_storm_of_signals_loses_and_doubles_no_byte_of_a_write() {
    let (writer, mut reader) = ends();
    let read = thread::spawn(move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map(|_| bytes)
    });
    run_real(move || {
        let watcher = signal::watch([Signal::WINDOW_CHANGE])?;
        watcher.on_signal(|_, _| ());
        let storm = Storm::begin();
        writer.write_vectored_at(0, many()).callback(move |written| {
            drop(storm);
            watcher.close();
            written
        });
        drop(writer);
        Ok(())
    });
    assert!(read.join().expect("no panic").expect("no error") == many().concat());
}

#[test]
fn a_storm_of_signals_loses_and_doubles_no_byte_of_a_read() {
    let (reader, mut writer) = ends();
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let (sent, length) = (bytes.clone(), bytes.len());
    let write = thread::spawn(move || sent.chunks(997).try_for_each(|part| writer.write_all(part)));
    run_real(move || {
        let watcher = signal::watch([Signal::WINDOW_CHANGE])?;
        watcher.on_signal(|_, _| ());
        let storm = Storm::begin();
        reader.read_at(0, length).callback(move |read| {
            drop(storm);
            watcher.close();
            assert!(read? == bytes);
            Ok(())
        });
        Ok(())
    });
    write.join().expect("no panic").expect("no error");
}
