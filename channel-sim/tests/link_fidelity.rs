//! The link fidelity: networks in frames, and a small proof that they lose what samples lose.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed helper fails its test")]

use channel_sim::frames::calibrate::{Calibration, NamedNoise, TOLERANCE_DB, prove, table};
use channel_sim::frames::crossing::Effort;
use channel_sim::frames::journal::Journal;
use channel_sim::frames::modem::{Modem, Stage};
use channel_sim::frames::network::{Network, NetworkPlan, Pattern};
use channel_sim::frames::table::Table;
use channel_sim::frames::{proof, street};
use channel_sim::link::{Standard, Variant};
use channel_sim::noise::Preset;
use channel_sim::scenario::Scenario;
use g3_phy::Modulation;
use plc_core::time::seconds;
use std::sync::Arc;

fn plan(seed: u64) -> NetworkPlan {
    NetworkPlan {
        modulation: Modulation::Robust,
        octets: 40,
        load: 0.3,
        pattern: Pattern::Both,
        seed,
        table: Table::built_in(),
    }
}

fn streets(count: u64, households: usize) -> Vec<Scenario> {
    (1..=count).map(|seed| Scenario::new(street::feeder(households, seed), seed)).collect()
}

#[test]
fn most_datagrams_arrive_once_and_unchanged_and_every_one_is_accounted_for() {
    let mut network = Network::on_feeders(&streets(2, 12), &plan(1)).unwrap();
    network.run(seconds(120), |_| {});
    network.drain();
    let tally = network.tally();
    assert!(tally.offered > 200, "{tally:?}");
    assert!(tally.delivered as f64 > 0.9 * tally.offered as f64, "{tally:?}");
    assert_eq!((tally.wrong, tally.repeated), (0, 0));
    assert_eq!(
        tally.offered,
        tally.confirmed + tally.refused + tally.unanswered + tally.given_up,
        "{tally:?}"
    );
    // What the sender holds for delivered was delivered; an acknowledgement may be lost.
    assert!(tally.delivered >= tally.confirmed, "{tally:?}");
}

#[test]
fn a_seed_gives_the_same_run_whatever_the_steps() {
    let run = |seed: u64, steps: u64| {
        let mut network = Network::on_feeders(&streets(1, 20), &plan(seed)).unwrap();
        (0..steps).for_each(|_| network.run(seconds(60 / steps), |_| {}));
        (network.counts(), network.tally())
    };
    let once = run(5, 1);
    assert_eq!(once, run(5, 1));
    assert_eq!(once, run(5, 6));
    assert_ne!(once, run(6, 1));
}

#[test]
fn a_frame_costs_what_hears_it_and_not_what_there_is() {
    let cost = |nodes: usize| {
        let noise = [Preset::parse("n0").unwrap()];
        let mut network = Network::chain(nodes, 20, &noise, &plan(2)).unwrap();
        network.run(seconds(60), |_| {});
        let counts = network.counts();
        assert!(network.domains()[0].listeners().all(|listeners| listeners <= 20));
        (counts.events() as f64, counts.queued as f64, (counts.data_sent + counts.acks_sent) as f64)
    };
    let ((few_events, few_queued, few_frames), (many_events, many_queued, many_frames)) =
        (cost(60), cost(600));
    assert!(many_frames > 8.0 * few_frames, "{many_frames} {few_frames}");
    assert!((many_events / many_frames / (few_events / few_frames) - 1.0).abs() < 0.15);
    assert!((many_queued / many_frames / (few_queued / few_frames) - 1.0).abs() < 0.15);
}

#[test]
fn the_simulator_keeps_at_most_sixteen_kibibytes_a_node() {
    let mut network = Network::on_feeders(&streets(11, 90), &plan(3)).unwrap();
    network.run(seconds(5), |_| {});
    assert!(network.nodes() >= 1_000);
    let most = network.domains().iter().flat_map(|domain| domain.listeners()).max().unwrap();
    assert!(most <= 100, "{most}");
    assert!(network.size() / network.nodes() <= 16 * 1_024, "{}", network.size() / network.nodes());
}

/// `channel-sim calibrate` in small, on a link of a street that the table has not seen.
fn assert_reproduced(noises: &[&[&str]], modes: &[Stage]) {
    let modem = Arc::new(Modem::cenelec_a());
    let calibration = Calibration {
        noises: noises.iter().map(|names| NamedNoise::new(names, &modem).unwrap()).collect(),
        links: proof::links("street", &Scenario::new(street::feeder(30, 4), 4), 1, &modem),
        modem,
        seed: 11,
        effort: Effort { frames: 400, half_width_db: 0.1 },
        journal: Journal::default(),
    };
    for comparison in prove(&calibration, &Table::built_in(), modes, &|_| {}) {
        assert!(comparison.holds(), "beyond {TOLERANCE_DB} dB: {comparison:?}");
    }
}

#[test]
fn the_table_reproduces_the_waveform_at_one_frame_in_ten() {
    assert_reproduced(&[&["n1"], &["n3a"]], &[Stage::Robust, Stage::Dqpsk]);
}

#[test]
fn the_table_reproduces_the_sum_of_noises_that_networks_have_by_default() {
    assert_reproduced(&[&["n1", "n3a"]], &[Stage::Dbpsk]);
}

#[test]
fn the_table_reproduces_coherent_modes() {
    assert_reproduced(&[&["n2"]], &[Stage::Bpsk, Stage::Psk8]);
}

/// `channel-sim calibrate --band BAND --receiver RECEIVER` in small: a table of one mode, made from nothing, and its proof on the far
/// link of a street in each noise.
fn assert_calibrated(band: &str, receiver: Option<&'static str>, mode: Stage, noises: &[&[&str]]) {
    let variant = Variant { receiver, ..Variant::default() };
    let modem = Arc::new(Modem::new(Standard::G3, band, variant).unwrap().only(&[mode], 60));
    let calibration = Calibration {
        noises: noises.iter().map(|names| NamedNoise::new(names, &modem).unwrap()).collect(),
        links: proof::links("street", &Scenario::new(street::feeder(30, 4), 4), 1, &modem),
        modem,
        seed: 11,
        effort: Effort { frames: 1_200, half_width_db: 0.12 },
        journal: Journal::default(),
    };
    let table = table(&calibration, &|_| {}).unwrap();
    for comparison in prove(&calibration, &table, &[mode], &|_| {}) {
        println!("{band} {receiver:?} {comparison:?}");
        assert!(comparison.holds(), "{band}: beyond {TOLERANCE_DB} dB: {comparison:?}");
    }
}

#[test]
fn a_table_of_fcc_1_reproduces_the_waveform() {
    assert_calibrated("fcc-1", None, Stage::Dbpsk, &[&["n1"], &["n3a"]]);
}

#[test]
fn a_table_of_arib_reproduces_the_waveform_in_a_coherent_mode() {
    assert_calibrated("arib", None, Stage::Qpsk, &[&["n3a"]]);
}

#[test]
fn a_table_of_the_best_receiver_reproduces_the_waveform() {
    assert_calibrated("cenelec-a", Some("best"), Stage::Dqpsk, &[&["n1"]]);
}

#[test]
fn a_network_with_more_nodes_than_addresses_is_refused() {
    let noise = [Preset::parse("n0").unwrap()];
    let error = Network::chain(70_000, 10, &noise, &plan(1)).err().unwrap();
    assert!(error.contains("70000") && error.contains("65520"), "{error}");
}
