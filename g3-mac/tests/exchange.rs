//! Two and three nodes exchange IPv6 packets over a line in virtual time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod medium;

use g3_mac::adaptation::AdpStatus;
use g3_mac::mac::{MacStatus, PibId, PibValue, Preemption};
use g3_mac::udp::MAX_PAYLOAD;
use g3_phy::Modulation;
use medium::{Fault, LONG, Medium, What, octets};
use plc_core::testkit::SplitMix64;
use plc_core::time::millis;
use rand_core::Rng;

const DONE: AdpStatus = AdpStatus::Success;

#[test]
fn packets_of_1280_octets_pass_both_ways_in_every_modulation() {
    for modulation in Modulation::ALL {
        for block in [0, 1] {
            let mut medium = Medium::with(2, 1, |config| config.modulation = modulation);
            medium.block = millis(block);
            let (there, back) = (octets(MAX_PAYLOAD, 1), octets(MAX_PAYLOAD, 2));
            medium.send(0, 1, 7, &there);
            medium.send(1, 0, 8, &back);
            assert!(medium.run_to(LONG, |m| m.confirms(0).len() == 1 && m.confirms(1).len() == 1));
            assert_eq!((medium.confirms(0), medium.confirms(1)), (vec![(7, DONE)], vec![(8, DONE)]));
            assert_eq!((medium.payloads(0), medium.payloads(1)), (vec![back], vec![there]), "{modulation:?}");
            assert!(
                medium.log.iter().all(|t| !matches!(&t.what, What::Data(d) if d.modulation != modulation))
            );
        }
    }
}

#[test]
fn packets_of_every_length_arrive_as_they_were_sent() {
    let mut medium = Medium::with(2, 2, |config| config.modulation = Modulation::D8psk);
    for (round, length) in (0..=MAX_PAYLOAD).step_by(37).chain([MAX_PAYLOAD]).enumerate() {
        medium.send(0, 1, round as u8, &octets(length, round as u8));
        assert!(medium.run_to(LONG, |m| m.confirms(0).len() == round + 1));
        assert_eq!(medium.payloads(1).last(), Some(&octets(length, round as u8)));
    }
    assert_eq!(
        medium.confirms(0).iter().filter(|&&(_, status)| status == DONE).count(),
        medium.payloads(1).len()
    );
}

#[test]
fn a_lost_acknowledgement_makes_a_duplicate_that_is_acknowledged_but_not_delivered() {
    let mut medium = Medium::new(2, 3);
    let mut acks = 0;
    medium.script = Box::new(move |transmission, _| {
        acks += usize::from(matches!(transmission.what, What::Ack(_)));
        if matches!(transmission.what, What::Ack(_)) && acks <= 2 { Fault::Lost } else { Fault::None }
    });
    medium.send(0, 1, 1, b"once");
    assert!(medium.run_to(LONG, |m| !m.confirms(0).is_empty()));
    assert_eq!(medium.confirms(0), [(1, DONE)]);
    assert_eq!(medium.payloads(1), [b"once"]);
    let data = medium.log.iter().filter(|t| matches!(t.what, What::Data(_))).count();
    assert_eq!((data, medium.log.len()), (3, 6), "three times the frame, each acknowledged");
    assert_eq!(medium.nodes[0].stack.counters().csma_no_acks, 2);
}

#[test]
fn a_train_whose_last_acknowledgement_is_lost_is_delivered_once() {
    let mut medium = Medium::new(2, 4);
    let mut lost = false;
    medium.script = Box::new(move |transmission, _| match transmission.what {
        What::Ack(ack) if !ack.more_segments && !lost => {
            lost = true;
            Fault::Lost
        }
        _ => Fault::None,
    });
    let payload = octets(300, 9);
    medium.send(0, 1, 1, &payload);
    assert!(medium.run_to(LONG, |m| !m.confirms(0).is_empty()));
    assert_eq!(medium.confirms(0), [(1, DONE)]);
    medium.run_for(LONG);
    assert_eq!(medium.payloads(1), [payload]);
    let segments: Vec<u8> = medium.log.iter().filter_map(|t| Some(t.frame()?.segment.count)).collect();
    assert_eq!(segments, [0, 1, 2, 0, 1, 2], "all of the MSDU again, from segment 0");
}

