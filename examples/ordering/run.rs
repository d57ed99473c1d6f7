//! The interpreter: what it knows of a program, and how bodies run.

use std::cell::Cell;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use unspin::EventLoop;

use crate::handles::{Handle, Table};
use crate::program::{Body, Op, Operand};
use crate::thrown::Thrown;
use crate::value::{Resolver, TYPE_ERROR, Value};

/// What the loop's time is, and `busy` with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    Real,
    Virtual,
}

/// Runs a program on a loop of its own, and hands out its lines as they come. The last one is
/// `[exit N]`. `file` is what the program reads when it reads a file.
///
/// # Errors
///
/// What the program threw and did not catch, after the last line; or what keeps a loop from being
/// built, without any line.
pub(crate) fn run(
    program: &Body,
    file: &Path,
    clock: Clock,
    print: impl Fn(&str) + 'static,
) -> unspin::Result<()> {
    let event_loop = match clock {
        Clock::Real => EventLoop::new()?,
        Clock::Virtual => EventLoop::builder().virtual_time().build()?,
    };
    let interpreter = Rc::new(Interpreter {
        clock,
        file: file.to_owned(),
        print: Box::new(print),
        handles: Table::default(),
        resolvers: Table::default(),
        functions: Table::default(),
        thrown: Thrown::default(),
        code_after_failure: Cell::new(1),
    });
    let ended = event_loop.run(|| interpreter.call(program, Value::Undefined));
    let code = *ended.as_ref().unwrap_or(&interpreter.code_after_failure.get());
    (interpreter.print)(&format!("[exit {code}]"));
    drop(event_loop);
    interpreter.forget();
    ended.map(|_| ())
}

pub(crate) struct Interpreter {
    pub(crate) clock: Clock,
    pub(crate) file: PathBuf,
    pub(crate) print: Box<dyn Fn(&str)>,
    pub(crate) handles: Table<Handle>,
    /// The resolving functions of promises and thenables.
    pub(crate) resolvers: Table<Resolver>,
    pub(crate) functions: Table<Rc<Function>>,
    pub(crate) thrown: Thrown,
    /// The loop ends with its error then, and does not say which code the exit hooks left.
    pub(crate) code_after_failure: Cell<i32>,
}

pub(crate) struct Function {
    max: u64,
    calls: Cell<u64>,
    body: Body,
}

impl Function {
    pub(crate) fn new(max: u64, body: &Body) -> Rc<Function> {
        Rc::new(Function { max, calls: Cell::new(0), body: Rc::clone(body) })
    }
}

/// How a body, or one operation of it, came to its end.
pub(crate) enum Flow {
    Next,
    Return(Value),
    Throw(Value),
}

/// A body that may wait.
type Running<'a> = Pin<Box<dyn Future<Output = Flow> + 'a>>;

impl Interpreter {
    /// Runs a body as a callback: with a register of its own. What it throws is its error.
    pub(crate) fn call(self: &Rc<Self>, body: &Body, it: Value) -> unspin::Result<()> {
        match self.activate(body, it) {
            Flow::Next | Flow::Return(_) => Ok(()),
            Flow::Throw(value) => Err(self.thrown.throw(value)),
        }
    }

    /// Runs a body that does not wait.
    pub(crate) fn activate(self: &Rc<Self>, body: &Body, mut it: Value) -> Flow {
        let mut running = self.run(body, &mut it);
        match running.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(flow) => flow,
            Poll::Pending => panic!("an `await` outside of an async body"),
        }
    }

    /// Runs a body; only `await` makes it wait.
    pub(crate) fn run<'a>(self: &'a Rc<Self>, body: &'a [Op], it: &'a mut Value) -> Running<'a> {
        Box::pin(async move {
            for op in body {
                let flow = match op {
                    Op::Try { body, catch, finally } => {
                        self.try_catch_finally(body, catch.as_ref(), finally.as_ref(), it).await
                    }
                    Op::Await(operand) => {
                        let value = self.evaluate(operand, it);
                        match self.promise_of(value).await {
                            Ok(value) => {
                                *it = value;
                                Flow::Next
                            }
                            Err(reason) => Flow::Throw(reason),
                        }
                    }
                    op => self.step(op, it),
                };
                match flow {
                    Flow::Next => {}
                    end => return end,
                }
            }
            Flow::Next
        })
    }

    async fn try_catch_finally(
        self: &Rc<Self>,
        body: &Body,
        catch: Option<&Body>,
        finally: Option<&Body>,
        it: &mut Value,
    ) -> Flow {
        let mut flow = self.run(body, it).await;
        if let (Flow::Throw(value), Some(catch)) = (&flow, catch) {
            *it = value.clone();
            flow = self.run(catch, it).await;
        }
        let Some(finally) = finally else { return flow };
        match self.run(finally, it).await {
            Flow::Next => flow,
            end => end,
        }
    }

    pub(crate) fn call_function(self: &Rc<Self>, name: &str) -> Flow {
        let function = self.functions.get(name);
        let Some(function) = function.filter(|f| f.calls.get() < f.max) else { return Flow::Next };
        let call = function.calls.get() + 1;
        function.calls.set(call);
        match self.activate(&function.body, Value::Int(call.try_into().unwrap_or(i64::MAX))) {
            Flow::Return(_) => Flow::Next,
            flow => flow,
        }
    }

    pub(crate) fn name(&self, name: Option<&str>, handle: Handle) {
        if let Some(name) = name {
            self.handles.bind(name, handle);
        }
    }

    /// Does something to what a name holds.
    pub(crate) fn with(&self, name: &str, f: impl FnOnce(&Handle)) -> Flow {
        match self.handles.get(name) {
            Some(handle) => {
                f(&handle);
                Flow::Next
            }
            None => Flow::Throw(TYPE_ERROR),
        }
    }

    pub(crate) fn evaluate(&self, operand: &Operand, it: &Value) -> Value {
        match operand {
            Operand::Undefined => Value::Undefined,
            Operand::Bool(value) => Value::Bool(*value),
            Operand::Int(value) => Value::Int(*value),
            Operand::Str(value) => Value::Str(value.clone()),
            Operand::Error(message) => Value::Error(message.clone()),
            Operand::Ref(name) => match self.handles.get(name) {
                Some(Handle::Promise(promise)) => Value::Promise(promise),
                Some(Handle::Thenable(thenable)) => Value::Thenable(thenable),
                _ => Value::Undefined,
            },
            Operand::It => it.clone(),
        }
    }

    /// Lets go of what the program made: some of it holds the interpreter.
    fn forget(&self) {
        self.handles.clear();
        self.resolvers.clear();
        self.functions.clear();
        self.thrown.clear();
    }
}
