//! A large file, read piece by piece from its start.

use std::cell::Cell;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use futures_lite::AsyncReadExt;
use tokio::io::AsyncReadExt as _;
use unspin::fs::ReadOptions;
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

pub(crate) fn unspin_callback(path: &Path, count: usize) {
    let read = Rc::new(Cell::new(0));
    let sum = Rc::clone(&read);
    let path = path.to_owned();
    unspin::run(move || {
        let stream = ReadOptions::new().chunk_size(PIECE).range(..count as u64).stream(path);
        stream.on_data(move |_, chunk| sum.set(sum.get() + chunk.len()));
    })
    .expect("nothing in it fails");
    assert_eq!(read.get(), count);
}

pub(crate) fn unspin_await(path: &Path, count: usize) {
    let path = path.to_owned();
    Unspin::run(move |_| async move {
        let stream = ReadOptions::new().chunk_size(PIECE).range(..count as u64).stream(path);
        let mut read = 0;
        while let Some(chunk) = stream.chunk().await.expect("it can be read") {
            read += chunk.len();
        }
        assert_eq!(read, count);
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
