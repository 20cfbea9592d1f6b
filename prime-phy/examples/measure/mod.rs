//! What the measuring tools share: a receiver, a line, frames through it, and rates with intervals.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "each tool uses its part"
)]

#[path = "../../tests/common/mod.rs"]
pub mod common;

use common::{Random, RandomMpdu as _};
use dsp::Complex;
use dsp::fft::{RealFft, Size};
pub use plc_core::testkit::wilson;
use prime_phy::channel::CARRIERS;
use prime_phy::options::Options;
use prime_phy::primitives::{CarrierDetect, Event};
use prime_phy::{
    Channel, Detection, FrameType, FrameWorkspace, Receiver, ReceiverOptions, Scheme, SymbolWeights,
};
use std::sync::Arc;

/// Octets of payload behind what the header carries, as in the reference curves (prime.md 9.5).
pub const PAYLOAD_OCTETS: usize = 133;

/// Schemes, their names, and where the reference curves lose every tenth frame.
pub const SCHEMES: [(Scheme, &str, f32); 8] = [
    (Scheme::RobustDbpsk, "r_dbpsk", -1.2),
    (Scheme::RobustDqpsk, "r_dqpsk", 1.0),
    (Scheme::DbpskC, "dbpsk_c", 3.0),
    (Scheme::DqpskC, "dqpsk_c", 6.0),
    (Scheme::D8pskC, "d8psk_c", 9.7),
    (Scheme::Dbpsk, "dbpsk", 9.2),
    (Scheme::Dqpsk, "dqpsk", 13.7),
    (Scheme::D8psk, "d8psk", 19.5),
];

/// Receiver and line.
pub struct Line {
    pub receiver: ReceiverOptions,
    pub ppm: f64,
    pub octets: usize,
    pub echo: f32,
    pub noise: Option<Arc<Trace>>,
    pub of_background: bool,
    /// Every frame, with its noise, is at a random level within plus and minus so many dB.
    pub levels_db: f32,
    /// After so many frames there is a new receiver; 0 for never.
    pub renew: usize,
}

impl Line {
    pub fn of(settings: &[String]) -> Self {
        let mut line = Self {
            receiver: ReceiverOptions::STANDARD,
            ppm: 0.0,
            octets: PAYLOAD_OCTETS,
            echo: 0.0,
            noise: None,
            of_background: false,
            levels_db: 0.0,
            renew: 0,
        };
        for setting in settings {
            match setting.split_once('=').unwrap_or((setting, "")) {
                ("receiver", name) => {
                    line.receiver = ReceiverOptions::named(name).unwrap_or_else(|| {
                        let passes = name.parse().expect("a step of the ladder or passes");
                        ReceiverOptions { detection: Detection::Coherent { passes }, ..line.receiver }
                    });
                }
                ("without", "smoothing") => line.receiver.smooth_channel = false,
                ("without", "clock") => line.receiver.track_clock = false,
                ("ppm", ppm) => line.ppm = ppm.parse().expect("ppm"),
                ("octets", octets) => line.octets = octets.parse().expect("octets"),
                ("echo", echo) => line.echo = echo.parse().expect("a gain"),
                ("carriers", "equal") => line.receiver.carrier_weights = false,
                ("symbols", "equal") => line.receiver.symbol_weights = SymbolWeights::Equal,
                ("symbols", "erased") => line.receiver.symbol_weights = SymbolWeights::Erased,
                ("noise", file) => line.noise = Some(Arc::new(Trace::read(file))),
                ("levels", db) => line.levels_db = db.parse().expect("dB"),
                ("renew", frames) => line.renew = frames.parse().expect("a number of frames"),
                ("of", "background") => line.of_background = true,
                _ => println!("no such setting: {setting}"),
            }
        }
        line
    }
}

/// Noise of a file.
pub struct Trace {
    samples: Vec<f32>,
}

impl Trace {
    pub fn read(file: &str) -> Self {
        let octets = std::fs::read(file).expect("a file with noise");
        let samples = octets.as_chunks::<4>().0.iter().map(|octets| f32::from_le_bytes(*octets)).collect();
        Self { samples }
    }

    /// Its power on the channel's carriers as the variance of white noise that has the same there: the mean, or the median over
    /// windows and carriers, which in white noise is ln 2 of it.
    pub fn variance(&self, channel: &Channel, of_background: bool) -> f32 {
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
    pub fn add(&self, line: &mut [f32], gain: f32, random: &mut Random) {
        let at = random.below(self.samples.len() - line.len());
        common::mix(line, 0, &self.samples[at..at + line.len()], gain);
    }
}

pub fn channel(id: u64) -> Channel {
    match id {
        0 => Channel::ONE,
        id => Channel::from_id(id as u8).expect("a channel"),
    }
}

#[derive(Default)]
pub struct Tally {
    pub frames: usize,
    pub right: usize,
    pub undetected: usize,
    pub header_failed: usize,
    /// Of payloads whose header was right, frame by frame.
    pub wrong_bits: Vec<u32>,
    /// Bits of such a payload.
    pub bits: usize,
}

impl Tally {
    pub fn per(&self) -> f64 {
        1.0 - self.right as f64 / self.frames as f64
    }

    pub fn interval(&self) -> (f64, f64) {
        wilson(self.frames - self.right, self.frames)
    }

    /// Frames without a right header.
    pub fn headless(&self) -> usize {
        self.undetected + self.header_failed
    }

