//! `channel-sim network`: many nodes, frames instead of samples.

use super::print_json;
use channel_sim::frames::modem::{Modem, Stage};
use channel_sim::frames::network::{Network, NetworkPlan, NetworkReport, Pattern, resident};
use channel_sim::frames::table::Table;
use channel_sim::frames::{proof, street};
use channel_sim::noise::Preset;
use channel_sim::scenario::Scenario;
use clap::{Args, ValueEnum};
use g3_phy::Modulation;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use plc_core::time::seconds;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Arguments of `channel-sim network`.
#[derive(Debug, Args)]
pub(crate) struct NetworkArguments {
    /// Feeders (OpenDSS .dss, pandapower .json, our own .toml), each with a network of its own; without any, streets
    /// drawn from the seed
    feeders: Vec<PathBuf>,
    /// Meters on all streets together, where no feeder is given
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    meters: u32,
    /// Streets, where no feeder is given
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    streets: u32,
    /// Networks on each feeder given, with households of their own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    copies: u32,
    /// Instead of feeders, all nodes in one row of which each hears so many: what do nodes out of hearing cost?
    #[arg(long, value_name = "HEARING", value_parser = clap::value_parser!(u32).range(2..=10_000))]
    chain: Option<u32>,
    /// Virtual time, seconds
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    seconds: u64,
    /// Modulation of unicast frames: robust, dbpsk, dqpsk, d8psk, bpsk, qpsk, 8psk
    #[arg(long, default_value = "robust", value_parser = modulation)]
    modulation: Modulation,
    /// Octets of a datagram
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u16).range(6..=90))]
    octets: u16,
    /// Share of what the channel carries that is offered
    #[arg(long, default_value_t = 0.5, allow_negative_numbers = true, value_parser = share)]
    load: f64,
    /// Who sends to whom
    #[arg(long, value_enum, default_value_t = Direction::Both)]
    pattern: Direction,
    /// Noise presets at every port, added up; `channel-sim noise list` has all
    #[arg(long, value_delimiter = ',', default_value = "n1,n3a", value_parser = Preset::parse)]
    noise: Vec<Preset>,
    /// Transmit level, dBuV
    #[arg(long, default_value_t = 120.0)]
    level: f64,
    /// Determines every draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Calibration table of `channel-sim calibrate`; by default the one that comes with the program
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Direction {
    /// Meters to the coordinator
    Up,
    /// The coordinator to meters
    Down,
    /// Half each
    Both,
}

pub(super) fn run(arguments: &NetworkArguments) -> Result<(), String> {
    let plan = NetworkPlan {
        modulation: arguments.modulation,
        octets: arguments.octets.into(),
        load: arguments.load,
        pattern: match arguments.pattern {
            Direction::Up => Pattern::Up,
            Direction::Down => Pattern::Down,
            Direction::Both => Pattern::Both,
        },
        seed: arguments.seed,
        table: match &arguments.table {
            Some(path) => read_table(path, &Modem::cenelec_a())?,
            None => Table::built_in(),
        },
    };
    let names: Vec<String> = arguments.noise.iter().map(ToString::to_string).collect();
    for name in plan.table.unknown(&names) {
        eprintln!(
            "channel-sim: {name} is not in the calibration table, so it is judged as white noise is; \
             channel-sim calibrate --noise {name} makes a table with it"
        );
    }
    if arguments.table.is_none() {
        for doubt in proof::doubts(&names, Stage::payload(arguments.modulation)) {
            eprintln!("channel-sim: {doubt} (docs/link-fidelity.md)");
        }
    }
    let bar = ProgressBar::with_draw_target(Some(1_000), ProgressDrawTarget::stderr());
    if arguments.json || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{wide_bar} {percent} %, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let before = resident();
    let mut network = match arguments.chain {
        Some(hearing) => {
            Network::chain(arguments.meters as usize, hearing as usize, &arguments.noise, &plan)?
        }
        None => Network::on_feeders(&scenarios(arguments)?, &plan)?,
    };
    let progress = |share: f64| bar.set_position((share * 1_000.0) as u64);
    let report = network.measure(seconds(arguments.seconds), &plan, before, progress)?;
    bar.finish_and_clear();
    if arguments.json {
        return print_json(&report);
    }
    print(&report);
    Ok(())
}

