//! The values of a program, and how one travels as an error.

use std::fmt;

use unspin::Uncaught;

/// What a program computes with.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Undefined,
    Bool(bool),
    Int(i64),
    Str(String),
    /// An error that the program made.
    Error(String),
    /// What using a name for something that it does not hold throws.
    TypeError,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Undefined => f.write_str("undefined"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Str(value) => f.write_str(value),
            Value::Error(message) => write!(f, "Error({message})"),
            Value::TypeError => f.write_str("TypeError"),
        }
    }
}

/// A thrown value: any value can be thrown, not only an error.
#[derive(Debug)]
struct Thrown(Value);

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "thrown: {}", self.0)
    }
}

impl std::error::Error for Thrown {}

/// Wraps a value, for a callback to return as its error.
pub(crate) fn throw(value: Value) -> unspin::Error {
    unspin::Error::new(Thrown(value))
}

/// The value that was thrown; what fails on its own (a file that cannot be read) is an error.
pub(crate) fn caught(uncaught: &Uncaught) -> Value {
    match uncaught.error().downcast_ref::<Thrown>() {
        Some(Thrown(value)) => value.clone(),
        None => Value::Error(uncaught.error().to_string()),
    }
}
