//! The MAC alone, told by hand what its PHY hears.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use g3_mac::frame::{
    AuxiliarySecurity, Endpoint, Frame, FrameType, Header, KeyIndex, SegmentControl, Source, associated_data,
    check_fcs,
};
use g3_mac::mac::{
    Gmk, Mac, MacAction, MacConfig, MacEvent, MacStatus, McpsDataIndication, McpsDataRequest, Msdu, Pib,
    QualityOfService, Readings, TransmitSettings,
};
use g3_mac::security::{self, NonceForm};
use g3_phy::primitives::{
    Ack, DataHeader, Event, PdDataIndication, PdDataRequest, Psdu, Request, TransmitConfirm, TransmitStatus,
};
use g3_phy::{BandPlan, Modulation, ToneMask, timing};
use plc_core::address::{Address, ExtendedAddress, PanId, ShortAddress};
use plc_core::sans_io::Machine;
use plc_core::testkit::{TestEnvironment, check_contract};
use plc_core::time::{Instant, millis};

const PAN: PanId = PanId(0x781D);
const PLAN: BandPlan = BandPlan::CENELEC_A;
const KEYS: [Gmk; 2] = [Gmk([1; 16]), Gmk([2; 16])];
const OWN: u16 = 7;

struct Bench {
    mac: Mac,
    env: TestEnvironment,
    now: Instant,
}

/// What the MAC did.
#[derive(Debug, Default)]
struct Did {
    acks: Vec<(Instant, Ack)>,
    frames: Vec<PdDataRequest>,
    given: Vec<McpsDataIndication>,
    confirms: Vec<(u8, MacStatus)>,
    other: Vec<Request>,
}

impl Bench {
    fn new(change: impl Fn(&mut MacConfig)) -> Self {
        let mut config = MacConfig {
            plan: PLAN,
            mask: ToneMask::ALL,
            pan_id: PAN,
            short_address: ShortAddress(OWN),
            keys: KEYS.map(Some),
            readings: Readings::default(),
            settings: TransmitSettings { modulation: Modulation::D8psk, tone_map: PLAN.full_tone_map() },
            pib: Pib::default(),
        };
        change(&mut config);
        let now = Instant::from_ticks(0);
        Self { mac: Mac::new(config).unwrap(), env: TestEnvironment::new(9), now }
    }

    fn poll(&mut self) -> (Did, Option<Instant>) {
        let (actions, until) = check_contract(&mut self.mac, self.now, &mut self.env);
        let mut did = Did::default();
        for action in actions {
            match action {
                MacAction::Phy(Request::Ack(request)) => did.acks.push((request.start, request.ack)),
                MacAction::Phy(Request::Data(request)) => did.frames.push(request),
                MacAction::Phy(other) => did.other.push(other),
                MacAction::DataIndication(indication) => did.given.push(indication),
                MacAction::DataConfirm(confirm) => did.confirms.push((confirm.handle, confirm.status)),
            }
        }
        (did, until)
    }

    /// A frame ends now; its acknowledgement, where there is one, is sent.
    fn hear(&mut self, psdu: &[u8], response_expected: bool) -> Did {
        self.now += millis(300);
        let header = DataHeader {
            pdc: 0,
            modulation: Modulation::Robust,
            tone_map: PLAN.full_tone_map(),
            payload_symbols: 100,
            blocks: g3_phy::layout::Blocks::One,
            response_expected,
        };
        let start = Instant::from_ticks(self.now.as_ticks() - millis(80).as_ticks());
        let psdu = Psdu::from_slice(psdu).unwrap();
        let indication =
            PdDataIndication { psdu, header, start, end: self.now, lqi: 77, corrected_octets: 0 };
        self.mac.handle(self.now, &mut self.env, MacEvent::Phy(&Event::DataIndication(indication)));
        let (did, _) = self.poll();
        if let [(start, _)] = did.acks[..] {
            assert_eq!(start, self.now + timing::rifs(&PLAN));
            self.now = start + timing::ack_airtime(&PLAN, ToneMask::ALL);
            self.sent(TransmitStatus::Success);
        }
        did
    }

    fn sent(&mut self, status: TransmitStatus) {
        let confirm = TransmitConfirm { end: self.now, status };
        self.mac.handle(self.now, &mut self.env, MacEvent::Phy(&Event::TransmitConfirm(confirm)));
    }

    fn request(&mut self, request: McpsDataRequest) {
        self.mac.handle(self.now, &mut self.env, MacEvent::Data(request));
    }

    /// Polls at each deadline until a frame is sent or a request confirmed.
    fn until_something(&mut self) -> Did {
        for _ in 0..1000 {
            let (did, until) = self.poll();
            if !did.frames.is_empty() || !did.confirms.is_empty() {
                return did;
            }
            self.now = until.unwrap();
        }
        panic!("nothing happens")
    }
}

