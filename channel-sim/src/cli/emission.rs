//! `channel-sim emission`: a transmitter, or a recording, against the limits of a standard.

use super::print_json;
use super::replay::band;
use channel_sim::line::TRANSMIT_OHM;
use channel_sim::regulatory::mask::{Detector, Mask};
use channel_sim::regulatory::plot;
use channel_sim::regulatory::verdict::{Measurement, Verdict};
use channel_sim::regulatory::waveform::{Sending, source};
use channel_sim::replay::describe::modulation_named;
use channel_sim::replay::load;
use clap::Args;
use g3_phy::{BandPlan, Modulation, ToneMask};
use std::path::PathBuf;

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
    #[arg(long, default_value_t = 5.56, value_parser = super::scenario::not_negative)]
    pause: f64,
    /// Transmit level (rms), dBuV
    #[arg(long, default_value_t = 120.0, value_parser = super::scenario::finite)]
    level: f64,
    /// How long to measure, s
    #[arg(long, default_value_t = 2.0, value_parser = super::scenario::positive)]
    seconds: f64,
    /// Determines the payload
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A recording (SigMF or WAV) instead of a transmitter: its volts are those on the network
    #[arg(long, value_name = "FILE")]
    recording: Option<PathBuf>,
    /// The recording's volts are those of a source behind so many ohm
    #[arg(long, requires = "recording", value_parser = super::scenario::positive)]
    source_ohm: Option<f64>,
    /// Writes a picture of levels and limits
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &EmissionArguments) -> Result<(), String> {
    let mask = Mask::named(&arguments.mask)?;
    let (volts, rate_hz, what) = match &arguments.recording {
        Some(path) => {
            let recording = load(path).map_err(|error| error.to_string())?;
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
    match found.verdicts.iter().filter(|verdict| !verdict.passes()).count() {
        0 => Ok(()),
        count => Err(format!("{count} of {} limits exceeded", found.verdicts.len())),
    }
}

fn json(verdict: &Verdict) -> serde_json::Value {
    let Verdict { name, detector, hz, dbuv, limit_dbuv, margin_db, up_to_hz, .. } = verdict;
    serde_json::json!({
        "name": name, "detector": detector, "hz": hz, "dbuv": dbuv, "limit_dbuv": limit_dbuv,
        "margin_db": margin_db, "measured_up_to_hz": up_to_hz, "passes": verdict.passes(),
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
        println!(
            "{:44} {detector:10} {:>9} {:8.1} {:8.1} {:8.1}  {}",
            verdict.name,
            verdict.hz.map_or_else(|| "all".to_string(), |hz| format!("{:.1}", hz / 1e3)),
            verdict.dbuv,
            verdict.limit_dbuv,
            verdict.margin_db,
            if verdict.passes() { "kept" } else { "EXCEEDED" }
        );
    }
    let up_to = found.levels.last().map_or(0.0, |level| level.hz);
    println!("measured up to {:.0} kHz: samples say nothing of what a converter adds above", up_to / 1e3);
}
