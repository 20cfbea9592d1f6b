//! `channel-sim noise`: presets, their pictures, traces, and filter banks from recordings.

use super::print_json;
use channel_sim::noise::fit::{FitOptions, fit};
use channel_sim::noise::model::BLOCK;
use channel_sim::noise::recording::Recording;
use channel_sim::noise::track::MAINS_HZ;
use channel_sim::noise::{
    CATALOGUE, Conditions, Mains, NoisePlan, Port, Preset, fingerprint::fingerprint, plot, report,
};
use channel_sim::random::{Purpose, stream};
use channel_sim::wav::Wav;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::f64::consts::TAU;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What the help of `channel-sim noise` ends with.
pub(super) const EXAMPLES: &str = "Examples:\n  \
    channel-sim noise list\n  \
    channel-sim noise show n3a --svg n3a.svg\n  \
    channel-sim noise write n1,n3a --seconds 5 --mains-channel --out trace.wav\n  \
    channel-sim noise fit trace.wav --out bank.json && channel-sim noise show n4@bank.json --band 3000:180000";

/// Arguments of `channel-sim noise`.
#[derive(Debug, Args)]
pub(crate) struct NoiseArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the presets
    #[command(after_help = "Example: channel-sim noise list --hashes")]
    List(ListArguments),
    /// Hears a preset, holds it against its formula, and draws it
    #[command(after_help = "Example: channel-sim noise show n11 --seconds 5 --svg n11.svg")]
    Show(ShowArguments),
    /// Writes a trace of one or more presets: WAV by the name's ending, raw 32 bit little-endian floats otherwise
    #[command(
        after_help = "Example: channel-sim noise write n1,n3a --seconds 5 --mains-channel --out trace.wav"
    )]
    Write(WriteArguments),
    /// Fits a filter bank (N4) to a recording in a WAV file: noise in the first channel, the mains voltage in the second
    /// or, without one, the mains' phase from the noise
    #[command(
        after_help = "Example: channel-sim noise fit trace.wav --regions 3 --out bank.json, then use n4@bank.json"
    )]
    Fit(FitArguments),
}

