//! Operations on emitters, abort controllers and ports.

use std::rc::Rc;

use unspin::{Emitter, MessageChannel};

use crate::handles::Handle;
use crate::program::Body;
use crate::run::{Flow, Interpreter};
use crate::value::{TYPE_ERROR, Value};

impl Interpreter {
    pub(crate) fn listen(
        self: &Rc<Self>,
        on: &str,
        event: &str,
        (once, prepend): (bool, bool),
        body: &Body,
        name: Option<&str>,
    ) -> Flow {
        let Some(emitter) = self.emitter(on, event) else { return Flow::Throw(TYPE_ERROR) };
        let (this, body) = (Rc::clone(self), Rc::clone(body));
        let listener = move |value: &Value| this.call(&body, value.clone());
        let listener = match (once, prepend) {
            (false, false) => emitter.on(listener),
            (true, false) => emitter.once(listener),
            (false, true) => emitter.prepend(listener),
            (true, true) => emitter.prepend_once(listener),
        };
        self.name(name, Handle::Listener(listener));
        Flow::Next
    }

    pub(crate) fn emit(&self, on: &str, event: &str, value: &Value) -> Flow {
        let Some(emitter) = self.emitter(on, event) else { return Flow::Throw(TYPE_ERROR) };
        match emitter.emit(value) {
            // The name makes it special in Node; here, emitters know no names.
            Ok(false) if event == "error" => Flow::Throw(value.clone()),
            Ok(_) => Flow::Next,
            Err(error) => Flow::Throw(self.thrown.value(&error)),
        }
    }

    /// One event of what the program knows as an emitter.
    fn emitter(&self, on: &str, event: &str) -> Option<Emitter<Value>> {
        let Some(Handle::Emitter(events)) = self.handles.get(on) else { return None };
        Some(events.get(event).unwrap_or_else(|| {
            let emitter = Emitter::new();
            events.bind(event, emitter.clone());
            emitter
        }))
    }

    pub(crate) fn on_abort(self: &Rc<Self>, name: &str, body: &Body) -> Flow {
        let Some(Handle::AbortController(controller)) = self.handles.get(name) else {
            return Flow::Throw(TYPE_ERROR);
        };
        let (this, body) = (Rc::clone(self), Rc::clone(body));
        controller.signal().on_abort(move |reason| this.call(&body, this.thrown.value(reason)));
        Flow::Next
    }

    pub(crate) fn abort(&self, name: &str, reason: Option<Value>) -> Flow {
        let Some(Handle::AbortController(controller)) = self.handles.get(name) else {
            return Flow::Throw(TYPE_ERROR);
        };
        match reason {
            Some(reason) => controller.abort_with(self.thrown.throw(reason)),
            None => controller.abort(),
        }
        Flow::Next
    }

    pub(crate) fn new_channel(&self, name: &str) {
        let (one, two) = MessageChannel::new();
        self.handles.bind(&format!("{name}.1"), Handle::Port(one));
        self.handles.bind(&format!("{name}.2"), Handle::Port(two));
    }

    pub(crate) fn on_message(self: &Rc<Self>, port: &str, body: &Body) -> Flow {
        let Some(Handle::Port(port)) = self.handles.get(port) else {
            return Flow::Throw(TYPE_ERROR);
        };
        let (this, body) = (Rc::clone(self), Rc::clone(body));
        port.on_message(move |message| this.call(&body, message));
        Flow::Next
    }

    pub(crate) fn on_close(self: &Rc<Self>, port: &str, body: &Body) -> Flow {
        let Some(Handle::Port(port)) = self.handles.get(port) else {
            return Flow::Throw(TYPE_ERROR);
        };
        let (this, body) = (Rc::clone(self), Rc::clone(body));
        port.on_close(move || this.call(&body, Value::Undefined));
        Flow::Next
    }

    pub(crate) fn post(&self, port: &str, message: Value) -> Flow {
        let Some(Handle::Port(port)) = self.handles.get(port) else {
            return Flow::Throw(TYPE_ERROR);
        };
        // A closed channel drops it, as in Node.
        port.post(message);
        Flow::Next
    }

    pub(crate) fn close_port(&self, port: &str) -> Flow {
        let Some(Handle::Port(port)) = self.handles.get(port) else {
            return Flow::Throw(TYPE_ERROR);
        };
        port.close();
        Flow::Next
    }
}
