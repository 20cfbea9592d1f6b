//! MAC and adaptation layer of a node, told anything at all: it never panics, gets idle, and keeps its deadlines ahead.
//!
//! The input is a list of events. Raw frames get a right FCS, and a peer with the same key secures others, so that
//! what lies behind those checks is reached too.
#![no_main]

use fuzz::Input;
use g3_mac::adaptation::AdpdDataRequest;
use g3_mac::frame::{KeyIndex, fcs};
use g3_mac::ipv6::Packet;
use g3_mac::mac::{
    Mac, MacAction, MacConfig, MacEvent, McpsDataRequest, Msdu, Pib, QualityOfService, Readings,
    TransmitSettings,
};
use g3_mac::security::Gmk;
use g3_mac::{Stack, StackAction, StackConfig, StackEvent};
use g3_phy::primitives::{
    Ack, CarrierSense, DataHeader, Event, PdAckIndication, PdDataIndication, Psdu, Request, TransmitConfirm,
    TransmitStatus,
};
use g3_phy::{BandPlan, Modulation, ToneMap, ToneMask};
use libfuzzer_sys::fuzz_target;
use plc_core::address::{Address, PanId, ShortAddress};
use plc_core::sans_io::Machine;
use plc_core::testkit::{TestEnvironment, check_contract, drain};
use plc_core::time::{Duration, Instant};

const PAN: PanId = PanId(0x781D);
const OWN: ShortAddress = ShortAddress(1);
const PEER: ShortAddress = ShortAddress(2);
const KEY: Gmk = Gmk([0x5A; 16]);

fuzz_target!(|octets: &[u8]| {
    let mut input = Input::new(octets);
    let mut node = Node::new();
    let mut peer = Peer::new();
    // An event costs up to a PSDU of input; a long list of short ones says nothing new.
    for _ in 0..64 {
        if input.is_empty() {
            break;
        }
        node.step(&mut input, &mut peer);
    }
    // Whatever happened, no request stays without its confirm for ever.
    node.run_out();
});

struct Node {
    stack: Stack,
    env: TestEnvironment,
    now: Instant,
    deadline: Option<Instant>,
    /// Transmissions that the PHY has not confirmed.
    on_air: u32,
    requested: u32,
    confirmed: u32,
    last_fcs: u16,
}

impl Node {
    fn new() -> Self {
        let stack = Stack::new(StackConfig::cenelec_a(PAN, OWN, KEY)).expect("the defaults are allowed");
        Self {
            stack,
            env: TestEnvironment::new(1),
            now: Instant::from_ticks(0),
            deadline: None,
            on_air: 0,
            requested: 0,
            confirmed: 0,
            last_fcs: 0,
        }
    }

    fn step(&mut self, input: &mut Input<'_>, peer: &mut Peer) {
        let kind = input.u8();
        match kind % 10 {
            0 => self.now += Duration::from_ticks(u64::from(input.u32()) % 6_000_000_000),
            1 => self.now = self.deadline.unwrap_or(self.now).max(self.now),
            2 => {
                let mut psdu: Psdu = input.field().iter().copied().take(492).collect();
                let number = fcs(&psdu);
                if kind < 200 {
                    psdu.extend_from_slice(&number.to_le_bytes()).expect("two octets are left");
                }
                self.hear(psdu, input.u8());
            }
            3 => {
                let destination = ShortAddress(input.u16() % 4);
                let secured = kind < 128;
                for mut psdu in peer.frames(destination, input.field(), secured) {
                    let (place, change) = (usize::from(input.u16()), input.u8());
                    if let Some(octet) = psdu.get_mut(place) {
                        *octet ^= change;
                    }
                    self.hear(psdu, 80);
                }
            }
            4 => {
                let fcs = if kind < 128 { self.last_fcs } else { input.u16() };
                let ack = Ack { fcs, positive: kind & 16 != 0, more_segments: kind & 32 != 0 };
                let event =
                    Event::AckIndication(PdAckIndication { ack, start: self.now, end: self.now, lqi: 0 });
                self.tell(StackEvent::Phy(&event));
            }
            5 => {
                let end = self.now + Duration::from_ticks(u64::from(input.u16()) * 1000);
                let sense = match kind / 10 % 5 {
                    0 => CarrierSense::Preamble(self.now),
                    1 => CarrierSense::Header { header: header(kind), end },
                    2 => CarrierSense::HeaderFailed { end },
                    3 => CarrierSense::PayloadFailed { end },
                    _ => CarrierSense::Idle(self.now),
                };
                self.tell(StackEvent::Phy(&Event::CarrierSense(sense)));
            }
            6 => {
                let status = match kind / 10 % 3 {
                    0 => TransmitStatus::Success,
                    1 => TransmitStatus::BusyTransmitting,
                    _ => TransmitStatus::InvalidParameter,
                };
                self.on_air = self.on_air.saturating_sub(1);
                let confirm = TransmitConfirm { end: self.now, status };
                self.tell(StackEvent::Phy(&Event::TransmitConfirm(confirm)));
            }
            7 => self.send(input.field().iter().copied().take(1280).collect()),
            8 => {
                // A packet that is IPv6 at least: version, length, addresses of the PAN.
                let payload = input.field();
                let payload = &payload[..payload.len().min(1232)];
                let datagram = g3_mac::udp::Datagram::link_local(
                    PAN,
                    OWN,
                    ShortAddress(input.u16() % 4),
                    4059,
                    4059,
                    payload,
                );
                if let Ok(packet) = datagram.emit() {
                    self.send(packet);
                }
            }
            _ => self.env.store.failing = kind & 16 != 0,
        }
    }

