//! Frames in samples over one link: what the frame model is calibrated by and held against.

use super::modem::{Grid, Modem, Stage};
use super::port::NoisePort;
use crate::clock::{Clock, Interpolator, REACH, Stretch};
use crate::exact;
use crate::line::source_volts;
use crate::link::{Ends, Heard, ends};
use crate::noise::{NoisePlan, Port};
use crate::random::{Purpose, stream, uniform};
use num_complex::Complex64;
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;
use std::f64::consts::TAU;
use std::sync::Arc;

/// Samples that the receiver is given at a time.
const BLOCK: usize = 1_000;
/// Clocks differ by up to this.
const PPM: f64 = 25.0;

/// The way from a transmitter's source to a receiver's port.
#[derive(Clone, Debug)]
pub struct Path {
    /// Impulse response at the modem's sample rate, from the source's volts to the port's.
    pub taps: Vec<f32>,
}

impl Path {
    /// No way at all.
    pub fn flat() -> Self {
        Self { taps: vec![1.0] }
    }

    /// What offsets of noise presets are found on: carriers alike, and falling by up to 16 dB from the lowest to the
    /// highest, as up to some hundred metres of cable with households make them.
    pub fn references(grid: &Grid) -> [Self; 4] {
        if Self::is_cenelec_a(grid) {
            return [
                vec![1.0],
                vec![1.0, 0.0, 0.4],
                // The second path twice, and twice a steeper one: cables fall by so many dB a carrier, without a notch.
                vec![1.0, 0.0, 0.8, 0.0, 0.16],
                vec![1.0, 0.0, 1.0, 0.0, 0.25],
            ]
            .map(|taps| Self { taps });
        }
        [Self::flat(), Self::falling(grid, 6.0), Self::falling(grid, 12.0), Self::falling(grid, 16.0)]
    }

    /// Carriers that fall by 14 dB from the lowest to the highest.
    pub fn steep(grid: &Grid) -> Self {
        match Self::is_cenelec_a(grid) {
            true => Self { taps: vec![1.0, 0.0, 0.9] },
            false => Self::falling(grid, 14.0),
        }
    }

    /// The band whose paths were found by hand.
    fn is_cenelec_a(grid: &Grid) -> bool {
        (grid.points, grid.first_bin, grid.carriers) == (256, 23, 36)
    }

    /// Carriers that fall by so many dB from the lowest to the highest: as many equal pairs of taps in a row as it takes without a
    /// notch.
    fn falling(grid: &Grid, db: f64) -> Self {
        const MOST: f32 = 0.6;
        let highest = grid.first_bin + grid.carriers - 1;
        let apart = (grid.points / (2 * highest)).max(1);
        let cascade = |pairs: usize, second: f32| {
            let mut taps = vec![1.0];
            for _ in 0..pairs {
                let mut longer = vec![0.0; taps.len() + apart];
                for (at, tap) in taps.iter().enumerate() {
                    longer[at] += tap;
                    longer[at + apart] += tap * second;
                }
                taps = longer;
            }
            Self { taps }
        };
        let falls_db = |path: &Self| {
            let gains = path.gains(grid);
            let ends = gains.first().zip(gains.last());
            ends.map_or(0.0, |(first, last)| 10.0 * libm::log10(first / last))
        };
        let pairs = (1..16).find(|&pairs| falls_db(&cascade(pairs, MOST)) >= db).unwrap_or(16);
        // In steps that no rounding moves.
        let seconds = (0..=600).map(|step| step as f32 / 1_000.0);
        let path = seconds.map(|second| cascade(pairs, second)).find(|path| falls_db(path) >= db);
        path.unwrap_or_else(|| cascade(pairs, MOST))
    }

    /// A number that tells paths apart.
    pub fn fingerprint(&self) -> u64 {
        fnv(self.taps.iter().flat_map(|tap| tap.to_bits().to_le_bytes()))
    }

    /// Power gain on each carrier.
    pub fn gains(&self, grid: &Grid) -> Vec<f64> {
        let of = |bin: usize| {
            let turn = -TAU * bin as f64 / grid.points as f64;
            let sum: Complex64 = self
                .taps
                .iter()
                .enumerate()
                .map(|(n, &tap)| exact::polar(f64::from(tap), turn * n as f64))
                .sum();
            sum.norm_sqr()
        };
        (grid.first_bin..grid.first_bin + grid.carriers).map(of).collect()
    }
}

/// Energy |S_k|² that each carrier brings through a gain, for a source of `level_dbuv`.
pub fn signal_power(gains: &[f64], level_dbuv: f64, grid: &Grid) -> Vec<f32> {
    let (volts, points) = (source_volts(level_dbuv), grid.points as f64);
    // A carrier of power P has |X|² = P N² / 2 in the transform.
    let of_unit_gain = volts * volts / grid.carriers as f64 * points * points / 2.0;
    gains.iter().map(|gain| (of_unit_gain * gain) as f32).collect()
}

/// What became of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Frames sent.
    pub frames: u32,
    /// Frames that came out as they went in.
    pub right: u32,
    /// Frames of which no preamble was found, or none followed to its end.
    pub unheard: u32,
    /// Frames with a wrong header checksum.
    pub header_failed: u32,
}

impl Outcome {
    /// Frames that did not come out right.
    pub fn lost(&self) -> u32 {
        self.frames - self.right
    }

