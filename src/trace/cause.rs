//! Who caused whom: a tree of registration sites.
//!
//! A node is a callback's kind and line under the node of what was running when it was registered.
//! The tree grows with the program's text and not with its run: a callback that registers itself
//! again, directly or through others, goes back to the node it has among its own causes.

use std::cell::{Cell, RefCell};

use crate::trace::{At, CallbackKind, Frame, Label};

/// A node of the tree. The root is what is outside of every callback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cause(u32);

impl Cause {
    pub(crate) const OUTSIDE: Cause = Cause(0);

    #[inline]
    pub(crate) fn at(index: u32) -> Cause {
        Cause(index)
    }

    #[inline]
    pub(crate) fn index(self) -> u32 {
        self.0
    }
}

/// More sites than a program has; a generated one that has them loses links, and nothing else. A
/// `Label` has 24 bits for them.
const MOST_NODES: usize = 1 << 14;

#[derive(Debug)]
struct Node {
    kind: CallbackKind,
    at: At,
    parent: Cause,
    /// The children as a list, newest first; 0 ends it, since the root is nobody's child.
    first_child: u32,
    next_sibling: u32,
}

/// The tree, and where the running callback stands in it.
#[derive(Debug)]
pub(crate) struct Causes {
    nodes: RefCell<Vec<Node>>,
    running: Cell<Option<Label>>,
    /// The nodes that labels had when they were looked up last, by line. What a program does, it
    /// does again.
    known: [Cell<(Label, Cause)>; KNOWN],
}

/// A power of two.
const KNOWN: usize = 8;

impl Causes {
    #[track_caller]
    pub(crate) fn new() -> Causes {
        let root = Node {
            kind: CallbackKind::Main,
            at: std::panic::Location::caller(),
            parent: Cause::OUTSIDE,
            first_child: 0,
            next_sibling: 0,
        };
        Causes {
            nodes: RefCell::new(vec![root]),
            running: Cell::new(None),
            known: [const { Cell::new((Label::NOBODY, Cause::OUTSIDE)) }; KNOWN],
        }
    }

    /// Makes `label` the running callback.
    #[inline]
    pub(crate) fn enter(&self, label: Label) {
        self.running.set(Some(label));
    }

    /// Makes `before` the running callback again: what `running` said before `enter`.
    #[inline]
    pub(crate) fn leave(&self, before: Option<Label>) {
        self.running.set(before);
    }

    pub(crate) fn running(&self) -> Option<Label> {
        self.running.get()
    }

    /// The cause of what is registered now.
    #[inline]
    pub(crate) fn here(&self) -> Cause {
        let Some(label) = self.running.get() else { return Cause::OUTSIDE };
        let known =
            &self.known[std::ptr::from_ref(label.at).addr() / align_of_val(label.at) % KNOWN];
        let (before, node) = known.get();
        if before.is(label) {
            return node;
        }
        let node = self.intern(label);
        known.set((label, node));
        node
    }

    /// The line of a cause; `None` for what came from outside.
    pub(crate) fn line(&self, cause: Cause) -> Option<At> {
        (cause != Cause::OUTSIDE).then(|| self.nodes.borrow()[cause.0 as usize].at)
    }

    /// The running callback and its causes, nearest first.
    pub(crate) fn chain(&self) -> Vec<Frame> {
        let nodes = self.nodes.borrow();
        let Some(label) = self.running.get() else { return Vec::new() };
        let mut frames = vec![Frame { kind: label.kind(), at: label.at }];
        let mut cause = label.cause();
        while cause != Cause::OUTSIDE {
            let node = &nodes[cause.0 as usize];
            frames.push(Frame { kind: node.kind, at: node.at });
            cause = node.parent;
        }
        frames
    }

    fn intern(&self, label: Label) -> Cause {
        let mut nodes = self.nodes.borrow_mut();
        if let Some(found) = child(&nodes, label).or_else(|| ancestor(&nodes, label)) {
            return found;
        }
        if nodes.len() == MOST_NODES {
            return label.cause();
        }
        let new = nodes.len() as u32;
        let parent = &mut nodes[label.cause().0 as usize];
        let next_sibling = std::mem::replace(&mut parent.first_child, new);
        nodes.push(Node {
            kind: label.kind(),
            at: label.at,
            parent: label.cause(),
            first_child: 0,
            next_sibling,
        });
        Cause(new)
    }
}

fn child(nodes: &[Node], label: Label) -> Option<Cause> {
    let mut next = nodes[label.cause().0 as usize].first_child;
    while next != 0 {
        let node = &nodes[next as usize];
        if is_site(node, label) {
            return Some(Cause(next));
        }
        next = node.next_sibling;
    }
    None
}

fn ancestor(nodes: &[Node], label: Label) -> Option<Cause> {
    let mut cause = label.cause();
    while cause != Cause::OUTSIDE {
        let node = &nodes[cause.0 as usize];
        if is_site(node, label) {
            return Some(cause);
        }
        cause = node.parent;
    }
    None
}

/// By address first: one line has one `Location` nearly always, and the compiler may still make two.
fn is_site(node: &Node, label: Label) -> bool {
    node.kind == label.kind() && (std::ptr::eq(node.at, label.at) || node.at == label.at)
}