#[derive(Debug, Args)]
struct ListArguments {
    /// Adds the SHA-256 of each preset's first million samples, equal on every processor
    #[arg(long)]
    hashes: bool,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// Where noise is heard.
#[derive(Debug, Args)]
struct Place {
    /// Samples per second
    #[arg(long, default_value_t = 400_000)]
    rate: u32,
    /// Mains frequency: 50 or 60 Hz
    #[arg(long, default_value_t = 50.0, value_parser = number)]
    mains: f64,
    /// Keep the mains frequency steady; otherwise it wanders by 0.05 Hz within a minute
    #[arg(long)]
    steady: bool,
    /// Band in which the noise must be valid, LOW:HIGH in Hz; by default 3 to 500 kHz or half the rate
    #[arg(long, value_parser = band)]
    band: Option<[f64; 2]>,
    /// Level of the wanted signal in dBuV, to which signal to interference ratios (N10) refer
    #[arg(long, default_value_t = Conditions::CENELEC_A.signal_dbuv, allow_hyphen_values = true, value_parser = level)]
    signal: f64,
    /// Determines the noise
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Place {
    /// Samples of so many seconds.
    fn samples(&self, seconds: f64) -> Result<usize, String> {
        let count = seconds * f64::from(self.rate);
        (count <= MOST_SAMPLES).then_some(count as usize).ok_or_else(|| {
            format!(
                "{seconds} s at {} samples/s are {count:.0} samples; at most {MOST_SAMPLES:.0} are made: give fewer \
                 --seconds or a lower --rate",
                self.rate
            )
        })
    }

    fn mains(&self) -> Mains {
        let wander_hz = if self.steady { 0.0 } else { Mains::EUROPE.wander_hz };
        Mains { hz: self.mains, wander_hz, ..Mains::EUROPE }
    }

    fn conditions(&self) -> Conditions {
        let open = Conditions::open(f64::from(self.rate));
        Conditions {
            mains_hz: self.mains,
            band_hz: self.band.unwrap_or(open.band_hz),
            signal_dbuv: self.signal,
            ..open
        }
    }
}

#[derive(Debug, Args)]
struct ShowArguments {
    /// The preset, such as n3a, n1+5, n6a:p=0.02, n4@bank.json
    #[arg(value_parser = Preset::parse)]
    preset: Preset,
    #[command(flatten)]
    place: Place,
    /// How long it is heard
    #[arg(long, default_value_t = 5.0, allow_negative_numbers = true, value_parser = seconds)]
    seconds: f64,
    /// Draw spectrum, envelope and amplitudes as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// One JSON object with all points instead of a summary
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct WriteArguments {
    /// Presets that add up
    #[arg(value_delimiter = ',', required = true, value_parser = Preset::parse)]
    presets: Vec<Preset>,
    #[command(flatten)]
    place: Place,
    /// Length of the trace
    #[arg(long, default_value_t = 10.0, allow_negative_numbers = true, value_parser = seconds)]
    seconds: f64,
    /// A second channel with the mains voltage, of amplitude 1
    #[arg(long)]
    mains_channel: bool,
    /// The file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// One JSON object instead of a sentence
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct FitArguments {
    /// The recording
    recording: PathBuf,
    /// Regions of the period
    #[arg(long, default_value_t = FitOptions::default().regions)]
    regions: usize,
    /// Order of the regions' autoregressive models
    #[arg(long, default_value_t = FitOptions::default().order)]
    order: usize,
    /// Degrees of mains phase after which the noise repeats: 180 or 360
    #[arg(long, default_value_t = FitOptions::default().period_deg)]
    period: f64,
    /// Nominal mains frequency: 50 or 60 Hz
    #[arg(long, default_value_t = 50.0, value_parser = mains)]
    mains: f64,
    /// Volts of a sample of 1.0 where the recording does not say; 1 without
    #[arg(long, allow_negative_numbers = true, value_parser = volts)]
    volts: Option<f32>,
    /// Write the filter bank as JSON
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &NoiseArguments) -> Result<(), String> {
    match &arguments.command {
        Command::List(arguments) => list(arguments),
        Command::Show(arguments) => show(arguments),
        Command::Write(arguments) => write(arguments),
        Command::Fit(arguments) => fit_bank(arguments),
    }
}

#[derive(Debug, Serialize)]
struct Listed {
    id: &'static str,
    title: &'static str,
    purpose: &'static str,
    parameters: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

fn list(arguments: &ListArguments) -> Result<(), String> {
    let mut all = Vec::new();
    for entry in CATALOGUE {
        // A preset that wants a file has no samples of its own.
        let sha256 = match Preset::parse(entry.id) {
            Ok(preset) if arguments.hashes => Some(fingerprint(&preset).map_err(|error| error.to_string())?),
            _ => None,
        };
        let channel_sim::noise::Entry { id, title, purpose, parameters, .. } = *entry;
        all.push(Listed { id, title, purpose, parameters, sha256 });
    }
    if arguments.json {
        return print_json(&all);
    }
    for Listed { id, title, purpose, parameters, sha256 } in all {
        println!("{id:<6}{title}; for: {purpose}");
        if !parameters.is_empty() {
            println!("      parameters {parameters}");
        }
        if let Some(sha256) = sha256 {
            println!("      {sha256}");
        }
    }
    println!("Behind an identifier: +DB, -DB or =DBM_PER_HZ, then :KEY=VALUE, then @FILE.");
    Ok(())
}

fn show(arguments: &ShowArguments) -> Result<(), String> {
    let place = &arguments.place;
    let conditions = place.conditions();
    place.samples(arguments.seconds)?;
    let report =
        report::report(&arguments.preset, &conditions, &place.mains(), arguments.seconds, place.seed)
            .map_err(|error| error.to_string())?;
    if let Some(path) = &arguments.svg {
        save(path, plot::svg(&report)?.as_bytes())?;
    }
    if arguments.json {
        return print_json(&report);
    }
    let [low, high] = conditions.band_hz;
    println!("{}: {}", report.preset, report.title);
    println!("mean density {low} to {high} Hz: {:.1} dBm/Hz", report.mean_dbm_per_hz);
    match report.background_dbm_per_hz {
        Some(background) => println!("background: {background:.1} dBm/Hz"),
        None => println!("background: none"),
    }
    println!("power against the formula: {:+.2} dB", report.power_error_db);
    println!("third octaves against the formula: within {:.2} dB", report.spectrum_error_db);
    if let Some(distance) = report.kolmogorov {
        println!("Kolmogorov's distance: {distance:.2} of the critical value at 1 %");
    }
    println!("crest factor: {:.1} dB", report.crest_db);
    Ok(())
}

#[derive(Debug, Serialize)]
struct Written {
    file: String,
    presets: String,
    rate_hz: f64,
    samples: usize,
    channels: usize,
}

fn write(arguments: &WriteArguments) -> Result<(), String> {
    let place = &arguments.place;
    let (conditions, mains) = (place.conditions(), place.mains());
    let plan = NoisePlan::new(&arguments.presets, &conditions).map_err(|error| error.to_string())?;
    let mut source = plan.source(Port::L1, &mut stream(place.seed, Purpose::Noise, 0));
    let count = place.samples(arguments.seconds)?;
    let mut noise = vec![0.0f32; count];
    let mut voltage = Vec::new();
    for (index, block) in noise.chunks_mut(BLOCK).enumerate() {
        let phase = mains.phase((index * BLOCK) as f64, block.len(), conditions.rate_hz);
        source.add(phase, block);
        if arguments.mains_channel {
            let sine = |n: usize| libm::sin(TAU * phase.after(n as f64).turns) as f32;
            voltage.extend((0..block.len()).map(sine));
        }
    }
    let mut channels = vec![noise];
    if arguments.mains_channel {
        channels.push(voltage);
    }
    let written = Written {
        file: arguments.out.display().to_string(),
        presets: plan.to_string(),
        rate_hz: conditions.rate_hz,
        samples: count,
        channels: channels.len(),
    };
    let wav = arguments.out.extension().is_some_and(|end| end.eq_ignore_ascii_case("wav"));
    let stored = (|| {
        let mut file = std::io::BufWriter::new(std::fs::File::create(&arguments.out)?);
        if wav {
            Wav { rate_hz: place.rate, channels, comment: None, missing_octets: 0 }.write(&mut file)?;
        } else {
            for frame in 0..count {
                for channel in &channels {
                    file.write_all(&channel[frame].to_le_bytes())?;
                }
            }
        }
        file.flush()
    })();
    stored.map_err(|error| cannot_write(&arguments.out, &error))?;
    if arguments.json {
        return print_json(&written);
    }
    println!(
        "{}: {} samples of {} at {} samples/s, {} channel{}, {}",
        written.file,
        written.samples,
        written.presets,
        written.rate_hz,
        written.channels,
        if written.channels == 1 { "" } else { "s" },
        if wav { "WAV" } else { "raw 32 bit floats" }
    );
    Ok(())
}

fn fit_bank(arguments: &FitArguments) -> Result<(), String> {
    let path = &arguments.recording;
    let recording =
        Recording::read(path, arguments.mains, arguments.volts).map_err(|error| error.to_string())?;
    let options =
        FitOptions { regions: arguments.regions, order: arguments.order, period_deg: arguments.period };
    let name =
        path.file_stem().map_or_else(|| "recording".into(), |name| name.to_string_lossy().into_owned());
    let fit = fit(&name, &recording, &options).map_err(|error| format!("{}: {error}", path.display()))?;
    if let Some(out) = &arguments.out {
        let text = serde_json::to_string_pretty(&fit.bank)
            .map_err(|error| format!("the filter bank cannot be written: {error}"))?;
        save(out, text.as_bytes())?;
    }
    if arguments.json {
        return print_json(&fit);
    }
    println!(
        "{}: {:.2} s, mains {:.3} Hz, phase {}",
        fit.bank.name,
        fit.seconds,
        fit.mains_hz,
        if fit.phase_known {
            "from the channel with the mains voltage"
        } else {
            "from the noise: its strongest part put at 90 degrees"
        }
    );
    let mut from = 0.0;
    for region in &fit.bank.regions {
        let level = |hz: f64| channel_sim::noise::dbm_per_hz(region.colour.density(hz));
        println!(
            "{from:6.1} to {:6.1} degrees: {:7.1} dBm/Hz at 40 kHz, {:7.1} at 70, {:7.1} at 150",
            region.to_deg,
            level(40e3),
            level(70e3),
            level(150e3)
        );
        from = region.to_deg;
    }
    println!("the regions raise the log-likelihood by {:.3} nats per spectral value", fit.gain_nats);
    if let Some(out) = &arguments.out {
        println!("use it as n4@{}", out.display());
    }
    Ok(())
}

fn save(path: &Path, content: &[u8]) -> Result<(), String> {
    std::fs::write(path, content).map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}; give a path in a folder that exists", path.display())
}

/// Samples that are made at once: 0.8 GB of them.
const MOST_SAMPLES: f64 = 2e8;

fn seconds(text: &str) -> Result<f64, String> {
    let value: Option<f64> = text.parse().ok();
    value
        .filter(|value| (0.1..=600.0).contains(value))
        .ok_or_else(|| format!("{text:?} is no time from 0.1 to 600 s"))
}

fn number(text: &str) -> Result<f64, String> {
    let value: Option<f64> = text.parse().ok();
    value.filter(|value| value.is_finite()).ok_or_else(|| format!("{text:?} is no number"))
}

fn mains(text: &str) -> Result<f64, String> {
    let [low, high] = MAINS_HZ;
    let value = text.parse().ok().filter(|value| (low..=high).contains(value));
    value.ok_or_else(|| format!("{text:?} is no mains frequency from {low} to {high} Hz"))
}

fn volts(text: &str) -> Result<f32, String> {
    let value = text.parse().ok().filter(|value| (1e-9..=1e6).contains(value));
    value.ok_or_else(|| format!("{text:?} is no voltage from 1e-9 to 1e6 V"))
}

fn level(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value| (-60.0..=160.0).contains(value));
    value.ok_or_else(|| format!("{text:?} is no level from -60 to 160 dBuV"))
}

fn band(text: &str) -> Result<[f64; 2], String> {
    let wrong = || format!("{text:?} is no band; write LOW:HIGH in Hz, say 35000:91000");
    let (low, high) = text.split_once(':').ok_or_else(wrong)?;
    match (low.parse::<f64>(), high.parse::<f64>()) {
        (Ok(low), Ok(high)) if low < high => Ok([low, high]),
        _ => Err(wrong()),
    }
}
