//! Operations on promises.

use std::rc::Rc;

use unspin::Resolution;

use crate::handles::Handle;
use crate::program::{Body, Combinator};
use crate::run::{Flow, Interpreter};
use crate::value::{self, Promise, Resolver, TYPE_ERROR, Thenable, Value};

impl Interpreter {
    pub(crate) fn new_promise(self: &Rc<Self>, name: &str, executor: Option<&Body>) {
        let promise = Promise::made_by(|resolver| {
            self.resolvers.bind(name, resolver.clone());
            if let Some(body) = executor {
                self.settle_by(body, &resolver);
            }
        });
        self.handles.bind(name, Handle::Promise(promise));
    }

    /// Runs a body that may use the resolving functions; what it throws is a rejection, unless it
    /// has used them.
    fn settle_by(self: &Rc<Self>, body: &Body, resolver: &Resolver) {
        if let Flow::Throw(reason) = self.activate(body, Value::Undefined) {
            resolver.reject(reason);
        }
    }

    pub(crate) fn resolve(self: &Rc<Self>, name: &str, value: Value) -> Flow {
        let Some(resolver) = self.resolvers.get(name) else { return Flow::Throw(TYPE_ERROR) };
        resolver.resolve_with(self.resolution(value));
        Flow::Next
    }

    pub(crate) fn reject(&self, name: &str, reason: Value) -> Flow {
        let Some(resolver) = self.resolvers.get(name) else { return Flow::Throw(TYPE_ERROR) };
        resolver.reject(reason);
        Flow::Next
    }

    pub(crate) fn rejected(&self, name: &str, reason: Value) {
        self.handles.bind(name, Handle::Promise(Promise::settled(Err(reason))));
    }

    /// `Promise.resolve`: ECMA-262 §27.2.4.7.1.
    pub(crate) fn promise_of(self: &Rc<Self>, value: Value) -> Promise {
        if let Value::Promise(promise) = value {
            return promise;
        }
        let (promise, resolver) = Promise::with_resolver();
        resolver.resolve_with(self.resolution(value));
        promise
    }

    /// What resolving with a value means.
    fn resolution(self: &Rc<Self>, value: Value) -> value::Resolution {
        match value {
            Value::Promise(promise) => Resolution::Promise(promise),
            Value::Thenable(thenable) => {
                let this = Rc::clone(self);
                Resolution::Like(Box::new(move |resolver: Resolver| {
                    this.resolvers.bind(&thenable.name, resolver.clone());
                    this.settle_by(&thenable.body, &resolver);
                }))
            }
            value => Resolution::Value(value),
        }
    }

    /// What the end of a handler, or of an async function, does to its promise.
    fn outcome(self: &Rc<Self>, flow: Flow) -> value::Resolution {
        match flow {
            Flow::Next => Resolution::Value(Value::Undefined),
            Flow::Return(value) => self.resolution(value),
            Flow::Throw(reason) => Resolution::Reason(reason),
        }
    }

    pub(crate) fn then(
        self: &Rc<Self>,
        of: &str,
        ok: &Option<Body>,
        err: &Option<Body>,
        name: Option<&str>,
    ) -> Flow {
        let Some(Handle::Promise(promise)) = self.handles.get(of) else {
            return Flow::Throw(TYPE_ERROR);
        };
        let (this, ok, err) = (Rc::clone(self), ok.clone(), err.clone());
        let derived = promise.react(move |result| match (result, ok, err) {
            (Ok(value), Some(body), _) | (Err(value), _, Some(body)) => {
                this.outcome(this.activate(&body, value))
            }
            (result, ..) => result.into(),
        });
        self.name(name, Handle::Promise(derived));
        Flow::Next
    }

    pub(crate) fn finally(self: &Rc<Self>, of: &str, body: &Body, name: Option<&str>) -> Flow {
        let Some(Handle::Promise(promise)) = self.handles.get(of) else {
            return Flow::Throw(TYPE_ERROR);
        };
        let (this, body) = (Rc::clone(self), Rc::clone(body));
        let derived = promise.finally(move || match this.activate(&body, Value::Undefined) {
            Flow::Next => Ok(this.promise_of(Value::Undefined)),
            Flow::Return(value) => Ok(this.promise_of(value)),
            Flow::Throw(reason) => Err(reason),
        });
        self.name(name, Handle::Promise(derived));
        Flow::Next
    }

    pub(crate) fn combine(
        self: &Rc<Self>,
        kind: Combinator,
        values: Vec<Value>,
        name: Option<&str>,
    ) {
        let inputs = values.into_iter().map(|value| self.promise_of(value));
        let promise = match kind {
            Combinator::All => Promise::all_with(inputs, Value::Array),
            Combinator::AllSettled => Promise::all_settled_with(inputs, |results| {
                Value::Array(results.into_iter().map(Value::from).collect())
            }),
            Combinator::Any => Promise::any_with(inputs, Value::Aggregate),
            Combinator::Race => Promise::race(inputs),
        };
        self.name(name, Handle::Promise(promise));
    }

    pub(crate) fn new_thenable(&self, name: &str, body: &Body) {
        let thenable = Thenable { name: name.to_owned(), body: Rc::clone(body) };
        self.handles.bind(name, Handle::Thenable(Rc::new(thenable)));
    }

    pub(crate) fn call_async(self: &Rc<Self>, body: &Body, name: Option<&str>) {
        let (this, body) = (Rc::clone(self), Rc::clone(body));
        let promise = Promise::from_future(async move {
            let flow = this.run(&body, &mut Value::Undefined).await;
            this.outcome(flow)
        });
        self.name(name, Handle::Promise(promise));
    }
}
