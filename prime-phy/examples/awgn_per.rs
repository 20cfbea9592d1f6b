//! Packet error rate of the whole receiver in white Gaussian noise, with its own synchronisation from a continuous
//! stream; payload of 133 octets, preamble at payload power.
//!
//! `awgn_per SCHEME SNR_DB[,SNR_DB...] FRAMES [SEED] [CHANNEL] [SETTING...]` measures points; SCHEME is dbpsk, dqpsk, d8psk,
//! those with _c, r_dbpsk or r_dqpsk; CHANNEL is 0, channel 1 at 250 kHz, or 1 to 8, at 1 MHz.
//!
//! `awgn_per ten-percent FRAMES [SEED] [CHANNEL]` finds where each scheme loses every tenth frame.
//!
//! Settings: receiver=standard, coherent or a number of passes; without=smoothing or clock; ppm=P lets the receiver's clock
//! be P parts per million slow; octets=N behind what the header carries; echo=G adds an echo of gain G 80 us later;
//! carriers=equal, symbols=equal or erased for the weights. noise=FILE takes pieces of a trace at the channel's sample clock,
//! raw 32 bit floats as `channel-sim noise write` makes them, instead of white noise; the ratio is that to its mean power on
//! the carriers or, with of=background, to what stands there half of the time on half of them.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a measuring tool")]

#[path = "../tests/common/mod.rs"]
mod common;

use common::Random;
use dsp::Complex;
use dsp::fft::{RealFft, Size};
use prime_phy::channel::CARRIERS;
use prime_phy::options::Options;
use prime_phy::primitives::{CarrierDetect, Event};
use prime_phy::{
    Channel, Detection, FrameType, FrameWorkspace, Receiver, ReceiverOptions, Scheme, SymbolWeights,
};

/// Octets of payload behind what the header carries, as in the reference curves (prime.md 9.5).
const PAYLOAD_OCTETS: usize = 133;

/// Schemes, their names, and where the reference curves lose every tenth frame.
const SCHEMES: [(Scheme, &str, f32); 8] = [
    (Scheme::RobustDbpsk, "r_dbpsk", -1.2),
    (Scheme::RobustDqpsk, "r_dqpsk", 1.0),
    (Scheme::DbpskC, "dbpsk_c", 3.0),
    (Scheme::DqpskC, "dqpsk_c", 6.0),
    (Scheme::D8pskC, "d8psk_c", 9.7),
    (Scheme::Dbpsk, "dbpsk", 9.2),
    (Scheme::Dqpsk, "dqpsk", 13.7),
    (Scheme::D8psk, "d8psk", 19.5),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| {
        arguments.get(at).map_or(default, |number| number.parse().expect("a whole number"))
    };
    match arguments.first().map(String::as_str) {
        Some("ten-percent") => ten_percent(number(1, 1_000) as usize, number(2, 42), &channel(number(3, 0))),
        Some(name) if SCHEMES.iter().any(|scheme| scheme.1 == name) => {
            let scheme =
                SCHEMES.iter().find(|scheme| scheme.1 == name).map_or(Scheme::DbpskC, |found| found.0);
            let snrs = arguments.get(1).map_or("0", String::as_str).split(',');
            println!(
                "scheme  SNR dB  frames  PER     95 % interval      no preamble  header  payload  bit error rate"
            );
            for snr in snrs {
                let snr_db = snr.parse().expect("an SNR in dB");
                let line = Line::of(arguments.get(5..).unwrap_or_default());
                let (frames, seed) = (number(2, 200) as usize, number(3, 42));
                let tally = measure(scheme, snr_db, frames, seed, &channel(number(4, 0)), &line);
                tally.print(name, snr_db);
            }
        }
        _ => println!("usage: awgn_per SCHEME SNR_DB[,SNR_DB...] FRAMES [SEED] [CHANNEL] | ten-percent ..."),
    }
}

/// Receiver and line.
struct Line {
    receiver: ReceiverOptions,
    ppm: f64,
    octets: usize,
    echo: f32,
    noise: Option<Trace>,
    of_background: bool,
}