fn short(address: u16) -> Address {
    Address::Short(ShortAddress(address))
}

fn header(from: u16, to: u16, sequence: u8, secured: bool) -> Header {
    Header {
        frame_type: FrameType::Data,
        secured,
        ack_request: to != 0xFFFF,
        sequence,
        destination: Some(Endpoint { pan_id: PAN, address: short(to) }),
        source: Source::SamePan(short(from)),
    }
}

fn plain(header: Header, payload: &[u8]) -> Vec<u8> {
    let mut psdu = Psdu::new();
    let segment = SegmentControl::only(payload.len() as u16);
    Frame { segment, header, security: None, payload }.emit(0, &mut psdu).unwrap();
    psdu.to_vec()
}

fn secured(
    from: u16,
    to: u16,
    sequence: u8,
    frame_counter: u32,
    key_index: KeyIndex,
    payload: &[u8],
) -> Vec<u8> {
    let header = header(from, to, sequence, true);
    let security = AuxiliarySecurity { frame_counter, key_index };
    let associated = associated_data(&header, &security).unwrap();
    let nonce = security::nonce(NonceForm::AddressTwice, PAN, ShortAddress(from), frame_counter);
    let mut msdu = heapless::Vec::<u8, 404>::from_slice(payload).unwrap();
    let key = &KEYS[usize::from(key_index.number())];
    security::seal(key, &nonce, &associated, &mut msdu).unwrap();
    let segment = SegmentControl::only(msdu.len() as u16);
    let mut psdu = Psdu::new();
    Frame { segment, header, security: Some(security), payload: &msdu }.emit(0, &mut psdu).unwrap();
    psdu.to_vec()
}

fn request(to: u16, security: Option<KeyIndex>, payload: &[u8]) -> McpsDataRequest {
    McpsDataRequest {
        handle: 3,
        destination_pan: PAN,
        destination: short(to),
        msdu: Msdu::from_slice(payload).unwrap(),
        ack_requested: true,
        security,
        quality_of_service: QualityOfService::Normal,
    }
}

#[test]
fn an_unsecured_duplicate_is_acknowledged_but_not_delivered() {
    let mut bench = Bench::new(|_| {});
    let frame = plain(header(1, OWN, 5, false), b"payload");
    let fcs = check_fcs(&frame).unwrap().1;
    let positive = Ack { fcs, positive: true, more_segments: false };
    for (round, delivered) in [(0, 1), (1, 0), (2, 0)] {
        let did = bench.hear(&frame, true);
        assert_eq!((did.acks[0].1, did.given.len()), (positive, delivered), "round {round}");
    }
    // Another number, another source, and the same again after macDuplicateDetectionTTL are not duplicates.
    assert_eq!(bench.hear(&plain(header(1, OWN, 6, false), b"payload"), true).given.len(), 1);
    assert_eq!(bench.hear(&plain(header(2, OWN, 5, false), b"payload"), true).given.len(), 1);
    bench.now += millis(3_000);
    assert_eq!(bench.hear(&frame, true).given.len(), 1);
}

#[test]
fn a_replayed_frame_is_acknowledged_but_not_delivered_however_late() {
    let mut bench = Bench::new(|_| {});
    let old = secured(1, OWN, 5, 100, KeyIndex::Zero, b"old");
    let indication = &bench.hear(&old, true).given[0];
    assert_eq!(
        (&indication.msdu[..], indication.security, indication.lqi),
        (&b"old"[..], Some(KeyIndex::Zero), 77)
    );
    assert_eq!(indication.source, Endpoint { pan_id: PAN, address: short(1) });
    assert_eq!(
        bench.hear(&secured(1, OWN, 6, 101, KeyIndex::One, b"new"), true).given.len(),
        1,
        "the other key"
    );
    bench.now += millis(60_000);
    for replayed in [&old, &secured(1, OWN, 9, 101, KeyIndex::Zero, b"same counter")] {
        let did = bench.hear(replayed, true);
        assert_eq!((did.acks.len(), did.given.len()), (1, 0));
    }
    assert_eq!(bench.hear(&secured(1, OWN, 9, 102, KeyIndex::Zero, b"next"), true).given.len(), 1);
}

#[test]
fn the_same_number_with_a_new_frame_counter_is_a_new_frame() {
    let mut bench = Bench::new(|_| {});
    assert_eq!(
        bench.hear(&secured(1, OWN, 5, 100, KeyIndex::Zero, b"before a restart"), true).given.len(),
        1
    );
    assert_eq!(bench.hear(&secured(1, OWN, 5, 0x400, KeyIndex::Zero, b"after it"), true).given.len(), 1);
}

