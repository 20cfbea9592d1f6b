//! A node on the line: PHY, MAC with adaptation layer, and an application on top, driven by blocks of samples.
//!
//! ```text
//!   transmit(from, out) --> deadlines before the end of the block, in order --> samples out
//!   receive(from, samples) --> PHY events --> stack --> application --> stack --> PHY requests
//! ```
//!
//! The caller owns time: sample n of the node's own clock is at instant n times its sample period. For each block it
//! calls [`Node::transmit`], then, unless that said the node is on the air, [`Node::receive`] for the same block. A
//! deadline inside a block is met at its exact instant, so a transmission starts at the sample it should; what
//! is received in a block is known at its end. Blocks of a contention slot (1.4 ms) or less therefore behave as a
//! modem does that works sample by sample.

use g3_mac::adaptation::{AdpdDataConfirm, AdpdDataIndication, AdpdDataRequest};
use g3_mac::mac::MacStatus;
use g3_mac::{Stack, StackAction, StackConfig, StackEvent};
use g3_phy::Memory;
use g3_phy::phy::{Phy, PhyConfig};
use g3_phy::primitives::{CarrierSense, Event, Request, TransmitStatus};
use plc_core::env::Environment;
use plc_core::sans_io::{Machine, Step, earlier};
use plc_core::time::{Instant, SampleClock};

/// What the adaptation layer tells an application.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AdaptationEvent<'a> {
    /// What became of a packet the application sent.
    Confirm(&'a AdpdDataConfirm),
    /// A packet for this node.
    Indication(&'a AdpdDataIndication),
}

/// What stands on a node's adaptation layer: it is told of packets and sends packets.
pub trait Application: for<'a> Machine<Event<'a> = AdaptationEvent<'a>, Action = AdpdDataRequest> {}

impl<A> Application for A where A: for<'a> Machine<Event<'a> = AdaptationEvent<'a>, Action = AdpdDataRequest> {}

/// What happened on the line as this node saw it, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStatistics {
    /// Data frames and acknowledgements sent.
    pub sent: u32,
    /// Preambles heard.
    pub preambles: u32,
    /// Frame control headers with a wrong checksum.
    pub headers_failed: u32,
    /// Payloads that could not be decoded.
    pub payloads_failed: u32,
    /// Data frames received, for whomever.
    pub data_frames: u32,
    /// Acknowledgements heard, for whomever.
    pub acknowledgements: u32,
    /// Octets that the Reed-Solomon decoder corrected.
    pub corrected_octets: u32,
    /// Link quality of the last data frame, 4 (SNR/dB + 10).
    pub last_lqi: Option<u8>,
}

/// What a node asks its PHY and is told by it, whatever the PHY is made of: the soft modem on samples, a simulator's
/// frames, a modem chip.
pub trait NodePhy {
    /// Takes a request at `now`.
    fn request(&mut self, now: Instant, request: Request);

    /// The next event, if there is one.
    fn poll(&mut self) -> Option<Event>;
}

impl<W: Memory> NodePhy for Phy<W> {
    fn request(&mut self, now: Instant, request: Request) {
        Self::request(self, now, request);
    }

    fn poll(&mut self) -> Option<Event> {
        Self::poll(self)
    }
}

/// A node on the line. Its PHY is the soft modem unless it says otherwise.
pub struct Node<A, E, P = Phy> {
    phy: P,
    stack: Stack,
    application: A,
    environment: E,
    clock: SampleClock,
    /// What the machines were last told.
    now: Instant,
    /// When the machines want to be polled; `None` is never.
    deadline: Option<Instant>,
    statistics: LinkStatistics,
}

impl<A: Application, E: Environment> Node<A, E> {
    /// A node that begins with the first block it is given.
    ///
    /// # Errors
    /// Where the stack does not accept its configuration.
    pub fn new(config: StackConfig, application: A, environment: E) -> Result<Self, MacStatus> {
        let phy = PhyConfig { plan: config.plan, mask: config.mask, ..PhyConfig::default() };
        Self::with_phy(config, Phy::new(phy), application, environment)
    }
}

impl<A: Application, E: Environment, W: Memory> Node<A, E, Phy<W>> {
    /// Runs what is due before the end of the block that begins at sample `from`, and writes what the node sends in
    /// it, full scale 1.0. False, with `out` untouched, where it sends nothing.
    pub fn transmit(&mut self, from: u64, out: &mut [f32]) -> bool {
        let end = self.end_of(from, out.len());
        self.run_before(self.clock.instant(from), end);
        let on_air = self.phy.transmit(from, out);
        self.take_phy_events(end);
        on_air
    }

    /// Takes the samples of the block that begins at sample `from`. A block may be left out while the node is on the
    /// air; its receiver is off then.
    pub fn receive(&mut self, from: u64, samples: &[f32]) {
        let end = self.end_of(from, samples.len());
        self.run_before(self.clock.instant(from), end);
        self.phy.receive(from, samples);
        self.take_phy_events(end);
        self.now = self.now.max(end);
    }

    /// Whether the node is on the air.
    pub fn transmitting(&self) -> bool {
        self.phy.transmitting()
    }

