//! `channel-sim calibrate`: the link fidelity's table by the waveform mode, and the proof that it reproduces it.

use super::print_json;
use channel_sim::frames::calibrate::{Calibration, Comparison, NamedNoise, TOLERANCE_DB, prove, table};
use channel_sim::frames::crossing::Effort;
use channel_sim::frames::journal::Journal;
use channel_sim::frames::modem::{Modem, Stage};
use channel_sim::frames::table::Table;
use channel_sim::frames::{capture, picture, proof};
use channel_sim::link::{Standard, Variant};
use channel_sim::scenario::Scenario;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Arguments of `channel-sim calibrate`.
#[derive(Debug, Args)]
pub(crate) struct CalibrateArguments {
    /// Standard: g3, or prime, whose model is of channel 1 and the standard receiver
    #[arg(long, default_value = "g3")]
    standard: Standard,
    /// Band, as `channel-sim link` has it; by default cenelec-a, and channel-1 of PRIME
    #[arg(long)]
    pub(super) band: Option<String>,
    /// Receiver, as `receiver=NAME` of `channel-sim link`; by default the standard's own
    #[arg(long)]
    pub(super) receiver: Option<String>,
    /// Noises: presets, or sums of them joined by +. With the four feeders of docs/link-fidelity.md and three links on
    /// each these six take some ten minutes of one core, and one or two from a journal
    #[arg(long, value_delimiter = ',', default_value = "n0,n1,n2,n3a,n3b,n1+n3a")]
    pub(super) noise: Vec<String>,
    /// Feeders of the proof (.dss, .json, .toml) besides the built-in village and a street of 60
    #[arg(long, value_name = "FILE")]
    feeder: Vec<PathBuf>,
    /// Links on each feeder, from the coordinator: of N links the first is to the meter that an Nth of all meters hear as
    /// well as or better than, and so on to the farthest. Overlapping frames take the first and the last of a feeder
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub(super) links: u32,
    /// Modulations of the proof; by default all that have a model
    #[arg(long, value_delimiter = ',')]
    pub(super) modulation: Vec<String>,
    /// A crossing ends when half its 95 % interval is below this, dB
    #[arg(long, default_value_t = 0.09, allow_negative_numbers = true, value_parser = precision)]
    pub(super) precision: f64,
    /// A crossing ends after so many frames
    #[arg(long, default_value_t = 4_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) frames: u32,
    /// Determines frames, noise, delays and clocks
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Keep what frames came to in this file, and do not send again what it holds: goes on where a run was broken off
    #[arg(long, value_name = "FILE")]
    pub(super) journal: Option<PathBuf>,
    /// Prove this table instead of making one
    #[arg(long, value_name = "FILE")]
    pub(super) with: Option<PathBuf>,
    /// Write the table as CSV
    #[arg(long, value_name = "FILE")]
    pub(super) table: Option<PathBuf>,
    /// Write the proof as CSV
    #[arg(long, value_name = "FILE")]
    pub(super) csv: Option<PathBuf>,
    /// Write the proof as SVG
    #[arg(long, value_name = "FILE")]
    pub(super) svg: Option<PathBuf>,
    /// Write what became of overlapping frames as CSV; in other bands than CENELEC-A and with other receivers than the default they
    /// are calibrated only if it is given
    #[arg(long, value_name = "FILE")]
    pub(super) capture: Option<PathBuf>,
    /// One JSON object instead of text
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Serialize)]
struct Results {
    table: Vec<channel_sim::frames::table::Row>,
    proof: Vec<Comparison>,
    overlaps: Vec<capture::Overlap>,
    within_tolerance: usize,
    tolerance_db: f64,
    overlaps_within_tolerance: usize,
    overlap_tolerance_db: f64,
}