    pub(super) fn add(&mut self, other: Self) {
        self.frames += other.frames;
        self.right += other.right;
        self.unheard += other.unheard;
        self.header_failed += other.header_failed;
    }
}

/// One link in samples.
#[derive(Clone, Debug)]
pub struct WaveformLink {
    /// At both ends.
    pub modem: Arc<Modem>,
    /// The way.
    pub path: Path,
    /// Noise at the receiver.
    pub noise: NoisePlan,
}

impl WaveformLink {
    /// Sends `frames` frames of at least `octets` octets at a level and says what came out. `seed` determines
    /// frames, noise, delays and clocks.
    pub fn run(&self, mode: Stage, octets: usize, level_dbuv: f64, frames: u32, seed: u64) -> Outcome {
        self.run_against(None, mode, octets, level_dbuv, frames, seed)
    }

    /// The same while another modem sends a frame of the same kind into each.
    pub fn run_against(
        &self,
        other: Option<&Disturber>,
        mode: Stage,
        octets: usize,
        level_dbuv: f64,
        frames: u32,
        seed: u64,
    ) -> Outcome {
        let (mut outcome, grid) = (Outcome::default(), self.modem.grid());
        let size = self.modem.layout(mode, octets).map_or(0, |layout| layout.octets);
        let modem = self.modem.mode(mode).and_then(|mode| ends(&mode.system, size, grid.mains_hz as u32));
        let Some(mut modem) = modem else { return outcome };
        let rng = &mut stream(seed, Purpose::Campaign, mode.number());
        let mut noise = NoisePort::new(&self.noise, Port::L1, rng.next_u64(), 0, uniform(rng), grid);
        // The wide one where it is true: which one it is makes a difference in the last digits.
        let interpolator = match grid.band_hz()[1] <= 0.41 * grid.rate_hz {
            true => Interpolator::wide(),
            false => Interpolator::sharp(),
        };
        let mut position = 0;
        let (mut line, mut through) = (Vec::new(), Vec::new());
        for _ in 0..frames {
            let Some(data) = arriving(&mut *modem, rng, grid, &self.path, level_dbuv, &mut through) else {
                return outcome;
            };
            let before = grid.gap + (uniform(rng) * grid.period_samples() as f64) as usize;
            let clock = Clock::new(PPM * (2.0 * uniform(rng) - 1.0), -(before as f64 + uniform(rng)));
            line.clear();
            line.resize(before + through.len() + 2 * REACH + grid.gap / 2, 0.0);
            noise.fill(&mut line);
            let mut arrived = vec![0.0; line.len()];
            interpolator.to_local(&clock, Stretch { first: 0, samples: &through }, 0, &mut arrived);
            line.iter_mut().zip(&arrived).for_each(|(sum, signal)| *sum += signal);
            if let Some(other) = other {
                let of_other = arriving(&mut *modem, rng, grid, &other.path, other.level_dbuv, &mut through);
                if of_other.is_none() {
                    return outcome;
                }
                let at = before as f64 + other.after as f64 + uniform(rng) * other.within as f64;
                let clock = Clock::new(PPM * (2.0 * uniform(rng) - 1.0), -at);
                let mut arrived = vec![0.0; line.len()];
                interpolator.to_local(&clock, Stretch { first: 0, samples: &through }, 0, &mut arrived);
                line.iter_mut().zip(&arrived).for_each(|(sum, signal)| *sum += signal);
            }
            let mut heard = Heard::default();
            for block in line.chunks(BLOCK) {
                modem.hear(position, block, &data, &mut heard);
                position += block.len() as u64;
            }
            let Heard { right, header, header_failed } = heard;
            outcome.add(Outcome {
                frames: 1,
                right: u32::from(right),
                unheard: u32::from(!right && !header && !header_failed),
                header_failed: u32::from(!right && !header && header_failed),
            });
        }
        outcome
    }
}

/// Another modem that sends while a frame is on the air.
#[derive(Clone, Debug)]
pub struct Disturber {
    /// Its way to the receiver.
    pub path: Path,
    /// Its source's level.
    pub level_dbuv: f64,
    /// Samples from the start of the frame to that of its own, at least.
    pub after: usize,
    /// Samples in which that start is drawn.
    pub within: usize,
}

/// The next frame's data, and its samples at the end of its way; `None` where there is no such frame.
fn arriving(
    modem: &mut dyn Ends,
    rng: &mut ChaCha8Rng,
    grid: &Grid,
    path: &Path,
    level_dbuv: f64,
    through: &mut Vec<f32>,
) -> Option<Vec<u8>> {
    let (data, sent) = modem.frame(rng)?;
    let volts = (source_volts(level_dbuv) / grid.rms) as f32;
    convolve(&sent, &path.taps, volts, through);
    Some(data)
}

/// FNV-1a.
pub(super) fn fnv(octets: impl Iterator<Item = u8>) -> u64 {
    octets.fold(0xCBF2_9CE4_8422_2325, |hash, octet| (hash ^ u64::from(octet)).wrapping_mul(0x100_0000_01B3))
}

pub(super) fn convolve(sent: &[f32], taps: &[f32], gain: f32, out: &mut Vec<f32>) {
    out.clear();
    out.resize(sent.len() + taps.len() - 1, 0.0);
    for (delay, &tap) in taps.iter().enumerate() {
        let tap = tap * gain;
        for (sum, &sample) in out[delay..].iter_mut().zip(sent) {
            *sum += tap * sample;
        }
    }
}
