//! `channel-sim link` and `channel-sim merge`: error rates of modems.

use super::campaign::{Outputs, Running, measure, sought};
use channel_sim::link::{
    Campaign, Channel, Grid, Journal, MOST_DB, Measure, Results, Shard, SnrOf, Standard, Stop, System,
    Variant, WHITE, bands, modes, usual_modes,
};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Examples of `link`.
pub(super) const EXAMPLES: &str = "\
Examples:
  channel-sim link --mode dbpsk,dqpsk --snr 0:6:0.5 --csv fer.csv --svg fer.svg
  channel-sim link --standard g3,prime --reference --svg awgn.svg
  channel-sim link --band all --mode robust --options default,ppm=50 --noise n0 --noise n3a --snr -6:6:1
  channel-sim link --mode robust,dbpsk --channel flat,../shared/data/ieee-eu-lv-feeder/Master.dss:34 --snr -4:8:1
  channel-sim link --mode dbpsk,qpsk --options default,notch=s-fsk,receiver=best --snr -2:4:1
  channel-sim link --standard prime --band channel-1,channel-8 --options receiver=standard,receiver=iterative-8 --snr 0:6:1
  channel-sim link --band all --mode all --snr seek --reference --crossings points.csv
  channel-sim link --band fcc-1 --frames 100000 --state fer.json     # Ctrl-C, and again: goes on
  channel-sim link --mode dbpsk --shard 2/8 --state part-2.json      # one machine of eight; then merge";

/// Examples of `merge`.
pub(super) const MERGE_EXAMPLES: &str =
    "Example: channel-sim merge part-1.json part-2.json --csv fer.csv --svg fer.svg";

/// Arguments of `channel-sim link`.
#[derive(Debug, Args)]
pub(crate) struct LinkArguments {
    /// Standards: g3, prime, reference (codes alone)
    #[arg(long, value_delimiter = ',', default_value = "g3")]
    standard: Vec<Standard>,
    /// Bands, or all; by default cenelec-a and channel-1
    #[arg(long, value_delimiter = ',')]
    band: Vec<String>,
    /// Modes, or all: robust, dbpsk, dqpsk, d8psk of G3, and not without being named or all robust-coherent, bpsk, qpsk, 8psk,
    /// 16qam-experimental; dbpsk, dbpsk-c, robust-dbpsk ... of PRIME; dbpsk-x4-rs8 ... of the reference chain
    #[arg(long, alias = "modulation", value_delimiter = ',')]
    mode: Vec<String>,
    /// Options of both modems, joined by +: default, ppm=N, boost=DB, receiver=NAME; notch=LOW-HIGH (kHz) or s-fsk and
    /// map=HEX of G3; interleaving=, fch=, fccs=, tail=, scrambler=, pilots=NAME
    #[arg(long, value_delimiter = ',', default_value = "default", allow_hyphen_values = true)]
    options: Vec<Variant>,
    /// What frames pass: flat, FEEDER:TO (from the coordinator) or FEEDER:FROM:TO, where FEEDER is a file (.dss, .json,
    /// .toml) or village, and points are coordinator, a meter, or a bus with or without a phase (34.2)
    #[arg(long, value_delimiter = ',', default_value = "flat")]
    channel: Vec<Channel>,
    /// Frequency of the mains in Hz, 50 or 60; by default 60 in FCC and ARIB, 50 in the other bands
    #[arg(long, value_parser = mains)]
    mains: Option<u32>,
    /// Noise presets: n0 (white), n1, n3a ...; several with a comma add up; give it again for more points
    #[arg(long, default_value = WHITE)]
    noise: Vec<String>,
    /// Es/N0 per carrier in dB: a list (1,1.5,2), FROM:TO:STEP, or seek: five points, or as many more as it needs, around where each curve loses one frame
    /// in ten; by default around each mode's figure
    #[arg(long, value_parser = ratios, allow_hyphen_values = true)]
    snr: Option<Ratios>,
    /// What the ratio refers to where noise has impulses
    #[arg(long, value_enum, default_value_t = NoiseShare::Mean)]
    snr_of: NoiseShare,
    /// Octets of a frame's data; G3's are filled up to what the symbols carry. Of a list each system has the first that
    /// fits it
    #[arg(long, alias = "psdu", value_delimiter = ',', default_value = "100", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    octets: Vec<usize>,
    /// Also measure the reference chain with the same codes, in white noise
    #[arg(long)]
    reference: bool,
    /// Determines frames, noise, delays and gains
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A point ends after this many frames, or up to a round of 128 more
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..))]
    frames: u64,
    /// A point ends when this many frames were lost
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u64).range(1..))]
    lost: u64,
    /// A point ends when half its 95 % interval is below this share of the rate
    #[arg(long, default_value_t = 0.1, allow_negative_numbers = true)]
    precision: f64,
    /// Measure only every n-th point, from the i-th on, into the --state file
    #[arg(long, value_name = "I/N", requires = "state")]
    shard: Option<Shard>,
    #[command(flatten)]
    running: Running,
    #[command(flatten)]
    outputs: Outputs,
}