#[test]
fn a_damaged_segment_is_refused_and_sent_again_alone() {
    let mut medium = Medium::new(2, 5);
    let mut damaged = false;
    medium.script = Box::new(move |transmission, _| match transmission.frame() {
        Some(frame) if frame.segment.count == 1 && !damaged => {
            damaged = true;
            Fault::Fcs
        }
        _ => Fault::None,
    });
    let payload = octets(300, 3);
    medium.send(0, 1, 1, &payload);
    assert!(medium.run_to(LONG, |m| !m.confirms(0).is_empty()));
    assert_eq!((medium.confirms(0), medium.payloads(1)), (vec![(1, DONE)], vec![payload]));
    let segments: Vec<u8> = medium.log.iter().filter_map(|t| Some(t.frame()?.segment.count)).collect();
    assert_eq!(segments, [0, 1, 1, 2]);
    let negative =
        |t: &&medium::Transmission| matches!(t.what, What::Ack(ack) if !ack.positive && ack.more_segments);
    assert_eq!(medium.log.iter().filter(negative).count(), 1);
    assert_eq!(medium.nodes[1].stack.counters().bad_crcs, 1);
}

#[test]
fn nobody_answers_so_the_frame_is_given_up_after_falling_back_to_robust() {
    let mut medium = Medium::with(2, 6, |config| config.modulation = Modulation::D8psk);
    medium.send(0, 9, 1, b"anyone there?");
    assert!(medium.run_to(LONG, |m| !m.confirms(0).is_empty()));
    assert_eq!(medium.confirms(0), [(1, AdpStatus::Mac(MacStatus::NoAck))]);
    let modulations: Vec<Modulation> = medium
        .log
        .iter()
        .filter_map(|t| if let What::Data(request) = &t.what { Some(request.modulation) } else { None })
        .collect();

    // Retries 1 to 5 leave 4, 3, 2, 1, 0.
    let codes: Vec<u8> = modulations.iter().map(|modulation| modulation.code()).collect();
    assert_eq!(codes, [3, 3, 2, 1, 0, 0], "D8PSK to Robust");
    assert_eq!(medium.nodes[0].stack.counters().csma_no_acks, 6);
}

#[test]
fn a_stray_acknowledgement_disturbs_nothing() {
    use g3_phy::primitives::{Ack, Event, PdAckIndication};
    let mut medium = Medium::new(2, 7);
    let stray = |medium: &Medium, fcs| {
        let ack = Ack { fcs, positive: true, more_segments: false };
        Event::AckIndication(PdAckIndication { ack, start: medium.now, end: medium.now, lqi: 90 })
    };
    for (round, payload) in [b"first".to_vec(), octets(500, 1)].into_iter().enumerate() {
        medium.send(0, 1, round as u8, &payload);
        assert!(medium.run_to(LONG, |m| m.confirms(0).len() == round + 1));
        // The receiver's acknowledgement again, to both.
        for node in 0..2 {
            let event = stray(&medium, 0x1234);
            medium.inject(node, &event);
        }
        assert_eq!(medium.payloads(1).last(), Some(&payload));
    }
    assert_eq!(medium.confirms(0), [(0, DONE), (1, DONE)]);
}

#[test]
fn an_acknowledgement_of_something_else_makes_all_of_it_be_sent_again() {
    use g3_phy::primitives::{Ack, Event, PdAckIndication};
    let mut medium = Medium::new(2, 8);
    medium.script = Box::new(|t, _| if matches!(t.what, What::Ack(_)) { Fault::Lost } else { Fault::None });
    medium.send(0, 1, 1, b"mine");
    assert!(medium.run_to(LONG, |m| matches!(m.log.last(), Some(t) if matches!(t.what, What::Ack(_)))));
    medium.run_for(millis(16));
    let ack = Ack { fcs: 0xBAD, positive: true, more_segments: false };
    let event = Event::AckIndication(PdAckIndication { ack, start: medium.now, end: medium.now, lqi: 90 });
    let wrong_at = medium.now;
    medium.inject(0, &event);
    medium.script = Box::new(|_, _| Fault::None);
    assert!(medium.run_to(LONG, |m| !m.confirms(0).is_empty()));
    assert_eq!((medium.confirms(0), medium.payloads(1)), (vec![(1, DONE)], vec![b"mine".to_vec()]));
    let again = &medium.log[2];
    assert!(again.start >= wrong_at + g3_phy::timing::eifs(&medium::PLAN, g3_phy::ToneMask::ALL));
    assert_eq!(medium.nodes[0].stack.counters().csma_no_acks, 0, "it was no missing one");
}