fn scenarios(arguments: &NetworkArguments) -> Result<Vec<Scenario>, String> {
    let mut scenarios = Vec::new();
    for path in &arguments.feeders {
        for copy in 0..arguments.copies {
            let seed = arguments.seed.wrapping_add(u64::from(copy));
            let (scenario, _) = Scenario::open_dss(path, seed).map_err(|error| error.to_string())?;
            scenarios.push(scenario);
        }
    }
    if arguments.feeders.is_empty() {
        let streets = arguments.streets.min(arguments.meters);
        for street in 0..streets {
            let households = arguments.meters / streets + u32::from(street < arguments.meters % streets);
            let seed = arguments.seed.wrapping_add(u64::from(street));
            scenarios.push(Scenario::new(street::feeder(households as usize, seed), seed));
        }
    }
    for scenario in &mut scenarios {
        scenario.noise.clone_from(&arguments.noise);
        scenario.level_dbuv = arguments.level;
    }
    Ok(scenarios)
}

/// A modulation that networks have, by its name.
fn modulation(name: &str) -> Result<Modulation, String> {
    let stage = Modem::cenelec_a().payload(name)?;
    let all = Modulation::ALL.into_iter().chain(Modulation::COHERENT);
    let found = all.into_iter().find(|&modulation| Stage::payload(modulation) == stage);
    found.ok_or_else(|| format!("networks have no modulation {name:?}"))
}

/// The calibration of a modem in a file.
pub(super) fn read_table(path: &Path, modem: &Modem) -> Result<Table, String> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        format!("{}: {error}; give a table that channel-sim calibrate wrote", path.display())
    })?;
    Table::parse(&text, modem).map_err(|error| format!("{}: {error}", path.display()))
}

fn print(report: &NetworkReport) {
    let NetworkReport { tally, frames, .. } = report;
    println!(
        "{} nodes in {} networks, set up in {:.1} s; a node is heard by {:.0} on average and {} at most; \
         {} in reach and taking part",
        report.nodes,
        report.networks,
        report.setup_s,
        report.hearing_mean,
        report.hearing_most,
        report.in_reach
    );
    println!(
        "datagrams: {} offered, {} delivered, {} lost (a network carries {:.2} a second without a collision)",
        tally.offered, tally.delivered, report.lost, report.carried_per_second
    );
    println!(
        "  lost at the sender: {} queue full, {} unanswered, {} channel busy; received twice {}, wrong {}",
        tally.refused, tally.unanswered, tally.given_up, tally.repeated, tally.wrong
    );
    println!(
        "frames: {} data and {} acknowledgements sent; {} given to node code; not found {}, wrong header {}, \
         wrong payload {}, disturbed stages {}",
        frames.data_frames,
        frames.acknowledgements,
        frames.frames_handled,
        frames.unheard,
        frames.headers_failed,
        frames.payloads_failed,
        frames.disturbed
    );
    println!(
        "speed: {:.0} s virtual in {:.2} s of processor time ({:.2} s wall): {}",
        report.virtual_s,
        report.cpu_s.unwrap_or(report.wall_s),
        report.wall_s,
        report
            .times_real_time
            .map_or("too short to tell how fast; give more --seconds".to_string(), |times| format!(
                "{times:.0} times real time on one core"
            ))
    );
    println!(
        "events with node code: {} (wake-ups and delivered frames){}",
        report.events,
        report
            .events_per_second
            .map_or(String::new(), |rate| format!(", {:.2} million a second", rate * 1e-6))
    );
    println!(
        "memory: {} octets a node beyond the modem's own {}{}",
        report.octets_per_node,
        report.modem_octets,
        report
            .resident_octets_per_node
            .map(|octets| format!("; the process grew by {octets} a node, both together"))
            .unwrap_or_default()
    );
}

fn share(text: &str) -> Result<f64, String> {
    let value: Option<f64> = text.parse().ok();
    value
        .filter(|value| (0.0..=10.0).contains(value))
        .ok_or_else(|| format!("{text:?} is no share from 0 to 10 (0.5 is half of what the channel carries)"))
}
