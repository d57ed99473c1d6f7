//! Futures polled by hand, and wakers that do something.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

/// A future, and how often it was woken.
pub struct Polled<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    wakes: Arc<Wakes>,
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl<'a, T> Polled<'a, T> {
    pub fn new(future: impl Future<Output = T> + 'a) -> Polled<'a, T> {
        Polled { future: Box::pin(future), wakes: Arc::default() }
    }

    pub fn poll(&mut self) -> Poll<T> {
        let waker = Waker::from(self.wakes.clone());
        self.poll_with(&waker)
    }

    pub fn poll_with(&mut self, waker: &Waker) -> Poll<T> {
        self.future.as_mut().poll(&mut Context::from_waker(waker))
    }

    /// Drops the future, and leaves what tells of its wakers.
    pub fn cancel(self) -> Leftover {
        Leftover(Arc::downgrade(&self.wakes))
    }

    /// A future polled once, which must wait.
    #[track_caller]
    pub fn waiting(future: impl Future<Output = T> + 'a) -> Polled<'a, T> {
        let mut polled = Polled::new(future);
        polled.pending();
        polled
    }

    #[track_caller]
    pub fn pending(&mut self) {
        assert!(self.poll().is_pending(), "it should wait");
    }

    #[track_caller]
    pub fn ready(&mut self) -> T {
        match self.poll() {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("it should be ready"),
        }
    }

    pub fn wakes(&self) -> usize {
        self.wakes.0.load(Ordering::SeqCst)
    }

    /// How many wakers of this future are kept somewhere.
    pub fn wakers_kept(&self) -> usize {
        Arc::strong_count(&self.wakes) - 1
    }
}

/// The wakers of a future that was dropped.
pub struct Leftover(Weak<Wakes>);

impl Leftover {
    /// How many are kept somewhere.
    pub fn wakers_kept(&self) -> usize {
        self.0.strong_count()
    }
}

/// The result of a future that need not wait.
#[track_caller]
pub fn now<T>(future: impl Future<Output = T>) -> T {
    Polled::new(future).ready()
}

/// Whether a future would have to wait.
pub fn must_wait(future: impl Future) -> bool {
    Polled::new(future).poll().is_pending()
}

thread_local! {
    /// A waker must be `Sync`, and what the tests do with one is not: it is kept here.
    static HOOKS: RefCell<HashMap<usize, Rc<dyn Fn()>>> = RefCell::default();
    static NEXT: Cell<usize> = const { Cell::new(0) };
}

fn add(hook: impl Fn() + 'static) -> usize {
    let id = NEXT.replace(NEXT.get() + 1);
    HOOKS.with_borrow_mut(|hooks| hooks.insert(id, Rc::new(hook)));
    id
}

/// Not at the thread's end, when the hooks are gone.
fn call(id: usize) {
    let hook = HOOKS.try_with(|hooks| hooks.borrow().get(&id).cloned());
    if let Ok(Some(hook)) = hook {
        hook();
    }
}

struct Hooked {
    wake: usize,
    drop: usize,
}

impl Wake for Hooked {
    fn wake(self: Arc<Self>) {
        call(self.wake);
    }
}

impl Drop for Hooked {
    fn drop(&mut self) {
        call(self.drop);
    }
}

/// A waker that calls `hook` when it wakes.
pub fn on_wake(hook: impl Fn() + 'static) -> Waker {
    Waker::from(Arc::new(Hooked { wake: add(hook), drop: usize::MAX }))
}

/// A waker that calls `hook` when the last copy of it is dropped.
pub fn on_waker_drop(hook: impl Fn() + 'static) -> Waker {
    Waker::from(Arc::new(Hooked { wake: usize::MAX, drop: add(hook) }))
}

/// Keeps a value to the end of the process, where a leak checker finds it.
pub fn for_ever<T>(value: T) -> &'static T {
    static KEPT: std::sync::Mutex<Vec<usize>> = std::sync::Mutex::new(Vec::new());
    let value: &'static T = Box::leak(Box::new(value));
    KEPT.lock().expect("no test panics in here").push(std::ptr::from_ref(value).addr());
    value
}
