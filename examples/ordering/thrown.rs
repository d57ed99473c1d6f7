//! Thrown values: any value can be thrown, not only an error.

use std::cell::RefCell;
use std::fmt;

use unspin::{Error, Rejection, Uncaught};

use crate::value::Value;

/// What callbacks have thrown so far. An error of the library may cross threads, a value may not:
/// the error says which of these it is.
#[derive(Default)]
pub(crate) struct Thrown(RefCell<Vec<Value>>);

#[derive(Debug)]
struct Index {
    index: usize,
    text: String,
}

impl Thrown {
    /// Wraps a value, for a callback to return as its error.
    pub(crate) fn throw(&self, value: Value) -> Error {
        let text = value.to_string();
        let mut values = self.0.borrow_mut();
        values.push(value);
        Error::new(Index { index: values.len() - 1, text })
    }

    /// The value that was thrown; what fails on its own (a file that cannot be read) is an error.
    pub(crate) fn value(&self, error: &Error) -> Value {
        match error.downcast_ref::<Index>() {
            Some(Index { index, .. }) => self.0.borrow()[*index].clone(),
            None if error.is_abort() => Value::Named("AbortError"),
            None => Value::Error(error.to_string()),
        }
    }

    /// What an `uncaughtException` listener gets.
    pub(crate) fn uncaught(&self, uncaught: &Uncaught) -> Value {
        match uncaught.rejection().map(reason) {
            Some(reason) if reason.is_error() => reason,
            Some(_) => Value::Named("UnhandledPromiseRejection"),
            None => self.value(uncaught.error()),
        }
    }

    pub(crate) fn clear(&self) {
        let values = self.0.take();
        drop(values);
    }
}

/// What the promise was rejected with.
pub(crate) fn reason(rejection: &Rejection) -> Value {
    rejection.with_reason(Value::clone).unwrap_or(Value::Undefined)
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "thrown: {}", self.text)
    }
}

impl std::error::Error for Index {}
