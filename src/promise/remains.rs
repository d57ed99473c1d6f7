//! Long chains of promises, dropped without recursion.
//!
//! A pending promise owns its reactions, and each of them the promise that it will settle. Dropped
//! one inside the other, a long chain would overflow the stack.

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

/// Something that will be dropped soon.
pub(crate) type Remains = Box<dyn Any>;

thread_local! {
    /// What is still to be dropped, while somebody further down the stack is at it.
    static LEFT: RefCell<Option<VecDeque<Remains>>> = const { RefCell::new(None) };
}

/// Drops each of them; what that leaves behind in turn, after them.
pub(crate) fn drop_flat(remains: Vec<Remains>) {
    if remains.is_empty() {
        return;
    }
    let mut remains = Some(VecDeque::from(remains));
    let nested = LEFT.try_with(|left| match &mut *left.borrow_mut() {
        Some(left) => {
            left.extend(remains.take().into_iter().flatten());
            true
        }
        none => {
            *none = remains.take();
            false
        }
    });
    match nested {
        Ok(true) => {}
        Ok(false) => drop_what_is_left(),
        // The thread ends, and its thread-locals are gone: one inside the other, then.
        Err(_) => drop(remains),
    }
}

fn drop_what_is_left() {
    let mut first_panic = None;
    while let Some(next) = next() {
        // Here ends a user's `Drop` that panics; the others are dropped all the same.
        match (catch_unwind(AssertUnwindSafe(|| drop(next))), &first_panic) {
            (Ok(()), _) => {}
            (Err(payload), None) => first_panic = Some(payload),
            // It might panic again when it is dropped.
            (Err(payload), Some(_)) => mem::forget(payload),
        }
    }
    match first_panic {
        Some(payload) if !thread::panicking() => resume_unwind(payload),
        _ => {}
    }
}

/// The next one; with none, nobody is at it any more.
fn next() -> Option<Remains> {
    LEFT.with(|left| {
        let mut left = left.borrow_mut();
        let next = left.as_mut().and_then(VecDeque::pop_front);
        if next.is_none() {
            *left = None;
        }
        next
    })
}
