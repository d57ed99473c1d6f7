//! How a wake finds its future.
//!
//! A waker is the number of a future, and the number says on which loop it is. A wake on that
//! loop's thread queues the poll, as a microtask; one from anywhere else travels through the
//! loop's inbox and arrives in Poll.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::Waker;

use crate::error::{Error, Result};
use crate::event_loop::context;
use crate::event_loop::core::Core;
use crate::event_loop::remote::{Message, Shared};
use crate::sys::waker::{self, Table, Wake};

/// A future's number: which loop, how many futures that loop had before, and which place.
///
/// A number that was given to another future since costs that one a poll, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FutureId(u64);

const INDEX_BITS: u32 = 28;
const BIRTH_BITS: u32 = 20;
const LOOP_SHIFT: u32 = INDEX_BITS + BIRTH_BITS;

impl FutureId {
    /// No future's number: there is no such place.
    pub(crate) const NOBODY: FutureId = FutureId(u64::MAX);

    pub(crate) fn new(home: LoopNumber, birth: u64, index: usize) -> FutureId {
        let (index, birth) = (index as u64, birth % (1 << BIRTH_BITS));
        assert!(index < (1 << INDEX_BITS) - 1, "too many futures on one loop");
        FutureId(u64::from(home.0) << LOOP_SHIFT | birth << INDEX_BITS | index)
    }

    #[inline]
    pub(crate) fn index(self) -> usize {
        (self.0 % (1 << INDEX_BITS)) as usize
    }

    #[inline]
    fn home(self) -> LoopNumber {
        LoopNumber((self.0 >> LOOP_SHIFT) as u16)
    }

    #[inline]
    pub(crate) fn waker(self) -> Waker {
        waker::waker::<FutureId>(self.0)
    }

    /// Whom a waker wakes, if it is one of ours.
    #[inline]
    fn of(waker: &Waker) -> Option<FutureId> {
        waker::number::<FutureId>(waker).map(FutureId)
    }
}

/// The waker as one's own. Of a future of ours it is made anew, which takes no call.
#[inline]
pub(crate) fn copy_of(waker: &Waker) -> Waker {
    FutureId::of(waker).map_or_else(|| waker.clone(), FutureId::waker)
}

impl Core {
    /// Wakes from a task of this loop: its own futures without looking for the loop they are on.
    #[inline]
    pub(crate) fn wake(&self, waker: Waker) {
        match FutureId::of(&waker) {
            Some(id) if id.home() == self.home.number => {
                // Nothing is behind it that had to be dropped.
                std::mem::forget(waker);
                self.wake_future(id);
            }
            _ => waker.wake(),
        }
    }
}

static TABLE: Table<FutureId> = Table::new();

impl Wake for FutureId {
    const TABLE: &'static Table<FutureId> = &TABLE;

    fn wake(number: u64) {
        let id = FutureId(number);
        let at_home = context::with_current(|core| {
            let at_home = core.home.number == id.home();
            if at_home {
                core.wake_future(id);
            }
            at_home
        });
        if !at_home {
            wake_from_elsewhere(id);
        }
    }
}

#[cold]
fn wake_from_elsewhere(id: FutureId) {
    if let Some(shared) = loop_with(id.home()).filter(|shared| shared.note_woken(id)) {
        // If the loop is gone, so is the future.
        let _ = shared.send(Message::Wake(id));
    }
}

/// Tells the loops of a process apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LoopNumber(u16);

/// The loops that can be woken from other threads.
static LOOPS: RwLock<Loops> = RwLock::new(Loops { next: 0, by_number: BTreeMap::new() });

struct Loops {
    /// Numbers are given in turn, so that one rests before it is used again: wakers of a loop
    /// that is gone may be around.
    next: u16,
    by_number: BTreeMap<LoopNumber, Arc<Shared>>,
}

impl Loops {
    fn free_number(&mut self) -> Option<LoopNumber> {
        let all = (0..=u16::MAX).map(|offset| LoopNumber(self.next.wrapping_add(offset)));
        let number = all.into_iter().find(|number| !self.by_number.contains_key(number))?;
        self.next = number.0.wrapping_add(1);
        Some(number)
    }
}

fn loop_with(number: LoopNumber) -> Option<Arc<Shared>> {
    let loops = LOOPS.read().unwrap_or_else(PoisonError::into_inner);
    loops.by_number.get(&number).map(Arc::clone)
}

fn change<R>(f: impl FnOnce(&mut Loops) -> R) -> R {
    f(&mut LOOPS.write().unwrap_or_else(PoisonError::into_inner))
}

/// A loop's place among those that can be woken; given up when it is dropped.
pub(crate) struct Home {
    pub(crate) number: LoopNumber,
}

impl Home {
    /// # Errors
    ///
    /// If all numbers are taken.
    pub(crate) fn new(shared: &Arc<Shared>) -> Result<Home> {
        let number = change(|loops| {
            let number = loops.free_number()?;
            loops.by_number.insert(number, Arc::clone(shared));
            Some(number)
        });
        match number {
            Some(number) => Ok(Home { number }),
            None => Err(Error::new("a process has at most 65536 loops at a time")),
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Dropped after the lock is given back.
        let _shared = change(|loops| loops.by_number.remove(&self.number));
    }
}