/// What signal to noise refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum NoiseShare {
    /// All the noise
    Mean,
    /// What is always there, impulses left out
    Background,
}

/// Arguments of `channel-sim merge`.
#[derive(Debug, Args)]
pub(crate) struct MergeArguments {
    /// State files of all shards, in any order
    #[arg(required = true)]
    states: Vec<PathBuf>,
    #[command(flatten)]
    outputs: Outputs,
}

pub(super) fn run(arguments: &LinkArguments) -> Result<(), String> {
    let campaign = arguments.campaign()?;
    let shard = arguments.shard.unwrap_or(Shard::WHOLE);
    let journal = measure(campaign, shard, &arguments.running, &arguments.outputs)?;
    arguments.outputs.write(&Results::of(&journal))
}

pub(super) fn merge(arguments: &MergeArguments) -> Result<(), String> {
    let parts = arguments.states.iter().map(|path| Ok((path.clone(), Journal::load(path)?)));
    let merged = Journal::merge(parts.collect::<Result<_, String>>()?)?;
    arguments.outputs.write(&Results::of(&merged))
}

impl LinkArguments {
    fn campaign(&self) -> Result<Campaign, String> {
        if !(self.precision > 0.0 && self.precision < 1.0) {
            return Err(format!("--precision {}: use a share between 0 and 1, say 0.1", self.precision));
        }
        let mut tasks = Vec::new();
        for (systems, octets) in self.sized(self.systems()?) {
            tasks.extend(self.grid(systems, octets).tasks()?);
        }
        let mut campaign = Campaign {
            tasks,
            seed: self.seed,
            stop: Stop {
                max_frames: self.frames,
                max_lost: self.lost,
                precision: self.precision,
                measure: Measure::Fer,
            },
            snr_of: match self.snr_of {
                NoiseShare::Mean => SnrOf::Mean,
                NoiseShare::Background => SnrOf::Background,
            },
            exact: dsp::cpu::is_exact(),
        };
        if let Some(Ratios::Seek) = self.snr {
            campaign.tasks = sought(&campaign, &self.running, self.outputs.json)?;
        }
        Ok(campaign)
    }

    fn grid(&self, systems: Vec<System>, octets: usize) -> Grid {
        Grid {
            systems,
            channels: self.channel.clone(),
            noises: self.noise.clone(),
            mains_hz: self.mains,
            snr_db: match &self.snr {
                None => None,
                Some(Ratios::List(ratios)) => Some(ratios.clone()),
                // A point of each curve.
                Some(Ratios::Seek) => Some(vec![0.0]),
            },
            octets,
            with_reference: self.reference,
        }
    }

