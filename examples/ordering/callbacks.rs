//! Operations that install callbacks: timers, hooks, files.

use std::cell::OnceCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::{Duration, Instant};

use unspin::{Hook, Timer};

use crate::handles::Handle;
use crate::program::{Body, Event};
use crate::run::{Clock, Interpreter};
use crate::thrown::reason;
use crate::value::Value;

impl Interpreter {
    pub(crate) fn set_immediate(self: &Rc<Self>, name: Option<&str>, unref: bool, body: &Body) {
        let (this, body) = (Rc::clone(self), Rc::clone(body));
        let immediate = unspin::set_immediate(move || this.call(&body, Value::Undefined));
        if unref {
            immediate.unref();
        }
        self.name(name, Handle::Immediate(immediate));
    }

    pub(crate) fn set_timeout(
        self: &Rc<Self>,
        name: Option<&str>,
        unref: bool,
        delay: Duration,
        body: &Body,
    ) {
        let (this, body) = (Rc::clone(self), Rc::clone(body));
        let timer = unspin::set_timer(delay, move |_| this.call(&body, Value::Undefined));
        self.started(timer, unref, name);
    }

    pub(crate) fn set_interval(
        self: &Rc<Self>,
        name: Option<&str>,
        unref: bool,
        period: Duration,
        times: i64,
        body: &Body,
    ) {
        let (this, body) = (Rc::clone(self), Rc::clone(body));
        let mut firing = 0;
        let timer = unspin::set_interval(period, move |timer| {
            firing += 1;
            if firing == times {
                timer.clear();
            }
            this.call(&body, Value::Int(firing))
        });
        self.started(timer, unref, name);
    }

    fn started(&self, timer: Timer, unref: bool, name: Option<&str>) {
        if unref {
            timer.unref();
        }
        self.name(name, Handle::Timer(timer));
    }

    pub(crate) fn on(self: &Rc<Self>, event: Event, once: bool, body: &Body) {
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
                this.call(&body, this.thrown.uncaught(uncaught))
            }),
            Event::UnhandledRejection => unspin::on_unhandled_rejection(move |rejection| {
                begin();
                this.call(&body, reason(rejection))
            }),
            Event::RejectionHandled => unspin::on_rejection_handled(move |_| {
                begin();
                this.call(&body, Value::Str("Promise".to_owned()))
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

    pub(crate) fn read_file(self: &Rc<Self>, missing: bool, body: &Body) {
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
    pub(crate) fn busy(&self, time: Duration) {
        match self.clock {
            Clock::Virtual => unspin::advance(time).expect("the loop has a virtual clock"),
            Clock::Real => {
                let end = Instant::now() + time;
                while Instant::now() < end {}
            }
        }
    }
}
