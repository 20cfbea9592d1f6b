//! `channel-sim replay`: a recording, frame by frame.

use super::print_json;
use channel_sim::link::{Channel, System, Task, WHITE, example};
use channel_sim::record::FrameFile;
use channel_sim::record::about::{About, Recording};
use channel_sim::record::pcapng::Direction;
use channel_sim::replay::report::{Replay, Settings, replay};
use channel_sim::replay::{load, plot, prime};
use clap::{Args, ValueEnum};
use g3_mac::security::Gmk;
use g3_phy::options::Options;
use g3_phy::{BandPlan, ToneMask};
use std::path::{Path, PathBuf};

/// Arguments of `channel-sim replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// Recording: SigMF (either file or their stem) or WAV
    #[arg(required_unless_present = "simulate")]
    file: Option<PathBuf>,
    /// Instead of a recording three frames of this G3 mode in noise, as `link` sends them: robust, dbpsk, dqpsk or d8psk;
    /// for a whole network see `record`
    #[arg(long, value_name = "MODE", conflicts_with_all = ["file", "volts", "key", "key_of_seed"])]
    simulate: Option<String>,
    /// Es/N0 per carrier of --simulate in dB
    #[arg(long, default_value_t = 15.0, allow_hyphen_values = true, requires = "simulate")]
    snr: f64,
    /// Noise of --simulate, presets as `noise list` has them
    #[arg(long, default_value = WHITE, requires = "simulate")]
    noise: String,
    /// Determines frames and noise of --simulate
    #[arg(long, default_value_t = 1, requires = "simulate")]
    seed: u64,
    /// Standard: g3, or prime for frames of Type A on channel 1
    #[arg(long, value_enum, default_value_t = Standard::G3)]
    standard: Standard,
    /// Band: cenelec-a, cenelec-b, fcc-1, fcc-1.a, fcc-1.b or arib
    #[arg(long, default_value = "cenelec-a", value_parser = band)]
    band: BandPlan,
    /// Group master key of the network, 32 hexadecimal digits
    #[arg(long, value_parser = key)]
    key: Option<Gmk>,
    /// Key of the simulated network with this seed, as `record` and `line` have it
    #[arg(long, conflicts_with = "key")]
    key_of_seed: Option<u64>,
    /// Volts of a sample of 1.0 where the recording does not say, as WAV files of other programs; 1 without
    #[arg(long, value_parser = super::scenario::volts)]
    volts: Option<f64>,
    /// Writes a picture: waveform, spectrogram, synchronisation metric, constellation, signal to noise of each carrier
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Frame whose constellation the picture shows; without it the first with a payload
    #[arg(long)]
    frame: Option<usize>,
    /// Writes the frames as pcapng
    #[arg(long, value_name = "FILE")]
    pcapng: Option<PathBuf>,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Standard {
    /// G3-PLC
    G3,
    /// PRIME v1.3.6
    Prime,
}

