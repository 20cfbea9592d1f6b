//! The reference chain against formulas and against the digest's tables: small versions of what
//! `channel-sim reference` measures, with fixed seeds. A test fails where the 95 % interval of what was measured lies
//! outside a tenth of a decibel around what is expected.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use channel_sim::link::statistics::Estimate;
use channel_sim::link::{Campaign, Journal, Measure, Outcome, Shard, SnrOf, Stop, System, Task, WHITE, run};
use channel_sim::reference::{Scheme, tables, theory};
use std::sync::atomic::AtomicBool;

const TOLERANCE_DB: f64 = 0.1;

/// What becomes of so many frames of each scheme at its ratio.
fn measure(points: &[(Scheme, f64)], frames: u64) -> Vec<Outcome> {
    let task = |&(scheme, snr_db): &(Scheme, f64)| Task {
        system: System::Reference { scheme },
        noise: WHITE.to_string(),
        snr_db,
        octets: tables::OCTETS,
    };
    let campaign = Campaign {
        tasks: points.iter().map(task).collect(),
        seed: 1,
        stop: Stop { max_frames: frames, max_lost: u64::MAX, precision: 0.0, measure: Measure::Ber },
        snr_of: SnrOf::Mean,
        exact: false,
    };
    let mut journal = Journal::new(campaign, Shard::WHOLE);
    let never = AtomicBool::new(false);
    run(&journal.campaign, &mut journal.points, |_| true, 2, &never, |_| Ok(())).unwrap();
    assert!(journal.is_done());
    journal.points.iter().map(|point| point.outcome).collect()
}

fn scheme(name: &str) -> Scheme {
    name.parse().unwrap()
}

/// Whether a rate may be that of a curve within [`TOLERANCE_DB`].
fn lies_on(rate: Estimate, snr_db: f64, curve: impl Fn(f64) -> f64) -> bool {
    rate.high >= curve(snr_db + TOLERANCE_DB) && rate.low <= curve(snr_db - TOLERANCE_DB)
}

fn linear(db: f64) -> f64 {
    10f64.powf(db / 10.0)
}

#[test]
fn without_code_the_chain_is_the_formula() {
    let schemes =
        ["bpsk-uncoded", "qpsk-uncoded", "dbpsk-uncoded", "dqpsk-uncoded", "d8psk-uncoded"].map(scheme);
    let points: Vec<(Scheme, f64)> = schemes
        .into_iter()
        .flat_map(|scheme| {
            [1e-2, 1e-4]
                .map(|level| (scheme, theory::ratio_db(level, |gamma| theory::uncoded(scheme, gamma))))
        })
        .collect();
    for ((scheme, snr_db), outcome) in points.iter().zip(measure(&points, 4_096)) {
        let ber = outcome.ber().unwrap();
        assert!(ber.relative_half_width() < 0.15, "{scheme} {snr_db}: {ber:?}");
        assert!(
            lies_on(ber, *snr_db, |db| theory::uncoded(*scheme, linear(db))),
            "{scheme} {snr_db}: {ber:?}"
        );
    }
}

#[test]
fn the_convolutional_code_is_at_its_union_bound_at_1e_5() {
    let points: Vec<(Scheme, f64)> = ["bpsk", "qpsk", "dbpsk"]
        .map(scheme)
        .into_iter()
        .map(|scheme| {
            (scheme, theory::ratio_db(1e-5, |gamma| theory::bit_error_bound(scheme, gamma).unwrap()))
        })
        .collect();
    for ((scheme, snr_db), outcome) in points.iter().zip(measure(&points, 32_768)) {
        let ber = outcome.ber().unwrap();
        assert!(ber.relative_half_width() < 0.35, "{scheme}: {ber:?}");
        let bound = |db| theory::bit_error_bound(*scheme, linear(db)).unwrap();
        assert!(lies_on(ber, *snr_db, bound), "{scheme} {snr_db}: {ber:?} {}", bound(*snr_db));
        // An upper bound it is all the same.
        assert!(ber.low < bound(*snr_db), "{scheme} {snr_db}: {ber:?}");
    }
}

#[test]
fn every_row_of_the_digest_loses_one_frame_in_ten_where_it_says() {
    let points: Vec<(Scheme, f64)> =
        tables::ROWS.iter().map(|row| (scheme(row.scheme), row.fer_db[0])).collect();
    for ((row, (_, snr_db)), outcome) in tables::ROWS.iter().zip(&points).zip(measure(&points, 2_048)) {
        let fer = outcome.fer();
        // Between the row's two figures the logarithm of the rate falls evenly.
        let slope = (tables::FER[1] / tables::FER[0]).ln() / (row.fer_db[1] - row.fer_db[0]);
        let curve = |db: f64| tables::FER[0] * (slope * (db - snr_db)).exp();
        assert!(lies_on(fer, *snr_db, curve), "{}: {fer:?}", row.scheme);
    }
}

#[test]
fn rows_have_the_digests_bit_error_rates() {
    let rows: Vec<_> =
        tables::ROWS.iter().filter_map(|row| row.ber_db.map(|ber| (row.scheme, ber))).collect();
    let points: Vec<(Scheme, f64)> = rows.iter().map(|(name, ber_db)| (scheme(name), ber_db[0])).collect();
    for ((name, ber_db), outcome) in rows.iter().zip(measure(&points, 2_048)) {
        let ber = outcome.ber().unwrap();
        let slope = (tables::BER[1] / tables::BER[0]).ln() / (ber_db[1] - ber_db[0]);
        let curve = |db: f64| tables::BER[0] * (slope * (db - ber_db[0])).exp();
        assert!(lies_on(ber, ber_db[0], curve), "{name}: {ber:?}");
    }
}

#[test]
fn words_of_independent_octets_are_lost_as_often_as_the_formula_says() {
    for (name, length, correctable) in [("bpsk-rs16-uncoded", 149, 8), ("dbpsk-rs8-uncoded", 141, 4)] {
        let scheme = scheme(name);
        // Wrong bits of differential values come in pairs: the octets' own rate is what the formula asks for.
        let snr_db =
            theory::ratio_db(0.1, |gamma| theory::frame_error(scheme, gamma, tables::OCTETS).unwrap());
        let outcome = measure(&[(scheme, snr_db)], 8_192)[0];
        let octet = outcome.octet_errors as f64 / outcome.octets as f64;
        let (fer, word) = (outcome.fer(), theory::word_error(length, correctable, octet));
        assert!((fer.low * 0.9..fer.high * 1.1).contains(&word), "{name}: {octet} {word} {fer:?}");
    }
}

#[test]
fn words_behind_the_viterbi_decoder_are_lost_more_often_since_its_errors_come_in_bursts() {
    // Digest 5.2 warns of feeding the formula of independent octets with what it decodes.
    let (rs, snr_db) = (scheme("dbpsk-rs16"), 2.17);
    let outcome = measure(&[(rs, snr_db)], 8_192)[0];
    let octet = outcome.octet_errors as f64 / outcome.octets as f64;
    let fer = outcome.fer();
    assert!(fer.low > 3.0 * theory::word_error(149, 8, octet), "{octet} {fer:?}");
    // The bound that knows of bursts holds, and is no more than half a decibel away.
    let bound = |db| theory::frame_error(rs, linear(db), tables::OCTETS).unwrap();
    assert!(
        bound(snr_db) > fer.low && bound(snr_db + 0.5) < fer.high,
        "{fer:?} {} {}",
        bound(snr_db),
        bound(snr_db + 0.5)
    );
}
