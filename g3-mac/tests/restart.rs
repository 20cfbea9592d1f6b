//! Power failures: frame counters are never used twice, and a node that comes back is understood.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod medium;

use g3_mac::adaptation::AdpStatus;
use g3_mac::mac::MacStatus;
use medium::{LONG, Medium, octets};
use plc_core::testkit::SplitMix64;
use plc_core::time::{micros, millis};
use rand_core::Rng;
use std::collections::BTreeMap;

#[test]
fn no_frame_counter_is_used_twice_across_a_thousand_crashes() {
    let mut rng = SplitMix64(1);
    let mut medium = Medium::new(2, 30);
    // What a frame counter stood for: sequence number and the first octets of the enciphered MSDU.
    let mut used: BTreeMap<u32, (u8, Vec<u8>)> = BTreeMap::new();
    let mut crashes = 0;
    let (mut seen, mut repeated) = (0, 0);
    while crashes < 1000 {
        medium.send(0, 1, 0, &octets(10 + rng.next_u32() as usize % 60, rng.next_u32() as u8));
        // Anything from before the first frame to several frames later.
        medium.run_for(micros(u64::from(rng.next_u32() % 900_000)));
        medium.nodes[0].env.store.failing = rng.next_u32().is_multiple_of(10);
        if rng.next_u32().is_multiple_of(2) {
            medium.restart(0);
            crashes += 1;
        }
        let new = seen..medium.log.len();
        seen = medium.log.len();
        for transmission in medium.log[new].iter().filter(|t| t.from == 0) {
            let Some(frame) = transmission.frame() else { continue };
            let Some(security) = frame.security else { continue };
            let msdu = frame.payload[..16].to_vec();
            let now = (frame.header.sequence, msdu);
            // A retry repeats the very same frame; it shows nothing new.
            if let Some(before) = used.insert(security.frame_counter, now.clone()) {
                repeated += 1;
                assert_eq!(before, now, "frame counter {}", security.frame_counter);
            }
        }
    }
    assert!(used.len() > 500, "{} frames, {repeated} of them repeated", used.len());
}

#[test]
fn a_node_that_comes_back_is_understood_at_once() {
    let mut medium = Medium::new(2, 31);
    for round in 0..20 {
        let payload = octets(300, round);
        medium.send(0, 1, round, &payload);
        assert!(medium.run_to(LONG, |m| m.payloads(1).len() == usize::from(round) + 1));
        assert_eq!(medium.payloads(1).last(), Some(&payload));
        medium.restart(0);
        medium.run_for(millis(10));
    }
}

#[test]
fn a_receiver_that_comes_back_in_the_middle_of_a_train_gets_it_again() {
    let mut medium = Medium::new(2, 32);
    let payload = octets(1000, 1);
    medium.send(0, 1, 1, &payload);
    assert!(medium.run_to(LONG, |m| m.log.len() == 4));
    medium.restart(1);
    assert!(medium.run_to(LONG, |m| !m.confirms(0).is_empty()));
    assert_eq!((medium.confirms(0), medium.payloads(1)), (vec![(1, AdpStatus::Success)], vec![payload]));
}

#[test]
fn a_store_that_fails_is_an_answer_and_no_panic() {
    let mut medium = Medium::new(2, 33);
    medium.nodes[0].env.store.failing = true;
    medium.send(0, 1, 1, b"not sent");
    assert!(medium.run_to(LONG, |m| !m.confirms(0).is_empty()));
    assert_eq!(medium.confirms(0), [(1, AdpStatus::Mac(MacStatus::CounterError))]);
    assert!(medium.log.is_empty(), "nothing was sent");
    medium.nodes[0].env.store.failing = false;
    medium.send(0, 1, 2, b"sent");
    assert!(medium.run_to(LONG, |m| m.confirms(0).len() == 2));
    assert_eq!(medium.payloads(1), [b"sent"]);
}