#[test]
fn altered_frames_and_unknown_keys_are_dropped() {
    let mut bench = Bench::new(|config| config.keys = [Some(KEYS[0]), None]);
    let mut altered = secured(1, OWN, 5, 1, KeyIndex::Zero, b"altered");
    let at = altered.len() - 7;
    altered[at] ^= 1;
    let fcs = g3_mac::frame::fcs(&altered[..altered.len() - 2]).to_le_bytes();
    let end = altered.len() - 2;
    altered[end..].copy_from_slice(&fcs);
    assert!(bench.hear(&altered, true).given.is_empty());
    assert!(bench.hear(&secured(1, OWN, 6, 2, KeyIndex::One, b"empty slot"), true).given.is_empty());
    assert_eq!(bench.hear(&secured(1, OWN, 5, 1, KeyIndex::Zero, b"genuine"), true).given.len(), 1);
}

#[test]
fn broadcasts_are_delivered_and_not_acknowledged() {
    let mut bench = Bench::new(|_| {});
    let did = bench.hear(&plain(header(1, 0xFFFF, 5, false), b"all"), false);
    assert_eq!((did.given.len(), did.acks.len()), (1, 0));
    assert_eq!(bench.mac.counters().rx_data_broadcasts, 1);
}

#[test]
fn frames_for_others_are_neither_delivered_nor_acknowledged() {
    let mut bench = Bench::new(|_| {});
    let other_pan = |to: u16| Header {
        destination: Some(Endpoint { pan_id: PanId(0x1234), address: short(to) }),
        ..header(1, to, 5, false)
    };
    let extended = Endpoint { pan_id: PAN, address: Address::Extended(ExtendedAddress([OWN as u8; 8])) };
    for header in [
        header(1, OWN + 1, 5, false),
        other_pan(OWN),
        other_pan(0xFFFF),
        Header { destination: Some(extended), ..header(1, OWN, 5, false) },
        Header { destination: None, source: Source::Full(extended), ..header(1, OWN, 5, false) },
        header(OWN, OWN, 5, false),
    ] {
        let did = bench.hear(&plain(header, b"not mine"), true);
        assert!(did.given.is_empty() && did.acks.is_empty(), "{header:?}");
    }
}

#[test]
fn only_damaged_frames_that_seem_to_be_for_this_node_are_refused() {
    let mut bench = Bench::new(|_| {});
    for (to, refused) in [(OWN, 1), (OWN + 1, 0)] {
        let mut frame = plain(header(1, to, 5, false), b"damaged");
        let at = frame.len() - 4;
        frame[at] ^= 0x80;
        let received = u16::from_le_bytes([frame[frame.len() - 2], frame[frame.len() - 1]]);
        let did = bench.hear(&frame, true);
        assert_eq!(did.acks.len(), refused);
        if let [(_, ack)] = did.acks[..] {
            assert_eq!(ack, Ack { fcs: received, positive: false, more_segments: true });
        }
    }
    assert_eq!(bench.mac.counters().bad_crcs, 2);
}

#[test]
fn a_frame_learnt_too_late_is_taken_but_not_acknowledged() {
    let mut bench = Bench::new(|_| {});
    let frame = plain(header(1, OWN, 5, false), b"late");
    let header = DataHeader {
        pdc: 0,
        modulation: Modulation::Robust,
        tone_map: PLAN.full_tone_map(),
        payload_symbols: 40,
        blocks: g3_phy::layout::Blocks::One,
        response_expected: true,
    };
    let (start, end) = (bench.now, bench.now + millis(70));
    let indication = PdDataIndication {
        psdu: Psdu::from_slice(&frame).unwrap(),
        header,
        start,
        end,
        lqi: 0,
        corrected_octets: 0,
    };
    bench.now = end + timing::rifs(&PLAN) + timing::cifs(&PLAN);
    bench.mac.handle(bench.now, &mut bench.env, MacEvent::Phy(&Event::DataIndication(indication)));
    let (did, _) = bench.poll();
    assert_eq!((did.given.len(), did.acks.len()), (1, 0));
}

#[test]
fn a_broadcast_goes_out_once_robust_and_in_segments() {
    let mut bench = Bench::new(|_| {});
    bench.request(request(0xFFFF, Some(KeyIndex::One), &[7; 300]));
    let mut counts = Vec::new();
    let mut end = None;
    let status = loop {
        let did = bench.until_something();
        if let [confirm] = did.confirms[..] {
            break confirm;
        }
        let [frame] = &did.frames[..] else { panic!("{did:?}") };
        assert!(!frame.response_expected && frame.modulation == Modulation::Robust);
        if let Some(end) = end {
            assert_eq!(frame.start, end + timing::cifs(&PLAN), "in the contention-free slot");
        }
        let segment = Frame::parse(check_fcs(&frame.psdu).unwrap().0).unwrap().segment;
        assert_eq!(segment.contention_free, !segment.last);
        counts.push(segment.count);
        bench.now = frame.start + millis(190);
        end = Some(bench.now);
        bench.sent(TransmitStatus::Success);
    };
    assert_eq!((status, counts), ((3, MacStatus::Success), vec![0, 1, 2]));
    assert_eq!(bench.mac.counters().tx_data_broadcasts, 1);
}

