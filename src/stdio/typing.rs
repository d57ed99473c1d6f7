//! Keys from the standard input.

use std::cell::{Cell, RefCell};
#[cfg(feature = "async")]
use std::fmt;
#[cfg(feature = "async")]
use std::future::{Future, poll_fn};
#[cfg(feature = "async")]
use std::pin::Pin;
use std::rc::Rc;
#[cfg(feature = "async")]
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::error::{Outcome, Result};
use crate::event_loop::Timer;
use crate::stdio::Stdin;
use crate::stream::{Facts, Kind};
#[cfg(feature = "async")]
use crate::stream::{Side, Ticket};
use crate::terminal::{Input, Keys};
use crate::time::set_timeout;
#[cfg(feature = "async")]
use crate::time::{Sleep, sleep};

/// How long an escape waits for what may belong to it. Over a slow line, more is on its way within
/// less; a person takes longer for the next key.
const ESCAPE_DELAY: Duration = Duration::from_millis(50);

impl Stdin {
    /// Calls `handler` with each key that is pressed, and each text that is pasted. The terminal is
    /// to be in [raw mode](crate::terminal::Terminal::raw_mode), else keys come by the line.
    ///
    /// It takes the place of the data handler. The keys of one chunk are told in one task, as in
    /// Node. An escape that nothing follows is told after 50 ms; only then is there a timer. An
    /// error that the handler returns is logged at WARN and closes the input.
    ///
    /// ```no_run
    /// use unspin::terminal::Input;
    ///
    /// # fn main() -> unspin::Result<()> {
    /// unspin::run(|| {
    ///     let stdin = unspin::stdio::stdin()?;
    ///     let Some(terminal) = stdin.terminal() else { return Ok(()) };
    ///     let raw = terminal.raw_mode()?;
    ///     stdin.on_key(move |stdin, input| {
    ///         let _as_long_as_there_are_keys = &raw;
    ///         match input {
    ///             Input::Key(key) if key.is_ctrl('c') => stdin.close(),
    ///             input => println!("{input:?}"),
    ///         }
    ///     });
    ///     unspin::Result::Ok(())
    /// })
    /// # }
    /// ```
    #[track_caller]
    pub fn on_key<R: Outcome>(
        &self,
        mut handler: impl FnMut(&Stdin, Input) -> R + 'static,
    ) -> &Stdin {
        let typing = Rc::new(Typing {
            keys: RefCell::new(Keys::new()),
            handler: Cell::new(Some(Box::new(move |stdin: &Stdin, input| {
                handler(stdin, input).into_result()
            }))),
            escape: Cell::new(None),
        });
        self.on_data(move |stdin, chunk| typing.feed(stdin, chunk))
    }
}

/// What a data handler makes keys of.
struct Typing {
    keys: RefCell<Keys>,
    /// Out of its place while it runs.
    handler: Cell<Option<Box<OnKey>>>,
    /// Runs while an escape waits for what may belong to it.
    escape: Cell<Option<Timer>>,
}

type OnKey = dyn FnMut(&Stdin, Input) -> Result<()>;

impl Typing {
    fn feed(self: &Rc<Self>, stdin: &Stdin, chunk: &[u8]) -> Result<()> {
        if let Some(timer) = self.escape.take() {
            timer.clear();
        }
        self.keys.borrow_mut().feed(chunk);
        self.tell(stdin)?;
        if self.keys.borrow().is_ambiguous() {
            self.wait(stdin);
        }
        Ok(())
    }

    fn tell(&self, stdin: &Stdin) -> Result<()> {
        let Some(mut handler) = self.handler.take() else { return Ok(()) };
        let mut outcome = Ok(());
        while outcome.is_ok() && !was_closed(stdin) {
            let next = self.keys.borrow_mut().next();
            let Some(input) = next else { break };
            outcome = handler(stdin, input);
        }
        self.handler.set(Some(handler));
        outcome
    }

    fn wait(self: &Rc<Self>, stdin: &Stdin) {
        let (typing, stdin) = (Rc::clone(self), stdin.clone());
        let timer = set_timeout(ESCAPE_DELAY, move || {
            typing.keys.borrow_mut().settle();
            if let Err(error) = typing.tell(&stdin) {
                stdin.flow().log_failure(&error);
                stdin.close();
            }
        });
        self.escape.set(Some(timer));
    }
}

/// By a call: at the end, an escape that waits is a key all the same.
fn was_closed(stdin: &Stdin) -> bool {
    stdin.flow().state.of(Facts::CLOSED | Facts::READ_ENDED, Facts::CLOSED)
}

#[cfg(feature = "async")]
impl Stdin {
    /// Reads keys, as [`on_key`](Stdin::on_key) tells them.
    ///
    /// ```no_run
    /// use unspin::terminal::Input;
    ///
    /// # fn main() -> unspin::Result<()> {
    /// unspin::block_on(async {
    ///     let stdin = unspin::stdio::stdin()?;
    ///     let _raw = stdin.terminal().map(|terminal| terminal.raw_mode()).transpose()?;
    ///     let mut keys = stdin.keys();
    ///     while let Some(input) = keys.next().await? {
    ///         match input {
    ///             Input::Key(key) if key.is_ctrl('c') => break,
    ///             input => println!("{input:?}"),
    ///         }
    ///     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    #[track_caller]
    pub fn keys(&self) -> KeyReader {
        KeyReader {
            stdin: self.clone(),
            keys: Keys::new(),
            ticket: Ticket::default(),
            escape: None,
            has_ended: false,
        }
    }
}

/// The keys that are typed, awaited: see [`Stdin::keys`]. It is a `Stream` of them, too.
#[cfg(feature = "async")]
pub struct KeyReader {
    stdin: Stdin,
    keys: Keys,
    ticket: Ticket,
    /// Set while an escape waits for what may belong to it.
    escape: Option<Sleep>,
    has_ended: bool,
}

#[cfg(feature = "async")]
impl KeyReader {
    /// The next key, or pasted text; `None` at the end of the input.
    ///
    /// # Errors
    ///
    /// As [`Stdin::read`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no key is lost when the future is dropped.
    pub async fn next(&mut self) -> Result<Option<Input>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Input>>> {
        loop {
            if let Some(input) = self.keys.next() {
                return Poll::Ready(Ok(Some(input)));
            }
            if self.has_ended {
                return Poll::Ready(Ok(None));
            }
            match self.stdin.flow().poll_chunk(cx, &self.ticket) {
                Poll::Ready(chunk) => {
                    self.escape = None;
                    match chunk? {
                        Some(chunk) => self.keys.feed(&chunk),
                        None => self.end(),
                    }
                }
                Poll::Pending => ready!(self.poll_escape(cx)),
            }
        }
    }

    fn end(&mut self) {
        self.has_ended = true;
        self.keys.settle();
    }

    /// Ready when an escape has waited long enough.
    fn poll_escape(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.keys.is_ambiguous() {
            return Poll::Pending;
        }
        let escape = self.escape.get_or_insert_with(|| sleep(ESCAPE_DELAY));
        ready!(Pin::new(escape).poll(cx));
        self.escape = None;
        self.keys.settle();
        Poll::Ready(())
    }
}

#[cfg(feature = "async")]
impl futures_core::Stream for KeyReader {
    type Item = Result<Input>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx).map(Result::transpose)
    }
}

#[cfg(feature = "async")]
impl Drop for KeyReader {
    fn drop(&mut self) {
        self.stdin.flow().stop_waiting(&self.ticket, Side::Read);
    }
}

#[cfg(feature = "async")]
impl fmt::Debug for KeyReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyReader").field(&self.stdin).finish()
    }
}
