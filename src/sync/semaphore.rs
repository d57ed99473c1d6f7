//! So many at a time.

use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::slots::Key;
use crate::sync::Closed;
use crate::sync::line::{Line, Turn};

/// A number of permits: whoever needs some waits until they are there.
///
/// A clone is another handle to the same permits, and a [`Permit`] may go wherever its work goes.
///
/// ```
/// use unspin::sync::Semaphore;
///
/// # fn main() -> unspin::Result<()> {
/// unspin::block_on(async {
///     let connections = Semaphore::new(100);
///     let permit = connections.acquire(1).await?;
///     assert_eq!(connections.available(), 99);
///     drop(permit);
///     assert_eq!(connections.available(), 100);
///     Ok(())
/// })
/// # }
/// ```
#[derive(Clone)]
pub struct Semaphore {
    permits: Rc<Permits>,
    total: usize,
}

impl Semaphore {
    /// Makes a semaphore with all of its permits available.
    pub fn new(permits: usize) -> Semaphore {
        Semaphore { permits: Rc::new(Permits::new(permits)), total: permits }
    }

    /// Waits for `permits` permits at once, in the order of arrival: while a large request waits,
    /// small ones behind it wait too.
    ///
    /// [`Closed`] if the semaphore is, or becomes so before it is this request's turn.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what was handed over and not taken goes to the next in line. The place in line
    /// is lost.
    ///
    /// # Panics
    ///
    /// If the semaphore never had so many permits: it would wait for ever, and everyone behind it.
    #[track_caller]
    pub fn acquire(&self, permits: usize) -> impl Future<Output = Result<Permit, Closed>> {
        let total = self.total;
        assert!(permits <= total, "{permits} permits were asked of a semaphore of {total}");
        let mut request = Acquire::new(&self.permits, permits);
        poll_fn(move |cx| request.poll(cx).map_ok(|()| self.permit(permits)))
    }

    /// Takes the permits if they are there, nobody waits, and the semaphore is not closed.
    pub fn try_acquire(&self, permits: usize) -> Option<Permit> {
        self.permits.try_take(permits).then(|| self.permit(permits))
    }

    /// How many permits nobody holds.
    pub fn available(&self) -> usize {
        self.permits.available.get()
    }

    /// Ends it: who waits and who comes from now on gets [`Closed`]. Permits already given stay
    /// valid.
    pub fn close(&self) {
        self.permits.closed.set(true);
        self.permits.line.dismiss_all();
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.permits.closed.get()
    }

    fn permit(&self, count: usize) -> Permit {
        Permit { permits: self.permits.clone(), count }
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available", &self.available())
            .field("total", &self.total)
            .field("is_closed", &self.is_closed())
            .finish()
    }
}

/// Permits taken from a [`Semaphore`]; its drop gives them back.
#[must_use = "a permit that is dropped at once permits nothing"]
pub struct Permit {
    permits: Rc<Permits>,
    count: usize,
}

impl Permit {
    /// How many permits it stands for.
    pub fn count(&self) -> usize {
        self.count
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.permits.give(self.count);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("count", &self.count).finish_non_exhaustive()
    }
}

/// What a semaphore and a mutex are made of.
///
/// Who stands in line is served as soon as the permits are there: the one at the front always asks
/// for more than are available.
pub(super) struct Permits {
    available: Cell<usize>,
    closed: Cell<bool>,
    line: Line<usize>,
}

impl Permits {
    pub(super) fn new(available: usize) -> Permits {
        Permits { available: Cell::new(available), closed: Cell::new(false), line: Line::new() }
    }

    pub(super) fn try_take(&self, count: usize) -> bool {
        let available = self.available.get();
        let taken = !self.closed.get() && self.line.is_empty() && count <= available;
        if taken {
            self.available.set(available - count);
        }
        taken
    }

    pub(super) fn give(&self, count: usize) {
        self.available.set(self.available.get() + count);
        self.serve();
    }

    fn serve(&self) {
        // One at a time: each wake may give and take permits of its own.
        while let Some((count, waker)) = self.line.serve_if(|&count| count <= self.available.get())
        {
            self.available.set(self.available.get() - count);
            waker.wake();
        }
    }
}

/// A request for permits, on its way.
pub(super) struct Acquire<'a> {
    permits: &'a Permits,
    count: usize,
    /// Its place in line, while it waits.
    key: Option<Key>,
}

impl Acquire<'_> {
    pub(super) fn new(permits: &Permits, count: usize) -> Acquire<'_> {
        Acquire { permits, count, key: None }
    }

    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<(), Closed>> {
        let permits = self.permits;
        let Some(key) = self.key else {
            return self.begin(cx);
        };
        permits.line.poll(key, cx).map(|turn| {
            self.key = None;
            match turn {
                Turn::Served => Ok(()),
                Turn::Dismissed(_) => Err(Closed),
            }
        })
    }

    fn begin(&mut self, cx: &Context<'_>) -> Poll<Result<(), Closed>> {
        let permits = self.permits;
        let begun = permits.line.join(cx, self.count, |count| {
            if permits.closed.get() {
                return Ok(Err(Closed));
            }
            permits.try_take(count).then_some(Ok(())).ok_or(count)
        });
        match begun {
            Ok(result) => Poll::Ready(result),
            Err(key) => {
                self.key = Some(key);
                Poll::Pending
            }
        }
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        match self.permits.line.leave(key) {
            // It was this one's turn already.
            None => self.permits.give(self.count),
            // What it did not leave to those behind it may be enough for them.
            Some(_) => self.permits.serve(),
        }
    }
}
