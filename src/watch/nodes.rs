//! The watched directories of a tree: which is in which, and under what name.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::sys::inotify::Wd;

/// Only names are kept, so that renaming a directory moves all that is below it.
pub(super) struct Nodes {
    root: Wd,
    below: HashMap<Wd, Node>,
}

struct Node {
    parent: Wd,
    name: OsString,
    children: HashMap<OsString, Wd>,
}

impl Nodes {
    pub(super) fn new(root: Wd) -> Nodes {
        let node = Node { parent: root, name: OsString::new(), children: HashMap::new() };
        Nodes { root, below: HashMap::from([(root, node)]) }
    }

    pub(super) fn root(&self) -> Wd {
        self.root
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Wd> {
        self.below.keys().copied()
    }

    pub(super) fn contains(&self, wd: Wd) -> bool {
        self.below.contains_key(&wd)
    }

    /// Where a directory is, with the root's path as given.
    pub(super) fn path(&self, root: &Path, wd: Wd) -> Option<PathBuf> {
        let mut names = Vec::new();
        let mut at = wd;
        while at != self.root {
            let node = self.below.get(&at)?;
            names.push(&node.name);
            at = node.parent;
            // Lost events could have made a ring of it.
            if names.len() > self.below.len() {
                return None;
            }
        }
        let mut path = root.to_owned();
        path.extend(names.iter().rev());
        Some(path)
    }

    /// Adds a directory, or moves it where it is now. Returns whether it is new.
    pub(super) fn insert(&mut self, parent: Wd, name: &OsStr, wd: Wd) -> bool {
        if wd == self.root || !self.contains(parent) {
            return false;
        }
        let is_new = match self.below.get_mut(&wd) {
            Some(node) => {
                let old_name = std::mem::replace(&mut node.name, name.to_owned());
                let old_parent = std::mem::replace(&mut node.parent, parent);
                self.unlink(old_parent, &old_name, wd);
                false
            }
            None => {
                let node = Node { parent, name: name.to_owned(), children: HashMap::new() };
                self.below.insert(wd, node);
                true
            }
        };
        if let Some(node) = self.below.get_mut(&parent) {
            node.children.insert(name.to_owned(), wd);
        }
        is_new
    }

    /// Frees the name of a directory that leaves its place. It keeps its path until it is inserted
    /// elsewhere or removed.
    pub(super) fn detach(&mut self, parent: Wd, name: &OsStr) -> Option<Wd> {
        self.below.get_mut(&parent)?.children.remove(name)
    }

    /// The nearest detached directory that this one is in, or is itself. To be called for what has
    /// a path, which says that there is no ring.
    pub(super) fn detached(&self, wd: Wd) -> Option<Wd> {
        let mut at = wd;
        while at != self.root {
            let node = self.below.get(&at)?;
            if self.child(node.parent, &node.name) != Some(at) {
                return Some(at);
            }
            at = node.parent;
        }
        None
    }

    /// Forgets a directory and all below it, and returns them.
    pub(super) fn remove_child(&mut self, parent: Wd, name: &OsStr) -> Vec<Wd> {
        self.child(parent, name).map_or_else(Vec::new, |wd| self.remove(wd))
    }

    pub(super) fn remove(&mut self, wd: Wd) -> Vec<Wd> {
        let mut removed = Vec::new();
        if let Some((parent, name)) = self.below.get(&wd).map(|n| (n.parent, n.name.clone())) {
            self.unlink(parent, &name, wd);
        }
        let mut open = vec![wd];
        while let Some(wd) = open.pop() {
            if let Some(node) = self.below.remove(&wd) {
                open.extend(node.children.into_values());
                removed.push(wd);
            }
        }
        removed
    }

    fn child(&self, parent: Wd, name: &OsStr) -> Option<Wd> {
        self.below.get(&parent)?.children.get(name).copied()
    }

    /// Another directory may have taken the name meanwhile: then it keeps it.
    fn unlink(&mut self, parent: Wd, name: &OsStr, wd: Wd) {
        if let Some(node) = self.below.get_mut(&parent) {
            if node.children.get(name) == Some(&wd) {
                node.children.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::{Path, PathBuf};

    use super::Nodes;

    fn name(name: &str) -> &OsStr {
        OsStr::new(name)
    }

    fn path(nodes: &Nodes, wd: i32) -> Option<PathBuf> {
        nodes.path(Path::new("top"), wd)
    }

    #[test]
    fn a_rename_moves_all_below() {
        let mut nodes = Nodes::new(1);
        assert!(nodes.insert(1, name("a"), 2));
        assert!(nodes.insert(2, name("b"), 3));
        assert!(nodes.insert(1, name("c"), 4));
        assert_eq!(nodes.detach(1, name("a")), Some(2));
        assert_eq!(path(&nodes, 3), Some("top/a/b".into()));
        assert_eq!((nodes.detached(3), nodes.detached(4)), (Some(2), None));
        assert!(!nodes.insert(4, name("d"), 2));
        assert_eq!(nodes.detached(3), None);
        assert_eq!(path(&nodes, 3), Some("top/c/d/b".into()));
        assert_eq!(nodes.detach(1, name("a")), None);
        let mut removed = nodes.remove_child(1, name("c"));
        removed.sort_unstable();
        assert_eq!(removed, [2, 3, 4]);
        assert_eq!(path(&nodes, 3), None);
    }

    #[test]
    fn one_that_has_taken_a_name_keeps_it_when_the_old_one_goes() {
        let mut nodes = Nodes::new(1);
        nodes.insert(1, name("a"), 2);
        nodes.insert(1, name("a"), 3);
        assert_eq!(nodes.remove(2), [2]);
        assert_eq!(nodes.remove_child(1, name("a")), [3]);
    }

    #[test]
    fn a_ring_has_no_path_and_ends() {
        let mut nodes = Nodes::new(1);
        nodes.insert(1, name("a"), 2);
        nodes.insert(2, name("b"), 3);
        nodes.insert(3, name("a"), 2);
        assert_eq!(path(&nodes, 3), None);
        nodes.remove(2);
        assert_eq!(nodes.all().collect::<Vec<_>>(), [1]);
    }
}
