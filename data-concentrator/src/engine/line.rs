//! The line as the concentrator uses it: one datagram out, its answer back, in the line's own time.
//!
//! The line is one shared half-duplex medium, so there is one request on it at a time: it cannot collide with
//! anything but noise, and whoever asks next waits here rather than in back-off slots on the line.

use super::commands::Stop;
use super::port::PhyPort;
use super::session::Link;
use super::surroundings::Surroundings;
use crate::calendar::Calendar;
use crate::live::Live;
use channel_sim::port::PortError;
use cosem::wrapper::{self, WrapperError};
use g3_mac::adaptation::{AdpStatus, AdpdDataConfirm, AdpdDataIndication, AdpdDataRequest};
use g3_mac::ipv6::LinkLocal;
use g3_mac::mac::{Gmk, MacStatus};
use g3_mac::udp::{DLMS_PORT, Datagram, MAX_PAYLOAD, UdpError};
use g3_mac::{Stack, StackAction, StackConfig, StackEvent};
use g3_phy::primitives::{CarrierSense, Event, Request};
use plc_core::address::{PanId, ShortAddress};
use plc_core::sans_io::{Machine, Step, earlier};
use plc_core::time::{Duration, Instant, as_seconds_f64, millis, seconds};
use std::collections::VecDeque;
use thiserror::Error;

/// Longest APDU that fits into a datagram.
pub const MAX_APDU: usize = MAX_PAYLOAD - wrapper::HEADER_LEN;

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How often a datagram is sent before the meter counts as silent.
    pub tries: u32,
    /// How long the line may be silent before an answer counts as lost.
    pub silence: Duration,
    /// How long an answer may take, however busy the line is.
    pub answer: Duration,
    /// How long the stack may take to get rid of a datagram.
    pub delivery: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        // A meter answers within a frame's time; a second of silence after a lost frame is the MAC's business.
        Self { tries: 3, silence: seconds(4), answer: seconds(60), delivery: seconds(60) }
    }
}