#[test]
fn what_is_confirmed_was_delivered_once_whatever_the_line_does() {
    for seed in 0..6 {
        let mut medium = Medium::with(3, 100 + seed, |config| {
            config.modulation = Modulation::ALL[seed as usize % 4];
        });
        medium.block = millis(seed % 2);
        let mut dice = SplitMix64(seed);
        medium.script = Box::new(move |_, _| match dice.next_u32() % 40 {
            0 => Fault::Lost,
            1 => Fault::Header,
            2 => Fault::Payload,
            3 => Fault::Fcs,
            _ => Fault::None,
        });
        let mut sent = vec![vec![]; 3];
        for round in 0..15_u8 {
            for (from, sent) in sent.iter_mut().enumerate() {
                let to = (from + 1 + usize::from(round) % 2) % 3;
                let mut payload = octets(20 + usize::from(round) * 80, round ^ (from as u8) << 5);
                payload[0] = round;
                payload[1] = from as u8;
                medium.send(from, to, round, &payload);
                sent.push((to, payload));
            }
            let all = usize::from(round) + 1;
            assert!(medium.run_to(LONG, |m| (0..3).all(|node| m.confirms(node).len() == all)), "seed {seed}");
        }
        medium.run_for(LONG);
        let mut successes = 0;
        for (from, sent) in sent.iter().enumerate() {
            for ((handle, status), (to, payload)) in medium.confirms(from).into_iter().zip(sent) {
                let copies = medium.payloads(*to).iter().filter(|&received| received == payload).count();
                assert!(copies <= 1, "seed {seed}: {handle} of {from} came {copies} times");
                if status == DONE {
                    successes += 1;
                    assert_eq!(copies, 1, "seed {seed}: {handle} of {from} was confirmed");
                }
            }
        }
        assert!(successes >= 40, "seed {seed}: {successes} of 45");
    }
}

/// Nodes that do not hear each other collide at their receiver, and after EIFS they begin again within the smallest
/// window of 8 slots, which is shorter than a frame. A wider smallest window separates them.
#[test]
fn hidden_nodes_get_through_where_the_smallest_window_is_wider_than_a_frame() {
    let mut medium = Medium::with(3, 11, |config| {
        config.modulation = Modulation::Dqpsk;
        config.mac.min_be = 7;
        config.mac.a = 3;
    });
    medium.deaf.push((0, 2));
    for round in 0..20 {
        medium.send(0, 1, round, &octets(200, round));
        medium.send(2, 1, round, &octets(200, 128 + round));
        let all = usize::from(round) + 1;
        assert!(medium.run_to(LONG, |m| [0, 2].iter().all(|&node| m.confirms(node).len() == all)));
    }
    for node in [0, 2] {
        let delivered = medium.confirms(node).iter().filter(|&&(_, status)| status == DONE).count();
        assert!(delivered >= 17, "{delivered} of 20 from node {node}");
    }
}

/// How many packets two saturated senders deliver in two minutes.
fn shares(preemption: Preemption) -> [usize; 2] {
    let mut medium = Medium::with(3, 12, |config| {
        config.modulation = Modulation::Dqpsk;
        config.readings.preemption = preemption;
    });
    for node in [0, 2] {
        medium.send(node, 1, 0, &octets(300, node as u8));
        medium.send(node, 1, 0, &octets(300, node as u8));
    }
    let mut counted = [0, 0, 0];
    while medium.now.as_ticks() < 120 * 6_000_000 {
        medium.run_for(millis(20));
        for node in [0, 2] {
            while medium.confirms(node).len() > counted[node] {
                counted[node] += 1;
                medium.send(node, 1, 0, &octets(300, node as u8));
            }
        }
    }
    [0, 2].map(|node| medium.confirms(node).iter().filter(|&&(_, s)| s == DONE).count())
}

#[test]
fn two_senders_share_the_line_fairly_where_preemption_counts_as_busy() {
    let [a, b] = shares(Preemption::Busy);
    assert!(a + b > 300, "{a} and {b} packets in two minutes");
    assert!(10 * a.min(b) >= 4 * (a + b), "each gets at least 40 %: {a}, {b}");
    let [a, b] = shares(Preemption::Rescheduled);
    assert!(10 * a.min(b) < a + b, "the other reading starves one of them: {a}, {b}");
}

#[test]
fn the_queue_is_bounded_and_says_so() {
    let mut medium = Medium::new(2, 13);
    for handle in 0..5 {
        medium.send(0, 1, handle, b"packet");
    }
    let refused: Vec<_> = medium.confirms(0);
    assert_eq!(refused, [(3, AdpStatus::NoBuffers), (4, AdpStatus::NoBuffers)]);
    assert!(medium.run_to(LONG, |m| m.confirms(0).len() == 5));
    assert_eq!(medium.payloads(1).len(), 3);
}

