//! The reference chain against formulas and against the digest's tables: small versions of what
//! `channel-sim reference` measures, with fixed seeds. What is measured lies within a tenth of a decibel of what is
//! expected, and is itself known to within a fraction of that.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test")]

use channel_sim::link::{Campaign, Ended, Journal, Measure, Outcome, Shard, SnrOf, Stop, Task, run};
use channel_sim::reference::{Scheme, tables, theory};
use std::sync::atomic::AtomicBool;

/// How far the chain may be from a formula or a figure.
const TOLERANCE_DB: f64 = 0.1;
/// Half the 95 % interval of what is measured.
const PRECISION_DB: f64 = 0.03;
/// The same where one frame in a hundred or fewer is lost, which takes ten times the frames and more.
const PRECISION_OF_RARE_DB: f64 = 0.04;
/// The same for 8PSK at one frame in a hundred. Chain and figure are 0.04 dB apart there, and so are the figure and a
/// decoder without quantisation (`tests/python/coded_psk.py`): to tell that from 0.1 dB takes four times the frames.
const PRECISION_OF_8PSK_DB: f64 = 0.02;

/// What becomes of frames of a scheme until half the 95 % intervals are this share of the rates.
fn measure(scheme: Scheme, snr_db: f64, measure: Measure, precision: f64) -> Outcome {
    let campaign = Campaign {
        tasks: vec![Task::reference(scheme, snr_db, tables::OCTETS)],
        seed: 1,
        stop: Stop { max_frames: 1_000_000, max_lost: u64::MAX, precision, measure },
        snr_of: SnrOf::Mean,
        exact: false,
    };
    let mut journal = Journal::new(campaign, Shard::WHOLE);
    let never = AtomicBool::new(false);
    run(&journal.campaign, &mut journal.points, |_| true, 2, &never, |_| Ok(())).unwrap();
    assert_eq!(journal.points[0].ended, Some(Ended::Precision), "{scheme} at {snr_db} dB");
    journal.points[0].outcome
}

/// Holds a rate of a scheme against a curve, an expected rate over Es/N0 in dB; a sentence where they are apart.
fn hold(
    scheme: Scheme,
    snr_db: f64,
    of: Measure,
    precision_db: f64,
    curve: impl Fn(f64) -> f64,
) -> Option<String> {
    let slope = slope(snr_db, &curve);
    let outcome = measure(scheme, snr_db, of, -slope * precision_db);
    let found = match of {
        Measure::Fer => outcome.fer(),
        Measure::Ber => outcome.ber().unwrap(),
    };
    let difference_db = (found.value / curve(snr_db)).ln() / -slope;
    let said = format!("{scheme} at {snr_db:.2} dB, {of:?} {:.2e}: {difference_db:+.3} dB", found.value);
    println!("{said}");
    (difference_db.abs() > TOLERANCE_DB).then_some(said)
}

/// How fast a rate falls: the derivative of its logarithm, a dB.
fn slope(snr_db: f64, curve: impl Fn(f64) -> f64) -> f64 {
    (curve(snr_db + 0.1) / curve(snr_db - 0.1)).ln() / 0.2
}

/// Holds every row against two of its figures, between which the logarithm falls evenly; at the first or the second one.
fn hold_rows(of: Measure, place: usize, precision_db: impl Fn(&str) -> f64) -> Vec<String> {
    tables::ROWS.iter().filter_map(|row| hold_row(row, of, place, precision_db(row.scheme))).collect()
}

fn hold_row(row: &tables::Row, of: Measure, place: usize, precision_db: f64) -> Option<String> {
    let (rates, db) = match (of, row.ber_db) {
        (Measure::Fer, _) => (tables::FER, row.fer_db),
        (Measure::Ber, Some([first, second, _])) => ([tables::BER[0], tables::BER[1]], [first, second]),
        (Measure::Ber, None) => return None,
    };
    let slope = (rates[1] / rates[0]).ln() / (db[1] - db[0]);
    hold(scheme(row.scheme), db[place], of, precision_db, |at| {
        rates[place] * (slope * (at - db[place])).exp()
    })
}

fn scheme(name: &str) -> Scheme {
    name.parse().unwrap()
}

fn linear(db: f64) -> f64 {
    10f64.powf(db / 10.0)
}

#[test]
fn without_code_the_chain_is_the_formula() {
    for name in ["bpsk-uncoded", "qpsk-uncoded", "dbpsk-uncoded", "dqpsk-uncoded", "d8psk-uncoded"] {
        for level in [1e-2, 1e-4] {
            let snr_db = theory::ratio_db(level, |gamma| theory::uncoded(scheme(name), gamma));
            let curve = |db| theory::uncoded(scheme(name), linear(db));
            assert_eq!(hold(scheme(name), snr_db, Measure::Ber, PRECISION_DB, curve), None);
        }
    }
}

#[test]
fn the_convolutional_code_is_at_its_union_bound_at_1e_5() {
    for name in ["bpsk", "qpsk", "dbpsk"] {
        let bound = |gamma| theory::bit_error_bound(scheme(name), gamma).unwrap();
        let snr_db = theory::ratio_db(1e-5, bound);
        let apart = hold(scheme(name), snr_db, Measure::Ber, PRECISION_OF_RARE_DB, |db| bound(linear(db)));
        assert_eq!(apart, None);
    }
}

#[test]
fn every_row_of_the_digest_loses_one_frame_in_ten_where_it_says() {
    assert_eq!(hold_rows(Measure::Fer, 0, |_| PRECISION_DB), [""; 0]);
}

#[test]
fn every_row_of_the_digest_loses_one_frame_in_a_hundred_where_it_says() {
    let precision_db = |scheme: &str| match scheme {
        "8psk-exact" => PRECISION_OF_8PSK_DB,
        _ => PRECISION_OF_RARE_DB,
    };
    assert_eq!(hold_rows(Measure::Fer, 1, precision_db), [""; 0]);
}

#[test]
fn rows_have_the_digests_bit_error_rates() {
    assert_eq!(hold_rows(Measure::Ber, 0, |_| PRECISION_DB), [""; 0]);
}

#[test]
fn words_of_independent_octets_are_lost_as_often_as_the_formula_says() {
    for (name, length, correctable) in [("bpsk-rs16-uncoded", 149, 8), ("dbpsk-rs8-uncoded", 141, 4)] {
        let scheme = scheme(name);
        let curve = |db| theory::frame_error(scheme, linear(db), tables::OCTETS).unwrap();
        let snr_db =
            theory::ratio_db(0.1, |gamma| theory::frame_error(scheme, gamma, tables::OCTETS).unwrap());
        let slope = slope(snr_db, curve);
        let outcome = measure(scheme, snr_db, Measure::Fer, -slope * PRECISION_DB);
        // Wrong bits of differential values come in pairs: the octets' own rate is what the formula asks for.
        let octet = outcome.octet_errors as f64 / outcome.octets as f64;
        let word = theory::word_error(length, correctable, octet);
        let difference_db = (outcome.fer().value / word).ln() / -slope;
        assert!(difference_db.abs() <= TOLERANCE_DB, "{name}: {difference_db:+.3} dB, {octet} {word}");
    }
}

#[test]
fn words_behind_the_viterbi_decoder_are_lost_more_often_since_its_errors_come_in_bursts() {
    // Digest 5.2 warns of feeding the formula of independent octets with what it decodes.
    let (rs, snr_db) = (scheme("dbpsk-rs16"), 2.17);
    let outcome = measure(rs, snr_db, Measure::Fer, 0.2);
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
