//! Many small files, each read as a whole or looked at.

use std::cell::Cell;
use std::fmt::Debug;
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

    fn check(&self, length: usize) {
        assert_eq!(length, SMALL);
        self.read.set(self.read.get() + 1);
    }

    fn check_all(&self, count: usize) {
        assert_eq!(self.read.get(), count);
    }
}

pub(crate) fn std(folder: &Path, count: usize) {
    let stack = Stack::of(folder, count);
    while let Some(path) = stack.next() {
        stack.check(fs::read(path).expect("it is there").len());
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
    callbacks(folder, count, at_once, read_next);
}

/// So many chains of callbacks, each of which goes on with the next file.
fn callbacks(folder: &Path, count: usize, at_once: usize, next: fn(Rc<Stack>)) {
    let stack = Stack::of(folder, count);
    let chains = Rc::clone(&stack);
    let begin_all = move || (0..at_once).for_each(|_| next(Rc::clone(&chains)));
    unspin::run(begin_all).expect("all are there");
    stack.check_all(count);
}

fn read_next(stack: Rc<Stack>) {
    let Some(path) = stack.next() else { return };
    unspin::fs::read(path).callback(move |bytes| {
        stack.check(bytes?.len());
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

async fn by_unspin(path: PathBuf) -> usize {
    unspin::fs::read(path).await.expect("it is there").len()
}

pub(crate) fn tokio_one(folder: &Path, count: usize) {
    futures::<Tokio, _>(folder, count, 1, by_tokio);
}

pub(crate) fn tokio_64(folder: &Path, count: usize) {
    futures::<Tokio, _>(folder, count, 64, by_tokio);
}

async fn by_tokio(path: PathBuf) -> usize {
    tokio::fs::read(path).await.expect("it is there").len()
}

pub(crate) fn smol_one(folder: &Path, count: usize) {
    futures::<Executor, _>(folder, count, 1, by_smol);
}

pub(crate) fn smol_64(folder: &Path, count: usize) {
    futures::<Executor, _>(folder, count, 64, by_smol);
}

async fn by_smol(path: PathBuf) -> usize {
    blocking::unblock(|| fs::read(path)).await.expect("it is there").len()
}

pub(crate) fn std_look(folder: &Path, count: usize) {
    let stack = Stack::of(folder, count);
    while let Some(path) = stack.next() {
        stack.check(length(fs::metadata(path)));
    }
    stack.check_all(count);
}

pub(crate) fn unspin_callback_look_one(folder: &Path, count: usize) {
    callbacks(folder, count, 1, look_at_next);
}

pub(crate) fn unspin_callback_look_64(folder: &Path, count: usize) {
    callbacks(folder, count, 64, look_at_next);
}

fn look_at_next(stack: Rc<Stack>) {
    let Some(path) = stack.next() else { return };
    unspin::fs::metadata(path).callback(move |metadata| {
        stack.check(metadata?.len() as usize);
        look_at_next(stack);
        Ok(())
    });
}

pub(crate) fn unspin_await_look_one(folder: &Path, count: usize) {
    futures::<Unspin, _>(folder, count, 1, look_by_unspin);
}

pub(crate) fn unspin_await_look_64(folder: &Path, count: usize) {
    futures::<Unspin, _>(folder, count, 64, look_by_unspin);
}

async fn look_by_unspin(path: PathBuf) -> usize {
    length(unspin::fs::metadata(path).await)
}

pub(crate) fn tokio_look_one(folder: &Path, count: usize) {
    futures::<Tokio, _>(folder, count, 1, look_by_tokio);
}

pub(crate) fn tokio_look_64(folder: &Path, count: usize) {
    futures::<Tokio, _>(folder, count, 64, look_by_tokio);
}

async fn look_by_tokio(path: PathBuf) -> usize {
    length(tokio::fs::metadata(path).await)
}

pub(crate) fn smol_look_one(folder: &Path, count: usize) {
    futures::<Executor, _>(folder, count, 1, look_by_smol);
}

pub(crate) fn smol_look_64(folder: &Path, count: usize) {
    futures::<Executor, _>(folder, count, 64, look_by_smol);
}

async fn look_by_smol(path: PathBuf) -> usize {
    length(blocking::unblock(|| fs::metadata(path)).await)
}

fn length<E: Debug>(metadata: Result<fs::Metadata, E>) -> usize {
    metadata.expect("it is there").len() as usize
}

/// So many futures, each of which takes a file and then the next.
fn futures<R: Runtime, F: Future<Output = usize> + 'static>(
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
                    stack.check(read(path).await);
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