pub(super) fn run(arguments: &CalibrateArguments) -> Result<(), String> {
    if arguments.standard == Standard::Prime {
        return super::calibrate_prime::run(arguments);
    }
    let modem = Arc::new(modem(arguments)?);
    let modes: Vec<Stage> = match &arguments.modulation[..] {
        [] => modem.payloads().collect(),
        names => names.iter().map(|name| modem.payload(name)).collect::<Result<_, _>>()?,
    };
    let noises = arguments
        .noise
        .iter()
        .map(|noise| NamedNoise::new(&noise.split('+').collect::<Vec<_>>(), &modem))
        .collect::<Result<Vec<_>, _>>()?;
    let feeders = feeders(arguments)?;
    let count = arguments.links as usize;
    let links =
        feeders.iter().flat_map(|(name, scenario)| proof::links(name, scenario, count, &modem)).collect();
    let effort = Effort { frames: arguments.frames, half_width_db: arguments.precision };
    let is_default = modem.name() == Modem::cenelec_a().name();
    let overlapping = arguments.links >= 2 && (is_default || arguments.capture.is_some());
    if arguments.links < 2 && is_default {
        eprintln!(
            "overlapping frames are left out, and the table keeps what the program's own has of them: they take two links of \
             a feeder; ask for --links 2 or more"
        );
    }
    let journal = arguments.journal.as_deref().map(Journal::open).transpose()?.unwrap_or_default();
    let calibration =
        Calibration { modem: modem.clone(), noises, links, seed: arguments.seed, effort, journal };

    let bar = progress_bar(arguments);
    let progress = |share: f64| bar.set_position((share * 1_000.0) as u64);
    bar.set_message("table");
    let table = match &arguments.with {
        Some(path) => super::network::read_table(path, &modem)?,
        None => {
            let plain = table(&calibration, &progress)?;
            let overlaps = match overlapping {
                true => capture::offsets(&calibration, &plain)?,
                false if is_default => {
                    Table::built_in().rows().iter().filter(|row| row.share.is_some()).cloned().collect()
                }
                false => Vec::new(),
            };
            Table::new(plain.rows().iter().cloned().chain(overlaps).collect())
        }
    };
    if let Some(path) = &arguments.table {
        write(path, &table.csv().map_err(|error| format!("the table cannot be written: {error}"))?)?;
    }
    bar.set_message("proof");
    bar.reset();
    let comparisons = prove(&calibration, &table, &modes, &progress);
    if let Some(path) = &arguments.csv {
        write(
            path,
            &proof::csv(&comparisons).map_err(|error| format!("the proof cannot be written: {error}"))?,
        )?;
    }
    if let Some(path) = &arguments.svg {
        write(path, picture::svg(&comparisons, modem.name())?.as_bytes())?;
    }
    bar.set_message("overlaps");
    let overlaps = match overlapping {
        true => capture::compare(&calibration, &table, &modes)?,
        false => Vec::new(),
    };
    bar.finish_and_clear();
    if let Some(path) = &arguments.capture {
        write(path, &proof::csv(&overlaps).map_err(|error| format!("overlaps cannot be written: {error}"))?)?;
    }
    let within = comparisons.iter().filter(|comparison| comparison.holds()).count();
    let near = overlaps.iter().filter(|overlap| overlap.holds()).count();
    if arguments.json {
        let compared = comparisons.len();
        print_json(&Results {
            table: table.rows().to_vec(),
            within_tolerance: within,
            tolerance_db: TOLERANCE_DB,
            proof: comparisons,
            overlaps_within_tolerance: near,
            overlap_tolerance_db: capture::TOLERANCE_DB,
            overlaps,
        })?;
        return verdict(within, compared);
    }
    print!("{}", proof::text(&comparisons));
    println!("{within} of {} within {TOLERANCE_DB} dB at one frame in ten\n", comparisons.len());
    print!("{}", proof::overlaps(&overlaps));
    if !overlaps.is_empty() {
        println!(
            "{near} of {} overlaps within {} dB (told, not judged)",
            overlaps.len(),
            capture::TOLERANCE_DB
        );
    }
    verdict(within, comparisons.len())
}

fn precision(text: &str) -> Result<f64, String> {
    let value: Option<f64> = text.parse().ok();
    value
        .filter(|value| *value > 0.0 && *value <= 20.0)
        .ok_or_else(|| format!("{text:?} is no half interval above 0 and up to 20 dB; 0.09 is the default"))
}

/// What is calibrated.
fn modem(arguments: &CalibrateArguments) -> Result<Modem, String> {
    let band = arguments.band.as_deref().unwrap_or("cenelec-a");
    let variant: Variant = match arguments.receiver.as_deref() {
        None | Some("default") => Variant::default(),
        Some(receiver) => format!("receiver={receiver}").parse()?,
    };
    Modem::new(arguments.standard, band, variant)
}

/// The built-in village, a street of 60, and the feeders that were named.
pub(super) fn feeders(arguments: &CalibrateArguments) -> Result<Vec<(String, Scenario)>, String> {
    let mut feeders = vec![
        ("village".to_string(), Scenario::village(arguments.seed)),
        (
            "street".to_string(),
            Scenario::new(channel_sim::frames::street::feeder(60, arguments.seed), arguments.seed),
        ),
    ];
    for path in &arguments.feeder {
        let (scenario, _) = Scenario::open_dss(path, arguments.seed).map_err(|error| error.to_string())?;
        feeders.push((scenario.feeder.name.clone(), scenario));
    }
    Ok(feeders)
}

pub(super) fn progress_bar(arguments: &CalibrateArguments) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(1_000), ProgressDrawTarget::stderr());
    if arguments.json || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent} %, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// An error where the model does not hold on a link, so that a script sees it. Overlapping frames are told only.
pub(super) fn verdict(within: usize, compared: usize) -> Result<(), String> {
    match compared - within {
        0 => Ok(()),
        apart => Err(format!("{apart} of {compared} comparisons are apart by more than {TOLERANCE_DB} dB")),
    }
}

pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), String> {
    std::fs::write(path, content)
        .map_err(|error| format!("{}: {error}; give a path in a folder that exists", path.display()))
}