pub(super) fn run(arguments: &ReplayArguments) -> Result<(), String> {
    let (name, recording) = match (&arguments.file, &arguments.simulate) {
        (Some(file), _) => (file.display().to_string(), load_with(file, arguments.volts)?),
        (None, mode) => simulated(arguments, mode.as_deref().unwrap_or_default())?,
    };
    if arguments.standard == Standard::Prime {
        return run_prime(arguments, &name, recording);
    }
    let seconds = recording.seconds();
    let of_seed = arguments
        .key_of_seed
        .map(|seed| Gmk(channel_sim::scenario::Scenario::village(seed).group_master_key()));
    let key = arguments.key.or(of_seed);
    let settings = Settings { plan: arguments.band, mask: ToneMask::ALL, options: Options::default(), key };
    let found = replay(recording, &settings).map_err(|reason| format!("{name}: {reason}"))?;
    if let Some(path) = &arguments.svg {
        let text = plot::svg(&found, arguments.frame)?;
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if let Some(path) = &arguments.pcapng {
        write_frames(path, &found, key).map_err(|error| error.to_string())?;
    }
    if arguments.json {
        let about = serde_json::json!({
            "point": found.about.point,
            "start": found.about.start.map(|start| start.to_string()),
            "sample_rate_hz": found.about.sample_rate_hz,
            "seconds": seconds,
        });
        return print_json(&serde_json::json!({
            "recording": about, "band": found.band, "frames": found.frames,
        }));
    }
    println!(
        "{name}: {seconds:.3} s at {} Hz, {}, {}",
        found.about.sample_rate_hz,
        found.about.point.as_deref().unwrap_or("point unknown"),
        found.band
    );
    for frame in &found.frames {
        for (index, line) in frame.lines().iter().enumerate() {
            println!("{}{line}", if index == 0 { "" } else { "    " });
        }
    }
    let understood = found.frames.iter().filter(|frame| frame.is_understood()).count();
    println!("{} frames, {understood} understood", found.frames.len());
    Ok(())
}

/// Frames as `link` sends them, at a volt for the transmitter's full scale.
fn simulated(arguments: &ReplayArguments, mode: &str) -> Result<(String, Recording), String> {
    const FRAMES: u64 = 3;
    const OCTETS: usize = 100;
    if arguments.standard != Standard::G3 {
        return Err("--simulate is of G3; leave --standard out".into());
    }
    let band = arguments.band.name.to_lowercase();
    let system: System = format!("g3/{band}/{mode}/default").parse()?;
    let task = Task {
        system,
        channel: Channel::Flat,
        noise: arguments.noise.clone(),
        mains_hz: 50,
        snr_db: arguments.snr,
        octets: system.filled_octets(OCTETS).ok_or_else(|| format!("no {OCTETS} octets fit {mode}"))?,
    };
    let (rate_hz, volts) = example(&task, arguments.seed, FRAMES)?;
    let name = format!("{mode} in {} at {} dB", arguments.noise, arguments.snr);
    let about = About { point: Some(name.clone()), calibrated: true, ..About::of_rate(rate_hz) };
    Ok((name, Recording { about, volts }))
}

/// Reads a recording whose volts are as it says, or, where it does not, as the user does.
pub(super) fn load_with(path: &Path, volts: Option<f64>) -> Result<Recording, String> {
    let mut recording = load(path).map_err(|error| error.to_string())?;
    match (recording.about.calibrated, volts) {
        (true, None) => {}
        (true, Some(volts)) => {
            let own = recording.about.volts_per_unit;
            return Err(format!("--volts {volts}: {} says itself that 1.0 is {own} V", path.display()));
        }
        (false, None) => {
            eprintln!(
                "channel-sim: {} does not say its volts; 1.0 is taken for 1 V, --volts sets it",
                path.display()
            );
        }
        (false, Some(volts)) => {
            recording.volts.iter_mut().for_each(|sample| *sample *= volts as f32);
            recording.about.volts_per_unit = volts;
        }
    }
    Ok(recording)
}

fn run_prime(arguments: &ReplayArguments, name: &str, recording: Recording) -> Result<(), String> {
    let given = [
        ("--svg", arguments.svg.is_some()),
        ("--pcapng", arguments.pcapng.is_some()),
        ("--key", arguments.key.is_some()),
        ("--key-of-seed", arguments.key_of_seed.is_some()),
        ("--frame", arguments.frame.is_some()),
    ];
    if let Some((option, _)) = given.iter().find(|(_, given)| *given) {
        return Err(format!("{option} is for G3; leave it out with --standard prime"));
    }
    let frames = prime::replay(recording).map_err(|reason| format!("{name}: {reason}"))?;
    if arguments.json {
        return print_json(&serde_json::json!({ "frames": frames }));
    }
    for frame in &frames {
        for (index, line) in frame.lines().iter().enumerate() {
            println!("{}{line}", if index == 0 { "" } else { "    " });
        }
    }
    println!("{} frames", frames.len());
    Ok(())
}

fn write_frames(
    path: &Path,
    found: &Replay,
    key: Option<Gmk>,
) -> Result<(), channel_sim::record::RecordError> {
    let mut file = FrameFile::create(path, "replayed recording")?;
    let mut port = file.port(found.about.point.as_deref().unwrap_or("recording"), key)?;
    let start_ns = found.about.start.map_or(0, |start| start.as_nanosecond());
    for frame in &found.frames {
        let Some(psdu) = frame.octets() else { continue };
        let unix_ns = start_ns + (frame.start_s * 1e9) as i128;
        let unix_ns = unix_ns.clamp(0, u64::MAX.into()) as u64;
        file.psdu(&mut port, unix_ns, Direction::Unknown, psdu, &frame.summary)?;
    }
    file.flush()
}

pub(super) fn band(text: &str) -> Result<BandPlan, String> {
    match text.to_lowercase().as_str() {
        "cenelec-a" => Ok(BandPlan::CENELEC_A),
        "cenelec-b" => Ok(BandPlan::CENELEC_B_EXPERIMENTAL),
        "fcc-1" | "fcc" => Ok(BandPlan::FCC_1),
        "fcc-1.a" => Ok(BandPlan::FCC_1_A),
        "fcc-1.b" => Ok(BandPlan::FCC_1_B),
        "arib" => Ok(BandPlan::ARIB),
        _ => Err(format!("{text:?} is no band; use cenelec-a, cenelec-b, fcc-1, fcc-1.a, fcc-1.b or arib")),
    }
}

fn key(text: &str) -> Result<Gmk, String> {
    let digits = text.len();
    let wrong =
        || format!("a key has 32 hexadecimal digits; this one has {digits} characters, or others among them");
    let pairs: Vec<u8> = text
        .as_bytes()
        .chunks(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    let octets: [u8; 16] = pairs.try_into().map_err(|_| wrong())?;
    let plain = digits == 32 && text.bytes().all(|octet| octet.is_ascii_hexdigit());
    if plain { Ok(Gmk(octets)) } else { Err(wrong()) }
}
