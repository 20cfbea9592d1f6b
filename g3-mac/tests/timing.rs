//! Interframe spaces and contention slots, measured on the line in virtual time (digest 2.1 and 2.2).

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod medium;

use g3_mac::adaptation::{AdpStatus, AdpdDataRequest};
use g3_mac::mac::{MacStatus, QualityOfService};
use g3_mac::udp::{Datagram, MAX_PAYLOAD};
use g3_mac::{Stack, StackAction, StackConfig, StackEvent};
use g3_phy::primitives::{CarrierSense, Event, Request};
use medium::{Fault, LONG, Medium, PAN, Transmission, What, octets};
use plc_core::address::ShortAddress;
use plc_core::sans_io::Machine;
use plc_core::testkit::{TestEnvironment, check_contract};
use plc_core::time::{Duration, Instant, micros, millis};
use std::collections::BTreeSet;

const RIFS: Duration = micros(5_560);
const CIFS: Duration = micros(5_560);
const SLOT: Duration = micros(1_390);
const IDLE: Duration = micros(5_560);
const EIFS: Duration = micros(211_800);
const ACK_WAIT: Duration = micros(26_235);

fn is_ack(transmission: &Transmission) -> bool {
    matches!(transmission.what, What::Ack(_))
}

/// Slots from `from` to a transmission; it must begin at a whole one.
fn slots(from: Instant, transmission: &Transmission) -> u64 {
    let span = (transmission.start - from).as_ticks();
    assert_eq!(span % SLOT.as_ticks(), 0, "{span} ticks are no whole slots");
    span / SLOT.as_ticks()
}

