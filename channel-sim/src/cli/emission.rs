//! `channel-sim emission`: a transmitter, or a recording, against the limits of a standard.

use super::replay::{band, load_with};
use super::{Failure, print_json};
use channel_sim::line::TRANSMIT_OHM;
use channel_sim::regulatory::mask::{Detector, Mask};
use channel_sim::regulatory::plot;
use channel_sim::regulatory::verdict::{Measurement, Verdict};
use channel_sim::regulatory::waveform::{Sending, source};
use channel_sim::replay::describe::modulation_named;
use clap::Args;
use g3_phy::{BandPlan, Modulation, ToneMask};
use std::path::PathBuf;

/// What the help ends with.
pub(super) const EXAMPLES: &str = "\
Examples:
  channel-sim emission --band cenelec-a --level 120 --svg emission.svg
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
    /// Limits: en50065-1-a, en50065-1-b122, or a TOML file
    #[arg(long, default_value = "en50065-1-a")]
    mask: String,
    /// Band of the transmitter: cenelec-a, cenelec-b, fcc-1, fcc-1.a, fcc-1.b or arib
    #[arg(long, default_value = "cenelec-a", value_parser = band)]
    band: BandPlan,
    /// Modulation of its frames: robust, dbpsk, dqpsk or d8psk
    #[arg(long, default_value = "dqpsk", value_parser = modulation_named)]
    modulation: Modulation,
    /// Octets of a frame
    #[arg(long, default_value_t = 100)]
    octets: usize,
    /// Pause between frames, ms
    #[arg(long, default_value_t = 5.56, value_parser = super::scenario::pause)]
    pause: f64,
    /// Transmit level (rms), dBuV
    #[arg(long, default_value_t = 120.0, value_parser = super::scenario::finite)]
    level: f64,
    /// How long to measure, s
    #[arg(long, default_value_t = 2.0, value_parser = super::scenario::measured)]
    seconds: f64,
    /// Determines the payload
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A recording (SigMF or WAV) instead of a transmitter: its volts are those on the network
    #[arg(long, value_name = "FILE")]
    recording: Option<PathBuf>,
    /// Volts of a sample of 1.0 where the recording does not say, as WAV files of other programs; 1 without
    #[arg(long, requires = "recording", value_parser = super::scenario::volts)]
    volts: Option<f64>,
    /// The recording's volts are those of a source behind so many ohm
    #[arg(long, requires = "recording", value_parser = super::scenario::ohm)]
    source_ohm: Option<f64>,
    /// Writes a picture of levels and limits
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &EmissionArguments) -> Result<(), Failure> {
    let mask = Mask::named(&arguments.mask)?;
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
            let EmissionArguments { band, modulation, octets, level, .. } = *arguments;
            let rate_hz = f64::from(band.clock.rate_hz());
            let sending = Sending {
                plan: band,
                mask: ToneMask::ALL,
                tone_map: band.full_tone_map(),
                modulation,
                octets,
                pause_s: arguments.pause / 1e3,
                level_dbuv: level,
                seconds: arguments.seconds,
                seed: arguments.seed,
            };
            let what = format!("{} transmitter, {modulation:?}, {level} dBuV rms", band.name);
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
