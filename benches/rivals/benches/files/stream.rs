//! A large file, read piece by piece from its start.

use std::cell::Cell;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use futures_lite::AsyncReadExt;
use tokio::io::AsyncReadExt as _;
use unspin_rivals::runtime::{Executor, Runtime, Tokio, Unspin};

use crate::shelf::PIECE;

pub(crate) fn std(path: &Path, count: usize) {
    let mut file = fs::File::open(path).expect("it is there");
    let mut piece = vec![0; PIECE];
    let mut left = count;
    while left > 0 {
        let wanted = left.min(PIECE);
        left -= read_some(file.read(&mut piece[..wanted]));
    }
}

/// Each read begins the next one.
pub(crate) fn unspin_callback(path: &Path, count: usize) {
    let left = Rc::new(Cell::new(count));
    let (rest, path) = (Rc::clone(&left), path.to_owned());
    unspin::run(move || {
        unspin::fs::open(path).callback(move |file| {
            read_next(file?, 0, rest);
            Ok(())
        });
    })
    .expect("it is there");
    assert_eq!(left.get(), 0);
}

fn read_next(file: unspin::fs::File, offset: u64, left: Rc<Cell<usize>>) {
    let wanted = left.get().min(PIECE);
    file.clone().read_at(offset, wanted).callback(move |bytes| {
        let length = bytes?.len();
        assert_eq!(length, wanted);
        left.set(left.get() - length);
        if left.get() > 0 {
            read_next(file, offset + length as u64, left);
        }
        Ok(())
    });
}

pub(crate) fn unspin_await(path: &Path, count: usize) {
    let path = path.to_owned();
    Unspin::run(move |_| async move {
        let file = unspin::fs::open(path).await.expect("it is there");
        let mut offset = 0;
        while offset < count {
            let wanted = PIECE.min(count - offset);
            let bytes = file.read_at(offset as u64, wanted).await.expect("it can be read");
            assert_eq!(bytes.len(), wanted);
            offset += wanted;
        }
    });
}

pub(crate) fn tokio(path: &Path, count: usize) {
    let path = path.to_owned();
    Tokio::run(move |_| async move {
        let mut file = tokio::fs::File::open(path).await.expect("it is there");
        let mut piece = vec![0; PIECE];
        let mut left = count;
        while left > 0 {
            let wanted = left.min(PIECE);
            left -= read_some(file.read(&mut piece[..wanted]).await);
        }
    });
}

/// The reader stays on the pool, and a pipe leads to it.
pub(crate) fn smol(path: &Path, count: usize) {
    let path: PathBuf = path.to_owned();
    Executor::run(move |_| async move {
        let file = blocking::unblock(|| fs::File::open(path)).await.expect("it is there");
        let mut file = blocking::Unblock::new(file);
        let mut piece = vec![0; PIECE];
        let mut left = count;
        while left > 0 {
            let wanted = left.min(PIECE);
            left -= read_some(AsyncReadExt::read(&mut file, &mut piece[..wanted]).await);
        }
    });
}

fn read_some(length: std::io::Result<usize>) -> usize {
    let length = length.expect("it can be read");
    assert!(length > 0, "the file is shorter");
    length
}
