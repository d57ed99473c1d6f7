//! Storage with keys that go stale instead of meaning something else.

use slab::Slab;

/// Where a value is kept. A key of a removed value matches nothing, also when its place is used
/// again: the generation differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl Key {
    /// The key as one word, for a token or a log line.
    pub(crate) fn to_word(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    pub(crate) fn from_word(word: u64) -> Key {
        Key { index: word as u32, generation: (word >> 32) as u32 }
    }
}

/// A slab whose keys carry a generation.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    slab: Slab<Slot<T>>,
    /// Counts insertions. A stale key would need the same place and 2^32 insertions between.
    generation: u32,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: T,
}

impl<T> Slots<T> {
    pub(crate) fn new() -> Slots<T> {
        Slots { slab: Slab::new(), generation: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// The key that the next `insert` will return.
    pub(crate) fn next_key(&self) -> Key {
        Key { index: self.slab.vacant_key() as u32, generation: self.generation.wrapping_add(1) }
    }

    pub(crate) fn insert(&mut self, value: T) -> Key {
        self.generation = self.generation.wrapping_add(1);
        let index = self.slab.insert(Slot { generation: self.generation, value });
        Key { index: index as u32, generation: self.generation }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let slot = self.slab.get(key.index as usize)?;
        (slot.generation == key.generation).then_some(&slot.value)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.slab.get_mut(key.index as usize)?;
        (slot.generation == key.generation).then_some(&mut slot.value)
    }

    /// The value at an index that is known to be taken: for links within one structure, which never
    /// outlive what they lead to.
    #[inline]
    pub(crate) fn at(&self, index: u32) -> &T {
        &self.slab[index as usize].value
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, index: u32) -> &mut T {
        &mut self.slab[index as usize].value
    }

    /// The key of the value at an index that is known to be taken.
    pub(crate) fn key_of(&self, index: u32) -> Key {
        Key { index, generation: self.slab[index as usize].generation }
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        Some(self.slab.remove(key.index as usize).value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.slab.iter().map(|(index, slot)| {
            (Key { index: index as u32, generation: slot.generation }, &slot.value)
        })
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slab.iter_mut().map(|(_, slot)| &mut slot.value)
    }

    /// Takes everything out, so that it can be dropped where nothing is borrowed.
    pub(crate) fn take_all(&mut self) -> Vec<T> {
        self.slab.drain().map(|slot| slot.value).collect()
    }
}