#[test]
fn acknowledgements_and_segments_keep_rifs_and_cifs_to_the_tick() {
    for block in [0, 1] {
        let mut medium = Medium::new(2, 20);
        medium.block = millis(block);
        medium.send(0, 1, 1, &octets(MAX_PAYLOAD, 1));
        assert!(medium.run_to(LONG, |m| !m.confirms(0).is_empty()));
        let mut segments = 0;
        for pair in medium.log.windows(2) {
            let [before, after] = pair else { panic!() };
            let gap = after.start - before.end;
            match (is_ack(before), is_ack(after)) {
                (false, true) => assert_eq!(gap, RIFS),
                (true, false) if after.frame().unwrap().segment.count > 0 => {
                    segments += 1;
                    assert_eq!(gap, CIFS);
                }
                // The next fragment of the packet contends; with blocks it is up to one late.
                (true, false) => {
                    let late = after.start - (before.end + CIFS + SLOT * 8);
                    assert!(late < SLOT * 8 + millis(block), "{late}");
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(segments >= 9, "{segments}");
    }
}

#[test]
fn the_first_frame_waits_for_eifs_and_then_for_an_idle_channel() {
    let mut drawn = BTreeSet::new();
    for seed in 0..60 {
        let mut medium = Medium::new(2, seed);
        medium.send(0, 1, 1, b"first");
        assert!(medium.run_to(LONG, |m| !m.log.is_empty()));
        drawn.insert(slots(Instant::from_ticks(0) + EIFS + IDLE, &medium.log[0]));
        // Long after everything: only the quiet time and the back-off.
        medium.run_for(millis(5_000));
        let asked = medium.now;
        let before = medium.log.len();
        medium.send(0, 1, 2, b"later");
        medium.run_for(millis(1_000));
        drawn.insert(slots(asked + IDLE, &medium.log[before]));
    }
    assert_eq!(drawn, (0..8).collect(), "all of the smallest window, and nothing else");
}

#[test]
fn priorities_have_their_windows_in_the_contention_period() {
    let mut drawn = [BTreeSet::new(), BTreeSet::new()];
    for seed in 0..120 {
        for (class, quality_of_service) in
            [QualityOfService::High, QualityOfService::Normal].into_iter().enumerate()
        {
            let mut medium = Medium::new(2, seed);
            medium.send(0, 1, 1, b"before");
            let datagram = Datagram::link_local(PAN, ShortAddress(0), ShortAddress(1), 1, 1, b"after");
            let request =
                AdpdDataRequest { quality_of_service, ..AdpdDataRequest::new(2, datagram.emit().unwrap()) };
            medium.request(0, request);
            assert!(medium.run_to(LONG, |m| m.log.len() == 3));
            let [_, ack, after] = &medium.log[..] else { panic!() };
            assert!(is_ack(ack) && after.frame().unwrap().segment.high_priority == (class == 0));
            drawn[class].insert(slots(ack.end + CIFS, after));
        }
    }
    assert_eq!(drawn, [(1..8).collect(), (8..16).collect()], "after the contention-free slot; after 1 + 7");
}

#[test]
fn a_missing_acknowledgement_costs_its_wait_and_eifs() {
    let mut medium = Medium::new(2, 22);
    let mut first = true;
    medium.script = Box::new(move |_, _| if std::mem::take(&mut first) { Fault::Lost } else { Fault::None });
    medium.send(0, 1, 1, b"lost at first");
    assert!(medium.run_to(LONG, |m| !m.confirms(0).is_empty()));
    let [lost, again, _ack] = &medium.log[..] else { panic!() };
    assert!(slots(lost.end + ACK_WAIT + EIFS + IDLE, again) < 8);
}

#[test]
fn a_frame_to_someone_else_keeps_the_others_away_until_its_acknowledgement_is_over() {
    for seed in 0..20 {
        let mut medium = Medium::new(3, seed);
        medium.send(0, 1, 1, &octets(60, 1));
        assert!(medium.run_to(LONG, |m| m.log.len() == 1));
        medium.run_for(millis(30));
        medium.send(2, 1, 1, b"waits");
        assert!(medium.run_to(LONG, |m| m.log.len() == 3));
        let [data, ack, other] = &medium.log[..] else { panic!() };
        assert!((data.from, ack.from, other.from) == (0, 1, 2) && is_ack(ack));
        let slot = slots(ack.end + CIFS, other);
        assert!((8..16).contains(&slot), "slot {slot}");
    }
}

#[test]
fn a_channel_that_is_busy_at_fifty_slots_is_a_failure() {
    let config = StackConfig::cenelec_a(PAN, ShortAddress(0), medium::KEY);
    let (mut stack, mut env) = (Stack::new(config).unwrap(), TestEnvironment::new(3));
    let datagram = Datagram::link_local(PAN, ShortAddress(0), ShortAddress(1), 1, 1, b"never");
    let request = AdpdDataRequest::new(5, datagram.emit().unwrap());
    let mut now = Instant::from_ticks(0);
    stack.handle(now, &mut env, StackEvent::Data(request));
    let mut busy = 0;
    let status = loop {
        let (actions, until) = check_contract(&mut stack, now, &mut env);
        if let Some(StackAction::DataConfirm(confirm)) = actions.first() {
            break confirm.status;
        }
        assert!(!actions.iter().any(|action| matches!(action, StackAction::Phy(Request::Data(_)))));
        // Just before the slot somebody begins whose header cannot be read.
        let slot = until.unwrap();
        let start = Instant::from_ticks(slot.as_ticks() - 100);
        stack.handle(start, &mut env, StackEvent::Phy(&Event::CarrierSense(CarrierSense::Preamble(start))));
        now = slot;
        let (actions, _) = check_contract(&mut stack, now, &mut env);
        busy += 1;
        if let Some(StackAction::DataConfirm(confirm)) = actions.first() {
            break confirm.status;
        }
        now = slot + millis(15);
        stack.handle(
            now,
            &mut env,
            StackEvent::Phy(&Event::CarrierSense(CarrierSense::HeaderFailed { end: now })),
        );
    };
    assert_eq!((status, busy), (AdpStatus::Mac(MacStatus::ChannelAccessFailure), 50));
    assert_eq!(stack.counters().csma_failures, 1);
}

/// Digest 11: goodput of MSDUs of 400 octets over one hop without loss, in kbit/s.
#[test]
fn the_goodput_of_a_lossless_hop_is_the_computed_one() {
    use g3_phy::Modulation;
    for (modulation, computed) in Modulation::ALL.into_iter().zip([4.0, 13.0, 18.4, 21.5]) {
        let mut medium = Medium::with(2, 50, |config| config.modulation = modulation);
        // 9 octets of compressed headers make it an MSDU of 400.
        let payload = octets(391, 1);
        medium.send(0, 1, 0, &payload);
        assert!(medium.run_to(LONG, |m| m.confirms(0).len() == 1));
        let begun = medium.now;
        let count = 200;
        for round in 1..=count {
            medium.send(0, 1, 0, &payload);
            assert!(medium.run_to(LONG, |m| m.confirms(0).len() == 1 + round));
        }
        let seconds = plc_core::time::as_seconds_f64(medium.now - begun);
        let measured = (count * 400 * 8) as f64 / seconds / 1000.0;
        assert!(
            (measured / computed - 1.0).abs() < 0.01,
            "{modulation:?}: {measured:.2} kbit/s, computed {computed}"
        );
    }
}
