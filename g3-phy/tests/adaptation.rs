//! What the receiver recommends for a line holds on that line.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod adapted;
mod common;

use adapted::{LINES, send};
use common::{PLAN, Random};
use g3_phy::adaptation::{Target, recommend};
use g3_phy::{Modulation, ToneMask};

#[test]
fn frames_as_recommended_arrive_on_flat_tilted_and_notched_lines() {
    let mut random = Random::new(1);
    for (name, steps) in LINES {
        let line = adapted::line(steps);
        for snr_db in [6.0, 10.0, 13.0, 16.0, 20.0] {
            for coherent in [false, true] {
                let (_, snr) = send(line, snr_db, Modulation::Robust, PLAN.full_tone_map(), &mut random);
                let target = Target { coherent, ..Target::default() };
                let found = recommend(&PLAN, ToneMask::ALL, snr.into_iter(), &target).unwrap();
                if found.reserve_db < 0.0 {
                    continue;
                }
                let sent =
                    (0..20).map(|_| send(line, snr_db, found.modulation, found.tone_map, &mut random).0);
                let lost = sent.filter(|right| !right).count();
                // One in a hundred at most: three of twenty have a probability of 0.1 %.
                assert!(lost <= 2, "{name} {snr_db} dB: {lost} of 20 lost with {found:?}");
            }
        }
    }
}
