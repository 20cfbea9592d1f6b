//! The modem behind its primitives.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod common;

use common::{PLAN, Random};
use g3_phy::phy::{Phy, PhyConfig};
use g3_phy::primitives::{
    Ack, CarrierSense, Event, PdAckRequest, PdDataRequest, Psdu, Request, TransmitConfirm, TransmitStatus,
};
use g3_phy::{Modulation, TX_RMS, ToneMap, ToneMask, timing};
use plc_core::time::{Instant, millis};

fn data(start: Instant, psdu: &[u8], modulation: Modulation) -> Request {
    Request::Data(PdDataRequest {
        start,
        psdu: Psdu::from_slice(psdu).unwrap(),
        modulation,
        tone_map: PLAN.full_tone_map(),
        response_expected: true,
    })
}

fn at(sample: u64) -> Instant {
    PLAN.clock.instant(sample)
}

fn events(phy: &mut Phy) -> Vec<Event> {
    std::iter::from_fn(|| phy.poll()).collect()
}

/// Runs two modems on one line until sample `until` in blocks of random length.
fn run(a: &mut Phy, b: &mut Phy, from: u64, until: u64, random: &mut Random) -> (Vec<Event>, Vec<Event>) {
    let (mut heard_by_a, mut heard_by_b) = (Vec::new(), Vec::new());
    let mut position = from;
    while position < until {
        let length = (1 + random.below(900)).min((until - position) as usize);
        let (mut from_a, mut from_b) = (vec![0.0; length], vec![0.0; length]);
        a.transmit(position, &mut from_a);
        b.transmit(position, &mut from_b);
        let line: Vec<f32> =
            from_a.iter().zip(&from_b).map(|(a, b)| a + b + 1e-4 * random.gaussian()).collect();
        a.receive(position, &line);
        b.receive(position, &line);
        position += length as u64;
        heard_by_a.extend(events(a));
        heard_by_b.extend(events(b));
    }
    (heard_by_a, heard_by_b)
}

#[test]
fn a_frame_and_its_acknowledgement_pass_at_the_instants_asked_for() {
    let mut random = Random::new(1);
    let (mut a, mut b) = (Phy::new(PhyConfig::default()), Phy::new(PhyConfig::default()));
    let psdu = common::full_psdu(&PLAN, Modulation::Dqpsk, 60, &mut random);
    let start = at(1_234);
    a.request(at(0), data(start, &psdu, Modulation::Dqpsk));
    let (heard_by_a, heard_by_b) = run(&mut a, &mut b, 0, 14_000, &mut random);

    let Some(Event::DataIndication(indication)) =
        heard_by_b.iter().find(|event| matches!(event, Event::DataIndication(_)))
    else {
        panic!("no indication: {heard_by_b:?}")
    };
    let end = start + timing::frame_airtime(&PLAN, ToneMask::ALL, indication.header.payload_symbols);
    assert_eq!(indication.psdu, psdu.as_slice());
    assert_eq!((indication.start, indication.end, indication.corrected_octets), (start, end, 0));
    assert!(indication.header.response_expected && indication.lqi > 150, "{indication:?}");
    assert_eq!(
        heard_by_b.iter().map(|event| matches!(event, Event::CarrierSense(_))).collect::<Vec<_>>(),
        [true, true, false, true],
        "preamble, header, indication, idle: {heard_by_b:?}"
    );
    assert_eq!(heard_by_b[3], Event::CarrierSense(CarrierSense::Idle(end)));
    let confirm = TransmitConfirm { end, status: TransmitStatus::Success };
    assert_eq!(heard_by_a, [Event::TransmitConfirm(confirm)], "a modem does not hear itself");

    let ack = Ack { fcs: 0xABCD, positive: true, more_segments: true };
    let reply = end + timing::rifs(&PLAN);
    b.request(at(14_000), Request::Ack(PdAckRequest { start: reply, ack }));
    let (heard_by_a, heard_by_b) = run(&mut a, &mut b, 14_000, 30_000, &mut random);
    let end = reply + timing::ack_airtime(&PLAN, ToneMask::ALL);
    let confirm = TransmitConfirm { end, status: TransmitStatus::Success };
    assert_eq!(heard_by_b, [Event::TransmitConfirm(confirm)]);
    let Some(Event::AckIndication(heard)) = heard_by_a.get(1) else { panic!("{heard_by_a:?}") };
    assert_eq!((heard.ack, heard.start, heard.end), (ack, reply, end));
    assert_eq!(heard_by_a[2], Event::CarrierSense(CarrierSense::Idle(end)));
}

#[test]
fn nothing_of_ours_leaves_the_block_untouched() {
    let mut phy = Phy::new(PhyConfig::default());
    let mut block = [7.0; 100];
    assert!(!phy.transmit(0, &mut block));
    phy.request(at(100), data(at(150), &[1; 8], Modulation::Dbpsk));
    assert!(!phy.transmitting());
    assert!(!phy.transmit(100, &mut block[..50]));
    assert_eq!(block, [7.0; 100]);
    assert!(phy.transmit(150, &mut block));
    assert!(phy.transmitting());
    assert!(block[10..].iter().all(|&sample| sample != 7.0));
}

