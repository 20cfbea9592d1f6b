//! Sends the MAC frames listed in a file, one after the other, and writes what is on the line as SigMF: made
//! `captures/prime-v13-frames.sigmf-*`.
//!
//! ```sh
//! cargo run -p channel-sim --example prime_capture -- captures/prime-v13-frames.txt captures/prime-v13-frames
//! ```

#![allow(clippy::print_stderr, reason = "a command speaks to its user")]

use channel_sim::random::{Purpose, normal, stream};
use channel_sim::record::about::{About, SampleFormat};
use channel_sim::record::sigmf::{Annotation, SigmfWriter};
use prime_phy::encoder::FrameEncoder;
use prime_phy::options::Options;
use prime_phy::{Channel, Scheme, Transmitter};
use std::path::Path;
use std::process::ExitCode;

/// Silence before the first frame and after each, in samples: 3 ms.
const GAP: usize = 750;
/// Deviation of the noise, full scale being 1: 46 dB below a frame's rms.
const NOISE: f64 = 0.000_35;
/// Volts of a full-scale sample.
const FULL_SCALE: f64 = 1.0;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [list, stem] = &arguments[..] else {
        eprintln!(
            "usage: prime_capture FRAMES.txt STEM; a line of the first is a name and octets in hexadecimal"
        );
        return ExitCode::from(2);
    };
    match make(Path::new(list), Path::new(stem)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("prime_capture: {error}");
            ExitCode::FAILURE
        }
    }
}

fn make(list: &Path, stem: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(list).map_err(|error| format!("{}: {error}", list.display()))?;
    let (channel, options) = (Channel::ONE, Options::default());
    let mut transmitter = Transmitter::new(&channel, &options);
    let mut line = vec![0.0_f32; GAP];
    let mut annotations = Vec::new();
    for (number, row) in text.lines().enumerate().filter(|(_, row)| !row.starts_with('#')) {
        let wrong = |what: &str| format!("{}:{}: {what}", list.display(), number + 1);
        let (name, hex) = row.split_once(' ').ok_or_else(|| wrong("no name and octets"))?;
        let mpdu = octets(hex).ok_or_else(|| wrong("no octets in hexadecimal"))?;
        let frame =
            FrameEncoder::new(&options, Scheme::DbpskC, &mpdu).map_err(|error| wrong(&error.to_string()))?;
        let start = line.len();
        let length = transmitter.load(frame, 0.0);
        line.resize(start + length, 0.0);
        transmitter.pull(&mut line[start..]);
        line.resize(line.len() + GAP, 0.0);
        annotations.push(Annotation {
            sample_start: start as u64,
            sample_count: length as u64,
            label: name.to_string(),
            comment: hex.to_string(),
        });
    }
    let mut random = stream(1, Purpose::Noise, 0);
    line.iter_mut().for_each(|sample| *sample += (NOISE * normal(&mut random)) as f32);
    let about = About {
        volts_per_unit: FULL_SCALE,
        calibrated: true,
        point: Some("transmitter".to_string()),
        ..About::of_rate(f64::from(channel.clock.rate_hz()))
    };
    let description =
        "MAC frames of PRIME v1.3 recorded from real equipment, re-modulated: DBPSK_C, Type A, channel 1";
    let told = |error: channel_sim::record::RecordError| error.to_string();
    let mut writer = SigmfWriter::create(stem, &about, SampleFormat::I16, description).map_err(told)?;
    writer.write(&line).map_err(told)?;
    annotations.into_iter().for_each(|annotation| writer.annotate(annotation));
    writer.finish().map_err(told)
}

fn octets(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.is_ascii() && hex.len().is_multiple_of(2);
    let octet = |at: usize| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok();
    digits.then(|| (0..hex.len() / 2).map(octet).collect())?
}
