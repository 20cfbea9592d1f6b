//! Anything the PHY may tell, in any order: no panic, no broken contract, bounded memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use g3_mac::adaptation::AdpdDataRequest;
use g3_mac::frame::{Endpoint, Frame, FrameType, Header, SegmentControl, Source};
use g3_mac::mac::{Gmk, Mac};
use g3_mac::udp::Datagram;
use g3_mac::{Stack, StackAction, StackConfig, StackEvent};
use g3_phy::primitives::{
    Ack, CarrierSense, DataHeader, Event, PdAckIndication, PdDataIndication, Psdu, TransmitConfirm,
    TransmitStatus,
};
use g3_phy::{Modulation, ToneMap};
use plc_core::address::{Address, PanId, ShortAddress};
use plc_core::sans_io::Machine;
use plc_core::testkit::{TestEnvironment, check_contract};
use plc_core::time::{Duration, Instant};
use proptest::prelude::*;

const PAN: PanId = PanId(0x781D);

/// An event whose instants lie `back` ticks before the one at which it is told.
#[derive(Clone, Debug)]
enum Told {
    Preamble,
    Header { response_expected: bool, ahead: u64 },
    HeaderFailed,
    PayloadFailed,
    Idle,
    Ack { fcs: u16, positive: bool, more_segments: bool },
    Data { psdu: Vec<u8>, response_expected: bool },
    Sent(u8),
    Request { to: u16, length: usize },
}

fn told() -> impl Strategy<Value = Told> {
    prop_oneof![
        Just(Told::Preamble),
        (any::<bool>(), 0..2_000_000_u64)
            .prop_map(|(response_expected, ahead)| Told::Header { response_expected, ahead }),
        Just(Told::HeaderFailed),
        Just(Told::PayloadFailed),
        Just(Told::Idle),
        (any::<u16>(), any::<bool>(), any::<bool>()).prop_map(|(fcs, positive, more_segments)| Told::Ack {
            fcs,
            positive,
            more_segments
        }),
        (frames(), any::<bool>())
            .prop_map(|(psdu, response_expected)| Told::Data { psdu, response_expected }),
        (0..3_u8).prop_map(Told::Sent),
        (0..4_u16, 0..1300_usize).prop_map(|(to, length)| Told::Request { to, length }),
    ]
}

/// Random octets, and frames that are right as far as it goes.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let payload = proptest::collection::vec(any::<u8>(), 0..120);
    let right = (payload, any::<(bool, bool)>(), 0..4_u8, 0..3_u16, 0..4_u8).prop_map(
        |(payload, (last, broadcast), count, from, sequence)| {
            let short = |short| Address::Short(ShortAddress(short));
            let header = Header {
                frame_type: FrameType::Data,
                secured: false,
                ack_request: !broadcast,
                sequence,
                destination: Some(Endpoint {
                    pan_id: PAN,
                    address: short(if broadcast { 0xFFFF } else { 1 }),
                }),
                source: Source::SamePan(short(from)),
            };
            let segment = SegmentControl { last, count, ..SegmentControl::only(0) };
            let mut psdu = Psdu::new();
            Frame { segment, header, security: None, payload: &payload }.emit(0, &mut psdu).unwrap();
            psdu.to_vec()
        },
    );
    prop_oneof![proptest::collection::vec(any::<u8>(), 0..494), right]
}