    /// The systems by the first of the sizes that fits them, or the last.
    fn sized(&self, systems: Vec<System>) -> Vec<(Vec<System>, usize)> {
        let mut sizes: Vec<(Vec<System>, usize)> =
            self.octets.iter().map(|&octets| (Vec::new(), octets)).collect();
        for system in systems {
            let fits = sizes.iter().position(|&(_, octets)| system.filled_octets(octets).is_some());
            let place = fits.unwrap_or(sizes.len().saturating_sub(1));
            if let Some((here, _)) = sizes.get_mut(place) {
                here.push(system);
            }
        }
        sizes.retain(|(systems, _)| !systems.is_empty());
        sizes
    }

    /// Every standard with those bands, modes and options that it has. Each must be one of some standard.
    fn systems(&self) -> Result<Vec<System>, String> {
        let mut systems = Vec::new();
        let mut used = Vec::new();
        let mut errors = Vec::new();
        for &standard in &self.standard {
            let here = bands(standard);
            let chosen_bands = match &self.band[..] {
                [] => here.into_iter().take(1).collect(),
                [all] if all == "all" => here,
                _ => self.band.clone(),
            };
            let chosen_modes = match &self.mode[..] {
                [] => usual_modes(standard),
                [all] if all == "all" => modes(standard),
                _ => self.mode.clone(),
            };
            // Not every band has every mode; what was not named need not fit.
            if self.mode.is_empty() || matches!(&self.mode[..], [all] if all == "all") {
                used.extend(chosen_modes.iter().cloned());
            }
            if self.band.is_empty() || matches!(&self.band[..], [all] if all == "all") {
                used.extend(chosen_bands.iter().cloned());
            }
            for band in &chosen_bands {
                for mode in &chosen_modes {
                    for variant in &self.options {
                        // The reference chain has one band, whatever the others' is.
                        let reference = standard == Standard::Reference;
                        let own_band = if reference { "none" } else { band.as_str() };
                        match System::new(standard, own_band, mode, *variant) {
                            Ok(system) => {
                                if !systems.contains(&system) {
                                    systems.push(system);
                                }
                                used.extend([mode.clone(), variant.to_string()]);
                                used.push(band.clone());
                            }
                            Err(error) => {
                                errors.push((band.clone(), mode.clone(), variant.to_string(), error))
                            }
                        }
                    }
                }
            }
        }
        let wrong = errors
            .into_iter()
            .find(|(band, mode, variant, _)| [band, mode, variant].iter().any(|word| !used.contains(word)));
        match wrong {
            Some((.., error)) => Err(error),
            None => Ok(systems),
        }
    }
}