#[test]
fn requests_that_cannot_be_sent_are_answered_at_once() {
    use g3_mac::adaptation::AdpdDataRequest;
    use g3_mac::ipv6::Packet;
    let mut medium = Medium::new(2, 14);
    medium.request(0, AdpdDataRequest::new(1, Packet::from_slice(b"not IPv6").unwrap()));
    let datagram = g3_mac::udp::Datagram {
        destination: "2001:db8::1".parse().unwrap(),
        ..g3_mac::udp::Datagram::link_local(medium::PAN, 0.into_short(), 1.into_short(), 1, 1, b"away")
    };
    medium.request(0, AdpdDataRequest::new(2, datagram.emit().unwrap()));
    assert_eq!(medium.confirms(0), [(1, AdpStatus::InvalidIpv6Frame), (2, AdpStatus::RouteError)]);
    assert!(medium.log.is_empty());
}

trait IntoShort {
    fn into_short(self) -> plc_core::address::ShortAddress;
}

impl IntoShort for u16 {
    fn into_short(self) -> plc_core::address::ShortAddress {
        plc_core::address::ShortAddress(self)
    }
}

#[test]
fn other_keys_other_pans_and_other_addresses_are_not_heard() {
    let mut medium = Medium::new(3, 15);
    let octets_of = |octets: &[u8]| PibValue::Octets(octets.iter().copied().collect());
    medium.nodes[1].stack.mlme_set(PibId::KEY_TABLE, 0, &octets_of(&[9; 16])).unwrap();
    medium.send(0, 1, 1, b"enciphered with another key");
    assert!(medium.run_to(LONG, |m| m.confirms(0).len() == 1));
    assert_eq!(medium.confirms(0), [(1, DONE)], "the acknowledgement knows nothing of keys");
    medium.nodes[2].stack.mlme_set(PibId::PAN_ID, 0, &PibValue::Unsigned(0x1234)).unwrap();
    medium.send(0, 2, 2, b"another PAN");
    assert!(medium.run_to(LONG, |m| m.confirms(0).len() == 2));
    assert_eq!(medium.confirms(0)[1], (2, AdpStatus::Mac(MacStatus::NoAck)));
    assert!((0..3).all(|node| medium.nodes[node].received.is_empty()));
}

#[test]
fn counters_and_attributes_are_readable_by_their_numbers() {
    let mut medium = Medium::new(2, 16);
    for handle in 0..3 {
        medium.send(0, 1, handle, b"counted");
        assert!(medium.run_to(LONG, |m| m.confirms(0).len() == usize::from(handle) + 1));
    }
    let number = |node: usize, id: u16| medium.nodes[node].stack.mlme_get(PibId(id), 0);
    assert_eq!(number(0, 0x101), Ok(PibValue::Unsigned(3)));
    assert_eq!(number(1, 0x102), Ok(PibValue::Unsigned(3)));
    assert_eq!(number(0, 0x77), Ok(PibValue::Unsigned(3)));
    assert_eq!(number(1, 0x73), Ok(PibValue::Device(0.into_short(), 2)));
    assert_eq!(number(1, 0x53), Ok(PibValue::Unsigned(1)));
    assert_eq!(number(0, 0x40), Ok(PibValue::Unsigned(38)), "26.2 ms in symbols of 695 us");
    assert_eq!(
        number(0, 0x110),
        Ok(PibValue::Octets([0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0, 0, 0, 0].into_iter().collect()))
    );
    assert_eq!(number(0, 0x71), Err(MacStatus::UnsupportedAttribute), "keys cannot be read");
    assert_eq!(number(0, 0x3FF), Err(MacStatus::UnsupportedAttribute));
    let stack = &mut medium.nodes[0].stack;
    assert_eq!(
        stack.mlme_set(PibId::TX_DATA_PACKET_COUNT, 0, &PibValue::Unsigned(0)),
        Err(MacStatus::ReadOnly)
    );
    assert_eq!(
        stack.mlme_set(PibId::MAX_FRAME_RETRIES, 1, &PibValue::Unsigned(0)),
        Err(MacStatus::InvalidIndex)
    );
    assert_eq!(stack.mlme_set(PibId::MAX_FRAME_RETRIES, 0, &PibValue::Unsigned(0)), Ok(()));
    medium.send(0, 7, 9, b"one attempt");
    assert!(medium.run_to(LONG, |m| m.confirms(0).len() == 4));
    assert_eq!(medium.nodes[0].stack.counters().csma_no_acks, 1);
}
