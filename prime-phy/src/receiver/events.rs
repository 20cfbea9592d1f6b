//! Events that wait for polling.

use crate::primitives::Event;
use heapless::Deque;

/// Events that wait; a frame makes at most four.
pub(crate) const MOST_EVENTS: usize = 8;

#[derive(Clone, Debug)]
pub(super) struct Events {
    waiting: Deque<Event, MOST_EVENTS>,
    dropped: u32,
}

impl Events {
    pub(super) fn new() -> Self {
        Self { waiting: Deque::new(), dropped: 0 }
    }

    pub(super) fn poll(&mut self) -> Option<Event> {
        self.waiting.pop_front()
    }

    /// How many were dropped because nobody polled.
    pub(super) fn dropped(&self) -> u32 {
        self.dropped
    }

    /// Takes one; true where a frame had to go for it.
    pub(super) fn push(&mut self, event: Event) -> bool {
        let lost = self.waiting.is_full() && self.drop_one();
        let _ = self.waiting.push_back(event);
        lost
    }

    /// Makes room: the oldest carrier detect goes, or the oldest event if there are only frames, which is told.
    fn drop_one(&mut self) -> bool {
        self.dropped = self.dropped.wrapping_add(1);
        let is_detect = |event: &Event| matches!(event, Event::CarrierDetect(_));
        let oldest = self.waiting.iter().position(is_detect);
        let mut lost = false;
        for index in 0..self.waiting.len() {
            let Some(event) = self.waiting.pop_front() else { break };
            if index == oldest.unwrap_or(0) {
                lost = oldest.is_none();
            } else {
                let _ = self.waiting.push_back(event);
            }
        }
        lost
    }
}