    /// Bit error rate of payloads whose header was right, and half of its 95 % interval: errors come in frames, so that
    /// frames, not bits, are the sample.
    pub fn bit_error_rate(&self) -> (f64, f64) {
        let (count, bits) = (self.wrong_bits.len().max(1) as f64, self.bits.max(1) as f64);
        let rate = |wrong: &u32| f64::from(*wrong) / bits;
        let mean = self.wrong_bits.iter().map(rate).sum::<f64>() / count;
        let square = self.wrong_bits.iter().map(|wrong| (rate(wrong) - mean).powi(2)).sum::<f64>();
        (mean, 1.96 * square.sqrt() / count)
    }

    pub fn print(&self, name: &str, snr_db: f32) {
        let (low, high) = self.interval();
        println!(
            "{name:7} {snr_db:6.2} {:7}  {:.4}  [{low:.4}, {high:.4}]  {:11} {:7} {:8}  {:.3e}",
            self.frames,
            self.per(),
            self.undetected,
            self.header_failed,
            self.frames - self.right - self.undetected - self.header_failed,
            self.bit_error_rate().0,
        );
    }
}

/// Frames of a kind through the line, into a receiver that listens on.
pub fn measure(
    (frame_type, scheme): (FrameType, Scheme),
    snr_db: f32,
    (frames, seed): (usize, u64),
    channel: &Channel,
    on: &Line,
) -> Tally {
    let options = Options::default();
    let mut random = Random::new(seed ^ u64::from(snr_db.to_bits()) << 20);
    let listening = || {
        let memory = Box::new(FrameWorkspace::new());
        Box::new(Receiver::with_workspace(channel, &options, &on.receiver, memory))
    };
    let mut receiver = listening();
    let deviation = common::noise_on(channel, snr_db);
    let variance = on.noise.as_ref().map_or(1.0, |trace| trace.variance(channel, on.of_background));
    let gain = deviation / variance.sqrt();
    let (mut tally, mut position) = (Tally { frames, bits: 8 * on.octets, ..Tally::default() }, 0);
    for number in 0..frames {
        if on.renew > 0 && number > 0 && number.is_multiple_of(on.renew) {
            (receiver, position) = (listening(), 0);
        }
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
        if on.levels_db != 0.0 {
            let uniform = random.below(2_001) as f32 / 1_000.0 - 1.0;
            let level = 10.0_f32.powf(on.levels_db * uniform / 20.0);
            line.iter_mut().for_each(|sample| *sample *= level);
        }
        let (mut sensed, mut failed, mut right) = (false, false, false);
        for block in line.chunks(1_000) {
            receiver.push(position, block);
            position += block.len() as u64;
            while let Some(event) = receiver.poll() {
                match event {
                    Event::CarrierDetect(CarrierDetect::Preamble(_)) => sensed = true,
                    Event::CarrierDetect(CarrierDetect::HeaderFailed { .. }) => failed = true,
                    // Type BC's second header, after the first failed.
                    Event::CarrierDetect(CarrierDetect::Header { .. }) => failed = false,
                    Event::DataIndication(data) if data.mpdu.len() == mpdu.len() => {
                        right |= data.mpdu == mpdu.as_slice();
                        let pairs = data.mpdu.iter().zip(&mpdu).skip(frame_type.mac_octets());
                        tally.wrong_bits.push(pairs.map(|(one, other)| (one ^ other).count_ones()).sum());
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

/// Where a rate falls below a value.
pub struct Crossing {
    pub db: f32,
    pub low_db: f32,
    pub high_db: f32,
    /// The points on either side.
    pub around: [Tally; 2],
}

/// The packet error rate's crossing of `rate`: points a quarter of a decibel apart from `start_db` until two enclose it, and a
/// straight line between their logarithms.
pub fn crossing(start_db: f32, rate: f64, mut measure: impl FnMut(f32) -> Tally) -> Crossing {
    const STEP_DB: f32 = 0.25;
    let start_db = (start_db / STEP_DB).round() * STEP_DB;
    let mut points = vec![(start_db, measure(start_db))];
    loop {
        let (first, last) = (points.first().expect("one"), points.last().expect("one"));
        match (first.1.per() > rate, last.1.per() > rate) {
            (true, false) => break,
            (true, true) => {
                let next = last.0 + STEP_DB;
                points.push((next, measure(next)));
            }
            (false, _) => {
                let next = first.0 - STEP_DB;
                points.insert(0, (next, measure(next)));
            }
        }
    }
    let above = points.iter().rposition(|(_, tally)| tally.per() > rate).expect("the first is");
    let mut points = points.drain(above..);
    let ((low_db, low), (high_db, high)) = (points.next().expect("one"), points.next().expect("two"));
    let (db, half_db) = between(rate, (low_db, &low), (high_db, &high));
    Crossing { db, low_db: db - half_db, high_db: db + half_db, around: [low, high] }
}

/// Where between two points the packet error rate is `rate`, and half of the 95 % interval: that of the point nearer to the
/// rate, moved along the line.
pub fn between(rate: f64, (low_db, low): (f32, &Tally), (high_db, high): (f32, &Tally)) -> (f32, f32) {
    let log = |per: f64| per.max(1e-4).log10();
    let slope = (log(low.per()) - log(high.per())) as f32 / (high_db - low_db);
    let db = low_db + ((log(low.per()) - log(rate)) as f32 / slope).clamp(0.0, high_db - low_db);
    let near =
        if (log(low.per()) - log(rate)).abs() < (log(high.per()) - log(rate)).abs() { low } else { high };
    let (least, most) = near.interval();
    (db, ((log(most) - log(least)) / 2.0) as f32 / slope)
}
