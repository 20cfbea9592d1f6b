//! `channel-sim calibrate --standard prime`.

use super::calibrate::{CalibrateArguments, feeders, progress_bar, verdict, write};
use super::print_json;
use channel_sim::frames::calibrate::TOLERANCE_DB;
use channel_sim::frames::crossing::Effort;
use channel_sim::frames::journal::Journal;
use channel_sim::frames::prime::calibrate::{Calibration, Comparison, NamedNoise, prove, table};
use channel_sim::frames::prime::links::links;
use channel_sim::frames::prime::proof;
use channel_sim::frames::prime::stage::scheme;
use channel_sim::frames::prime::table::{Row, Table};
use prime_phy::Scheme;
use serde::Serialize;

#[derive(Serialize)]
struct Results {
    table: Vec<Row>,
    proof: Vec<Comparison>,
    within_tolerance: usize,
    tolerance_db: f64,
}

pub(super) fn run(arguments: &CalibrateArguments) -> Result<(), String> {
    if let Some(band) = arguments.band.as_deref().filter(|band| band.to_lowercase() != "channel-1") {
        return Err(format!("prime has no model of frames in {band:?}; use channel-1"));
    }
    if let Some(receiver) =
        arguments.receiver.as_deref().filter(|name| !["default", "standard"].contains(name))
    {
        return Err(format!("prime has no model of frames of receiver {receiver:?}; use standard"));
    }
    if arguments.capture.is_some() {
        return Err("--capture: frames of PRIME that overlap have no model; leave it out".into());
    }
    let named = |noise: &String| NamedNoise::new(&noise.split('+').collect::<Vec<_>>());
    let noises = arguments.noise.iter().map(named).collect::<Result<Vec<_>, _>>()?;
    let schemes = match arguments.modulation.is_empty() {
        true => Scheme::ALL.to_vec(),
        false => arguments.modulation.iter().map(|name| scheme(name)).collect::<Result<Vec<_>, _>>()?,
    };
    let count = arguments.links as usize;
    let feeders = feeders(arguments)?;
    let links = feeders.iter().flat_map(|(name, scenario)| links(name, scenario, count)).collect();
    let effort = Effort { frames: arguments.frames, half_width_db: arguments.precision };
    let journal = arguments.journal.as_deref().map(Journal::open).transpose()?.unwrap_or_default();
    let calibration = Calibration { noises, links, schemes, seed: arguments.seed, effort, journal };

    let bar = progress_bar(arguments);
    let progress = |share: f64| bar.set_position((share * 1_000.0) as u64);
    bar.set_message("table");
    let table = match &arguments.with {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("{}: {error}; give a table that there is", path.display()))?;
            Table::parse(&text)?
        }
        None => table(&calibration, &progress)?,
    };
    if let Some(path) = &arguments.table {
        let rows = channel_sim::frames::proof::csv(table.rows());
        write(path, &rows.map_err(|error| format!("the table cannot be written: {error}"))?)?;
    }
    bar.set_message("proof");
    bar.reset();
    let comparisons = prove(&calibration, &table, &progress);
    bar.finish_and_clear();
    if let Some(path) = &arguments.csv {
        let rows = channel_sim::frames::proof::csv(&comparisons);
        write(path, &rows.map_err(|error| format!("the proof cannot be written: {error}"))?)?;
    }
    if let Some(path) = &arguments.svg {
        write(path, proof::svg(&comparisons)?.as_bytes())?;
    }
    let (within, compared) =
        (comparisons.iter().filter(|comparison| comparison.holds()).count(), comparisons.len());
    if arguments.json {
        print_json(&Results {
            table: table.rows().to_vec(),
            proof: comparisons,
            within_tolerance: within,
            tolerance_db: TOLERANCE_DB,
        })?;
        return verdict(within, compared);
    }
    print!("{}", proof::text(&comparisons));
    println!("{within} of {compared} within {TOLERANCE_DB} dB at one frame in ten");
    verdict(within, compared)
}
