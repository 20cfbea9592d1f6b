//! The firmware's own node runtime on frames: the whole meter, or any application of `modem-fw`.

use super::domain::FrameNode;
use g3_phy::primitives::{Event, Request};
use modem_fw::MeterOf;
use modem_fw::node::{Application, Node, NodePhy};
use plc_core::env::Environment;
use plc_core::time::Instant;
use std::collections::VecDeque;

/// A PHY whose events come from a domain and whose requests go there.
#[derive(Debug, Default)]
pub struct Mailbox {
    events: VecDeque<Event>,
    requests: Vec<Request>,
}

impl NodePhy for Mailbox {
    fn request(&mut self, _now: Instant, request: Request) {
        self.requests.push(request);
    }

    fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}

impl<A: Application, E: Environment> FrameNode for Node<A, E, Mailbox> {
    fn phy_event(&mut self, _now: Instant, event: &Event) {
        self.phy_mut().events.push_back(event.clone());
    }

    fn run(&mut self, now: Instant, requests: &mut Vec<Request>) -> Option<Instant> {
        let due = Self::run(self, now);
        requests.append(&mut self.phy_mut().requests);
        due
    }
}

impl<E: Environment, const ROWS: usize> FrameNode for MeterOf<E, ROWS, Mailbox> {
    fn phy_event(&mut self, _now: Instant, event: &Event) {
        self.phy_mut().events.push_back(event.clone());
    }

    fn run(&mut self, now: Instant, requests: &mut Vec<Request>) -> Option<Instant> {
        let due = Self::run(self, now);
        requests.append(&mut self.phy_mut().requests);
        due
    }
}

impl<N: FrameNode + ?Sized> FrameNode for Box<N> {
    fn phy_event(&mut self, now: Instant, event: &Event) {
        (**self).phy_event(now, event);
    }

    fn run(&mut self, now: Instant, requests: &mut Vec<Request>) -> Option<Instant> {
        (**self).run(now, requests)
    }
}
