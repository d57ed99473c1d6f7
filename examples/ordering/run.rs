//! The interpreter: each operation is one call of the library.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use unspin::{EventLoop, Hook, Timer};

use crate::handles::{Handle, Handles};
use crate::program::{Body, Event, Op, Operand};
use crate::value::{Value, caught, throw};

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
        handles: Handles::default(),
        functions: RefCell::default(),
        code_after_failure: Cell::new(1),
    });
    let ended = event_loop.run(|| interpreter.call(program, Value::Undefined));
    let code = *ended.as_ref().unwrap_or(&interpreter.code_after_failure.get());
    (interpreter.print)(&format!("[exit {code}]"));
    ended.map(|_| ())
}

struct Interpreter {
    clock: Clock,
    file: PathBuf,
    print: Box<dyn Fn(&str)>,
    handles: Handles,
    functions: RefCell<HashMap<String, Rc<Function>>>,
    /// The loop ends with its error then, and does not say which code the exit hooks left.
    code_after_failure: Cell<i32>,
}

struct Function {
    max: u64,
    calls: Cell<u64>,
    body: Body,
}

/// How a body, or one operation of it, came to its end.
enum Flow {
    Next,
    Return,
    Throw(Value),
}

impl Interpreter {
    /// Runs a body as a callback: with a register of its own. What it throws is its error.
    fn call(self: &Rc<Self>, body: &Body, it: Value) -> unspin::Result<()> {
        match self.activate(body, it) {
            Flow::Next | Flow::Return => Ok(()),
            Flow::Throw(value) => Err(throw(value)),
        }
    }

    fn activate(self: &Rc<Self>, body: &Body, mut it: Value) -> Flow {
        self.run(body, &mut it)
    }

    fn run(self: &Rc<Self>, body: &Body, it: &mut Value) -> Flow {
        for op in body.iter() {
            match self.step(op, it) {
                Flow::Next => {}
                end => return end,
            }
        }
        Flow::Next
    }

    fn step(self: &Rc<Self>, op: &Op, it: &mut Value) -> Flow {
        match op {
            Op::Log { msg, value: None } => (self.print)(msg),
            Op::Log { msg, value: Some(value) } => {
                (self.print)(&format!("{msg} {}", evaluate(value, it)));
            }
            Op::Busy(time) => self.busy(*time),
            Op::Throw(value) => return Flow::Throw(evaluate(value, it)),
            Op::Return => return Flow::Return,
            Op::Try { body, catch, finally } => {
                return self.try_catch_finally(body, catch.as_ref(), finally.as_ref(), it);
            }
            Op::Def { name, max, body } => {
                let function = Function { max: *max, calls: Cell::new(0), body: Rc::clone(body) };
                self.functions.borrow_mut().insert(name.clone(), Rc::new(function));
            }
            Op::Call(name) => return self.call_function(name),
            Op::NextTick(body) => {
                let (this, body) = (Rc::clone(self), Rc::clone(body));
                unspin::next_tick(move || this.call(&body, Value::Undefined));
            }
            Op::Microtask(body) => {
                let (this, body) = (Rc::clone(self), Rc::clone(body));
                unspin::queue_microtask(move || this.call(&body, Value::Undefined));
            }
            Op::Immediate { name, unref, body } => {
                let (this, body) = (Rc::clone(self), Rc::clone(body));
                let immediate = unspin::set_immediate(move || this.call(&body, Value::Undefined));
                if *unref {
                    immediate.unref();
                }
                self.handles.bind(name.as_ref(), Handle::Immediate(immediate));
            }
            Op::Timeout { name, unref, delay, body } => {
                let (this, body) = (Rc::clone(self), Rc::clone(body));
                let timer = unspin::set_timer(*delay, move |_| this.call(&body, Value::Undefined));
                self.started(timer, *unref, name.as_ref());
            }
            Op::Interval { name, unref, period, times, body } => {
                let timer = self.set_interval(*period, *times, body);
                self.started(timer, *unref, name.as_ref());
            }
            Op::Clear(name) => {
                // The one operation that takes a name that was never bound.
                self.with(name, Handle::clear);
            }
            Op::Refresh(name) => {
                let handle = self.handles.get(name);
                let Some(timer) = handle.as_ref().and_then(Handle::timer) else {
                    return Flow::Throw(Value::TypeError);
                };
                timer.refresh();
            }
            Op::Ref(name) => return self.with(name, Handle::ref_),
            Op::Unref(name) => return self.with(name, Handle::unref),
            Op::HasRef { name, msg } => {
                return self.with(name, |handle| {
                    (self.print)(&format!("{msg} {}", handle.has_ref()));
                });
            }
            Op::On { event, once, body } => self.on(*event, *once, body),
            Op::Exit(code) => {
                let code = code.unwrap_or_else(unspin::exit_code);
                self.code_after_failure.set(code);
                unspin::exit(code)
            }
            Op::ExitCode(code) => unspin::set_exit_code(*code),
            Op::FsRead { missing, body } => self.read_file(*missing, body),
        }
        Flow::Next
    }