impl Line {
    fn of(settings: &[String]) -> Self {
        let mut line = Self {
            receiver: ReceiverOptions::STANDARD,
            ppm: 0.0,
            octets: PAYLOAD_OCTETS,
            echo: 0.0,
            noise: None,
            of_background: false,
        };
        for setting in settings {
            match setting.split_once('=').unwrap_or((setting, "")) {
                ("receiver", "standard") => line.receiver.detection = Detection::Differential,
                ("receiver", "coherent") => line.receiver.detection = Detection::Coherent { passes: 1 },
                ("receiver", passes) => {
                    let passes = passes.parse().expect("passes");
                    line.receiver.detection = Detection::Coherent { passes };
                }
                ("without", "smoothing") => line.receiver.smooth_channel = false,
                ("without", "clock") => line.receiver.track_clock = false,
                ("ppm", ppm) => line.ppm = ppm.parse().expect("ppm"),
                ("octets", octets) => line.octets = octets.parse().expect("octets"),
                ("echo", echo) => line.echo = echo.parse().expect("a gain"),
                ("carriers", "equal") => line.receiver.carrier_weights = false,
                ("symbols", "equal") => line.receiver.symbol_weights = SymbolWeights::Equal,
                ("symbols", "erased") => line.receiver.symbol_weights = SymbolWeights::Erased,
                ("noise", file) => line.noise = Some(Trace::read(file)),
                ("of", "background") => line.of_background = true,
                _ => println!("no such setting: {setting}"),
            }
        }
        line
    }
}

/// Noise of a file.
struct Trace {
    samples: Vec<f32>,
}

impl Trace {
    fn read(file: &str) -> Self {
        let octets = std::fs::read(file).expect("a file with noise");
        let samples = octets.as_chunks::<4>().0.iter().map(|octets| f32::from_le_bytes(*octets)).collect();
        Self { samples }
    }

    /// Its power on the channel's carriers as the variance of white noise that has the same there: the mean, or the median over
    /// windows and carriers, which in white noise is ln 2 of it.
    fn variance(&self, channel: &Channel, of_background: bool) -> f32 {
        assert_eq!(channel.ways(), 1, "a trace is for channel 1 at 250 kHz");
        let mut fft = RealFft::new(Size::N512);
        let mut bins = [Complex::default(); 257];
        let first = usize::from(channel.first_carrier);
        let mut powers: Vec<Vec<f32>> = vec![Vec::new(); CARRIERS];
        for window in self.samples.chunks_exact(512).step_by(7) {
            fft.forward(window, &mut bins).expect("sizes of the transform");
            for (powers, bin) in powers.iter_mut().zip(&bins[first..]) {
                powers.push(bin.norm_sqr() / 512.0);
            }
        }
        if !of_background {
            let sum: f64 = powers.iter().flatten().map(|&power| f64::from(power)).sum();
            return (sum / powers.iter().map(Vec::len).sum::<usize>() as f64) as f32;
        }
        let median = |powers: &mut Vec<f32>| {
            powers.sort_by(f32::total_cmp);
            powers[powers.len() / 2]
        };
        median(&mut powers.iter_mut().map(median).collect()) / std::f32::consts::LN_2
    }

    /// Adds a piece of it.
    fn add(&self, line: &mut [f32], gain: f32, random: &mut Random) {
        let at = random.below(self.samples.len() - line.len());
        common::mix(line, 0, &self.samples[at..at + line.len()], gain);
    }
}

fn channel(id: u64) -> Channel {
    match id {
        0 => Channel::ONE,
        id => Channel::from_id(id as u8).expect("a channel"),
    }
}

/// Where each scheme loses every tenth frame: three points about the reference and more until they enclose it, and a
/// straight line between the logarithms of the two that do.
fn ten_percent(frames: usize, seed: u64, channel: &Channel) {
    println!(
        "channel {} at {} Hz, {frames} frames a point, seed {seed}",
        channel.number,
        channel.clock.rate_hz()
    );
    println!(
        "scheme   PER 10 %  95 % interval    reference  difference  no preamble there  headers lost there"
    );
    for (scheme, name, reference_db) in SCHEMES {
        let mut points: Vec<(f32, Tally)> = Vec::new();
        let mut snr_db = reference_db - 0.25;
        loop {
            let tally = measure(scheme, snr_db, frames, seed, channel, &Line::of(&[]));
            let enough = tally.per() < 0.1;
            points.push((snr_db, tally));
            points.sort_by(|one, other| one.0.total_cmp(&other.0));
            let first = points.first().map_or(0.0, |(_, tally)| tally.per());
            match (first > 0.1, enough) {
                (true, true) => break,
                (false, _) => snr_db = points[0].0 - 0.25,
                (true, false) => snr_db += 0.25,
            }
        }
        let below = points.iter().rposition(|(_, tally)| tally.per() > 0.1).expect("one is above");
        let [(low_db, low), (high_db, high)] = &points[below..below + 2] else { continue };
        let log = |per: f64| per.max(1e-4).log10();
        let at = |low: f64, high: f64| {
            let part = (log(low) - log(0.1)) / (log(low) - log(high));
            low_db + (high_db - low_db) * part.clamp(-2.0, 3.0) as f32
        };
        let point = at(low.per(), high.per());
        let (low_interval, high_interval) = (low.interval(), high.interval());
        // The interval of the point nearer to 10 %, moved along the line.
        let slope = (log(low.per()) - log(high.per())) as f32 / (high_db - low_db);
        let near = if (log(low.per()) - log(0.1)).abs() < (log(high.per()) - log(0.1)).abs() {
            low_interval
        } else {
            high_interval
        };
        let half = ((log(near.1) - log(near.0)) / 2.0) as f32 / slope;
        let lost = |of: fn(&Tally) -> usize| 100.0 * (of(low) + of(high)) as f32 / (2 * frames) as f32;
        println!(
            "{name:8} {point:8.2}  {:6.2} to {:5.2}  {reference_db:9.1}  {:+10.2}  {:15.2} %  {:16.2} %",
            point - half,
            point + half,
            point - reference_db,
            lost(|tally| tally.undetected),
            lost(|tally| tally.header_failed),
        );
    }
}

