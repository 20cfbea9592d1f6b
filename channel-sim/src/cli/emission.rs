//! `channel-sim emission`: a transmitter, or a recording, against the limits of a standard.

use super::replay::{band, load_with};
use super::{Failure, print_json};
use channel_sim::line::TRANSMIT_OHM;
use channel_sim::link::{channel_name, scheme_name};
use channel_sim::regulatory::mask::{Detector, Mask};
use channel_sim::regulatory::plot;
use channel_sim::regulatory::verdict::{Measurement, Verdict};
use channel_sim::regulatory::waveform::{Sending, Source, source};
use channel_sim::replay::describe::{self, modulation_named};
use clap::Args;
use g3_phy::options::{Flip, MOST_EDGE_SAMPLES, Notch, Options};
use g3_phy::{BandPlan, ToneMask};
use prime_phy::channel::CARRIERS;
use prime_phy::{Channel, FrameType, Scheme};
use std::path::PathBuf;

/// What the help ends with.
pub(super) const EXAMPLES: &str = "\
Examples:
  channel-sim emission --band cenelec-a --level 120 --svg emission.svg
  channel-sim emission --edge 15 --cross-fade --notch 39-49
  channel-sim emission --band channel-1 --modulation robust-dbpsk --frame-type bc
  channel-sim emission --recording meter.wav --volts 10 --source-ohm 1 --mask my-limits.toml --json

Exit codes: 0 every limit is kept, 1 failed, 2 wrong usage, 3 a limit is exceeded, 4 none is exceeded but one lies where
the samples show nothing";

/// Exit code: a limit is exceeded.
const EXCEEDED: u8 = 3;
/// Exit code: no limit is exceeded, but not every one could be measured.
const NOT_MEASURED: u8 = 4;

