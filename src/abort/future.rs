//! Aborting and futures.

use std::future::{Future, IntoFuture, poll_fn};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use crate::abort::{AbortListener, AbortSignal};
use crate::error::{Error, Result};
use crate::event_loop::context::current;
use crate::future::JoinHandle;
use crate::time::alarm::Alarm;
use crate::trace::{At, CallbackKind};

impl AbortSignal {
    /// Waits until the signal is aborted, and gives the reason. It keeps no loop alive.
    ///
    /// It takes its place among the listeners with the first poll.
    ///
    /// # Panics
    ///
    /// The first poll does, if no loop is running on its thread.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a signal that is aborted stays so. The place among the listeners is lost.
    #[track_caller]
    pub fn aborted(&self) -> impl Future<Output = Error> + use<> {
        Aborted { signal: self.clone(), at: Location::caller(), waiting: None }
    }
}

impl AbortSignal {
    /// Awaits `future`, for as long as the signal is not aborted.
    ///
    /// It is not polled again once the signal is aborted, and not at all if it is already.
    ///
    /// ```
    /// use std::time::Duration;
    /// use unspin::AbortController;
    ///
    /// # fn main() -> unspin::Result<()> {
    /// unspin::block_on(async {
    ///     let controller = AbortController::new();
    ///     let signal = controller.signal().clone();
    ///     unspin::set_timeout(Duration::from_millis(1), move || controller.abort());
    ///     let slept = signal.run_until_aborted(unspin::sleep(Duration::from_secs(60))).await;
    ///     assert!(slept.is_err_and(|error| error.is_abort()));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the signal is aborted first: [`is_abort`](Error::is_abort) holds, and the signal's reason
    /// is the source.
    ///
    /// # Panics
    ///
    /// As the future; and the first poll does, if no loop is running on its thread.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the future.
    #[track_caller]
    pub fn run_until_aborted<F: IntoFuture>(
        &self,
        future: F,
    ) -> impl Future<Output = Result<F::Output>> + use<F> {
        let (future, signal) = (future.into_future(), self.clone());
        let aborted = self.aborted();
        async move {
            let (mut future, mut aborted) = (pin!(future), pin!(aborted));
            poll_fn(|cx| {
                if !signal.is_aborted() {
                    if let Poll::Ready(output) = future.as_mut().poll(cx) {
                        return Poll::Ready(Ok(output));
                    }
                }
                aborted.as_mut().poll(cx).map(|reason| Err(Error::aborted(Some(reason))))
            })
            .await
        }
    }
}

struct Aborted {
    signal: AbortSignal,
    at: At,
    waiting: Option<(AbortListener, Rc<Alarm>)>,
}

impl Aborted {
    fn begin(&self) -> (AbortListener, Rc<Alarm>) {
        let core = current();
        let alarm = Rc::new(Alarm::default());
        let rings = Rc::clone(&alarm);
        let label = core.label(CallbackKind::Abort, self.at);
        let listener = self.signal.listen(&core, label, move |_| {
            rings.ring();
            Ok(())
        });
        (listener, alarm)
    }
}

impl Future for Aborted {
    type Output = Error;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Error> {
        if self.waiting.is_none() && !self.signal.is_aborted() {
            self.waiting = Some(self.begin());
        }
        if let Some((_, alarm)) = &self.waiting {
            ready!(alarm.poll(cx));
        }
        self.signal.reason().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Aborted {
    fn drop(&mut self) {
        if let Some((listener, _)) = &self.waiting {
            listener.remove();
        }
    }
}

impl<T: 'static> JoinHandle<T> {
    /// Drops the future when the signal is aborted: at the next checkpoint, wherever it is.
    ///
    /// Awaiting the handle gives an error then, for which [`is_abort`](Error::is_abort) holds, with
    /// the signal's reason as its source. This works without the handle, too.
    ///
    /// ```
    /// use std::time::Duration;
    /// use unspin::AbortController;
    ///
    /// # fn main() -> unspin::Result<()> {
    /// unspin::block_on(async {
    ///     let controller = AbortController::new();
    ///     let ticking = unspin::spawn(async {
    ///         let mut interval = unspin::interval(Duration::from_secs(1));
    ///         loop {
    ///             interval.tick().await;
    ///         }
    ///     })
    ///     .abort_on(controller.signal());
    ///     controller.abort();
    ///     let ended: unspin::Result<()> = ticking.await;
    ///     assert!(ended.is_err_and(|error| error.is_abort()));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn abort_on(self, signal: &AbortSignal) -> JoinHandle<T> {
        let abort = self.aborter();
        if let Some(reason) = signal.reason() {
            abort(Error::aborted(Some(reason)));
            return self;
        }
        let Some(label) = self.label() else { return self };
        let label = label.with_kind(CallbackKind::Abort);
        let listener = signal.listen(self.core(), label, move |reason| {
            abort(Error::aborted(Some(reason.clone())));
            Ok(())
        });
        self.when_finished(move || {
            listener.remove();
        });
        self
    }
}
