//! Waking the loop from another thread, at most once per turn.

#[cfg(not(loom))]
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

#[cfg(loom)]
use loom::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};
#[cfg(loom)]
use std::sync::PoisonError;

/// Ends the sleep of the reactor's thread.
///
/// Many notifications between two turns make one system call: the first sets the flag and wakes,
/// the others see the flag. The loop clears it before it looks at what was queued, so what is
/// queued before `notify` is seen either by that look or by the one after the next wake.
#[derive(Debug)]
pub(crate) struct Notifier<W = mio::Waker> {
    notified: AtomicBool,
    /// Empty once the loop is gone, so that its descriptors are closed although a `Remote` lives.
    /// Locked by whoever sets the flag, and by the loop when it ends: never in between.
    waker: Mutex<Option<W>>,
}

/// What ends the sleep. The kernel's waker, but for the model that is checked below.
pub(crate) trait Wake {
    fn wake(&self);
}

impl Wake for mio::Waker {
    fn wake(&self) {
        // Fails only when the descriptor is not what we opened, and then nothing can be done.
        let _ = mio::Waker::wake(self);
    }
}

impl<W: Wake> Notifier<W> {
    pub(crate) fn new(waker: W) -> Notifier<W> {
        Notifier { notified: AtomicBool::new(false), waker: Mutex::new(Some(waker)) }
    }

    pub(crate) fn notify(&self) {
        if self.notified.swap(true, Ordering::AcqRel) {
            return;
        }
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waker) = &*waker {
            waker.wake();
        }
    }

    /// For the loop, on `Event::Notified`, before it looks at its queues.
    pub(crate) fn clear(&self) {
        self.notified.swap(false, Ordering::AcqRel);
    }

    /// Closes the descriptor; later notifications do nothing.
    pub(crate) fn close(&self) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Every interleaving of two senders and the loop: `RUSTFLAGS="--cfg loom" cargo test --lib loom`.
#[cfg(all(test, loom))]
mod loom_tests {
    use loom::sync::atomic::{AtomicUsize, Ordering};
    use loom::sync::{Arc, Mutex};
    use loom::thread;

    use super::{Notifier, Wake};

    /// Stands for the kernel: counts the wakes that the loop has not slept through yet.
    #[derive(Clone, Default)]
    struct Kernel(Arc<AtomicUsize>);

    impl Wake for Kernel {
        fn wake(&self) {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }

    struct World {
        kernel: Kernel,
        notifier: Notifier<Kernel>,
        inbox: Mutex<Vec<u32>>,
    }

    impl World {
        fn new() -> Arc<World> {
            let kernel = Kernel::default();
            let notifier = Notifier::new(kernel.clone());
            Arc::new(World { kernel, notifier, inbox: Mutex::new(Vec::new()) })
        }

        fn send(&self, message: u32) {
            self.inbox.lock().unwrap().push(message);
            self.notifier.notify();
        }

        /// One turn of a loop that polls without sleeping: what it received, if it was woken.
        fn turn(&self) -> Vec<u32> {
            if self.kernel.0.swap(0, Ordering::AcqRel) == 0 {
                return Vec::new();
            }
            self.notifier.clear();
            std::mem::take(&mut *self.inbox.lock().unwrap())
        }
    }

    #[test]
    fn loom_no_message_is_left_without_a_wake() {
        loom::model(|| {
            let world = World::new();
            let senders: Vec<_> = (0..2)
                .map(|message| {
                    let world = Arc::clone(&world);
                    thread::spawn(move || world.send(message))
                })
                .collect();
            let mut received = world.turn();
            senders.into_iter().for_each(|sender| sender.join().unwrap());
            // All is sent: the loop must find it without any further wake.
            received.extend(world.turn());
            received.extend(world.turn());
            received.sort_unstable();
            assert_eq!(received, [0, 1]);
        });
    }

    #[test]
    fn loom_a_loop_that_closes_is_not_woken_afterwards() {
        loom::model(|| {
            let world = World::new();
            let sender = {
                let world = Arc::clone(&world);
                thread::spawn(move || world.send(0))
            };
            world.notifier.close();
            world.turn();
            sender.join().unwrap();
            world.notifier.clear();
            world.notifier.notify();
            let late = world.kernel.0.load(Ordering::Acquire);
            assert!(late <= 1, "at most the wake that was on its way");
        });
    }
}
