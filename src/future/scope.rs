//! Structured concurrency: futures that end before what started them does.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::error::{Error, Result};
use crate::event_loop::body::catching;
use crate::event_loop::context::current;
use crate::event_loop::core::Loop;
use crate::event_loop::futures::Start;
use crate::future::JoinHandle;
use crate::slots::{Key, Slots};
use crate::trace::{CallbackKind, Label};

/// Where the children of a [`scope`] are started.
#[derive(Clone)]
pub struct Scope(Rc<Children>);

struct Children {
    /// Children that are not dropped yet; a handle is out while its child is being started.
    handles: RefCell<Slots<Option<JoinHandle<()>>>>,
    first_error: Cell<Option<Error>>,
    /// Set with the first error, and when the scope is dropped: nothing is started any more.
    over: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

/// Runs a future that may start others, and ends when all of them have ended.
///
/// The first error, of `body` or of a child, aborts all others; the scope still waits until they
/// are gone, and then returns that error. A panic in a child is an error here. Dropping the scope
/// aborts all children.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::block_on(async {
///     let lengths = std::rc::Rc::new(std::cell::Cell::new(0));
///     let sum = lengths.clone();
///     unspin::scope(move |scope| async move {
///         for file in ["Cargo.toml", "README.md"] {
///             let sum = sum.clone();
///             scope.spawn(async move {
///                 sum.set(sum.get() + unspin::fs::read(file).await?.len());
///                 Ok(())
///             });
///         }
///         Ok(())
///     })
///     .await?;
///     assert!(lengths.get() > 0);
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// The first one, of the body or of a child.
///
/// # Cancel safety
///
/// Dropping it drops the body now and the children in this checkpoint.
pub async fn scope<T, F: Future<Output = Result<T>>>(body: impl FnOnce(Scope) -> F) -> Result<T> {
    let scope = Scope(Rc::new(Children::new()));
    let children = Ending(Rc::clone(&scope.0));
    let result = run_body(&children.0, body(scope)).await;
    match &result {
        Ok(_) => {}
        Err(error) => children.0.fail(error.clone()),
    }
    poll_fn(|cx| children.0.poll_gone(cx)).await;
    match children.0.first_error.take() {
        Some(error) => Err(error),
        None => result,
    }
}

/// The body, until it is finished or a child has failed.
async fn run_body<T>(children: &Children, body: impl Future<Output = Result<T>>) -> Result<T> {
    let mut body = pin!(body);
    poll_fn(|cx| {
        if children.over.get() {
            return Poll::Ready(Err(Error::cancelled()));
        }
        children.wake_with(cx);
        body.as_mut().poll(cx)
    })
    .await
}

impl Scope {
    /// Starts a child: it is polled first in a microtask. After the first error of the scope, it
    /// is dropped instead.
    ///
    /// # Panics
    ///
    /// If no loop is running on this thread.
    #[track_caller]
    pub fn spawn(&self, future: impl Future<Output = Result<()>> + 'static) {
        if self.0.over.get() {
            return;
        }
        let core = current();
        let label = core.label(CallbackKind::Future, Location::caller());
        self.start(core, label, future);
    }

    fn start(&self, core: Loop, label: Label, future: impl Future<Output = Result<()>> + 'static) {
        let key = self.0.handles.borrow_mut().insert(None);
        let child = Child(Rc::clone(&self.0), key);
        let body = async move {
            let child = child;
            let result =
                catching(future).await.unwrap_or_else(|payload| Err(Error::panic(payload)));
            if let Err(error) = result {
                child.0.fail(error);
            }
        };
        let handle = JoinHandle::start(core, label, Start::Soon, body);
        if let Some(place) = self.0.handles.borrow_mut().get_mut(key) {
            *place = Some(handle);
        }
    }
}

impl std::fmt::Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scope").field("children", &self.0.handles.borrow().len()).finish()
    }
}

impl Children {
    fn new() -> Children {
        Children {
            handles: RefCell::new(Slots::new()),
            first_error: Cell::new(None),
            over: Cell::new(false),
            waker: Cell::new(None),
        }
    }

    fn wake_with(&self, cx: &mut Context<'_>) {
        let waker = cx.waker().clone();
        drop(self.waker.replace(Some(waker)));
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Notes the first error, and aborts whoever is left.
    fn fail(&self, error: Error) {
        let first = self.first_error.take();
        self.first_error.set(Some(first.unwrap_or(error)));
        self.abort_all();
        self.wake();
    }

    fn abort_all(&self) {
        self.over.set(true);
        // Out of their places: what is aborted may come back here.
        let handles: Vec<_> =
            self.handles.borrow_mut().iter_mut().filter_map(Option::take).collect();
        handles.iter().for_each(JoinHandle::abort);
    }

    fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.handles.borrow().len() == 0 {
            return Poll::Ready(());
        }
        self.wake_with(cx);
        Poll::Pending
    }
}

/// A child that is not dropped yet.
struct Child(Rc<Children>, Key);

impl Drop for Child {
    fn drop(&mut self) {
        let handle = self.0.handles.borrow_mut().remove(self.1);
        drop(handle);
        self.0.wake();
    }
}

/// Aborts the children when the scope goes, finished or not.
struct Ending(Rc<Children>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abort_all();
    }
}
