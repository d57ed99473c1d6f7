//! One operation: one call of the library.

use std::rc::Rc;

use unspin::AbortController;

use crate::handles::Handle;
use crate::program::Op;
use crate::run::{Flow, Function, Interpreter};
use crate::value::{TYPE_ERROR, Value};

impl Interpreter {
    /// Runs an operation that cannot wait.
    pub(crate) fn step(self: &Rc<Self>, op: &Op, it: &Value) -> Flow {
        match op {
            Op::Log { msg, value: None } => (self.print)(msg),
            Op::Log { msg, value: Some(value) } => {
                (self.print)(&format!("{msg} {}", self.evaluate(value, it)));
            }
            Op::Busy(time) => self.busy(*time),
            Op::Throw(value) => return Flow::Throw(self.evaluate(value, it)),
            Op::Return(value) => return Flow::Return(self.evaluate(value, it)),
            Op::Try { .. } | Op::Await(_) => unreachable!("these may wait"),
            Op::Def { name, max, body } => {
                self.functions.bind(name, Function::new(*max, body));
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
                self.set_immediate(name.as_deref(), *unref, body);
            }
            Op::Timeout { name, unref, delay, body } => {
                self.set_timeout(name.as_deref(), *unref, *delay, body);
            }
            Op::Interval { name, unref, period, times, body } => {
                self.set_interval(name.as_deref(), *unref, *period, *times, body);
            }
            Op::Clear(name) => {
                // The one operation that takes a name that was never bound.
                self.with(name, Handle::clear);
            }
            Op::Refresh(name) => {
                let Some(Handle::Timer(timer)) = self.handles.get(name) else {
                    return Flow::Throw(TYPE_ERROR);
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

            Op::Promise { name, executor } => self.new_promise(name, executor.as_ref()),
            Op::Resolve { name, value } => return self.resolve(name, self.evaluate(value, it)),
            Op::Reject { name, reason } => return self.reject(name, self.evaluate(reason, it)),
            Op::Resolved { name, value } => {
                let promise = self.promise_of(self.evaluate(value, it));
                self.handles.bind(name, Handle::Promise(promise));
            }
            Op::Rejected { name, reason } => self.rejected(name, self.evaluate(reason, it)),
            Op::Then { of, ok, err, name } => return self.then(of, ok, err, name.as_deref()),
            Op::Finally { of, body, name } => return self.finally(of, body, name.as_deref()),
            Op::Combine { kind, values, name } => {
                let values = values.iter().map(|value| self.evaluate(value, it)).collect();
                self.combine(*kind, values, name.as_deref());
            }
            Op::Thenable { name, body } => self.new_thenable(name, body),
            Op::Async { body, name } => self.call_async(body, name.as_deref()),

            Op::On { event, once, body } => self.on(*event, *once, body),
            Op::Exit(code) => {
                let code = code.unwrap_or_else(unspin::exit_code);
                self.code_after_failure.set(code);
                unspin::exit(code)
            }
            Op::ExitCode(code) => unspin::set_exit_code(*code),
            Op::FsRead { missing, body } => self.read_file(*missing, body),

            Op::Emitter(name) => self.handles.bind(name, Handle::Emitter(Rc::default())),
            Op::Listen { on, event, once, prepend, body, name } => {
                return self.listen(on, event, (*once, *prepend), body, name.as_deref());
            }
            Op::Unlisten { name } => {
                let Some(Handle::Listener(listener)) = self.handles.get(name) else {
                    return Flow::Throw(TYPE_ERROR);
                };
                listener.remove();
            }
            Op::Emit { on, event, value } => {
                return self.emit(on, event, &self.evaluate(value, it));
            }

            Op::AbortController(name) => {
                self.handles.bind(name, Handle::AbortController(AbortController::new()));
            }
            Op::OnAbort { name, body } => return self.on_abort(name, body),
            Op::Abort { name, reason } => {
                let reason = reason.as_ref().map(|reason| self.evaluate(reason, it));
                return self.abort(name, reason);
            }
            Op::Aborted { name, msg } => {
                let Some(Handle::AbortController(controller)) = self.handles.get(name) else {
                    return Flow::Throw(TYPE_ERROR);
                };
                (self.print)(&format!("{msg} {}", controller.signal().is_aborted()));
            }

            Op::Channel(name) => self.new_channel(name),
            Op::OnMessage { port, body } => return self.on_message(port, body),
            Op::OnClose { port, body } => return self.on_close(port, body),
            Op::Post { port, value } => return self.post(port, self.evaluate(value, it)),
            Op::ClosePort(port) => return self.close_port(port),
        }
        Flow::Next
    }
}