#[derive(Default)]
struct Tally {
    frames: usize,
    right: usize,
    undetected: usize,
    header_failed: usize,
    /// Of payloads whose header was right.
    wrong_bits: u64,
    bits: u64,
}

impl Tally {
    fn per(&self) -> f64 {
        1.0 - self.right as f64 / self.frames as f64
    }

    fn interval(&self) -> (f64, f64) {
        wilson(self.frames - self.right, self.frames)
    }

    fn print(&self, name: &str, snr_db: f32) {
        let (low, high) = self.interval();
        println!(
            "{name:7} {snr_db:6.2} {:7}  {:.4}  [{low:.4}, {high:.4}]  {:11} {:7} {:8}  {:.3e}",
            self.frames,
            self.per(),
            self.undetected,
            self.header_failed,
            self.frames - self.right - self.undetected - self.header_failed,
            self.wrong_bits as f64 / self.bits.max(1) as f64,
        );
    }
}

fn measure(scheme: Scheme, snr_db: f32, frames: usize, seed: u64, channel: &Channel, on: &Line) -> Tally {
    let options = Options::default();
    let mut random = Random::new(seed ^ u64::from(snr_db.to_bits()) << 20);
    let memory = Box::new(FrameWorkspace::new());
    let mut receiver = Box::new(Receiver::with_workspace(channel, &options, &on.receiver, memory));
    let deviation = common::noise_on(channel, snr_db);
    let variance = on.noise.as_ref().map_or(1.0, |trace| trace.variance(channel, on.of_background));
    let gain = deviation / variance.sqrt();
    let frame_type = FrameType::plainest(scheme);
    let (mut tally, mut position) = (Tally { frames, ..Tally::default() }, 0);
    for _ in 0..frames {
        let mpdu = random.mpdu(frame_type.mac_octets() + on.octets);
        let mut frame = common::samples_on(channel, &options, frame_type, scheme, &mpdu);
        if on.ppm != 0.0 {
            frame = common::resample(&frame, 0.0, on.ppm);
        }
        let before = channel.samples(3_000 + random.below(1_000)) + random.below(channel.ways());
        let mut line = vec![0.0; before + frame.len() + channel.samples(1_000)];
        common::mix(&mut line, before, &frame, 1.0);
        if on.echo != 0.0 {
            common::mix(&mut line, before + channel.samples(20), &frame, on.echo);
        }
        match &on.noise {
            Some(trace) => trace.add(&mut line, gain, &mut random),
            None => common::add_noise(&mut line, deviation, &mut random),
        }
        let (mut sensed, mut failed, mut right) = (false, false, false);
        for block in line.chunks(1_000) {
            receiver.push(position, block);
            position += block.len() as u64;
            while let Some(event) = receiver.poll() {
                match event {
                    Event::CarrierDetect(CarrierDetect::Preamble(_)) => sensed = true,
                    Event::CarrierDetect(CarrierDetect::HeaderFailed { .. }) => failed = true,
                    Event::DataIndication(data) if data.mpdu.len() == mpdu.len() => {
                        right |= data.mpdu == mpdu.as_slice();
                        let pairs = data.mpdu.iter().zip(&mpdu).skip(frame_type.mac_octets());
                        tally.wrong_bits +=
                            pairs.map(|(one, other)| u64::from((one ^ other).count_ones())).sum::<u64>();
                        tally.bits += 8 * on.octets as u64;
                    }
                    _ => {}
                }
            }
        }
        tally.right += usize::from(right);
        tally.undetected += usize::from(!sensed);
        tally.header_failed += usize::from(sensed && failed && !right);
    }
    tally
}

/// Wilson's score interval at 95 %.
fn wilson(events: usize, of: usize) -> (f64, f64) {
    let (n, z) = (of as f64, 1.96);
    let p = events as f64 / n;
    let centre = p + z * z / (2.0 * n);
    let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    (((centre - spread) / scale).max(0.0), (centre + spread) / scale)
}
