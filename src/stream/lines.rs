//! Lines of a source.

use std::fmt;
use std::io::{self, ErrorKind};
use std::panic::Location;
use std::rc::Rc;

use crate::codec::LineDecoder;
use crate::error::{Error, Outcome};
use crate::event_loop::context::current;
use crate::stream::Readable;
use crate::stream::decoded::Decoded;
use crate::stream::items::items;

/// Reads a source line by line, of 64 KiB at most: [`lines_of`] with the default limit.
///
/// ```no_run
/// use unspin::net::TcpListener;
/// use unspin::stream::lines;
///
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     let listener = TcpListener::bind("127.0.0.1:7000")?;
///     listener.on_connection(|stream, _peer| {
///         lines(stream.clone()).on_line(|lines, name| {
///             lines.source().write(format!("hello {name}\n").as_bytes());
///         });
///     });
///     Ok(())
/// })
/// # }
/// ```
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn lines<R: Readable>(source: R) -> Lines<R> {
    lines_of(source, LineDecoder::new())
}

/// Reads a source line by line, as a decoder finds them: it has the limit.
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn lines_of<R: Readable>(source: R, decoder: LineDecoder) -> Lines<R> {
    Lines::of(&Decoded::new(current(), Location::caller(), source, (decoder, ())))
}

/// The lines of a source, ended by `\n` or `\r\n`, neither of which they have in them: see [`lines`].
///
/// By a handler or awaited, and not both. Lines that come in one chunk are handed over in one task.
/// A line that is longer than the limit fails with `InvalidData`. The last one needs no newline.
///
/// **Who owns it.** With a handler, the source does. Without one, dropping the last handle closes a
/// source that was read from.
///
/// A protocol that changes to other bytes half-way is better read by a
/// [`LineDecoder`](crate::codec::LineDecoder) of its own: what was read ahead here is not given back.
pub struct Lines<R: Readable>(Rc<Decoded<R, LineDecoder>>);

items!(Lines, LineDecoder);

impl<R: Readable> Lines<R> {
    /// Calls `handler` with each line. One that is not UTF-8 fails with `InvalidData`, and its
    /// number.
    ///
    /// An error that the handler returns is logged at WARN and closes this source, and nothing else.
    #[track_caller]
    pub fn on_line<O: Outcome>(
        &self,
        mut handler: impl FnMut(&Lines<R>, &str) -> O + 'static,
    ) -> &Lines<R> {
        let mut number = 0_u64;
        let run = move |decoded: &Rc<Decoded<R, LineDecoder>>, line: &[u8]| {
            number += 1;
            match std::str::from_utf8(line) {
                Ok(line) => handler(&Lines::of(decoded), line).into_result(),
                Err(error) => {
                    decoded.fail(not_text(&format!("line {number}"), error));
                    Ok(())
                }
            }
        };
        self.0.install(Location::caller(), Box::new(run));
        self
    }

    /// Calls `handler` with the bytes of each line, text or not.
    ///
    /// An error that the handler returns is logged at WARN and closes this source, and nothing else.
    #[track_caller]
    pub fn on_line_bytes<O: Outcome>(
        &self,
        mut handler: impl FnMut(&Lines<R>, &[u8]) -> O + 'static,
    ) -> &Lines<R> {
        let run = move |decoded: &Rc<Decoded<R, LineDecoder>>, line: &[u8]| {
            handler(&Lines::of(decoded), line).into_result()
        };
        self.0.install(Location::caller(), Box::new(run));
        self
    }
}

pub(super) fn not_text(what: &str, error: std::str::Utf8Error) -> Error {
    Error::io(what, io::Error::new(ErrorKind::InvalidData, error))
}

#[cfg(feature = "async")]
mod awaited {
    use super::*;

    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use crate::error::Result;
    use crate::stream::decoded_futures::next;

    impl<R: Readable> Lines<R> {
        /// The next line; `None` at the end.
        ///
        /// # Errors
        ///
        /// `InvalidData` if it is longer than the limit; also if it is not UTF-8, and then the next
        /// one may be. What the source fails with: once, then it is at its end. `NotConnected` if the
        /// source is closed; `InvalidInput` if a handler is installed.
        ///
        /// # Cancel safety
        ///
        /// Cancel safe: no byte is lost when the future is dropped.
        pub fn next_line(&self) -> impl Future<Output = Result<Option<String>>> + '_ {
            next(&self.0, text)
        }

        /// The same with the bytes of the line, text or not.
        ///
        /// # Errors
        ///
        /// As [`next_line`](Lines::next_line).
        ///
        /// # Cancel safety
        ///
        /// Cancel safe: no byte is lost when the future is dropped.
        pub fn next_line_bytes(&self) -> impl Future<Output = Result<Option<Vec<u8>>>> + '_ {
            next(&self.0, |line| Ok(line.to_vec()))
        }
    }

    fn text(line: &[u8]) -> Result<String> {
        match std::str::from_utf8(line) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(not_text("a line", error)),
        }
    }

    /// The lines as text.
    impl<R: Readable> futures_core::Stream for Lines<R> {
        type Item = Result<String>;

        fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.0.poll_stream(cx, text)
        }
    }
}
