//! What runtimes have in common: they run futures on one thread.

use std::future::Future;
use std::rc::Rc;

use async_executor::{LocalExecutor, Task};
use futures::executor::{LocalPool, LocalSpawner};
use futures::future::RemoteHandle;
use futures::task::LocalSpawnExt;
use futures_lite::future;

/// A runtime, as what is measured sees it.
pub trait Runtime: Clone + 'static {
    /// Awaits a spawned future.
    type Handle: Future;

    /// Runs a future to its end on a new runtime, spawned like those that it will spawn.
    fn run<T: 'static, F: Future<Output = T> + 'static>(main: impl FnOnce(Self) -> F) -> T;

    /// Spawns a future.
    fn spawn(&self, future: impl Future<Output = ()> + 'static) -> Self::Handle;

    /// Spawns a future whose end nobody waits for.
    fn spawn_detached(&self, future: impl Future<Output = ()> + 'static);

    /// Lets the others go first.
    fn yield_now() -> impl Future<Output = ()>;
}

/// This project.
#[derive(Clone)]
pub struct Unspin;

impl Runtime for Unspin {
    type Handle = unspin::JoinHandle<()>;

    fn run<T: 'static, F: Future<Output = T> + 'static>(main: impl FnOnce(Self) -> F) -> T {
        let main = main(Unspin);
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

    fn spawn_detached(&self, future: impl Future<Output = ()> + 'static) {
        drop(unspin::spawn(future));
    }

    fn yield_now() -> impl Future<Output = ()> {
        unspin::yield_now()
    }
}

/// async-executor, as futures-lite runs it.
#[derive(Clone)]
pub struct Executor(Rc<LocalExecutor<'static>>);

impl Runtime for Executor {
    type Handle = Task<()>;

    fn run<T: 'static, F: Future<Output = T> + 'static>(main: impl FnOnce(Self) -> F) -> T {
        let executor = Executor(Rc::new(LocalExecutor::new()));
        let main = executor.0.spawn(main(executor.clone()));
        future::block_on(executor.0.run(main))
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) -> Self::Handle {
        self.0.spawn(future)
    }

    fn spawn_detached(&self, future: impl Future<Output = ()> + 'static) {
        self.0.spawn(future).detach();
    }

    fn yield_now() -> impl Future<Output = ()> {
        future::yield_now()
    }
}

/// The executor of the futures crate.
#[derive(Clone)]
pub struct Pool(LocalSpawner);

impl Runtime for Pool {
    type Handle = RemoteHandle<()>;

    fn run<T: 'static, F: Future<Output = T> + 'static>(main: impl FnOnce(Self) -> F) -> T {
        let mut pool = LocalPool::new();
        let spawner = pool.spawner();
        let main = spawner.spawn_local_with_handle(main(Pool(spawner.clone())));
        pool.run_until(main.expect("the pool is there"))
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) -> Self::Handle {
        self.0.spawn_local_with_handle(future).expect("the pool is there")
    }

    fn spawn_detached(&self, future: impl Future<Output = ()> + 'static) {
        self.0.spawn_local(future).expect("the pool is there");
    }

    fn yield_now() -> impl Future<Output = ()> {
        future::yield_now()
    }
}

/// A `LocalSet` on a runtime of one thread.
#[derive(Clone)]
pub struct Tokio;

impl Runtime for Tokio {
    type Handle = tokio::task::JoinHandle<()>;

    fn run<T: 'static, F: Future<Output = T> + 'static>(main: impl FnOnce(Self) -> F) -> T {
        let main = main(Tokio);
        let local = tokio::task::LocalSet::new();
        let done = async { tokio::task::spawn_local(main).await };
        local.block_on(&tokio_runtime(), done).expect("nothing in it fails")
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) -> Self::Handle {
        tokio::task::spawn_local(future)
    }

    fn spawn_detached(&self, future: impl Future<Output = ()> + 'static) {
        drop(tokio::task::spawn_local(future));
    }

    fn yield_now() -> impl Future<Output = ()> {
        tokio::task::yield_now()
    }
}

/// A runtime of one thread.
pub fn tokio_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the system has descriptors left")
}