#[test]
fn a_start_that_has_passed_means_at_once() {
    let mut phy = Phy::new(PhyConfig::default());
    let mut block = [0.0; 1_000];
    phy.transmit(0, &mut block);
    phy.request(at(1_000), data(at(400), &[1; 8], Modulation::Dbpsk));
    let mut samples = 0;
    let mut position = 5_000;
    while phy.transmit(position, &mut block) {
        assert!(position > 5_000 || block[1] != 0.0);
        samples += block.iter().filter(|&&sample| sample != 0.0).count();
        position += 1_000;
    }
    let symbols = 13 + 12;
    assert!(samples.abs_diff(2_432 + symbols * 278) < 10, "the frame is whole: {samples}");
    let end = at(5_000 + 2_432 + 278 * symbols as u64);
    let confirm = TransmitConfirm { end, status: TransmitStatus::Success };
    assert_eq!(events(&mut phy), [Event::TransmitConfirm(confirm)]);
}

#[test]
fn requests_that_cannot_be_served_are_refused() {
    let mut phy = Phy::new(PhyConfig::default());
    let status = |phy: &mut Phy| match events(phy).as_slice() {
        [Event::TransmitConfirm(confirm)] => (confirm.status, confirm.end),
        other => panic!("{other:?}"),
    };
    phy.request(at(5), data(at(9), &[0; 240], Modulation::Dbpsk));
    assert_eq!(status(&mut phy), (TransmitStatus::InvalidParameter, at(5)));
    phy.request(at(6), data(at(9), &[], Modulation::Dbpsk));
    assert_eq!(status(&mut phy), (TransmitStatus::InvalidParameter, at(6)));
    let nowhere = PdDataRequest {
        start: at(9),
        psdu: Psdu::from_slice(&[1; 8]).unwrap(),
        modulation: Modulation::Robust,
        tone_map: ToneMap(0),
        response_expected: false,
    };
    phy.request(at(7), Request::Data(nowhere));
    assert_eq!(status(&mut phy), (TransmitStatus::InvalidParameter, at(7)));
    phy.request(at(8), data(at(90), &[1; 8], Modulation::Dbpsk));
    assert_eq!(events(&mut phy), []);
    phy.request(at(9), data(at(9_000), &[1; 8], Modulation::Dbpsk));
    assert_eq!(status(&mut phy), (TransmitStatus::BusyTransmitting, at(9)));
}

#[test]
fn attenuation_lowers_the_level() {
    let level = |attenuation| {
        let mut phy = Phy::new(PhyConfig::default());
        phy.request(at(0), Request::SetTransmitAttenuation(attenuation));
        phy.request(at(0), data(at(0), &[0x35; 100], Modulation::Dbpsk));
        let mut block = [0.0; 14_000];
        assert!(phy.transmit(0, &mut block));
        let payload = &block[7_000..];
        (payload.iter().map(|sample| sample * sample).sum::<f32>() / payload.len() as f32).sqrt() / TX_RMS
    };
    assert!((level(0) - 1.0).abs() < 0.02);
    assert!((level(20) - 0.1).abs() < 0.002);
    assert_eq!(level(25), level(255), "25 dB is the most");
}

#[test]
fn a_transmission_cuts_off_what_was_being_received() {
    let mut random = Random::new(2);
    let (mut a, mut b) = (Phy::new(PhyConfig::default()), Phy::new(PhyConfig::default()));
    a.request(at(0), data(at(0), &[1; 100], Modulation::Robust));
    b.request(at(0), data(at(9_000), &[2; 8], Modulation::Dbpsk));
    let (_, heard_by_b) = run(&mut a, &mut b, 0, 25_000, &mut random);
    let idle = Event::CarrierSense(CarrierSense::Idle(at(9_000 + 2_432 + 25 * 278)));
    assert!(heard_by_b.contains(&idle), "{heard_by_b:?}");
    // A frame that follows is heard by both sides again.
    let (_, _) = run(&mut a, &mut b, 25_000, 80_000, &mut random);
    let psdu = common::full_psdu(&PLAN, Modulation::D8psk, 30, &mut random);
    a.request(at(80_000), data(at(80_000) + millis(1), &psdu, Modulation::D8psk));
    let (_, heard_by_b) = run(&mut a, &mut b, 80_000, 95_000, &mut random);
    assert!(
        heard_by_b
            .iter()
            .any(|event| matches!(event, Event::DataIndication(data) if data.psdu == psdu.as_slice()))
    );
}

#[test]
fn a_modem_with_a_workspace_hears_what_a_standard_one_does_not() {
    use g3_phy::{FrameWorkspace, Optional, ReceiverOptions};
    let config = PhyConfig { receiver: ReceiverOptions::BEST, ..PhyConfig::default() };
    assert!(config.receiver.needs_workspace() && !PhyConfig::default().receiver.needs_workspace());
    let mut best = Phy::with_workspace(config, Optional(Some(Box::new(FrameWorkspace::new()))));
    let mut without = Phy::with_workspace(config, Optional::<Box<FrameWorkspace>>(None));
    let mut random = Random::new(3);
    let plan = g3_phy::BandPlan::CENELEC_A;
    let (mut position, mut heard) = (0, [0, 0]);
    for _ in 0..4 {
        let psdu = common::full_psdu(&plan, Modulation::Dbpsk, 100, &mut random);
        let frame = common::data_samples(&plan, &config.options, Modulation::Dbpsk, &psdu);
        let mut line = vec![0.0; frame.len() + 4_000];
        common::mix(&mut line, 3_000, &frame, 1.0);
        common::add_noise(&mut line, common::noise_for_snr_db(&plan, 0.0), &mut random);
        best.receive(position, &line);
        without.receive(position, &line);
        position += line.len() as u64;
        let right =
            |event: &Event| matches!(event, Event::DataIndication(data) if data.psdu == psdu.as_slice());
        heard[0] += std::iter::from_fn(|| best.poll()).filter(&right).count();
        heard[1] += std::iter::from_fn(|| without.poll()).filter(&right).count();
    }
    assert_eq!(heard, [4, 0]);
}
