//! What the tests of files share.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use unspin::{Request, Result};

use crate::util::run_real;

/// The result of one request, run on a loop of its own.
pub fn result_of<T: 'static>(request: impl FnOnce() -> Request<T>) -> Result<T> {
    let slot = Rc::new(RefCell::new(None));
    let fill = Rc::clone(&slot);
    run_real(move || {
        request().callback(move |result| {
            fill.replace(Some(result));
        });
    });
    slot.take().expect("the callback was called")
}

/// The same of one that succeeds.
#[track_caller]
pub fn ok<T: 'static>(request: impl FnOnce() -> Request<T>) -> T {
    result_of(request).expect("it succeeds")
}

/// Checks that a request fails with that kind, and names what it did and its path.
#[track_caller]
pub fn fails<T: 'static>(
    verb: &str,
    path: &Path,
    kind: ErrorKind,
    request: impl FnOnce() -> Request<T>,
) {
    let Err(error) = result_of(request) else { panic!("it succeeds") };
    assert_eq!(error.kind(), kind, "{error}");
    let start = format!("{verb} {}: ", path.display());
    assert!(error.to_string().starts_with(&start), "{error} does not start with {start}");
    assert!(error.downcast_ref::<std::io::Error>().is_some());
}

/// A directory for one test, and a path in it.
pub fn place(name: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join(name);
    (dir, path)
}
