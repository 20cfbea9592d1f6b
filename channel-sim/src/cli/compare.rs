//! `channel-sim compare`: standards side by side.

use super::campaign::{Running, measure_to, write};
use super::print_json;
use channel_sim::link::{
    Comparison, Measure, Shard, Standard, Stop, System, Variant, WHITE, bands, compare_svg, modes,
};
use clap::Args;
use std::path::PathBuf;

/// Examples.
pub(super) const EXAMPLES: &str = "\
Examples:
  channel-sim compare --noise n0 --noise n1 --noise n3a --csv compare.csv --svg compare.svg
  channel-sim compare --band fcc-1,channel-5 --mode dbpsk,dbpsk-c --power 0:12:2 --json";

/// Arguments of `channel-sim compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// Bands of G3 and channels of PRIME; the power is over the noise's in the first of them
    #[arg(long, value_delimiter = ',', default_value = "cenelec-a,channel-1")]
    band: Vec<String>,
    /// Modes of either standard; by default all, those that no source tells left out
    #[arg(long, value_delimiter = ',')]
    mode: Vec<String>,
    /// Options of the modems, the ones that count last: default, receiver=NAME and what `link` knows
    #[arg(long, value_delimiter = ',', default_value = "default,receiver=best", allow_hyphen_values = true)]
    options: Vec<Variant>,
    /// Noise presets: n0 (white), n1, n3a ...; several with a comma add up; give it again for more pictures
    #[arg(long, default_value = WHITE)]
    noise: Vec<String>,
    /// Received power over the noise's power in the first band, in dB: a list or FROM:TO:STEP
    #[arg(long, value_parser = super::link::list, default_value = "-10:25:1", allow_hyphen_values = true)]
    power: super::link::List,
    /// Octets of a frame's data; G3's are filled up to what the symbols carry
    #[arg(long, default_value_t = 100, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    octets: usize,
    /// Frequency of the mains in Hz, 50 or 60
    #[arg(long, value_parser = super::link::mains, default_value = "50")]
    mains: u32,
    /// Determines frames, noise, delays and gains
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A point ends after this many frames
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..))]
    frames: u64,
    /// A point ends when this many frames were lost
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    lost: u64,
    /// Write the points as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write what arrives over the power as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    running: Running,
}

pub(super) fn run(arguments: &CompareArguments) -> Result<(), String> {
    let comparison = Comparison {
        systems: arguments.systems()?,
        noises: arguments.noise.clone(),
        ratios_db: arguments.power.0.clone(),
        octets: arguments.octets,
        mains_hz: arguments.mains,
    };
    let stop = Stop {
        max_frames: arguments.frames,
        max_lost: arguments.lost,
        precision: 0.0,
        measure: Measure::Fer,
    };
    let campaign = comparison.campaign(arguments.seed, stop)?;
    let files = [&arguments.csv, &arguments.svg];
    let first = files.into_iter().flatten().next();
    let journal = measure_to(campaign, Shard::WHOLE, &arguments.running, first.cloned(), arguments.json)?;
    let compared = comparison.results(&journal)?;
    if let Some(path) = &arguments.csv {
        let csv = compared.csv().map_err(|error| format!("the CSV cannot be made: {error}"))?;
        write(path, &csv)?;
    }
    if let Some(path) = &arguments.svg {
        write(path, compare_svg(&compared)?.as_bytes())?;
    }
    if arguments.json {
        return print_json(&compared);
    }
    print!("{}", compared.table());
    Ok(())
}

impl CompareArguments {
    /// Every mode in the band of its standard, with the options that the standard has.
    fn systems(&self) -> Result<Vec<System>, String> {
        let all = || {
            let of = [Standard::G3, Standard::Prime].into_iter().flat_map(modes);
            of.filter(|mode| !mode.contains("experimental")).fold(Vec::new(), |mut found, mode| {
                if !found.contains(&mode) {
                    found.push(mode);
                }
                found
            })
        };
        let wanted = if self.mode.is_empty() { all() } else { self.mode.clone() };
        let mut systems = Vec::new();
        for band in &self.band {
            let of_band = |standard: &Standard| bands(*standard).contains(&band.to_lowercase());
            let unknown = || {
                let known = [Standard::G3, Standard::Prime].into_iter().flat_map(bands).collect::<Vec<_>>();
                format!("--band {band:?}: use {}", known.join(", "))
            };
            let standard = [Standard::G3, Standard::Prime].into_iter().find(of_band).ok_or_else(unknown)?;
            for options in &self.options {
                for mode in wanted.iter().filter(|mode| modes(standard).contains(&mode.to_lowercase())) {
                    systems.push(System::new(standard, band, mode, *options)?);
                }
            }
        }
        let has = |mode: &&String| systems.iter().any(|system| system.mode() == mode.to_lowercase());
        match wanted.iter().find(|mode| !has(mode)) {
            // By default there may be a band of one standard alone.
            Some(mode) if !self.mode.is_empty() => Err(format!("none of these bands has the mode {mode:?}")),
            _ => Ok(systems),
        }
    }
}
