//! Events that wait to be polled.

use crate::primitives::Event;
use heapless::Deque;

/// Events that wait for [`Receiver::poll`](super::Receiver::poll); a frame makes at most four.
const MOST_EVENTS: usize = 8;

#[derive(Clone, Debug)]
pub(super) struct Events {
    waiting: Deque<Event, MOST_EVENTS>,
    dropped: u32,
}

impl Events {
    pub(super) const fn new() -> Self {
        Self { waiting: Deque::new(), dropped: 0 }
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        self.waiting.pop_front()
    }

    /// Events that were dropped because nobody polled.
    pub(super) fn dropped(&self) -> u32 {
        self.dropped
    }

    /// Queues an event. Where the queue is full the oldest carrier sense goes, since only the newest one counts.
    pub(super) fn push(&mut self, event: Event) {
        if self.waiting.is_full() {
            let mut dropped = false;
            for _ in 0..self.waiting.len() {
                let Some(oldest) = self.waiting.pop_front() else { break };
                if !dropped && matches!(oldest, Event::CarrierSense(_)) {
                    dropped = true;
                } else {
                    let _ = self.waiting.push_back(oldest);
                }
            }
            if !dropped {
                self.waiting.pop_front();
            }
            self.dropped = self.dropped.saturating_add(1);
        }
        let _ = self.waiting.push_back(event);
    }
}
