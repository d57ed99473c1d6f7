//! Many small files, each read as a whole.

use std::cell::Cell;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use unspin_rivals::runtime::{Executor, Runtime, Tokio, Unspin};

use crate::shelf::{SMALL, small};

/// The files that are still to be read.
struct Stack {
    folder: PathBuf,
    left: Cell<usize>,
    read: Cell<usize>,
}

impl Stack {
    fn of(folder: &Path, count: usize) -> Rc<Stack> {
        Rc::new(Stack { folder: folder.to_owned(), left: Cell::new(count), read: Cell::default() })
    }

    fn next(&self) -> Option<PathBuf> {
        let number = self.left.get().checked_sub(1)?;
        self.left.set(number);
        Some(small(&self.folder, number))
    }

    fn check(&self, bytes: &[u8]) {
        assert_eq!(bytes.len(), SMALL);
        self.read.set(self.read.get() + 1);
    }

    fn check_all(&self, count: usize) {
        assert_eq!(self.read.get(), count);
    }
}

pub(crate) fn std(folder: &Path, count: usize) {
    let stack = Stack::of(folder, count);
    while let Some(path) = stack.next() {
        stack.check(&fs::read(path).expect("it is there"));
    }
    stack.check_all(count);
}

pub(crate) fn unspin_callback_one(folder: &Path, count: usize) {
    unspin_callback(folder, count, 1);
}

pub(crate) fn unspin_callback_64(folder: &Path, count: usize) {
    unspin_callback(folder, count, 64);
}

fn unspin_callback(folder: &Path, count: usize, at_once: usize) {
    let stack = Stack::of(folder, count);
    let reads = Rc::clone(&stack);
    let read_all = move || (0..at_once).for_each(|_| read_next(Rc::clone(&reads)));
    unspin::run(read_all).expect("all are there");
    stack.check_all(count);
}

fn read_next(stack: Rc<Stack>) {
    let Some(path) = stack.next() else { return };
    unspin::fs::read(path).callback(move |bytes| {
        stack.check(&bytes?);
        read_next(stack);
        Ok(())
    });
}

pub(crate) fn unspin_await_one(folder: &Path, count: usize) {
    futures::<Unspin, _>(folder, count, 1, by_unspin);
}

pub(crate) fn unspin_await_64(folder: &Path, count: usize) {
    futures::<Unspin, _>(folder, count, 64, by_unspin);
}

async fn by_unspin(path: PathBuf) -> Vec<u8> {
    unspin::fs::read(path).await.expect("it is there")
}

pub(crate) fn tokio_one(folder: &Path, count: usize) {
    futures::<Tokio, _>(folder, count, 1, by_tokio);
}

pub(crate) fn tokio_64(folder: &Path, count: usize) {
    futures::<Tokio, _>(folder, count, 64, by_tokio);
}

async fn by_tokio(path: PathBuf) -> Vec<u8> {
    tokio::fs::read(path).await.expect("it is there")
}

pub(crate) fn smol_one(folder: &Path, count: usize) {
    futures::<Executor, _>(folder, count, 1, by_smol);
}

pub(crate) fn smol_64(folder: &Path, count: usize) {
    futures::<Executor, _>(folder, count, 64, by_smol);
}

async fn by_smol(path: PathBuf) -> Vec<u8> {
    blocking::unblock(|| fs::read(path)).await.expect("it is there")
}

/// So many futures, each of which reads a file and then the next.
fn futures<R: Runtime, F: Future<Output = Vec<u8>> + 'static>(
    folder: &Path,
    count: usize,
    at_once: usize,
    read: fn(PathBuf) -> F,
) {
    let stack = Stack::of(folder, count);
    let reads = Rc::clone(&stack);
    R::run(move |runtime| async move {
        let one = || {
            let stack = Rc::clone(&reads);
            runtime.spawn(async move {
                while let Some(path) = stack.next() {
                    stack.check(&read(path).await);
                }
            })
        };
        let all: Vec<_> = (0..at_once).map(|_| one()).collect();
        for handle in all {
            handle.await;
        }
    });
    stack.check_all(count);
}
