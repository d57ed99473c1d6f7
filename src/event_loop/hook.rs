//! Hooks: callbacks that stay, and run at points of the loop's life.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::rc::Rc;

use crate::error::{Outcome, Result};
use crate::event_loop::context::current;
use crate::event_loop::core::{Core, Loop};
use crate::event_loop::rejection::Rejection;
use crate::event_loop::task::Uncaught;
use crate::trace::{CallbackKind, Label};

/// The hooks of one kind.
pub(crate) struct HookList<F: ?Sized> {
    entries: RefCell<Vec<HookEntry<F>>>,
    next_id: Cell<u64>,
}

pub(crate) struct HookEntry<F: ?Sized> {
    id: u64,
    pub(crate) label: Label,
    /// Out of its place while it runs.
    callback: Option<Box<F>>,
}

/// A hook that was taken out to be called.
pub(crate) struct Taken<F: ?Sized> {
    id: u64,
    pub(crate) label: Label,
    pub(crate) run: Box<F>,
}

impl<F: ?Sized> HookList<F> {
    fn new() -> HookList<F> {
        HookList { entries: RefCell::new(Vec::new()), next_id: Cell::new(0) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.borrow().is_empty()
    }

    fn add(&self, label: Label, callback: Box<F>) -> u64 {
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        self.entries.borrow_mut().push(HookEntry { id, label, callback: Some(callback) });
        id
    }

    /// Those that are there now: what a hook adds does not run in this round.
    pub(crate) fn ids(&self) -> Vec<u64> {
        self.entries.borrow().iter().map(|entry| entry.id).collect()
    }

    pub(crate) fn take(&self, id: u64) -> Option<Taken<F>> {
        let mut entries = self.entries.borrow_mut();
        let entry = entries.iter_mut().find(|entry| entry.id == id)?;
        Some(Taken { id, label: entry.label, run: entry.callback.take()? })
    }

    /// Gives the hook back if it was removed meanwhile, so that it is dropped outside.
    pub(crate) fn put_back(&self, hook: Taken<F>) -> Option<Box<F>> {
        let mut entries = self.entries.borrow_mut();
        match entries.iter_mut().find(|entry| entry.id == hook.id) {
            Some(entry) => {
                entry.callback = Some(hook.run);
                None
            }
            None => Some(hook.run),
        }
    }

    fn remove(&self, id: u64) -> Option<HookEntry<F>> {
        let mut entries = self.entries.borrow_mut();
        let index = entries.iter().position(|entry| entry.id == id)?;
        Some(entries.remove(index))
    }

    pub(crate) fn take_all(&self) -> Vec<HookEntry<F>> {
        self.entries.take()
    }

    pub(crate) fn labels_and_sizes(&self) -> Vec<(Label, usize)> {
        let size = |entry: &HookEntry<F>| entry.callback.as_deref().map_or(0, size_of_val);
        self.entries.borrow().iter().map(|entry| (entry.label, size(entry))).collect()
    }
}

type OnUncaught = dyn FnMut(&Uncaught) -> Result<()>;
type OnRejection = dyn FnMut(&Rejection) -> Result<()>;

/// All hooks of a loop.
pub(crate) struct Hooks {
    pub(crate) prepare: HookList<dyn FnMut() -> Result<()>>,
    pub(crate) uncaught: HookList<OnUncaught>,
    pub(crate) before_exit: HookList<dyn FnMut(i32) -> Result<()>>,
    pub(crate) exit: HookList<dyn FnMut(i32) -> Result<()>>,
    pub(crate) unhandled_rejection: HookList<OnRejection>,
    pub(crate) rejection_handled: HookList<OnRejection>,
}

impl Hooks {
    pub(crate) fn new() -> Hooks {
        Hooks {
            prepare: HookList::new(),
            uncaught: HookList::new(),
            before_exit: HookList::new(),
            exit: HookList::new(),
            unhandled_rejection: HookList::new(),
            rejection_handled: HookList::new(),
        }
    }
}

#[derive(Clone, Copy)]
enum HookKind {
    Prepare,
    Uncaught,
    BeforeExit,
    Exit,
    UnhandledRejection,
    RejectionHandled,
}

/// A hook that was installed. Dropping it removes nothing.
pub struct Hook {
    core: Loop,
    kind: HookKind,
    id: u64,
}

impl Hook {
    /// Removes the hook; a hook may remove itself while it runs.
    pub fn remove(&self) {
        let (hooks, id) = (&self.core.hooks, self.id);
        match self.kind {
            HookKind::Prepare => drop(hooks.prepare.remove(id)),
            HookKind::Uncaught => drop(hooks.uncaught.remove(id)),
            HookKind::BeforeExit => drop(hooks.before_exit.remove(id)),
            HookKind::Exit => drop(hooks.exit.remove(id)),
            HookKind::UnhandledRejection => drop(hooks.unhandled_rejection.remove(id)),
            HookKind::RejectionHandled => drop(hooks.rejection_handled.remove(id)),
        }
    }
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hook").finish_non_exhaustive()
    }
}

/// Installs a hook that runs once a turn, just before the loop may sleep.
///
/// A hook alone keeps no loop alive. An error that it returns is uncaught.
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn on_prepare<R: Outcome>(mut hook: impl FnMut() -> R + 'static) -> Hook {
    let core = current();
    let label = core.label(CallbackKind::Prepare, Location::caller());
    let id = core.hooks.prepare.add(label, Box::new(move || hook().into_result()));
    Hook { core, kind: HookKind::Prepare, id }
}