pub(super) fn mains(text: &str) -> Result<u32, String> {
    match text {
        "50" => Ok(50),
        "60" => Ok(60),
        _ => Err(format!("{text:?} is neither 50 nor 60")),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Ratios {
    List(Vec<f64>),
    Seek,
}

/// Ratios in dB.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct List(pub(super) Vec<f64>);

fn ratios(text: &str) -> Result<Ratios, String> {
    if text == "seek" {
        return Ok(Ratios::Seek);
    }
    list(text).map(|List(ratios)| Ratios::List(ratios))
}

/// A list 1,1.5,2 or FROM:TO:STEP.
pub(super) fn list(text: &str) -> Result<List, String> {
    let number = |text: &str| {
        let value: Option<f64> = text.trim().parse().ok();
        value
            .filter(|value| value.abs() <= MOST_DB)
            .ok_or_else(|| format!("{text:?} is no value from -{MOST_DB} to {MOST_DB} dB"))
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
        _ => return Err(format!("{text:?}: use a list 1,1.5,2, FROM:TO:STEP, or seek")),
    };
    Ok(List(list))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        link: LinkArguments,
    }

    fn systems(words: &str) -> Result<Vec<String>, String> {
        let line = Line::try_parse_from(std::iter::once("link").chain(words.split_whitespace()));
        let systems = line.map_err(|error| error.to_string())?.link.systems()?;
        Ok(systems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn ratios_are_lists_or_ranges() {
        assert_eq!(ratios("-1:1:0.5"), Ok(Ratios::List(vec![-1.0, -0.5, 0.0, 0.5, 1.0])));
        assert_eq!(ratios("3, 1"), Ok(Ratios::List(vec![3.0, 1.0])));
        assert_eq!(ratios("seek"), Ok(Ratios::Seek));
        for wrong in ["", "a", "1:2", "1:2:0", "2:1:1", "0:100:0.001", "nan"] {
            assert!(ratios(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_system_has_the_first_size_that_fits_it() {
        let words =
            "link --band cenelec-a,cenelec-b-experimental --mode robust,dbpsk --octets 100,50,20 --snr 1";
        let line = Line::try_parse_from(words.split(' ')).unwrap();
        let tasks = line.link.campaign().unwrap().tasks;
        let sizes: Vec<_> = tasks.iter().map(|task| (task.system.to_string(), task.octets)).collect();
        // The 252 symbols of 16 carriers hold 54 octets of Robust.
        let robust_b = sizes.iter().find(|(name, _)| name == "g3/cenelec-b-experimental/robust/default");
        assert!(robust_b.is_some_and(|(_, octets)| (50..=54).contains(octets)), "{sizes:?}");
        assert!(sizes.iter().filter(|(_, octets)| (100..=110).contains(octets)).count() == 3, "{sizes:?}");
        let line = Line::try_parse_from("link --octets 300,250 --snr 1".split(' ')).unwrap();
        assert!(line.link.campaign().is_err_and(|error| error.contains("250 octets")));
    }

    #[test]
    fn axes_multiply_where_they_fit_and_what_fits_nowhere_is_named() {
        assert_eq!(systems("--mode dbpsk").unwrap(), ["g3/cenelec-a/dbpsk/default"]);
        assert_eq!(
            systems("--standard g3,prime --mode dbpsk,dbpsk-c").unwrap(),
            [
                "g3/cenelec-a/dbpsk/default",
                "prime/channel-1/dbpsk/default",
                "prime/channel-1/dbpsk-c/default"
            ]
        );
        assert_eq!(systems("--band all --mode robust --options default,ppm=-20").unwrap().len(), 12);
        assert_eq!(systems("--standard g3,prime,reference").unwrap().len(), 4 + 8 + 7);
        // Nine modes in FCC's and ARIB's bands, eight in CENELEC's; eight schemes in eight channels and seven pairs.
        assert_eq!(systems("--band all --mode all").unwrap().len(), 4 * 9 + 2 * 8);
        assert_eq!(systems("--mode all").unwrap().len(), 8);
        assert_eq!(systems("--standard prime --band all").unwrap().len(), 8 * (8 + 7));
        // A notch that one band has, and receivers that one standard has.
        assert_eq!(systems("--band all --mode dbpsk --options notch=s-fsk").unwrap().len(), 1);
        assert_eq!(systems("--standard g3,prime --mode dbpsk --options receiver=best").unwrap().len(), 2);
        assert_eq!(systems("--standard g3,prime --mode dbpsk --options receiver=matched").unwrap().len(), 1);
        let error = systems("--standard prime --options receiver=matched").unwrap_err();
        assert!(error.contains("no receiver \"matched\"") && error.contains("best"), "{error}");
        assert!(systems("--mode dbpsk,16qam").is_err_and(|error| error.contains("16qam")));
        assert!(systems("--band fcc-9").is_err_and(|error| error.contains("fcc-1.a")));
        assert!(systems("--standard prime --options fch=coherent").is_err_and(|error| error.contains("fch")));
        assert!(systems("--mains 55").is_err_and(|error| error.contains("neither 50 nor 60")));
        assert!(systems("--channel village").is_err_and(|error| error.contains("FEEDER:TO")));
        assert!(systems("--shard 1/2").is_err_and(|error| error.contains("--state")));
    }
}
