//! The lists, one a duration, and the order among them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use slab::Slab;

use crate::clock::Nanos;
use crate::timer::Millis;

/// Where a timer or a list is kept. Links do without generations: they never outlive what they
/// lead to.
pub(super) type Index = u32;

/// Leads nowhere.
pub(super) const NONE: Index = Index::MAX;

/// Where a list stands among the lists: expiry, then id.
pub(super) type Rank = (Nanos, u64);

/// The armed timers of one duration: first started, first due.
#[derive(Debug)]
pub(super) struct List {
    pub(super) duration: Millis,
    pub(super) first: Index,
    pub(super) last: Index,
    /// The timers of this duration, armed or not.
    timers: usize,
    pub(super) rank: Rank,
    /// Where it is in the heap; `NONE` while it is in no order.
    place: Index,
}

/// All lists, found by their duration, and those that have timers in their order.
#[derive(Debug)]
pub(super) struct Lists {
    lists: Slab<List>,
    by_duration: HashMap<Millis, Index, BuildHasherDefault<MillisHasher>>,
    /// The list that was asked for last: mostly, the next one is the same.
    recent: Index,
    /// The list that lost its last timer most recently, which is kept in case there is another.
    spare: Index,
    /// A binary heap. Few programs have more than a handful of lists, and there it is a line.
    order: Vec<(Rank, Index)>,
    ids: u64,
}

impl List {
    pub(super) fn is_empty(&self) -> bool {
        self.first == NONE
    }

    pub(super) fn is_in_order(&self) -> bool {
        self.place != NONE
    }

    fn is_unused(&self) -> bool {
        self.timers == 0 && !self.is_in_order()
    }
}

impl Lists {
    pub(super) fn new() -> Lists {
        Lists {
            lists: Slab::new(),
            by_duration: HashMap::default(),
            recent: NONE,
            spare: NONE,
            order: Vec::new(),
            ids: 0,
        }
    }

    #[inline]
    pub(super) fn get(&self, list: Index) -> &List {
        &self.lists[list as usize]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, list: Index) -> &mut List {
        &mut self.lists[list as usize]
    }

    /// Finds or makes the list for one more timer.
    #[inline]
    pub(super) fn join(&mut self, duration: Millis) -> Index {
        let recent = self.lists.get(self.recent as usize);
        if recent.is_none_or(|list| list.duration != duration) {
            self.recent = self.find(duration);
        }
        self.get_mut(self.recent).timers += 1;
        self.recent
    }

    fn find(&mut self, duration: Millis) -> Index {
        let lists = &mut self.lists;
        *self.by_duration.entry(duration).or_insert_with(|| {
            let (rank, timers) = ((0, 0), 0);
            let list = List { duration, first: NONE, last: NONE, timers, rank, place: NONE };
            lists.insert(list) as Index
        })
    }

    /// One timer less. The list goes with its last one, or when it has left the order as well.
    #[inline]
    pub(super) fn quit(&mut self, list: Index) {
        self.get_mut(list).timers -= 1;
        self.let_go_if_unused(list);
    }

    #[inline]
    fn let_go_if_unused(&mut self, list: Index) {
        if self.spare != list && self.get(list).is_unused() {
            let former = std::mem::replace(&mut self.spare, list) as usize;
            if self.lists.get(former).is_some_and(List::is_unused) {
                let former = self.lists.remove(former);
                self.by_duration.remove(&former.duration);
            }
        }
    }

    /// The first of the order.
    #[inline]
    pub(super) fn first(&self) -> Option<(Rank, Index)> {
        self.order.first().copied()
    }

    /// Whether a list stands where it stood.
    pub(super) fn is_at(&self, rank: Rank, list: Index) -> bool {
        let list = self.lists.get(list as usize);
        list.is_some_and(|list| list.is_in_order() && list.rank == rank)
    }

    /// Takes a list into the order, behind those of the same expiry.
    pub(super) fn enter(&mut self, list: Index, expiry: Nanos) {
        self.ids += 1;
        let rank = (expiry, self.ids);
        self.get_mut(list).rank = rank;
        self.order.push((rank, list));
        self.rise(self.order.len() - 1);
    }

    /// Takes a list out of the order.
    pub(super) fn leave(&mut self, list: Index) {
        let place = std::mem::replace(&mut self.get_mut(list).place, NONE) as usize;
        self.order.swap_remove(place);
        if place < self.order.len() {
            self.sink(place);
            self.rise(place);
        }
        self.let_go_if_unused(list);
    }

    /// Moves the list at `place` up, as long as it precedes the one above it.
    fn rise(&mut self, mut place: usize) {
        while place > 0 {
            let above = (place - 1) / 2;
            if self.order[above].0 <= self.order[place].0 {
                break;
            }
            self.order.swap(above, place);
            self.note(place);
            place = above;
        }
        self.note(place);
    }

    /// Moves the list at `place` down, as long as one of the two below precedes it.
    fn sink(&mut self, mut place: usize) {
        loop {
            let below = 2 * place + 1..(2 * place + 3).min(self.order.len());
            let Some(next) = below.min_by_key(|below| self.order[*below].0) else { break };
            if self.order[place].0 <= self.order[next].0 {
                break;
            }
            self.order.swap(place, next);
            self.note(place);
            place = next;
        }
        self.note(place);
    }

    fn note(&mut self, place: usize) {
        let (_, list) = self.order[place];
        self.get_mut(list).place = place as Index;
    }
}

/// Durations are small numbers that no enemy chooses: one multiplication spreads them well.
#[derive(Debug, Default)]
pub(super) struct MillisHasher(u64);

impl Hasher for MillisHasher {
    fn write_u64(&mut self, millis: u64) {
        // 2^64 divided by the golden ratio; the rotation brings the mixed bits to both ends.
        self.0 = millis.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(26);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0 ^ u64::from(*byte));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_order_is_that_of_a_sorted_map() {
        let (mut lists, mut map) = (Lists::new(), BTreeMap::new());
        let mut seed = 1_u64;
        for _ in 0..20_000 {
            // Knuth's MMIX generator: any will do. Its low bits are poor.
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let list = lists.find(seed >> 33 & 63);
            if lists.get(list).is_in_order() {
                assert_eq!(map.remove(&lists.get(list).rank), Some(list));
                lists.leave(list);
            } else {
                lists.enter(list, seed >> 40 & 31);
                map.insert(lists.get(list).rank, list);
            }
            let first = map.first_key_value().map(|(rank, list)| (*rank, *list));
            assert_eq!(lists.first(), first);
        }
    }

    #[test]
    fn a_list_goes_with_its_last_timer_but_for_the_one_that_went_last() {
        let mut lists = Lists::new();
        for duration in 0..1_000 {
            let list = lists.join(duration);
            assert_eq!(lists.join(duration), list);
            lists.quit(list);
            lists.quit(list);
            assert!(lists.lists.len() <= 2 && lists.by_duration.len() == lists.lists.len());
        }
    }
}