    fn send(&mut self, nsdu: Packet) {
        self.requested += 1;
        self.tell(StackEvent::Data(AdpdDataRequest::new(7, nsdu)));
    }

    fn hear(&mut self, psdu: Psdu, lqi: u8) {
        let start = self.now;
        self.now += Duration::from_ticks(500_000);
        let event = Event::DataIndication(PdDataIndication {
            header: header(lqi),
            psdu,
            start,
            end: self.now,
            lqi,
            corrected_octets: 0,
        });
        self.tell(StackEvent::Phy(&event));
    }

    fn tell(&mut self, event: StackEvent<'_>) {
        self.stack.handle(self.now, &mut self.env, event);
        self.poll();
    }

    fn poll(&mut self) {
        let (actions, deadline) = check_contract(&mut self.stack, self.now, &mut self.env);
        self.deadline = deadline;
        for action in actions {
            match action {
                StackAction::Phy(Request::Data(data)) => {
                    self.on_air += 1;
                    self.last_fcs = fcs(&data.psdu[..data.psdu.len() - 2]);
                }
                StackAction::Phy(Request::Ack(_)) => self.on_air += 1,
                StackAction::Phy(Request::SetTransmitAttenuation(_)) => {}
                StackAction::DataConfirm(_) => self.confirmed += 1,
                StackAction::DataIndication(indication) => assert!(indication.nsdu.len() <= 1280),
            }
        }
        assert!(self.confirmed <= self.requested, "a confirm that nobody asked for");
    }

    fn run_out(&mut self) {
        for _ in 0..2000 {
            if self.confirmed == self.requested {
                return;
            }
            if self.on_air > 0 {
                self.on_air -= 1;
                let confirm = TransmitConfirm { end: self.now, status: TransmitStatus::Success };
                self.tell(StackEvent::Phy(&Event::TransmitConfirm(confirm)));
            } else {
                self.now = self.deadline.expect("a request waits without a deadline").max(self.now);
                self.poll();
            }
        }
        panic!("{} requests, {} confirms", self.requested, self.confirmed);
    }
}

fn header(pdc: u8) -> DataHeader {
    DataHeader {
        pdc,
        modulation: Modulation::Robust,
        tone_map: ToneMap(0x3F),
        payload_symbols: 40,
        blocks: g3_phy::layout::Blocks::One,
        response_expected: pdc & 1 != 0,
    }
}

/// A node with the same key, whose frames are right until the fuzzer changes them.
struct Peer {
    mac: Mac,
    env: TestEnvironment,
    now: Instant,
}

impl Peer {
    fn new() -> Self {
        let plan = BandPlan::CENELEC_A;
        let mac = Mac::new(MacConfig {
            plan,
            mask: ToneMask::ALL,
            pan_id: PAN,
            short_address: PEER,
            keys: [Some(KEY), None],
            readings: Readings::default(),
            settings: TransmitSettings::robust(&plan),
            pib: Pib::default(),
        });
        Self { mac: mac.expect("allowed"), env: TestEnvironment::new(2), now: Instant::from_ticks(0) }
    }

    /// The PSDUs of an MSDU to a destination.
    fn frames(&mut self, destination: ShortAddress, msdu: &[u8], secured: bool) -> Vec<Psdu> {
        let request = McpsDataRequest {
            handle: 1,
            destination_pan: PAN,
            destination: Address::Short(destination),
            msdu: msdu.iter().copied().take(400).collect::<Msdu>(),
            ack_requested: false,
            security: secured.then_some(KeyIndex::Zero),
            quality_of_service: QualityOfService::Normal,
        };
        self.mac.handle(self.now, &mut self.env, MacEvent::Data(request));
        let mut psdus = Vec::new();
        loop {
            let (actions, deadline) = drain(&mut self.mac, self.now, &mut self.env);
            for action in actions {
                match action {
                    MacAction::Phy(Request::Data(data)) => {
                        psdus.push(data.psdu);
                        let confirm = TransmitConfirm { end: self.now, status: TransmitStatus::Success };
                        let event = Event::TransmitConfirm(confirm);
                        self.mac.handle(self.now, &mut self.env, MacEvent::Phy(&event));
                    }
                    MacAction::DataConfirm(_) => return psdus,
                    _ => {}
                }
            }
            self.now = deadline.unwrap_or(self.now + Duration::from_ticks(1));
        }
    }
}