/// Who asks whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The meter.
    pub meter: ShortAddress,
    /// UDP port that the answer comes back to.
    pub port: u16,
    /// wPort of the client.
    pub client: u16,
    /// wPort of the logical device.
    pub server: u16,
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum LineError {
    /// Silence.
    #[error("no answer to {tries} requests")]
    NoAnswer {
        /// How often was asked.
        tries: u32,
    },
    /// The next hop did not acknowledge.
    #[error("not delivered in {tries} tries: {status}")]
    NotDelivered {
        /// How often was asked.
        tries: u32,
        /// What the adaptation layer said last.
        status: AdpStatus,
    },
    /// The APDU does not fit into a wrapper datagram.
    #[error(transparent)]
    Wrapper(#[from] WrapperError),
    /// The APDU does not fit into a packet.
    #[error(transparent)]
    Udp(#[from] UdpError),
    /// Somebody wants the engine to stop.
    #[error("stopped")]
    Stopped,
    /// The line itself is gone; there is nothing left to do.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Decides whether an APDU is the answer that is waited for; `false` keeps waiting.
pub type Accept<'a> = &'a mut dyn FnMut(&mut Surroundings, &[u8]) -> bool;

/// The coordinator's stack on its modem.
pub struct Line {
    port: Box<dyn PhyPort>,
    stack: Stack,
    /// Database and randomness.
    pub surroundings: Surroundings,
    pan_id: PanId,
    timing: Timing,
    now: Instant,
    requests: Vec<Request>,
    deadline: Option<Instant>,
    confirms: VecDeque<AdpdDataConfirm>,
    arrived: VecDeque<AdpdDataIndication>,
    next_handle: u8,
    last_heard: Instant,
    heard: Heard,
    pace: Option<Pace>,
    calendar: Calendar,
    live: Live,
    stop: Stop,
}

/// Quality of the data frames heard since it was asked last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    frames: u32,
    lqi_sum: u32,
}

impl Heard {
    /// Signal to noise in dB as the receiver measures it, the arithmetic mean over the carriers, averaged over the frames;
    /// `None` where nothing was heard.
    pub fn snr_db(self) -> Option<f64> {
        // LQI is 4 (SNR/dB + 10), g3-phy digest 10.1.
        (self.frames > 0).then(|| f64::from(self.lqi_sum) / f64::from(self.frames) / 4.0 - 10.0)
    }
}

/// The wall clock that virtual time follows.
#[derive(Clone, Copy, Debug)]
struct Pace {
    wall: std::time::Instant,
    line: Instant,
    speed: f64,
}

/// How far virtual time may run ahead of the wall clock.
const PACE_SLICE: Duration = millis(20);
/// Most datagrams kept for whoever asks; an answer is one, with what was repeated of those before it.
const MOST_ARRIVED: usize = 16;
/// Most that is simulated in one go, so that whoever wants to stop is heard.
const STEP: Duration = millis(500);
/// Longest sleep in one go, for the same reason.
const SLEEP: std::time::Duration = std::time::Duration::from_millis(100);

impl Line {
    /// The coordinator of the network behind `port`.
    ///
    /// # Errors
    /// Where the MAC does not take the network's configuration.
    pub fn new(
        port: Box<dyn PhyPort>,
        surroundings: Surroundings,
        timing: Timing,
        calendar: Calendar,
        live: Live,
        stop: Stop,
    ) -> Result<Self, MacStatus> {
        let provision = port.provision();
        let gmk = Gmk(provision.group_master_key);
        let config = StackConfig::cenelec_a(provision.pan_id, ShortAddress::COORDINATOR, gmk);
        Ok(Self {
            port,
            stack: Stack::new(config)?,
            surroundings,
            pan_id: provision.pan_id,
            timing,
            now: provision.now,
            requests: Vec::new(),
            deadline: None,
            confirms: VecDeque::new(),
            arrived: VecDeque::new(),
            next_handle: 0,
            last_heard: provision.now,
            heard: Heard::default(),
            pace: None,
            calendar,
            live,
            stop,
        })
    }

    /// From here on, virtual time runs at most `speed` times as fast as the wall clock; with 0 as fast as it can.
    pub fn follow_wall_clock(&mut self, speed: f64) {
        self.pace = (speed > 0.0).then(|| Pace { wall: std::time::Instant::now(), line: self.now, speed });
    }

    /// What was heard since [`Line::set_heard`].
    pub const fn heard(&self) -> Heard {
        self.heard
    }

    /// Counts on from `heard`.
    pub fn set_heard(&mut self, heard: Heard) {
        self.heard = heard;
    }

    /// Lets time run to `until`, or a little less.
    pub fn step(&mut self, until: Instant) -> Result<(), PortError> {
        self.drain();
        let mut until = until.min(self.now + STEP);
        if let Some(pace) = self.pace {
            until = until.min(self.now + PACE_SLICE);
            self.keep_pace(pace);
        }
        let until = earlier(self.deadline, Some(until)).unwrap_or(until).max(self.now);
        let exchange = self.port.exchange(std::mem::take(&mut self.requests), until)?;
        self.now = exchange.now;
        for event in &exchange.events {
            self.note(event);
            self.stack.handle(self.now, &mut self.surroundings.own(), StackEvent::Phy(event));
            self.drain();
        }
        let utc_ms = self.calendar.utc_ms(self.now);
        self.live.update(|snapshot| snapshot.utc_ms = utc_ms);
        Ok(())
    }

    fn go_on(&mut self, until: Instant) -> Result<(), LineError> {
        if self.stop.stopped() {
            return Err(LineError::Stopped);
        }
        Ok(self.step(until)?)
    }

    /// Sends a datagram and waits for the stack's word on it; `None` where it gives none.
    fn send(&mut self, peer: Peer, apdu: &[u8]) -> Result<Option<AdpStatus>, LineError> {
        let mut wrapped = [0; MAX_PAYLOAD];
        let length = wrapper::emit(peer.client, peer.server, apdu, &mut wrapped)?;
        let payload = wrapped.get(..length).unwrap_or_default();
        let own = ShortAddress::COORDINATOR;
        let packet =
            Datagram::link_local(self.pan_id, own, peer.meter, peer.port, DLMS_PORT, payload).emit()?;
        self.next_handle = self.next_handle.wrapping_add(1);
        let handle = self.next_handle;
        let request = AdpdDataRequest::new(handle, packet);
        // What came before this request does not answer it.
        self.arrived.clear();
        self.confirms.clear();
        self.stack.handle(self.now, &mut self.surroundings.own(), StackEvent::Data(request));
        let until = self.now + self.timing.delivery;
        loop {
            self.drain();
            while let Some(confirm) = self.confirms.pop_front() {
                if confirm.handle == handle {
                    return Ok(Some(confirm.status));
                }
            }
            if self.now >= until {
                return Ok(None);
            }
            self.go_on(until)?;
        }
    }

    /// The APDU of an indication that comes from the peer.
    fn answer_of<'a>(&self, peer: Peer, indication: &'a AdpdDataIndication) -> Option<&'a [u8]> {
        let datagram = Datagram::parse(&indication.nsdu).ok()?;
        let from = LinkLocal::of(self.pan_id, peer.meter).address();
        if datagram.source != from || datagram.destination_port != peer.port {
            return None;
        }
        let (header, apdu) = wrapper::parse_datagram(datagram.payload).ok()?;
        (header.destination == peer.client && header.source == peer.server).then_some(apdu)
    }

    /// Does what the stack asks for until it is idle.
    fn drain(&mut self) {
        let environment = &mut self.surroundings.own();
        loop {
            match self.stack.poll(self.now, environment) {
                Step::Do(StackAction::Phy(request)) => self.requests.push(request),
                Step::Do(StackAction::DataConfirm(confirm)) => self.confirms.push_back(confirm),
                Step::Do(StackAction::DataIndication(indication)) => {
                    // Nobody fetches what comes while nobody asks: the oldest make room.
                    if self.arrived.len() >= MOST_ARRIVED {
                        self.arrived.pop_front();
                    }
                    self.arrived.push_back(indication);
                }
                Step::Idle(until) => {
                    self.deadline = until;
                    return;
                }
            }
        }
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::TransmitConfirm(_) => return,
            Event::DataIndication(data) => {
                self.heard.frames += 1;
                self.heard.lqi_sum += u32::from(data.lqi);
            }
            Event::CarrierSense(CarrierSense::Header { end, .. }) => {
                self.last_heard = self.last_heard.max(*end);
            }
            Event::AckIndication(_) | Event::CarrierSense(_) => {}
        }
        self.last_heard = self.last_heard.max(self.now);
    }

    /// Waits where the line is ahead of the wall clock, and tells how far it is behind.
    fn keep_pace(&mut self, pace: Pace) {
        let line_s = as_seconds_f64(self.now - pace.line);
        let ahead_s = line_s - pace.wall.elapsed().as_secs_f64() * pace.speed;
        let lag_ms = (-ahead_s * 1000.0).max(0.0) as i64;
        self.live.update(|snapshot| snapshot.lag_ms = Some(lag_ms));
        // A negative span is none: the line is behind.
        let wait = std::time::Duration::try_from_secs_f64(ahead_s / pace.speed).unwrap_or_default();
        let until = std::time::Instant::now() + wait;
        while !self.stop.stopped() {
            let left = until.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                break;
            }
            std::thread::sleep(left.min(SLEEP));
        }
    }
}

impl Link for Line {
    fn now(&self) -> Instant {
        self.now
    }

    fn surroundings(&mut self) -> &mut Surroundings {
        &mut self.surroundings
    }

    fn ask(&mut self, peer: Peer, apdu: &[u8], accept: Accept<'_>) -> Result<(), LineError> {
        let tries = self.timing.tries;
        let mut failure = LineError::NoAnswer { tries };
        for _ in 0..tries {
            match self.send(peer, apdu)? {
                Some(AdpStatus::Success) => {}
                Some(status) => {
                    failure = LineError::NotDelivered { tries, status };
                    continue;
                }
                None => continue,
            }
            failure = LineError::NoAnswer { tries };
            let (sent, at_most) = (self.now, self.now + self.timing.answer);
            loop {
                while let Some(indication) = self.arrived.pop_front() {
                    let Some(apdu) = self.answer_of(peer, &indication) else { continue };
                    if accept(&mut self.surroundings, apdu) {
                        return Ok(());
                    }
                }
                let until = at_most.min(self.last_heard.max(sent) + self.timing.silence);
                if self.now >= until {
                    break;
                }
                self.go_on(until)?;
            }
        }
        Err(failure)
    }
}
