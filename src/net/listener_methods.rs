//! The methods that every listener has, written once; a macro for the reasons of `byte_stream`.

/// What the macro names.
pub(crate) mod names {
    pub(crate) use std::fmt;
    #[cfg(feature = "async")]
    pub(crate) use std::future::{Future, poll_fn};
    pub(crate) use std::panic::Location;
    pub(crate) use std::rc::Rc;
    pub(crate) use std::time::Duration;

    #[cfg(feature = "async")]
    pub(crate) use crate::error::Result;
    pub(crate) use crate::error::{Error, Outcome};
    pub(crate) use crate::event_loop::source::Source;
    pub(crate) use crate::net::accept::Acceptor;
    #[cfg(feature = "async")]
    pub(crate) use crate::net::accept::Listens;
    pub(crate) use crate::net::close_all::{self, ClosedAll};
    #[cfg(feature = "async")]
    pub(crate) use crate::net::incoming::{Accepting, Incoming};
    pub(crate) use crate::request::Request;
    pub(crate) use crate::stream::{Handler, Kind};
    pub(crate) use crate::trace::{At, CallbackKind, Label};
}

/// Gives a handle of an [`Acceptor`](crate::net::accept::Acceptor),
/// `pub struct $Listener(Rc<Acceptor<$Io>>)`, what all listeners have.
macro_rules! listener {
    ($Listener:ident, $Stream:ident, $Io:ty, $Peer:ty) => {
        const _: () = {
            use $crate::net::listener_methods::names::*;

            impl $Listener {
                /// Calls `handler` with each connection and its peer's address.
                ///
                /// An error that it returns is logged at WARN and closes this connection, and
                /// nothing else.
                #[track_caller]
                pub fn on_connection<R: Outcome>(
                    &self,
                    mut handler: impl FnMut($Stream, $Peer) -> R + 'static,
                ) -> &$Listener {
                    let run = move |stream, peer| handler(stream, peer).into_result();
                    self.0.install(self.label(Location::caller()), Box::new(run));
                    self
                }

                /// Serves each connection with a handler value of its own, made by `make` from the
                /// peer's address: the connection's state is the handler's `&mut self`.
                #[track_caller]
                pub fn serve<H: Handler<$Stream> + 'static>(
                    &self,
                    mut make: impl FnMut($Peer) -> H + 'static,
                ) -> &$Listener {
                    let label = self.label(Location::caller());
                    let run = move |stream: $Stream, peer| {
                        stream.flow().install(label, Box::new(make(peer)));
                        Ok(())
                    };
                    self.0.install(label, Box::new(run));
                    self
                }

                /// Calls `handler` when accepting fails; the listener stays open. Without one,
                /// failures are logged at WARN.
                #[track_caller]
                pub fn on_error<R: Outcome>(
                    &self,
                    mut handler: impl FnMut(&$Listener, Error) -> R + 'static,
                ) -> &$Listener {
                    let run = move |acceptor: &Rc<Acceptor<$Io>>, error| {
                        handler(&$Listener(Rc::clone(acceptor)), error).into_result()
                    };
                    self.0.on_error.fill(self.label(Location::caller()), Box::new(run));
                    self
                }

                /// Calls `handler` when the listener is closed, in the Close phase. Connections
                /// that it accepted live on.
                #[track_caller]
                pub fn on_close<R: Outcome>(
                    &self,
                    mut handler: impl FnMut() -> R + 'static,
                ) -> &$Listener {
                    let run = move || handler().into_result();
                    self.0.on_close.fill(self.label(Location::caller()), Box::new(run));
                    self
                }

                /// Stops accepting; the system keeps new connections waiting, as far as the backlog
                /// goes.
                pub fn pause(&self) {
                    self.0.set_paused(true);
                }

                /// Accepts again, from the next turn on.
                pub fn resume(&self) {
                    self.0.set_paused(false);
                }

                /// Closes the listener. Connections that wait to be accepted are refused by the
                /// system.
                pub fn close(&self) {
                    self.0.close();
                }

                /// Closes the listener, and the connections that it accepted in good order: what is in
                /// flight is finished. What is not when `grace` is over is cut off.
                ///
                /// A connection is finished when nothing went over it for a second, or for a quarter
                /// of a shorter `grace`, while the program waited for bytes of it, and none were
                /// queued. Then it is treated as if its peer had ended: the end handler is called, a
                /// future that reads gets the end. One that is paused, or whose future waits for
                /// something else, has an answer in the making, and one that ends by itself meanwhile
                /// is left alone.
                ///
                /// It is Node's `server.close`, with `closeIdleConnections` for all protocols and
                /// `closeAllConnections` in the end. The request keeps the loop alive. Cancelled, it
                /// leaves the connections open that have not ended.
                ///
                /// ```no_run
                /// use std::time::Duration;
                /// use unspin::net::TcpListener;
                ///
                /// # fn main() -> unspin::Result<()> {
                /// unspin::run(|| {
                ///     let listener = TcpListener::bind("127.0.0.1:7000")?;
                ///     listener.on_connection(|stream, _peer| {
                ///         stream.on_data(|stream, chunk| {
                ///             stream.write(chunk);
                ///         });
                ///     });
                ///     unspin::signal::ctrl_c().callback(move |signal| {
                ///         signal?;
                ///         listener.close_all(Duration::from_secs(10)).callback(|closed| {
                ///             println!("{} were cut off", closed?.cut_off);
                ///             unspin::Result::Ok(())
                ///         });
                ///         unspin::Result::Ok(())
                ///     });
                ///     Ok(())
                /// })
                /// # }
                /// ```
                #[track_caller]
                pub fn close_all(&self, grace: Duration) -> Request<ClosedAll> {
                    let listener = self.clone();
                    Request::new(Location::caller(), move |core, label, complete| {
                        listener.close();
                        close_all::begin(core, label, listener.0.key, grace, complete)
                    })
                }

                /// Lets the loop end although this listener is open.
                pub fn unref(&self) -> &$Listener {
                    self.0.set_referenced(false);
                    self
                }

                /// Makes this listener keep the loop alive, as it does from the start.
                pub fn ref_(&self) -> &$Listener {
                    self.0.set_referenced(true);
                    self
                }

                /// Whether this listener keeps the loop alive while it accepts.
                pub fn has_ref(&self) -> bool {
                    self.0.activity.is_referenced()
                }

                /// Whether the listener is closed, or about to tell so.
                pub fn is_closed(&self) -> bool {
                    self.0.closed.get()
                }

                fn label(&self, at: At) -> Label {
                    // The kind is set when the handler is lent.
                    self.0.core.label(CallbackKind::Connection, at)
                }
            }

            #[cfg(feature = "async")]
            impl $Listener {
                /// The next connection, and its peer's address.
                ///
                /// # Errors
                ///
                /// `InvalidInput` if a connection handler is installed; `NotConnected` if the
                /// listener is closed; what the system says of a connection that it cannot watch.
                /// Being out of descriptors is no error: it is logged, and accepting goes on when
                /// there are some.
                ///
                /// # Cancel safety
                ///
                /// Cancel safe: no connection is lost when the future is dropped.
                pub fn accept(&self) -> impl Future<Output = Result<($Stream, $Peer)>> + '_ {
                    let accepting = Accepting::new(self);
                    poll_fn(move |cx| accepting.poll(cx))
                }

                /// The connections as a stream that ends when the listener is closed.
                pub fn incoming(&self) -> Incoming<'_, $Listener> {
                    Incoming(Accepting::new(self))
                }
            }

            #[cfg(feature = "async")]
            impl Listens for $Listener {
                type Io = $Io;

                fn acceptor(&self) -> &Rc<Acceptor<$Io>> {
                    &self.0
                }
            }

            impl Drop for $Listener {
                fn drop(&mut self) {
                    self.0.handle_dropped();
                }
            }

            impl fmt::Debug for $Listener {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, "{}({})", stringify!($Listener), self.0.describe().state)
                }
            }
        };
    };
}

pub(crate) use listener;
