//! Nothing of `sync` may leave its thread; the errors may, to go into an `unspin::Error`.
#![cfg(feature = "async")]

use unspin::Emitter;
use unspin::sync::{Closed, Guard, Mutex, Notified, Notify, Permit, Semaphore, channel, oneshot};

/// Has two answers for a type that is `Send`: then asking does not compile.
trait StaysHere<Answer> {
    fn check() {}
}
impl<T: ?Sized> StaysHere<()> for T {}
impl<T: ?Sized + Send> StaysHere<u8> for T {}

fn goes_anywhere<T: Send + Sync + Unpin + 'static>() {}
fn is_unpin(_: &impl Unpin) {}

#[test]
fn what_waits_stays_on_its_thread() {
    <channel::Sender<u8> as StaysHere<_>>::check();
    <channel::Receiver<u8> as StaysHere<_>>::check();
    <oneshot::Sender<u8> as StaysHere<_>>::check();
    <oneshot::Receiver<u8> as StaysHere<_>>::check();
    <Notify as StaysHere<_>>::check();
    <Notified<'_> as StaysHere<_>>::check();
    <Semaphore as StaysHere<_>>::check();
    <Permit as StaysHere<_>>::check();
    <Mutex<u8> as StaysHere<_>>::check();
    <Guard<'_, u8> as StaysHere<_>>::check();
    <Emitter<u8> as StaysHere<_>>::check();
}

#[test]
fn errors_go_anywhere() {
    goes_anywhere::<Closed>();
    goes_anywhere::<channel::SendError<u8>>();
    goes_anywhere::<channel::TrySendError<u8>>();
    goes_anywhere::<channel::TryRecvError>();
}

#[test]
fn futures_need_no_pin() {
    let (sender, mut receiver) = channel::channel::<std::marker::PhantomPinned>(1);
    is_unpin(&sender.send(std::marker::PhantomPinned));
    is_unpin(&receiver.recv());
    let (mut sender, receiver) = oneshot::oneshot::<std::marker::PhantomPinned>();
    is_unpin(&sender.closed());
    is_unpin(&receiver);
    is_unpin(&Notify::new().notified());
    is_unpin(&Semaphore::new(1).acquire(1));
    is_unpin(&Mutex::new(std::marker::PhantomPinned).lock());
}