    fn end_of(&self, from: u64, samples: usize) -> Instant {
        self.clock.instant(from.saturating_add(samples as u64))
    }
}

impl<A: Application, E: Environment, P: NodePhy> Node<A, E, P> {
    /// A node on a PHY of the caller's, which begins at instant 0.
    ///
    /// # Errors
    /// Where the stack does not accept its configuration.
    pub fn with_phy(config: StackConfig, phy: P, application: A, environment: E) -> Result<Self, MacStatus> {
        let start = Instant::from_ticks(0);
        let clock = config.plan.clock;
        Ok(Self {
            phy,
            stack: Stack::new(config)?,
            application,
            environment,
            clock,
            now: start,
            deadline: Some(start),
            statistics: LinkStatistics::default(),
        })
    }

    /// Lets time come to `now`: what the PHY has to tell is taken, then what is due is done. Returns when to call
    /// again, if the PHY has nothing to tell before. For a PHY whose events come at their own instants; one on
    /// samples runs by [`Node::transmit`] and [`Node::receive`].
    pub fn run(&mut self, now: Instant) -> Option<Instant> {
        self.take_phy_events(now);
        self.now = self.now.max(now);
        if self.deadline.is_some_and(|due| due <= self.now) {
            self.drain();
        }
        self.deadline
    }

    /// The PHY.
    pub const fn phy_mut(&mut self) -> &mut P {
        &mut self.phy
    }

    /// The time up to which the node has run.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// What happened on the line.
    pub const fn statistics(&self) -> &LinkStatistics {
        &self.statistics
    }

    /// MAC and adaptation layer.
    pub const fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The application.
    pub const fn application(&self) -> &A {
        &self.application
    }

    /// The environment.
    pub const fn environment(&self) -> &E {
        &self.environment
    }

    /// The application, for the caller to give it something to do in the next block, and the environment.
    pub const fn application_mut(&mut self) -> (&mut A, &mut E) {
        self.deadline = Some(self.now);
        (&mut self.application, &mut self.environment)
    }

    /// Application and environment, for changes that ask for nothing on the line.
    pub(crate) const fn parts_mut(&mut self) -> (&mut A, &mut E) {
        (&mut self.application, &mut self.environment)
    }

    /// Meets the deadlines before `end`, each at its instant or, where that has passed, at `start`.
    fn run_before(&mut self, start: Instant, end: Instant) {
        self.now = self.now.max(start);
        while let Some(due) = self.deadline.filter(|&due| due < end) {
            self.now = self.now.max(due);
            self.drain();
            if self.deadline == Some(due) {
                // A machine that is idle until the present would never let time pass.
                break;
            }
        }
    }

    /// Tells the stack what the PHY has to tell, at `now`.
    fn take_phy_events(&mut self, now: Instant) {
        while let Some(event) = self.phy.poll() {
            self.now = self.now.max(now);
            self.count(&event);
            self.stack.handle(self.now, &mut self.environment, StackEvent::Phy(&event));
            self.drain();
        }
    }

    /// Does what stack and application want until both are idle.
    fn drain(&mut self) {
        let (now, environment) = (self.now, &mut self.environment as &mut dyn Environment);
        loop {
            let stack_idle_until = match self.stack.poll(now, environment) {
                Step::Idle(until) => until,
                Step::Do(StackAction::Phy(request)) => {
                    self.phy.request(now, request);
                    continue;
                }
                Step::Do(StackAction::DataConfirm(confirm)) => {
                    self.application.handle(now, environment, AdaptationEvent::Confirm(&confirm));
                    continue;
                }
                Step::Do(StackAction::DataIndication(indication)) => {
                    self.application.handle(now, environment, AdaptationEvent::Indication(&indication));
                    continue;
                }
            };
            match self.application.poll(now, environment) {
                Step::Do(request) => self.stack.handle(now, environment, StackEvent::Data(request)),
                Step::Idle(until) => {
                    self.deadline = earlier(stack_idle_until, until);
                    return;
                }
            }
        }
    }

    fn count(&mut self, event: &Event) {
        let statistics = &mut self.statistics;
        let counter = match event {
            Event::TransmitConfirm(confirm) if confirm.status == TransmitStatus::Success => {
                &mut statistics.sent
            }
            Event::DataIndication(data) => {
                statistics.last_lqi = Some(data.lqi);
                let corrected = u32::from(data.corrected_octets);
                statistics.corrected_octets = statistics.corrected_octets.wrapping_add(corrected);
                &mut statistics.data_frames
            }
            Event::AckIndication(_) => &mut statistics.acknowledgements,
            Event::CarrierSense(CarrierSense::Preamble(_)) => &mut statistics.preambles,
            Event::CarrierSense(CarrierSense::HeaderFailed { .. }) => &mut statistics.headers_failed,
            Event::CarrierSense(CarrierSense::PayloadFailed { .. }) => &mut statistics.payloads_failed,
            Event::TransmitConfirm(_) | Event::CarrierSense(_) => return,
        };
        *counter = counter.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests;
