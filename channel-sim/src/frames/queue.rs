//! Events in the order of time.
//!
//! Two heaps. What frames do is in one, a handful of events each whatever the number of listeners, so that it stays
//! small and a calendar would gain nothing; a running number makes its order total, so that a run is the same every
//! time. Deadlines of nodes are in the other, which knows the place of every node: a node has one deadline, which
//! moves with nearly everything that is heard while the node contends, and a heap of pushed and cancelled ones would
//! fill up with those that are a minute away.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A node's own deadline.
    Wake { node: u32 },
    /// A transmission's first sample.
    Start { slot: u32 },
    /// Some listeners may find the preamble.
    Detect { slot: u32, batch: u8 },
    /// One listener, which was busy before, may.
    DetectOne { slot: u32, serial: u32, node: u32 },
    /// The FCH is over.
    Header { slot: u32 },
    /// The frame is over.
    End { slot: u32 },
    /// A frame with a wrong FCH is not heard any more.
    Quiet { node: u32, epoch: u32 },
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: u64,
    number: u64,
    kind: Kind,
}

impl Ord for Entry {
    /// The earliest is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

/// Events to come.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Entry>,
    number: u64,
    deadlines: Deadlines,
}

impl Queue {
    /// A queue for this many nodes, none of which has a deadline.
    pub(super) fn new(nodes: usize) -> Self {
        let deadlines =
            Deadlines { at: vec![u64::MAX; nodes], place: vec![NOWHERE; nodes], heap: Vec::new() };
        Self { deadlines, ..Self::default() }
    }

    pub(super) fn push(&mut self, at: u64, kind: Kind) {
        self.number += 1;
        self.heap.push(Entry { at, number: self.number, kind });
    }

    /// Moves a node's deadline; `u64::MAX` is never.
    #[inline]
    pub(super) fn set_deadline(&mut self, node: u32, at: u64) {
        self.deadlines.set(node, at);
    }

    /// The earliest event before `end`, and its time. Of one instant, frames come first.
    pub(super) fn pop_before(&mut self, end: u64) -> Option<(u64, Kind)> {
        let frame = self.heap.peek().map_or(u64::MAX, |entry| entry.at);
        let node = self.deadlines.first().map_or(u64::MAX, |(at, _)| at);
        if frame.min(node) >= end {
            return None;
        }
        if frame <= node {
            return self.heap.pop().map(|entry| (entry.at, entry.kind));
        }
        let (at, node) = self.deadlines.first()?;
        self.deadlines.set(node, u64::MAX);
        Some((at, Kind::Wake { node }))
    }

    pub(super) fn size(&self) -> usize {
        self.heap.capacity() * size_of::<Entry>()
            + self.deadlines.at.capacity() * 8
            + (self.deadlines.place.capacity() + self.deadlines.heap.capacity()) * 4
    }
}

/// Not in the heap.
const NOWHERE: u32 = u32::MAX;

/// One deadline for each node, as a binary heap that can move what is in it. Equal deadlines go by node.
#[derive(Clone, Debug, Default)]
struct Deadlines {
    at: Vec<u64>,
    place: Vec<u32>,
    heap: Vec<u32>,
}

impl Deadlines {
    fn first(&self) -> Option<(u64, u32)> {
        let node = *self.heap.first()?;
        Some((self.at[node as usize], node))
    }

    fn set(&mut self, node: u32, at: u64) {
        let index = node as usize;
        let before = std::mem::replace(&mut self.at[index], at);
        if at == before {
            return;
        }
        let place = self.place[index];
        match (place == NOWHERE, at == u64::MAX) {
            (true, true) => {}
            (true, false) => {
                self.heap.push(node);
                self.place[index] = self.heap.len() as u32 - 1;
                self.up(self.heap.len() - 1);
            }
            (false, true) => {
                let place = place as usize;
                self.place[index] = NOWHERE;
                let Some(last) = self.heap.pop() else { return };
                if place < self.heap.len() {
                    self.heap[place] = last;
                    self.place[last as usize] = place as u32;
                    self.up(place);
                    self.down(self.place[last as usize] as usize);
                }
            }
            (false, false) if at < before => self.up(place as usize),
            (false, false) => self.down(place as usize),
        }
    }

    fn less(&self, a: usize, b: usize) -> bool {
        let key = |place: usize| (self.at[self.heap[place] as usize], self.heap[place]);
        key(a) < key(b)
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.place[self.heap[a] as usize] = a as u32;
        self.place[self.heap[b] as usize] = b as u32;
    }

    fn up(&mut self, mut place: usize) {
        while place > 0 && self.less(place, (place - 1) / 2) {
            self.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
    }

    fn down(&mut self, mut place: usize) {
        loop {
            let left = 2 * place + 1;
            if left >= self.heap.len() {
                return;
            }
            let right = left + 1;
            let child = if right < self.heap.len() && self.less(right, left) { right } else { left };
            if !self.less(child, place) {
                return;
            }
            self.swap(place, child);
            place = child;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_in_the_order_of_time_and_then_of_pushing() {
        let mut queue = Queue::new(1);
        for (at, slot) in [(5, 0), (3, 1), (5, 2), (3, 3), (9, 4)] {
            queue.push(at, Kind::Start { slot });
        }
        let order: Vec<u32> = std::iter::from_fn(|| match queue.pop_before(9)? {
            (_, Kind::Start { slot }) => Some(slot),
            _ => None,
        })
        .collect();
        assert_eq!(order, [1, 3, 0, 2]);
        assert!(queue.pop_before(10).is_some());
    }

    #[test]
    fn deadlines_that_move_come_where_they_moved_to() {
        let mut queue = Queue::new(50);
        let mut expected = vec![u64::MAX; 50];
        let mut state = 1u64;
        for _ in 0..2_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (node, at) = ((state >> 33) as u32 % 50, (state >> 40) % 1_000);
            let at = if at < 100 { u64::MAX } else { at };
            queue.set_deadline(node, at);
            expected[node as usize] = at;
        }
        let mut order: Vec<(u64, u32)> = expected
            .iter()
            .enumerate()
            .map(|(node, &at)| (at, node as u32))
            .filter(|e| e.0 < u64::MAX)
            .collect();
        order.sort_unstable();
        let found: Vec<(u64, u32)> = std::iter::from_fn(|| match queue.pop_before(u64::MAX)? {
            (at, Kind::Wake { node }) => Some((at, node)),
            _ => None,
        })
        .collect();
        assert_eq!(found, order);
    }
}