fn event(told: &Told, at: Instant) -> Option<Event> {
    let header = |response_expected| DataHeader {
        pdc: 0,
        modulation: Modulation::Robust,
        tone_map: ToneMap(0x3F),
        payload_symbols: 40,
        blocks: g3_phy::layout::Blocks::One,
        response_expected,
    };
    Some(match told {
        Told::Preamble => Event::CarrierSense(CarrierSense::Preamble(at)),
        Told::Header { response_expected, ahead } => Event::CarrierSense(CarrierSense::Header {
            header: header(*response_expected),
            end: at + Duration::from_ticks(*ahead),
        }),
        Told::HeaderFailed => Event::CarrierSense(CarrierSense::HeaderFailed { end: at }),
        Told::PayloadFailed => Event::CarrierSense(CarrierSense::PayloadFailed { end: at }),
        Told::Idle => Event::CarrierSense(CarrierSense::Idle(at)),
        Told::Ack { fcs, positive, more_segments } => {
            let ack = Ack { fcs: *fcs, positive: *positive, more_segments: *more_segments };
            Event::AckIndication(PdAckIndication { ack, start: at, end: at, lqi: 50 })
        }
        Told::Data { psdu, response_expected } => Event::DataIndication(PdDataIndication {
            psdu: Psdu::from_slice(psdu).unwrap(),
            header: header(*response_expected),
            start: at,
            end: at,
            lqi: 50,
            corrected_octets: 0,
        }),
        Told::Sent(status) => Event::TransmitConfirm(TransmitConfirm {
            end: at,
            status: match status {
                0 => TransmitStatus::Success,
                1 => TransmitStatus::BusyTransmitting,
                _ => TransmitStatus::InvalidParameter,
            },
        }),
        Told::Request { .. } => return None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_the_phy_tells_the_contract_holds(
        script in proptest::collection::vec((told(), 0..3_000_000_u64, 0..20_000_u64), 1..60), seed: u64,
    ) {
        let config = StackConfig::cenelec_a(PAN, ShortAddress(1), Gmk([1; 16]));
        let (mut stack, mut env) = (Stack::new(config).unwrap(), TestEnvironment::new(seed));
        let mut now = Instant::from_ticks(20_000);
        let (mut asked, mut answered) = (0, 0);
        for (told, pause, back) in script {
            now += Duration::from_ticks(pause);
            let at = Instant::from_ticks(now.as_ticks() - back.min(now.as_ticks()));
            match (event(&told, at), told) {
                (Some(event), _) => stack.handle(now, &mut env, StackEvent::Phy(&event)),
                (None, Told::Request { to, length }) => {
                    let payload = vec![7; length.min(g3_mac::udp::MAX_PAYLOAD)];
                    let datagram = Datagram::link_local(PAN, ShortAddress(1), ShortAddress(to), 1, 1, &payload);
                    asked += 1;
                    let request = AdpdDataRequest::new(0, datagram.emit()?);
                    stack.handle(now, &mut env, StackEvent::Data(request));
                }
                (None, _) => {}
            }
            let (actions, _) = check_contract(&mut stack, now, &mut env);
            answered += actions.iter().filter(|action| matches!(action, StackAction::DataConfirm(_))).count();
        }
        prop_assert!(answered <= asked);
    }
}

/// A PHY behind a wire may send instants that cannot be.
#[test]
fn instants_at_the_ends_of_time_do_not_overflow() {
    let config = StackConfig::cenelec_a(PAN, ShortAddress(1), Gmk([1; 16]));
    for at in [Instant::from_ticks(0), Instant::from_ticks(u64::MAX)] {
        let (mut stack, mut env) = (Stack::new(config.clone()).unwrap(), TestEnvironment::new(1));
        let mut now = Instant::from_ticks(1_000_000_000);
        let psdu = vec![1, 0, 0, 0x61, 0x88, 1, 0x1D, 0x78, 1, 0, 0, 0, 0, 0];
        for told in [
            Told::Request { to: 2, length: 10 },
            Told::Preamble,
            Told::Header { response_expected: true, ahead: 0 },
            Told::Header { response_expected: false, ahead: 0 },
            Told::HeaderFailed,
            Told::PayloadFailed,
            Told::Data { psdu, response_expected: true },
            Told::Ack { fcs: 1, positive: true, more_segments: true },
            Told::Ack { fcs: 1, positive: true, more_segments: false },
            Told::Sent(0),
            Told::Idle,
        ] {
            match event(&told, at) {
                Some(event) => stack.handle(now, &mut env, StackEvent::Phy(&event)),
                None => {
                    let datagram =
                        Datagram::link_local(PAN, ShortAddress(1), ShortAddress(2), 1, 1, &[0; 10]);
                    let request = AdpdDataRequest::new(0, datagram.emit().unwrap());
                    stack.handle(now, &mut env, StackEvent::Data(request));
                }
            }
            // Until what follows from it is over, too.
            for _ in 0..20 {
                let (_, until) = check_contract(&mut stack, now, &mut env);
                now = until.unwrap_or(now + Duration::from_ticks(1_000));
            }
        }
    }
}

/// What a node needs for MAC and adaptation layer, all buffers included.
#[test]
fn stack_size() {
    let (stack, mac) = (size_of::<Stack>(), size_of::<Mac>());
    assert!(stack <= 16 * 1024, "the stack takes {stack} octets, {mac} of them the MAC");
    // What is handed over passes by value.
    assert!(size_of::<StackAction>() <= 1400 && size_of::<StackEvent<'_>>() <= 1400);
}