    fn try_catch_finally(
        self: &Rc<Self>,
        body: &Body,
        catch: Option<&Body>,
        finally: Option<&Body>,
        it: &mut Value,
    ) -> Flow {
        let mut flow = self.run(body, it);
        if let (Flow::Throw(value), Some(catch)) = (&flow, catch) {
            *it = value.clone();
            flow = self.run(catch, it);
        }
        match finally.map(|finally| self.run(finally, it)) {
            None | Some(Flow::Next) => flow,
            Some(end) => end,
        }
    }

    fn call_function(self: &Rc<Self>, name: &str) -> Flow {
        let function = self.functions.borrow().get(name).cloned();
        let Some(function) = function.filter(|f| f.calls.get() < f.max) else { return Flow::Next };
        let call = function.calls.get() + 1;
        function.calls.set(call);
        match self.activate(&function.body, Value::Int(call.try_into().unwrap_or(i64::MAX))) {
            Flow::Return => Flow::Next,
            flow => flow,
        }
    }

    fn set_interval(self: &Rc<Self>, period: Duration, times: i64, body: &Body) -> Timer {
        let (this, body) = (Rc::clone(self), Rc::clone(body));
        let mut firing = 0;
        unspin::set_interval(period, move |timer| {
            firing += 1;
            if firing == times {
                timer.clear();
            }
            this.call(&body, Value::Int(firing))
        })
    }

    fn started(&self, timer: Timer, unref: bool, name: Option<&String>) {
        if unref {
            timer.unref();
        }
        self.handles.bind(name, Handle::Timer(timer));
    }

    /// Does something to what a name holds.
    fn with(&self, name: &str, f: impl FnOnce(&Handle)) -> Flow {
        match self.handles.get(name) {
            Some(handle) => {
                f(&handle);
                Flow::Next
            }
            None => Flow::Throw(Value::TypeError),
        }
    }

    fn on(self: &Rc<Self>, event: Event, once: bool, body: &Body) {
        let (this, body) = (Rc::clone(self), Rc::clone(body));
        let own: Rc<OnceCell<Hook>> = Rc::default();
        let hook = Rc::clone(&own);
        let begin = move || match hook.get() {
            Some(hook) if once => hook.remove(),
            _ => {}
        };
        let hook = match event {
            Event::Uncaught => unspin::on_uncaught(move |uncaught| {
                begin();
                this.call(&body, caught(uncaught))
            }),
            Event::BeforeExit => unspin::before_exit(move |code| {
                begin();
                this.call(&body, Value::Int(code.into()))
            }),
            Event::Exit => unspin::on_exit(move |code| {
                begin();
                let outcome = this.call(&body, Value::Int(code.into()));
                this.code_after_failure.set(unspin::exit_code());
                outcome
            }),
        };
        // The cell is new and empty: this cannot fail.
        let _ = own.set(hook);
    }

    fn read_file(self: &Rc<Self>, missing: bool, body: &Body) {
        let (this, body) = (Rc::clone(self), Rc::clone(body));
        let file = match missing {
            true => self.file.with_file_name("no such file"),
            false => self.file.clone(),
        };
        unspin::fs::read(file).callback(move |contents| {
            let it = match contents {
                Ok(_) => "ok",
                Err(error) if error.kind() == ErrorKind::NotFound => "ENOENT",
                Err(error) => return Err(error),
            };
            this.call(&body, Value::Str(it.to_owned()))
        });
    }

    #[expect(clippy::disallowed_methods, reason = "spins on purpose, on the clock of the timers")]
    fn busy(&self, time: Duration) {
        match self.clock {
            Clock::Virtual => unspin::advance(time).expect("the loop has a virtual clock"),
            Clock::Real => {
                let end = Instant::now() + time;
                while Instant::now() < end {}
            }
        }
    }
}

fn evaluate(operand: &Operand, it: &Value) -> Value {
    match operand {
        Operand::Undefined => Value::Undefined,
        Operand::Bool(value) => Value::Bool(*value),
        Operand::Int(value) => Value::Int(*value),
        Operand::Str(value) => Value::Str(value.clone()),
        Operand::Error(message) => Value::Error(message.clone()),
        Operand::It => it.clone(),
    }
}