#[test]
fn what_cannot_be_sent_is_confirmed_as_such() {
    let mut bench = Bench::new(|config| config.keys = [Some(KEYS[0]), None]);
    bench.request(request(1, Some(KeyIndex::One), b"no key"));
    assert_eq!(bench.until_something().confirms, [(3, MacStatus::UnavailableKey)]);
    // One group of carriers holds no whole header in the longest Robust frame's 252 symbols.
    let narrow = TransmitSettings { modulation: Modulation::Robust, tone_map: g3_phy::ToneMap(1) };
    bench.mac.set_transmit_settings(ShortAddress(1), Some(narrow)).unwrap();
    bench.request(request(1, Some(KeyIndex::Zero), b"no room"));
    assert_eq!(bench.until_something().confirms, [(3, MacStatus::FrameTooLong)]);
    let nothing = TransmitSettings { tone_map: g3_phy::ToneMap(0), ..narrow };
    bench.mac.set_transmit_settings(ShortAddress(1), Some(nothing)).unwrap();
    bench.request(request(1, None, b"no carrier"));
    assert_eq!(bench.until_something().confirms, [(3, MacStatus::InvalidParameter)]);
    for _ in 0..4 {
        bench.request(request(2, None, b"too many"));
    }
    let (did, _) = bench.poll();
    assert_eq!(did.confirms, [(3, MacStatus::TransactionOverflow); 2], "two wait; polling takes one up");
}

#[test]
fn a_refused_transmission_is_tried_again() {
    let mut bench = Bench::new(|_| {});
    bench.request(request(1, None, b"again"));
    let first = bench.until_something().frames.remove(0);
    bench.sent(TransmitStatus::BusyTransmitting);
    let second = bench.until_something().frames.remove(0);
    assert_eq!(first.psdu, second.psdu);
    assert!(second.start > first.start);
    bench.sent(TransmitStatus::InvalidParameter);
    assert_eq!(bench.until_something().confirms, [(3, MacStatus::InvalidParameter)]);
}

#[test]
fn high_priority_overtakes_what_waits() {
    let mut bench = Bench::new(|_| {});
    for (handle, quality_of_service) in [(1, QualityOfService::Normal), (2, QualityOfService::High)] {
        let request = McpsDataRequest { handle, quality_of_service, ..request(0xFFFF, None, b"waits") };
        bench.request(request);
    }
    let mut order = Vec::new();
    while order.len() < 2 {
        let did = bench.until_something();
        order.extend(did.confirms.iter().map(|&(handle, _)| handle));
        if !did.frames.is_empty() {
            bench.now += millis(60);
            bench.sent(TransmitStatus::Success);
        }
    }
    assert_eq!(order, [2, 1]);
}

#[test]
fn the_attenuation_is_told_to_the_phy() {
    use g3_mac::mac::{PibId, PibValue};
    let mut bench = Bench::new(|config| config.pib.transmit_attenuation_db = 6);
    assert_eq!(bench.poll().0.other, [Request::SetTransmitAttenuation(6)]);
    bench.mac.mlme_set(PibId::TRANSMIT_ATTEN, 0, &PibValue::Unsigned(0)).unwrap();
    assert_eq!(bench.poll().0.other, [Request::SetTransmitAttenuation(0)]);
    assert!(bench.poll().0.other.is_empty());
}

#[test]
fn commands_are_counted_and_acknowledged_but_not_delivered() {
    let mut bench = Bench::new(|_| {});
    let command = Header { frame_type: FrameType::Command, ..header(1, OWN, 5, false) };
    let did = bench.hear(&plain(command, &[0x0A, 0x04, 0x3F, 0x78, 0, 0, 0, 0]), true);
    assert_eq!((did.acks.len(), did.given.len()), (1, 0));
    assert_eq!(bench.mac.counters().rx_commands, 1);
}

#[test]
fn attributes_out_of_range_make_no_mac() {
    let config = |pib| MacConfig {
        plan: PLAN,
        mask: ToneMask::ALL,
        pan_id: PAN,
        short_address: ShortAddress(1),
        keys: [None, None],
        readings: Readings::default(),
        settings: TransmitSettings::robust(&PLAN),
        pib,
    };
    assert!(Mac::new(config(Pib::default())).is_ok());
    assert!(matches!(Mac::new(config(Pib { k: 0, ..Pib::default() })), Err(MacStatus::InvalidParameter)));
}
