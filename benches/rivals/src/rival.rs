//! What the rivals have in common: they run futures on one thread.

use std::future::Future;
use std::rc::Rc;

use async_executor::{LocalExecutor, Task};
use futures_lite::future;

/// A runtime, as the generic operations see it.
pub(crate) trait Rival: Clone + 'static {
    /// Awaits a spawned future.
    type Handle: Future;

    /// Runs a future to its end on a new runtime, spawned like those that it will spawn.
    fn run<F: Future<Output = f64> + 'static>(self, main: impl FnOnce(Self) -> F) -> f64;

    fn spawn(&self, future: impl Future<Output = ()> + 'static) -> Self::Handle;

    /// Lets a future run on without its handle.
    fn detach(handle: Self::Handle);

    fn yield_now() -> impl Future<Output = ()>;
}

#[derive(Clone)]
pub(crate) struct Unspin;

impl Rival for Unspin {
    type Handle = unspin::JoinHandle<()>;

    fn run<F: Future<Output = f64> + 'static>(self, main: impl FnOnce(Self) -> F) -> f64 {
        let main = main(self);
        let all = async {
            // A thread wakes it.
            let _kept = unspin::keep_alive();
            unspin::spawn(main).await
        };
        unspin::block_on(all).expect("nothing in it fails")
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) -> Self::Handle {
        unspin::spawn(future)
    }

    fn detach(handle: Self::Handle) {
        drop(handle);
    }

    fn yield_now() -> impl Future<Output = ()> {
        unspin::yield_now()
    }
}

#[derive(Clone)]
pub(crate) struct Executor(Rc<LocalExecutor<'static>>);

impl Executor {
    pub(crate) fn new() -> Executor {
        Executor(Rc::new(LocalExecutor::new()))
    }
}

impl Rival for Executor {
    type Handle = Task<()>;

    fn run<F: Future<Output = f64> + 'static>(self, main: impl FnOnce(Self) -> F) -> f64 {
        let main = self.0.spawn(main(self.clone()));
        future::block_on(self.0.run(main))
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) -> Self::Handle {
        self.0.spawn(future)
    }

    fn detach(handle: Self::Handle) {
        handle.detach();
    }

    fn yield_now() -> impl Future<Output = ()> {
        future::yield_now()
    }
}

#[derive(Clone)]
pub(crate) struct Tokio;

impl Rival for Tokio {
    type Handle = tokio::task::JoinHandle<()>;

    fn run<F: Future<Output = f64> + 'static>(self, main: impl FnOnce(Self) -> F) -> f64 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("the system has descriptors left");
        let main = main(self);
        let local = tokio::task::LocalSet::new();
        let done = async { tokio::task::spawn_local(main).await };
        local.block_on(&runtime, done).expect("nothing in it fails")
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) -> Self::Handle {
        tokio::task::spawn_local(future)
    }

    fn detach(handle: Self::Handle) {
        drop(handle);
    }

    fn yield_now() -> impl Future<Output = ()> {
        tokio::task::yield_now()
    }
}
