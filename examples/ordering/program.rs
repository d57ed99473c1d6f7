//! What an ordering program is made of.

use std::rc::Rc;
use std::time::Duration;

/// Operations in the order in which they run.
pub(crate) type Body = Rc<[Op]>;

/// The name that an operation gives to what it makes.
pub(crate) type Name = Option<String>;

pub(crate) enum Op {
    Log { msg: String, value: Option<Operand> },
    Busy(Duration),
    Throw(Operand),
    Return(Operand),
    Try { body: Body, catch: Option<Body>, finally: Option<Body> },
    Def { name: String, max: u64, body: Body },
    Call(String),

    NextTick(Body),
    Microtask(Body),
    Immediate { name: Name, unref: bool, body: Body },
    Timeout { name: Name, unref: bool, delay: Duration, body: Body },
    Interval { name: Name, unref: bool, period: Duration, times: i64, body: Body },
    Clear(String),
    Refresh(String),
    Ref(String),
    Unref(String),
    HasRef { name: String, msg: String },

    Promise { name: String, executor: Option<Body> },
    Resolve { name: String, value: Operand },
    Reject { name: String, reason: Operand },
    Resolved { name: String, value: Operand },
    Rejected { name: String, reason: Operand },
    Then { of: String, ok: Option<Body>, err: Option<Body>, name: Name },
    Finally { of: String, body: Body, name: Name },
    Combine { kind: Combinator, values: Vec<Operand>, name: Name },
    Thenable { name: String, body: Body },
    Async { body: Body, name: Name },
    Await(Operand),

    On { event: Event, once: bool, body: Body },
    Exit(Option<i32>),
    ExitCode(i32),
    FsRead { missing: bool, body: Body },

    Emitter(String),
    Listen { on: String, event: String, once: bool, prepend: bool, body: Body, name: Name },
    Unlisten { name: String },
    Emit { on: String, event: String, value: Operand },

    AbortController(String),
    OnAbort { name: String, body: Body },
    Abort { name: String, reason: Option<Operand> },
    Aborted { name: String, msg: String },

    Channel(String),
    OnMessage { port: String, body: Body },
    OnClose { port: String, body: Body },
    Post { port: String, value: Operand },
    ClosePort(String),
}

/// How many promises become one.
#[derive(Clone, Copy)]
pub(crate) enum Combinator {
    All,
    AllSettled,
    Any,
    Race,
}

/// What a program can install a hook for.
#[derive(Clone, Copy)]
pub(crate) enum Event {
    Uncaught,
    UnhandledRejection,
    RejectionHandled,
    BeforeExit,
    Exit,
}

/// How an operation names a value.
pub(crate) enum Operand {
    Undefined,
    Bool(bool),
    Int(i64),
    Str(String),
    /// A new error with this message.
    Error(String),
    /// The promise or thenable of this name.
    Ref(String),
    /// The register.
    It,
}
