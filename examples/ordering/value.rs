//! The values of a program.

use std::fmt;
use std::rc::Rc;

use crate::program::Body;

/// One type for all promises of a program, whatever they are fulfilled or rejected with.
pub(crate) type Promise = unspin::Promise<Value, Value>;
pub(crate) type Resolver = unspin::Resolver<Value, Value>;
pub(crate) type Resolution = unspin::Resolution<Value, Value>;

/// What a program computes with.
#[derive(Clone)]
pub(crate) enum Value {
    Undefined,
    Bool(bool),
    Int(i64),
    Str(String),
    /// An error that the program made.
    Error(String),
    /// An error of the language or the runtime, by its name.
    Named(&'static str),
    /// The reasons of all that were rejected.
    Aggregate(Vec<Value>),
    Array(Vec<Value>),
    /// An entry of what `allSettled` gives.
    Settled(Result<Box<Value>, Box<Value>>),
    Promise(Promise),
    Thenable(Rc<Thenable>),
}

/// An object with a method `then`, which runs a body.
pub(crate) struct Thenable {
    /// By which the program knows the resolving functions of the latest call.
    pub(crate) name: String,
    pub(crate) body: Body,
}

/// What using a name for something that it does not hold throws.
pub(crate) const TYPE_ERROR: Value = Value::Named("TypeError");

impl Value {
    pub(crate) fn is_error(&self) -> bool {
        matches!(self, Value::Error(_) | Value::Named(_) | Value::Aggregate(_))
    }
}

/// A reason that the library gives: a promise was resolved with itself, or a panic.
impl From<unspin::Error> for Value {
    fn from(error: unspin::Error) -> Value {
        if error.is_panic() { Value::Error(error.to_string()) } else { TYPE_ERROR }
    }
}

impl From<Result<Value, Value>> for Value {
    fn from(result: Result<Value, Value>) -> Value {
        Value::Settled(result.map(Box::new).map_err(Box::new))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Undefined => f.write_str("undefined"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Str(value) => f.write_str(value),
            Value::Error(message) => write!(f, "Error({message})"),
            Value::Named(name) => f.write_str(name),
            Value::Aggregate(reasons) => write!(f, "AggregateError({})", Commas(reasons)),
            Value::Array(values) => write!(f, "[{}]", Commas(values)),
            Value::Settled(Ok(value)) => write!(f, "{{fulfilled:{value}}}"),
            Value::Settled(Err(reason)) => write!(f, "{{rejected:{reason}}}"),
            Value::Promise(_) => f.write_str("Promise"),
            Value::Thenable(_) => f.write_str("Thenable"),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct Commas<'a>(&'a [Value]);

impl fmt::Display for Commas<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, value) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{value}")?;
        }
        Ok(())
    }
}