/// Arguments of `channel-sim emission`.
#[derive(Debug, Args)]
pub(crate) struct EmissionArguments {
    /// Limits: en50065-1-a (9 to 95 kHz; for signals there and for recordings without this option), en50065-1-b122 or
    /// -b134 (95 to 148.5 kHz; b122 for signals there without this option), or a TOML file
    #[arg(long)]
    mask: Option<String>,
    /// Band of the transmitter: G3's cenelec-a, cenelec-b, fcc-1, fcc-1.a, fcc-1.b or arib; PRIME's channel-1 to channel-8
    #[arg(long, default_value = "cenelec-a", value_parser = place)]
    band: Place,
    /// Modulation of its frames: robust, dbpsk, dqpsk or d8psk; in PRIME's channels dbpsk, dqpsk or d8psk, with -c
    /// coded, robust-dbpsk or robust-dqpsk; dqpsk without
    #[arg(long, default_value = "dqpsk")]
    modulation: String,
    /// PRIME's frames: a, b or bc; the plainest that carries the modulation without
    #[arg(long, value_name = "TYPE", value_parser = frame_type)]
    frame_type: Option<FrameType>,
    /// G3: samples of the symbols' edges, 8 (the standard's) to 22
    #[arg(long, value_name = "SAMPLES", value_parser = clap::value_parser!(u8).range(8..=MOST_EDGE_SAMPLES as i64))]
    edge: Option<u8>,
    /// G3: the preamble's sign changes over an edge instead of from one sample to the next
    #[arg(long)]
    cross_fade: bool,
    /// G3: masks these carriers, FIRST-LAST by the standard's index, and filters between the outer ones
    #[arg(long, value_name = "CARRIERS", value_parser = notch)]
    notch: Option<Notch>,
    /// Octets of a frame
    #[arg(long, default_value_t = 100)]
    octets: usize,
    /// Pause between frames, ms
    #[arg(long, default_value_t = 5.56, allow_negative_numbers = true, value_parser = super::scenario::pause)]
    pause: f64,
    /// Transmit level (rms), dBuV; with --notch that of all carriers, of which those that are left keep theirs
    #[arg(long, default_value_t = 120.0, value_parser = super::scenario::finite)]
    level: f64,
    /// How long to measure, s
    #[arg(long, default_value_t = 2.0, allow_negative_numbers = true, value_parser = super::scenario::measured)]
    seconds: f64,
    /// Determines the payload
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A recording (SigMF or WAV) instead of a transmitter: its volts are those on the network
    #[arg(long, value_name = "FILE")]
    recording: Option<PathBuf>,
    /// Volts of a sample of 1.0 where the recording does not say, as WAV files of other programs; 1 without
    #[arg(long, requires = "recording", allow_negative_numbers = true, value_parser = super::scenario::volts)]
    volts: Option<f64>,
    /// The recording's volts are those of a source behind so many ohm
    #[arg(long, requires = "recording", allow_negative_numbers = true, value_parser = super::scenario::ohm)]
    source_ohm: Option<f64>,
    /// Writes a picture of levels and limits
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &EmissionArguments) -> Result<(), Failure> {
    let mask = Mask::named(&arguments.mask()?)?;
    let (volts, rate_hz, what) = match &arguments.recording {
        Some(path) => {
            let recording = load_with(path, arguments.volts)?;
            let rate_hz = recording.about.sample_rate_hz;
            let volts = match arguments.source_ohm {
                Some(ohm) => mask.network.measured(&recording.volts, rate_hz, ohm),
                None => recording.volts,
            };
            (volts, rate_hz, path.display().to_string())
        }
        None => {
            let sending = Sending {
                source: arguments.source()?,
                octets: arguments.octets,
                pause_s: arguments.pause / 1e3,
                level_dbuv: arguments.level,
                seconds: arguments.seconds,
                seed: arguments.seed,
            };
            let rate_hz = sending.source.rate_hz();
            let what = format!("{}, {}", described(&sending.source), levels(&sending));
            (mask.network.measured(&source(&sending)?, rate_hz, TRANSMIT_OHM), rate_hz, what)
        }
    };
    let found = Measurement::new(&volts, rate_hz, &mask)?;
    if let Some(path) = &arguments.svg {
        std::fs::write(path, plot::svg(&found, &mask)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if arguments.json {
        let verdicts: Vec<_> = found.verdicts.iter().map(json).collect();
        let levels: Vec<_> = found
            .levels
            .iter()
            .map(|level| [level.hz, level.peak_dbuv, level.quasi_peak_dbuv, level.average_dbuv])
            .collect();
        print_json(&serde_json::json!({
            "what": what,
            "mask": mask.name,
            "recalled": mask.recalled,
            "signal_hz": found.signal_hz,
            "passes": found.passes(),
            "limits": verdicts,
            "levels_hz_peak_quasi_peak_average": levels,
        }))?;
    } else {
        print_table(&what, &mask, &found);
    }
    let limits = found.verdicts.len();
    match (found.exceeded(), found.unmeasured()) {
        (0, 0) => Ok(()),
        (0, count) => Err(Failure {
            code: NOT_MEASURED,
            message: format!(
                "{count} of {limits} limits hold where these samples show nothing or not all: no limit is exceeded as \
                 far as they go; give samples at a higher rate"
            ),
        }),
        (count, _) => {
            Err(Failure { code: EXCEEDED, message: format!("{count} of {limits} limits exceeded") })
        }
    }
}

impl EmissionArguments {
    /// The mask that was asked for, or the built-in one for signals where the transmitter's are.
    fn mask(&self) -> Result<String, Failure> {
        if let Some(mask) = &self.mask {
            return Ok(mask.clone());
        }
        if self.recording.is_some() {
            return Ok("en50065-1-a".to_string());
        }
        let [low_hz, high_hz] = match self.band {
            Place::G3(plan) => {
                let (lowest, highest) = carriers(&plan);
                [lowest, highest].map(|carrier| plan.carrier_hz(usize::from(carrier - plan.first_carrier)))
            }
            Place::Prime(channel) => [0, CARRIERS - 1].map(|carrier| channel.carrier_hz(carrier)),
        };
        match (low_hz, high_hz) {
            (_, high) if high < 95e3 => Ok("en50065-1-a".to_string()),
            (low, high) if low > 95e3 && high < 148.5e3 => Ok("en50065-1-b122".to_string()),
            _ => Err(Failure {
                code: 2,
                message: format!(
                    "signals from {:.1} to {:.1} kHz lie in no band of EN 50065-1, whose limits are built in: give yours \
                     with --mask FILE (docs/emission.md has the format)",
                    low_hz / 1e3,
                    high_hz / 1e3
                ),
            }),
        }
    }

    /// The transmitter that was asked for.
    fn source(&self) -> Result<Source, String> {
        let options = Options::default();
        let options = Options {
            edge_samples: self.edge.unwrap_or(options.edge_samples),
            flip: if self.cross_fade { Flip::CrossFade } else { options.flip },
            // The filter's edges, where it is down by 6 dB, are the outer carriers' neighbours.
            notch: self.notch.map(|notch| Notch { first: notch.first + 1, last: notch.last - 1 }),
            ..options
        };
        match self.band {
            Place::G3(plan) => {
                if let Some(frame_type) = self.frame_type {
                    return Err(format!(
                        "--frame-type {frame_type:?} is of PRIME's frames, not of {}",
                        plan.name
                    ));
                }
                if let Some(Notch { first, last }) = self.notch {
                    let (lowest, highest) = carriers(&plan);
                    if first < lowest || last > highest {
                        return Err(format!(
                            "--notch {first}-{last}: {} has the carriers {lowest} to {highest}",
                            plan.name
                        ));
                    }
                }
                let whole = ToneMask::ALL;
                let mask = self.notch.map_or(whole, |notch| whole.without(&plan, notch.first..=notch.last));
                let modulation = modulation_named(&self.modulation)?;
                Ok(Source::G3 { plan, mask, tone_map: plan.full_tone_map(), modulation, options })
            }
            Place::Prime(channel) => {
                if options != Options::default() {
                    return Err(
                        "--edge, --cross-fade and --notch are of G3's transmitter, not of PRIME's".into()
                    );
                }
                let wanted = self.modulation.to_lowercase();
                let scheme = Scheme::ALL.into_iter().find(|&scheme| scheme_name(scheme) == wanted);
                let scheme = scheme.ok_or_else(|| {
                    let known = Scheme::ALL.map(scheme_name).join(", ");
                    format!("PRIME has no modulation {wanted:?}; use {known}")
                })?;
                let frame_type = self.frame_type.unwrap_or_else(|| FrameType::plainest(scheme));
                let options = prime_phy::options::Options::default();
                Ok(Source::Prime { channel, frame_type, scheme, options })
            }
        }
    }
}

/// The lowest and the highest carrier of a band, by the standard's index.
fn carriers(plan: &BandPlan) -> (u16, u16) {
    let offsets = plan.unmasked(ToneMask::ALL).offsets();
    let (lowest, highest) = offsets.fold((u16::MAX, 0), |(lowest, highest), offset| {
        (lowest.min(offset as u16), highest.max(offset as u16))
    });
    (plan.first_carrier.saturating_add(lowest), plan.first_carrier.saturating_add(highest))
}

/// The level of a transmitter, for people. Carriers keep theirs when others are masked, so that the rest has less.
fn levels(sending: &Sending) -> String {
    let level = sending.level_dbuv;
    if let Source::G3 { plan, mask, .. } = &sending.source {
        let [left, all] = [*mask, ToneMask::ALL].map(|mask| plan.unmasked(mask).len());
        if left < all {
            let of_left = level + 10.0 * (left as f64 / all as f64).log10();
            return format!("{level} dBuV rms of all carriers, {of_left:.1} dBuV of the {left} left");
        }
    }
    format!("{level} dBuV rms")
}

/// Where a transmitter sends.
#[derive(Clone, Copy, Debug)]
enum Place {
    G3(BandPlan),
    Prime(Channel),
}

fn place(text: &str) -> Result<Place, String> {
    let channel = Channel::ALL.into_iter().find(|channel| channel_name(channel).eq_ignore_ascii_case(text));
    match channel {
        Some(channel) => Ok(Place::Prime(channel)),
        None => {
            band(text).map(Place::G3).map_err(|error| format!("{error}, or PRIME's channel-1 to channel-8"))
        }
    }
}

fn frame_type(text: &str) -> Result<FrameType, String> {
    FrameType::ALL
        .into_iter()
        .find(|of| format!("{of:?}").eq_ignore_ascii_case(text))
        .ok_or_else(|| format!("{text:?} is no type of frame; use a, b or bc"))
}

/// Carriers FIRST-LAST, three or more.
fn notch(text: &str) -> Result<Notch, String> {
    let ends = text.split_once('-').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    match ends {
        Some((first, last)) if first > 0 && first + 1 < last && last < 128 => Ok(Notch { first, last }),
        _ => Err(format!("{text:?} is no range of three carriers or more below 128; 39-49 is one")),
    }
}

/// What a transmitter is, for people.
fn described(source: &Source) -> String {
    match source {
        Source::G3 { plan, modulation, options, .. } => {
            let mut text = format!("{} transmitter, {}", plan.name, describe::modulation(*modulation));
            let plain = Options::default();
            if options.edge_samples != plain.edge_samples {
                text += &format!(", edges of {} samples", options.edge_samples);
            }
            if options.flip == Flip::CrossFade {
                text += ", preamble cross-faded";
            }
            if let Some(Notch { first, last }) = options.notch {
                text += &format!(", without carriers {} to {}", first - 1, last + 1);
            }
            text
        }
        Source::Prime { channel, frame_type, scheme, .. } => {
            format!(
                "PRIME {} transmitter, type {frame_type:?}, {}",
                channel_name(channel),
                scheme_name(*scheme)
            )
        }
    }
}

fn json(verdict: &Verdict) -> serde_json::Value {
    let Verdict { name, detector, hz, band_hz, measured_hz, found, passes } = verdict;
    serde_json::json!({
        "name": name, "detector": detector, "hz": hz, "band_hz": band_hz, "measured_hz": measured_hz,
        "dbuv": found.map(|found| found.dbuv), "limit_dbuv": found.map(|found| found.limit_dbuv),
        "margin_db": found.map(|found| found.margin_db), "passes": passes,
    })
}

fn print_table(what: &str, mask: &Mask, found: &Measurement) {
    println!("{what}");
    println!("{}; {}", mask.name, mask.source);
    let [from, to] = found.signal_hz;
    println!("signal (20 dB) from {:.1} to {:.1} kHz", from / 1e3, to / 1e3);
    println!("{:44} {:10} {:>9} {:>8} {:>8} {:>8}", "limit", "detector", "kHz", "dBuV", "limit", "margin");
    for verdict in &found.verdicts {
        let detector = match verdict.detector {
            Detector::Peak => "peak",
            Detector::QuasiPeak => "quasi-peak",
            Detector::Average => "average",
        };
        let said = match verdict.passes {
            Some(true) => "kept",
            Some(false) => "EXCEEDED",
            None => "NOT MEASURED",
        };
        let [from, to] = verdict.band_hz.map(|hz| hz / 1e3);
        let measured = match verdict.measured_hz.map(|ends| ends.map(|hz| hz / 1e3)) {
            // Steps of the receivers are some kHz.
            Some([low, high]) if low - from < 10.0 && to - high < 10.0 => String::new(),
            Some([low, high]) => format!(" (measured {low:.0} to {high:.0} of {from:.0} to {to:.0} kHz)"),
            None => format!(" (nothing of {from:.0} to {to:.0} kHz)"),
        };
        let place = verdict.hz.map_or_else(|| "all".to_string(), |hz| format!("{:.1}", hz / 1e3));
        let figures = verdict.found.map_or_else(
            || format!("{:>8} {:>8} {:>8}", "-", "-", "-"),
            |found| format!("{:8.1} {:8.1} {:8.1}", found.dbuv, found.limit_dbuv, found.margin_db),
        );
        println!("{:44} {detector:10} {place:>9} {figures}  {said}{measured}", verdict.name);
    }
    let up_to = found.levels.last().map_or(0.0, |level| level.hz);
    println!("measured up to {:.0} kHz: samples say nothing of what a converter adds above", up_to / 1e3);
}
