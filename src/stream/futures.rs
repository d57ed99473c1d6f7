//! Byte streams, awaited: what all of them have, written once.

use crate::stream::poll::Side;
use crate::stream::wakers::Ticket;
use crate::stream::{ByteStream, Flow};

/// A future's place among those that wait; dropped with it.
pub(crate) struct Waiting<'a, S: ByteStream> {
    flow: &'a Flow<S>,
    side: Side,
    ticket: Ticket,
}

impl<'a, S: ByteStream> Waiting<'a, S> {
    #[inline]
    pub(crate) fn new(stream: &'a S, side: Side) -> Waiting<'a, S> {
        Waiting { flow: stream.flow(), side, ticket: Ticket::default() }
    }

    /// A method, so that a closure that calls it owns all of this, and not the ticket alone.
    #[inline]
    pub(crate) fn poll<T>(&self, poll: impl FnOnce(&Flow<S>, &Ticket) -> T) -> T {
        poll(self.flow, &self.ticket)
    }
}

impl<S: ByteStream> Drop for Waiting<'_, S> {
    #[inline]
    fn drop(&mut self) {
        if self.ticket.is_used() {
            self.flow.stop_waiting(&self.ticket, self.side);
        }
    }
}

/// What the macro names.
pub(crate) mod names {
    pub(crate) use std::future::{Future, poll_fn};
    pub(crate) use std::io;
    pub(crate) use std::pin::Pin;
    pub(crate) use std::task::{Context, Poll};

    pub(crate) use futures_io::{AsyncRead, AsyncWrite};

    pub(crate) use crate::error::{Error, Result};
    pub(crate) use crate::stream::{Chunk, Kind, Side, Ticket, Waiting};
}

/// What a stream has for futures that can be read.
macro_rules! awaited_reading {
    ($Stream:ident) => {
        const _: () = {
            use $crate::stream::futures::names::*;

            impl $Stream {
                /// Reads what is there, as far as it fits; 0 is the end of the stream.
                ///
                /// Where several futures read one stream, each byte goes to one of them.
                ///
                /// # Errors
                ///
                /// `InvalidInput` if a data handler is installed; `NotConnected` if the stream is
                /// closed; `ConnectionReset` and what else the system says.
                ///
                /// # Cancel safety
                ///
                /// Cancel safe: no byte is lost when the future is dropped.
                pub fn read<'a>(
                    &'a self,
                    buffer: &'a mut [u8],
                ) -> impl Future<Output = Result<usize>> + 'a {
                    let waiting = Waiting::new(self, Side::Read);
                    poll_fn(move |cx| {
                        waiting.poll(|flow, ticket| flow.poll_read(cx, ticket, buffer))
                    })
                }

                /// Reads until `buffer` is full.
                ///
                /// # Errors
                ///
                /// As [`read`](Self::read), and `UnexpectedEof` if the stream ends before.
                ///
                /// # Cancel safety
                ///
                /// Not cancel safe: what was read into `buffer` is taken from the stream.
                pub async fn read_exact(&self, buffer: &mut [u8]) -> Result<()> {
                    let mut filled = 0;
                    while filled < buffer.len() {
                        match self.read(&mut buffer[filled..]).await? {
                            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                            length => filled += length,
                        }
                    }
                    Ok(())
                }

                /// The next chunk of bytes, in a buffer that is lent until it is dropped; `None` at
                /// the end.
                ///
                /// No buffer is held while there is nothing to read, so that idle connections cost
                /// none.
                ///
                /// # Errors
                ///
                /// As [`read`](Self::read).
                ///
                /// # Cancel safety
                ///
                /// Cancel safe: no byte is lost when the future is dropped.
                pub fn chunk(&self) -> impl Future<Output = Result<Option<Chunk>>> + '_ {
                    let waiting = Waiting::new(self, Side::Read);
                    poll_fn(move |cx| waiting.poll(|flow, ticket| flow.poll_chunk(cx, ticket)))
                }
            }

            impl AsyncRead for &$Stream {
                fn poll_read(
                    self: Pin<&mut Self>,
                    cx: &mut Context<'_>,
                    buffer: &mut [u8],
                ) -> Poll<io::Result<usize>> {
                    self.flow().poll_read(cx, &Ticket::polled(), buffer).map_err(Error::into_io)
                }
            }

            impl AsyncRead for $Stream {
                fn poll_read(
                    self: Pin<&mut Self>,
                    cx: &mut Context<'_>,
                    buffer: &mut [u8],
                ) -> Poll<io::Result<usize>> {
                    Pin::new(&mut &*self).poll_read(cx, buffer)
                }
            }
        };
    };
}

/// What a stream has for futures that can be written.
macro_rules! awaited_writing {
    ($Stream:ident) => {
        const _: () = {
            use $crate::stream::futures::names::*;

            impl $Stream {
                /// Writes all bytes, waiting whenever the system takes no more.
                ///
                /// It goes behind what [`write`](Self::write) has queued. Where several futures
                /// write to one stream, a long write may be cut in two by another's.
                ///
                /// # Errors
                ///
                /// `BrokenPipe` after [`end`](Self::end) and where the peer has closed;
                /// `NotConnected` if the stream is closed; `ConnectionReset` and what else the
                /// system says.
                ///
                /// # Cancel safety
                ///
                /// Not cancel safe: a part may have been sent when the future is dropped.
                pub fn write_all<'a>(
                    &'a self,
                    bytes: &'a [u8],
                ) -> impl Future<Output = Result<()>> + 'a {
                    let (waiting, mut rest) = (Waiting::new(self, Side::Write), bytes);
                    poll_fn(move |cx| {
                        waiting.poll(|flow, ticket| flow.poll_write_all(cx, ticket, &mut rest))
                    })
                }
            }

            impl AsyncWrite for &$Stream {
                fn poll_write(
                    self: Pin<&mut Self>,
                    cx: &mut Context<'_>,
                    bytes: &[u8],
                ) -> Poll<io::Result<usize>> {
                    self.flow().poll_write(cx, &Ticket::polled(), bytes).map_err(Error::into_io)
                }

                fn poll_write_vectored(
                    self: Pin<&mut Self>,
                    cx: &mut Context<'_>,
                    slices: &[io::IoSlice<'_>],
                ) -> Poll<io::Result<usize>> {
                    let written = self.flow().poll_write_vectored(cx, &Ticket::polled(), slices);
                    written.map_err(Error::into_io)
                }

                fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                    self.flow().poll_flush(cx, &Ticket::polled()).map_err(Error::into_io)
                }

                fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                    self.end();
                    self.flow().poll_flush(cx, &Ticket::polled()).map_err(Error::into_io)
                }
            }

            impl AsyncWrite for $Stream {
                fn poll_write(
                    self: Pin<&mut Self>,
                    cx: &mut Context<'_>,
                    bytes: &[u8],
                ) -> Poll<io::Result<usize>> {
                    Pin::new(&mut &*self).poll_write(cx, bytes)
                }

                fn poll_write_vectored(
                    self: Pin<&mut Self>,
                    cx: &mut Context<'_>,
                    slices: &[io::IoSlice<'_>],
                ) -> Poll<io::Result<usize>> {
                    Pin::new(&mut &*self).poll_write_vectored(cx, slices)
                }

                fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                    Pin::new(&mut &*self).poll_flush(cx)
                }

                fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                    Pin::new(&mut &*self).poll_close(cx)
                }
            }
        };
    };
}

pub(crate) use {awaited_reading, awaited_writing};