/// Installs a hook for errors and panics that leave a callback; the loop then goes on.
///
/// Without one, such a failure ends the loop: the exit hooks run with code 1, and `run` returns
/// the error or lets the panic go on. All hooks are called, in the order they were installed. A
/// hook that fails itself ends the loop with code 7, without exit hooks, as in Node.
///
/// What the failed callback had queued still runs: the checkpoint goes on where it stopped.
///
/// ```
/// # fn main() -> unspin::Result<()> {
/// unspin::run(|| {
///     unspin::on_uncaught(|uncaught| eprintln!("{uncaught}"));
///     unspin::set_immediate(|| Err(unspin::Error::new("told to the hook")));
///     unspin::set_immediate(|| println!("runs all the same"));
/// })
/// # }
/// ```
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn on_uncaught<R: Outcome>(mut hook: impl FnMut(&Uncaught) -> R + 'static) -> Hook {
    let core = current();
    let label = core.label(CallbackKind::Error, Location::caller());
    let run = move |uncaught: &Uncaught| hook(uncaught).into_result();
    let id = core.hooks.uncaught.add(label, Box::new(run));
    Hook { core, kind: HookKind::Uncaught, id }
}

/// Installs a hook that runs when nothing is alive any more, with the exit code.
///
/// All such hooks run as one task. If they start something, the loop goes on, and they run again
/// the next time nothing is alive. They do not run after [`exit`](crate::exit) or a failure. This
/// is Node's [`beforeExit`](https://nodejs.org/api/process.html#event-beforeexit).
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn before_exit<R: Outcome>(mut hook: impl FnMut(i32) -> R + 'static) -> Hook {
    let core = current();
    let label = core.label(CallbackKind::BeforeExit, Location::caller());
    let id = core.hooks.before_exit.add(label, Box::new(move |code| hook(code).into_result()));
    Hook { core, kind: HookKind::BeforeExit, id }
}

/// Installs a hook that runs when the loop ends, with the exit code: 0, the one given to
/// [`exit`](crate::exit) or [`set_exit_code`](crate::set_exit_code), or 1 after a failure.
///
/// Nothing that it queues runs, unless the loop is run again. [`exit`](crate::exit) inside of it ends the loop at once. This is
/// Node's [`exit`](https://nodejs.org/api/process.html#event-exit).
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn on_exit<R: Outcome>(mut hook: impl FnMut(i32) -> R + 'static) -> Hook {
    let core = current();
    let label = core.label(CallbackKind::Exit, Location::caller());
    let id = core.hooks.exit.add(label, Box::new(move |code| hook(code).into_result()));
    Hook { core, kind: HookKind::Exit, id }
}

/// Installs a hook for promises that are rejected and have no reaction when the checkpoint has
/// emptied both queues.
///
/// Without one, such a rejection is uncaught: [`on_uncaught`] hooks get it, else the loop ends.
/// Node's [`unhandledRejection`](https://nodejs.org/api/process.html#event-unhandledrejection).
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn on_unhandled_rejection<R: Outcome>(mut hook: impl FnMut(&Rejection) -> R + 'static) -> Hook {
    let core = current();
    let label = core.label(CallbackKind::Error, Location::caller());
    let run = move |rejection: &Rejection| hook(rejection).into_result();
    let id = core.hooks.unhandled_rejection.add(label, Box::new(run));
    Hook { core, kind: HookKind::UnhandledRejection, id }
}

/// Installs a hook for promises that were reported as unhandled, and were handled afterwards.
///
/// It runs at the end of the checkpoint in which that happened. Node's
/// [`rejectionHandled`](https://nodejs.org/api/process.html#event-rejectionhandled).
///
/// # Panics
///
/// If no loop is running on this thread.
#[track_caller]
pub fn on_rejection_handled<R: Outcome>(mut hook: impl FnMut(&Rejection) -> R + 'static) -> Hook {
    let core = current();
    let label = core.label(CallbackKind::Error, Location::caller());
    let run = move |rejection: &Rejection| hook(rejection).into_result();
    let id = core.hooks.rejection_handled.add(label, Box::new(run));
    Hook { core, kind: HookKind::RejectionHandled, id }
}

impl Core {
    pub(crate) fn run_prepare_hooks(self: &Rc<Self>) {
        for id in self.hooks.prepare.ids() {
            let Some(mut hook) = self.hooks.prepare.take(id) else { continue };
            let label = hook.label;
            self.task(label, || (hook.run)());
            let removed = self.hooks.prepare.put_back(hook);
            self.drop_value(label, removed);
        }
    }

    /// The hooks that run when nothing is alive, as one task. Returns whether there were any.
    pub(crate) fn run_before_exit_hooks(self: &Rc<Self>) -> bool {
        let ids = self.hooks.before_exit.ids();
        let Some(first) = ids.first().and_then(|id| self.hooks.before_exit.take(*id)) else {
            return false;
        };
        let label = first.label;
        self.hooks.before_exit.put_back(first);
        // All get one code, as listeners of one event do in Node.
        let code = self.lifetime.code();
        self.task(label, || {
            for id in ids {
                let Some(mut hook) = self.hooks.before_exit.take(id) else { continue };
                let label = hook.label;
                self.causes.enter(label);
                self.call(label, || (hook.run)(code));
                let removed = self.hooks.before_exit.put_back(hook);
                self.drop_value(label, removed);
                if self.lifetime.has_ended() {
                    break;
                }
            }
            Ok(())
        });
        true
    }
}
