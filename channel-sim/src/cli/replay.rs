//! `channel-sim replay`: a recording, frame by frame.

use super::print_json;
use channel_sim::link::{Channel, Standard, System, Task, Variant, WHITE, bands, example};
use channel_sim::record::FrameFile;
use channel_sim::record::about::{About, Recording};
use channel_sim::record::pcapng::Direction;
use channel_sim::replay::report::{Replay, Settings, replay};
use channel_sim::replay::{load, plot, prime, prime_plot};
use clap::Args;
use g3_mac::security::Gmk;
use g3_phy::BandPlan;
use std::path::{Path, PathBuf};

/// Arguments of `channel-sim replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// Recording: SigMF (either file or their stem) or WAV
    #[arg(required_unless_present = "simulate")]
    file: Option<PathBuf>,
    /// Instead of a recording three frames of this mode in noise, as `link` sends them: robust, dbpsk, qpsk ... of G3,
    /// dbpsk-c, robust-dqpsk ... of PRIME; for a whole network see `record`
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
    /// Standard: g3, or prime
    #[arg(long, default_value = "g3", value_parser = standard)]
    standard: Standard,
    /// Band: cenelec-a (default), cenelec-b, fcc-1, fcc-1.a, fcc-1.b or arib of G3, channel-1 (default) to channel-8 of
    /// PRIME
    #[arg(long)]
    band: Option<String>,
    /// Options of the receiver, and with --simulate of the sender, as `link` knows them: receiver=best,
    /// notch=s-fsk+receiver=iterative-8 ...
    #[arg(long, default_value = "default", allow_hyphen_values = true)]
    options: Variant,
    /// Group master key of the network, 32 hexadecimal digits
    #[arg(long, value_parser = key)]
    key: Option<Gmk>,
    /// Key of the simulated network with this seed, as `record` and `line` have it
    #[arg(long, conflicts_with = "key")]
    key_of_seed: Option<u64>,
    /// Volts of a sample of 1.0 where the recording does not say, as WAV files of other programs; 1 without
    #[arg(long, allow_negative_numbers = true, value_parser = super::scenario::volts)]
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

pub(super) fn run(arguments: &ReplayArguments) -> Result<(), String> {
    let system = arguments.system()?;
    let (name, recording) = match &arguments.file {
        Some(file) => (file.display().to_string(), load_with(file, arguments.volts)?),
        None => simulated(arguments, system)?,
    };
    let settings = match system {
        System::G3 { plan, modulation, variant } => Settings {
            plan,
            mask: variant.tone_mask(&plan),
            options: variant.g3_options(&plan, modulation),
            receiver: variant.g3_receiver(),
            key: arguments.key(),
        },
        System::Prime { channel, variant, .. } => {
            let (options, receiver) = (variant.prime_options(), variant.prime_receiver());
            return run_prime(arguments, &name, recording, &prime::Settings { channel, options, receiver });
        }
        System::Reference { .. } => return Err("the reference chain has no frames".to_string()),
    };
    let (seconds, cut) = (recording.seconds(), recording.cut.clone());
    let found = replay(recording, &settings).map_err(|reason| format!("{name}: {reason}"))?;
    if let Some(path) = &arguments.svg {
        let text = plot::svg(&found, arguments.frame)?;
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if let Some(path) = &arguments.pcapng {
        write_frames(path, &found, settings.key).map_err(|error| error.to_string())?;
    }
    if arguments.json {
        let about = serde_json::json!({
            "point": found.about.point,
            "start": found.about.start.map(|start| start.to_string()),
            "sample_rate_hz": found.about.sample_rate_hz,
            "seconds": seconds,
            "cut": cut,
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

impl ReplayArguments {
    /// What is listened for, and sent where nothing is recorded.
    fn system(&self) -> Result<System, String> {
        let band = self.band.as_deref().map(str::to_lowercase);
        let band = match band.as_deref() {
            // Its name without what it rests on.
            Some("cenelec-b") => "cenelec-b-experimental".to_string(),
            Some("fcc") => "fcc-1".to_string(),
            Some(band) => band.to_string(),
            None => bands(self.standard).swap_remove(0),
        };
        // Any mode listens alike.
        let any = if self.standard == Standard::Prime { "dbpsk-c" } else { "dbpsk" };
        System::new(self.standard, &band, self.simulate.as_deref().unwrap_or(any), self.options)
    }

    fn key(&self) -> Option<Gmk> {
        let village = |seed| Gmk(channel_sim::scenario::Scenario::village(seed).group_master_key());
        self.key.or(self.key_of_seed.map(village))
    }
}

/// Frames as `link` sends them, at a volt for the transmitter's full scale.
fn simulated(arguments: &ReplayArguments, system: System) -> Result<(String, Recording), String> {
    const FRAMES: u64 = 3;
    const OCTETS: usize = 100;
    let mode = system.mode();
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
    Ok((name, Recording { about, volts, cut: None }))
}

/// Reads a recording whose volts are as it says, or, where it does not, as the user does.
pub(super) fn load_with(path: &Path, volts: Option<f64>) -> Result<Recording, String> {
    let mut recording = load(path).map_err(|error| error.to_string())?;
    if let Some(cut) = &recording.cut {
        eprintln!("channel-sim: {} was cut: {cut}; what there is is used", path.display());
    }
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

fn run_prime(
    arguments: &ReplayArguments,
    name: &str,
    recording: Recording,
    settings: &prime::Settings,
) -> Result<(), String> {
    let given = [
        ("--pcapng", arguments.pcapng.is_some()),
        ("--key", arguments.key.is_some()),
        ("--key-of-seed", arguments.key_of_seed.is_some()),
    ];
    if let Some((option, _)) = given.iter().find(|(_, given)| *given) {
        return Err(format!("{option} is for G3; leave it out with --standard prime"));
    }
    let found = prime::replay(recording, settings).map_err(|reason| format!("{name}: {reason}"))?;
    if let Some(path) = &arguments.svg {
        let text = prime_plot::svg(&found, arguments.frame)?;
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let frames = found.frames;
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

fn standard(text: &str) -> Result<Standard, String> {
    match text.parse()? {
        Standard::Reference => Err(format!("{text:?} has no frames; use g3 or prime")),
        standard => Ok(standard),
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
