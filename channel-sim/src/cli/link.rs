//! `channel-sim link`: frame error rates.

use super::print_json;
use channel_sim::link::output::{Results, modulation};
use channel_sim::link::{Campaign, crossings, plot, run as run_campaign};
use clap::Args;
use g3_phy::Modulation;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Largest PSDU that every modulation carries in one frame (g3-phy digest 7.2).
const LARGEST_PSDU: usize = 133;
/// Steps of the progress bar.
const STEPS: f64 = 10_000.0;

/// Arguments of `channel-sim link`.
#[derive(Debug, Args)]
pub(crate) struct LinkArguments {
    /// Modulations: robust, dbpsk, dqpsk, d8psk
    #[arg(long, value_delimiter = ',', default_value = "robust,dbpsk,dqpsk,d8psk", value_parser = modulation)]
    modulation: Vec<Modulation>,
    /// Es/N0 per carrier in dB: a list (1,1.5,2) or FROM:TO:STEP; by default around each modulation's figure
    #[arg(long, value_parser = points, allow_hyphen_values = true)]
    snr: Option<Points>,
    /// Octets of a PSDU, filled up to what the symbols carry
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=LARGEST_PSDU as i64))]
    psdu: u16,
    /// Determines frames, noise, delays and gains
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How much faster the receiver's clock is, ppm
    #[arg(long, default_value_t = 0.0, allow_hyphen_values = true)]
    ppm: f64,
    /// A point ends after this many frames
    #[arg(long, default_value_t = 2_000)]
    frames: u64,
    /// A point ends when this many frames were lost
    #[arg(long, default_value_t = 400)]
    lost: u64,
    /// A point ends when half its 95 % interval is below this share of the rate
    #[arg(long, default_value_t = 0.1)]
    precision: f64,
    /// Threads; by default all cores. Results do not depend on it
    #[arg(long)]
    threads: Option<usize>,
    /// Write the points as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write a plot as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Debug)]
struct Points(Vec<f64>);

pub(super) fn run(arguments: &LinkArguments) -> Result<(), String> {
    let mut pool = rayon::ThreadPoolBuilder::new();
    if let Some(threads) = arguments.threads {
        pool = pool.num_threads(threads);
    }
    let pool = pool.build().map_err(|error| format!("no threads: {error}; try --threads 1"))?;
    let bar = ProgressBar::with_draw_target(Some(STEPS as u64), ProgressDrawTarget::stderr());
    if arguments.json || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{wide_bar} {percent} %, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));

    // Each modulation has points of its own where none are given.
    let count = arguments.modulation.len().max(1) as f64;
    let mut results =
        Results { campaign: campaign(arguments, &[]), points: Vec::new(), crossings: Vec::new() };
    for (index, &modulation) in arguments.modulation.iter().enumerate() {
        let part = campaign(arguments, &[modulation]);
        let progress = |share: f64| bar.set_position(((index as f64 + share) / count * STEPS) as u64);
        results.points.extend(pool.install(|| run_campaign(&part, progress)));
    }
    bar.finish_and_clear();
    results.campaign.modulations.clone_from(&arguments.modulation);
    results.crossings = crossings(&results.points, 0.1);

    if let Some(path) = &arguments.csv {
        let csv = results.csv().map_err(|error| format!("the CSV cannot be made: {error}"))?;
        write(path, &csv)?;
    }
    if let Some(path) = &arguments.svg {
        write(path, plot::svg(&results)?.as_bytes())?;
    }
    if arguments.json {
        return print_json(&results);
    }
    print!("{}", results.table());
    Ok(())
}

fn campaign(arguments: &LinkArguments, modulations: &[Modulation]) -> Campaign {
    let snr_db = match (&arguments.snr, modulations) {
        (Some(points), _) => points.0.clone(),
        (None, [modulation]) => {
            // 0.25 dB steps around the figure, as the digest's 5.3 asks.
            let centre = channel_sim::link::reference::awgn(*modulation).fer_10_percent_db;
            (-3..=5).map(|step| centre + 0.25 * f64::from(step)).collect()
        }
        (None, _) => Vec::new(),
    };
    Campaign {
        modulations: modulations.to_vec(),
        snr_db,
        psdu_octets: usize::from(arguments.psdu),
        seed: arguments.seed,
        ppm: arguments.ppm,
        max_frames: arguments.frames,
        max_lost: arguments.lost,
        relative_precision: arguments.precision,
    }
}

fn write(path: &Path, content: &[u8]) -> Result<(), String> {
    std::fs::write(path, content)
        .map_err(|error| format!("{}: {error}; give a path in a folder that exists", path.display()))
}

fn points(text: &str) -> Result<Points, String> {
    let number = |text: &str| {
        let value: Option<f64> = text.trim().parse().ok();
        value
            .filter(|value| value.is_finite() && value.abs() <= 100.0)
            .ok_or_else(|| format!("{text:?} is no value from -100 to 100 dB"))
    };
    let parts: Vec<&str> = text.split(':').collect();
    let list = match parts[..] {
        [from, to, step] => {
            let (from, to, step) = (number(from)?, number(to)?, number(step)?);
            if step <= 0.0 || to < from || (to - from) / step > 1_000.0 {
                return Err(format!(
                    "{text:?}: FROM:TO:STEP needs FROM <= TO, a positive STEP and at most 1000 points"
                ));
            }
            let count = ((to - from) / step + 1e-9).floor() as usize;
            (0..=count).map(|index| from + step * index as f64).collect()
        }
        [list] => list.split(',').map(number).collect::<Result<_, _>>()?,
        _ => return Err(format!("{text:?}: use a list 1,1.5,2 or FROM:TO:STEP")),
    };
    Ok(Points(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_lists_or_ranges() {
        assert_eq!(points("-1:1:0.5").unwrap().0, [-1.0, -0.5, 0.0, 0.5, 1.0]);
        assert_eq!(points("3, 1").unwrap().0, [3.0, 1.0]);
        for wrong in ["", "a", "1:2", "1:2:0", "2:1:1", "0:100:0.001", "nan"] {
            assert!(points(wrong).is_err(), "{wrong}");
        }
    }
}
