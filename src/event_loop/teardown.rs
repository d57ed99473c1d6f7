//! The end of a loop: every callback is dropped once, every descriptor closed.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use crate::error::discard_panic;
use crate::event_loop::context::Entered;
use crate::event_loop::core::Core;
use crate::event_loop::job::take_completes;
use crate::event_loop::lifetime::ExitUnwind;
use crate::trace::event;

/// How long running pool jobs are waited for. One that is stuck is left behind: its thread ends
/// with the process.
const JOBS_LIMIT: Duration = Duration::from_secs(1);

impl Core {
    /// Drops all that the loop holds, while it is still this thread's loop: a `Drop` of the user's
    /// may call the free functions. What it queues is dropped too, without being run.
    pub(crate) fn tear_down(self: &Rc<Self>) {
        let entered = Entered::instead(self);
        self.lifetime.mark_ended();
        let mut first_panic = None;
        // Dropping one thing may queue another. A chain that never ends is the user's own.
        while self.drop_what_is_left(&mut first_panic) > 0 {}
        self.close(&mut first_panic);
        while self.drop_what_is_left(&mut first_panic) > 0 {}
        self.queues.close();
        drop(entered);
        match first_panic {
            Some(payload) if !std::thread::panicking() => resume_unwind(payload),
            _ => {}
        }
    }

    /// Returns how much there was.
    fn drop_what_is_left(&self, panic: &mut FirstPanic) -> usize {
        let (ticks, microtasks, calls, corked) = self.queues.take_all();
        let (unhandled, handled_late) = self.rejections.take_all();
        drop_each(ticks, panic)
            + drop_each(microtasks, panic)
            + drop_each(calls, panic)
            + drop_each(corked, panic)
            + drop_each(unhandled, panic)
            + drop_each(handled_late, panic)
            + drop_each(self.tasks.take(), panic)
            + drop_each(self.pending.take(), panic)
            + drop_each(self.closing.take(), panic)
            + drop_each(take(&self.immediates, |immediates| immediates.take_all()), panic)
            + drop_each(take(&self.timers, |timers| timers.take_all()), panic)
            + drop_each(take(&self.frames, |frames| frames.take_all()), panic)
            + drop_each(take(&self.jobs, take_completes), panic)
            + drop_each(self.inbox.borrow().iter().flat_map(Receiver::try_iter), panic)
            + drop_each(self.hooks.prepare.take_all(), panic)
            + drop_each(self.hooks.uncaught.take_all(), panic)
            + drop_each(self.hooks.before_exit.take_all(), panic)
            + drop_each(self.hooks.exit.take_all(), panic)
            + drop_each(self.hooks.unhandled_rejection.take_all(), panic)
            + drop_each(self.hooks.rejection_handled.take_all(), panic)
            + drop_each(self.queues.take_host(), panic)
            + self.drop_futures(panic)
    }

    #[cfg(feature = "async")]
    fn drop_futures(&self, panic: &mut FirstPanic) -> usize {
        drop_each(take(&self.futures, |futures| futures.take_all()), panic)
    }

    #[cfg(not(feature = "async"))]
    fn drop_futures(&self, _: &mut FirstPanic) -> usize {
        0
    }

    fn close(&self, panic: &mut FirstPanic) {
        for source in self.all_sources() {
            catch(panic, || source.abandon());
            drop_each([source], panic);
        }
        for port in self.mail.all() {
            catch(panic, || port.abandon());
            drop_each([port], panic);
        }
        let left = self.pool.shut_down(JOBS_LIMIT);
        event::pool_shut_down(left.dropped, left.left_behind);
        drop_each(self.pool.close(), panic);
        self.shared.notifier().close();
        // What is posted from here on comes back to the poster: nobody would take it.
        let inbox = self.inbox.take();
        drop_each(inbox.iter().flat_map(Receiver::try_iter), panic);
        drop(inbox);
        // Its slots hold `Weak`s, and sources that `abandon` has let go of: nothing of the user's.
        let reactor = self.reactor.borrow_mut().take();
        drop_each(reactor, panic);
    }
}

/// The panic that goes on once everything is dropped.
type FirstPanic = Option<Box<dyn Any + Send>>;

fn take<T, R>(cell: &std::cell::RefCell<T>, take: impl FnOnce(&mut T) -> R) -> R {
    take(&mut cell.borrow_mut())
}

/// Drops values one by one, so that one whose drop panics does not keep the others.
fn drop_each<T>(values: impl IntoIterator<Item = T>, panic: &mut FirstPanic) -> usize {
    let mut count = 0;
    for value in values {
        catch(panic, || drop(value));
        count += 1;
    }
    count
}

fn catch(panic: &mut FirstPanic, f: impl FnOnce()) {
    match (catch_unwind(AssertUnwindSafe(f)), &panic) {
        (Ok(()), _) => {}
        // The loop has ended already: there is nothing left for `exit` to do.
        (Err(payload), _) if payload.is::<ExitUnwind>() => {}
        (Err(payload), None) => *panic = Some(payload),
        // It might panic again when it is dropped.
        (Err(payload), Some(_)) => discard_panic(payload),
    }
}
