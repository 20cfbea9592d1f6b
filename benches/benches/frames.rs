//! The link fidelity: virtual time against processor time, events with node code a second, and memory a node.
//!
//! `cargo bench -p benches --bench frames [-- SECONDS]` runs 1 000 meters on eleven streets with datagrams of 40
//! octets at half of what the channel carries, in Robust and in DBPSK; then rows of 1 000 and of 10 000 nodes of which
//! each hears 100, whose cost an event must be alike. Figures are per second of processor time of the one thread.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a measurement for people")]

use channel_sim::frames::network::{Network, NetworkPlan, NetworkReport, Pattern, resident};
use channel_sim::frames::street;
use channel_sim::frames::table::Table;
use channel_sim::noise::Preset;
use channel_sim::scenario::Scenario;
use g3_phy::Modulation;
use plc_core::time::seconds;

fn main() {
    let span = std::env::args().skip(1).find_map(|word| word.parse::<u64>().ok()).unwrap_or(600);
    for modulation in [Modulation::Robust, Modulation::Dbpsk] {
        let plan = plan(modulation);
        let streets: Vec<Scenario> =
            (1..=11).map(|seed| Scenario::new(street::feeder(91, seed), seed)).collect();
        let before = resident();
        let mut network = Network::on_feeders(&streets, &plan).expect("the streets carry a network");
        let report = network.measure(seconds(span), &plan, before, |_| {}).expect("the datagrams fit");
        print(&format!("11 streets of 91, {modulation:?}"), &report);
    }
    for nodes in [1_000, 10_000] {
        let plan = plan(Modulation::Robust);
        let noise = [Preset::parse("n0").expect("a preset")];
        let before = resident();
        let mut network = Network::chain(nodes, 100, &noise, &plan).expect("a row carries a network");
        let span = seconds(span * 1_000 / nodes as u64);
        let report = network.measure(span, &plan, before, |_| {}).expect("the datagrams fit");
        print(&format!("a row of {nodes}, 100 in hearing"), &report);
    }
}

fn plan(modulation: Modulation) -> NetworkPlan {
    NetworkPlan {
        modulation,
        octets: 40,
        load: 0.5,
        pattern: Pattern::Both,
        seed: 1,
        table: Table::built_in(),
    }
}

fn print(name: &str, report: &NetworkReport) {
    let [times, events] =
        [report.times_real_time, report.events_per_second].map(|rate| rate.unwrap_or(f64::NAN));
    println!(
        "{name}: {} offered, {} delivered, {} lost; {:.0} times real time, {:.2} million events a second \
         ({:.0} ns an event); {} octets a node beyond the modem's {}",
        report.tally.offered,
        report.tally.delivered,
        report.lost,
        times,
        events * 1e-6,
        1e9 / events,
        report.octets_per_node,
        report.modem_octets
    );
}
