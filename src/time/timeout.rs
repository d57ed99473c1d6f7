//! A future with a limit.

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::time::sleep::sleep;

/// Awaits `future`, for as long as `limit` at most.
///
/// The limit counts from the first poll, as that of [`sleep`](crate::sleep) does. A future that is
/// finished when the limit is over still has its say. Where the limit is over first, the future is
/// dropped, in that very poll.
///
/// ```
/// use std::io::ErrorKind;
/// use std::time::Duration;
/// # fn main() -> unspin::Result<()> {
/// unspin::block_on(async {
///     let never = std::future::pending::<()>();
///     let late = unspin::timeout(Duration::from_millis(1), never).await;
///     assert_eq!(late.map_err(|error| error.kind()), Err(ErrorKind::TimedOut));
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// `TimedOut` if the limit is over before the future is finished.
///
/// # Panics
///
/// As the future; and the first poll does, if no loop is running on its thread.
///
/// # Cancel safety
///
/// Dropping it clears the timer, and drops the future.
#[track_caller]
pub fn timeout<F: IntoFuture>(
    limit: Duration,
    future: F,
) -> impl Future<Output = Result<F::Output>> {
    let (future, mut limited) = (future.into_future(), sleep(limit));
    async move {
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => Pin::new(&mut limited).poll(cx).map(|()| Err(Error::timed_out(limit))),
        })
        .await
    }
}
