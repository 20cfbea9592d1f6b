//! A stream: noise with frames in it, into one receiver.

use super::channel::Response;
use super::noise::{Noise, Place};
use super::{Campaign, Channel, Outcome, SnrOf, Task, g3, prime};
use crate::clock::{Clock, Interpolator, REACH, Stretch};
use crate::link::System;
use crate::noise::Port;
use crate::random::{Purpose, stream, uniform};
use crate::reference;
use rand_chacha::ChaCha8Rng;
use std::cell::RefCell;

/// Samples that the receiver is given at a time.
const BLOCK: usize = 1_000;
/// Noise between two frames: at least this many samples, at most twice as many; of systems at 1 MHz, whose symbols have four
/// times as many samples as at 250 kHz, four times as many.
const GAP: usize = 2_000;
const POINTS_OF_GAP: usize = 512;
/// The receiver's input level is uniform in dB within plus and minus this.
const GAIN_DB: f64 = 20.0;
/// Frames of a stream of modems.
const FRAMES: u64 = 8;
/// Frames of a stream of the reference chain, which are cheaper. They share an interleaver.
const REFERENCE_FRAMES: u64 = 64;

/// What a transmitter puts on its carriers, in its own unit of samples.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Air {
    /// Points of the receiver's transform.
    pub(super) points: usize,
    /// Bins of the carriers.
    pub(super) bins: Vec<usize>,
    /// Amplitude of a carrier.
    pub(super) amplitude: f64,
    /// Samples per second.
    pub(super) rate_hz: f64,
}

impl Air {
    /// Energy of a carrier in its bin.
    pub(super) fn bin_energy(&self) -> f64 {
        (self.amplitude * self.points as f64 / 2.0).powi(2)
    }

    /// Mean square of its samples.
    pub(super) fn mean_square(&self) -> f64 {
        self.bins.len() as f64 * self.amplitude * self.amplitude / 2.0
    }

    /// Frequencies of the lowest and the highest carrier.
    pub(super) fn band_hz(&self) -> [f64; 2] {
        let hz = |bin: Option<&usize>| bin.map_or(0.0, |&bin| bin as f64 * self.rate_hz / self.points as f64);
        [hz(self.bins.first()), hz(self.bins.last())]
    }
}

/// What a receiver said about the one frame that was sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heard {
    /// Its data came out right.
    pub(crate) right: bool,
    /// A header was right.
    pub(crate) header: bool,
    /// A header was wrong.
    pub(crate) header_failed: bool,
}

/// A transmitter and a receiver.
pub(crate) trait Modem {
    /// A frame with random data: the data, and its samples.
    fn frame(&mut self, rng: &mut ChaCha8Rng) -> Option<(Vec<u8>, Vec<f32>)>;

    /// Gives the receiver a block and notes what it says.
    fn hear(&mut self, from: u64, block: &[f32], data: &[u8], heard: &mut Heard);
}

/// Both ends of a system for frames with so many octets of data; `None` of the reference chain.
pub(crate) fn ends(system: &System, octets: usize, mains_hz: u32) -> Option<Box<dyn Modem>> {
    match system {
        System::G3 { plan, modulation, variant } => {
            Some(Box::new(g3::G3::new(plan, *modulation, variant, octets, mains_hz)))
        }
        System::Prime { channel, scheme, variant } => {
            Some(Box::new(prime::Prime::new(channel, *scheme, variant, octets)))
        }
        System::Reference { .. } => None,
    }
}

/// What the system's transmitter puts on its carriers; `None` where it has none.
pub(super) fn air(system: &System) -> Option<Air> {
    match system {
        System::G3 { plan, variant, .. } => Some(g3::air(plan, variant)),
        System::Prime { channel, .. } => Some(prime::air(channel)),
        System::Reference { .. } => None,
    }
}

/// Frames of a stream.
pub(super) fn frames(system: &System) -> u64 {
    match system {
        System::Reference { .. } => REFERENCE_FRAMES,
        System::G3 { .. } | System::Prime { .. } => FRAMES,
    }
}

/// Runs stream `number` of a point. `response` is that of its channel, where it has one.
pub(super) fn run(
    campaign: &Campaign,
    task: &Task,
    response: Option<&Response>,
    number: u64,
) -> Result<Outcome, String> {
    // Points share nothing: seed and name are both in the stream's key.
    let rng = &mut stream(campaign.seed ^ task.key(), Purpose::Campaign, number);
    if let System::Reference { scheme } = &task.system {
        return Ok(reference::Chain::new(*scheme, task.octets, task.snr_db)?.run(rng, REFERENCE_FRAMES));
    }
    match ends(&task.system, task.octets, task.mains_hz) {
        Some(mut modem) => run_modem(campaign, task, response, &mut *modem, rng),
        None => Ok(Outcome::default()),
    }
}

fn run_modem(
    campaign: &Campaign,
    task: &Task,
    response: Option<&Response>,
    modem: &mut dyn Modem,
    rng: &mut ChaCha8Rng,
) -> Result<Outcome, String> {
    let Some(mut lines) = Lines::new(task, response, campaign.snr_of, rng)? else {
        return Ok(Outcome::default());
    };
    let mut outcome = Outcome::default();
    let mut position = 0;
    for _ in 0..FRAMES {
        let (data, gain) = lines.next(modem, rng)?;
        lines.line.iter_mut().for_each(|sample| *sample *= gain);
        let mut heard = Heard::default();
        for block in lines.line.chunks(BLOCK) {
            modem.hear(position, block, &data, &mut heard);
            position += block.len() as u64;
        }
        let Heard { right, header, header_failed } = heard;
        outcome = outcome
            + Outcome {
                frames: 1,
                right: u64::from(right),
                unheard: u64::from(!right && !header && !header_failed),
                header_failed: u64::from(!right && !header && header_failed),
                payload_failed: u64::from(!right && header),
                ..Outcome::default()
            };
    }
    Ok(outcome)
}

/// The first `frames` frames of a modem's point with a flat channel as they stand on the line, all at the transmitter's level:
/// what a campaign's receiver hears but for the gain. With the samples a second.
///
/// # Errors
/// The point has a channel, is of the reference chain, or its noise is none.
pub fn example(task: &Task, seed: u64, frames: u64) -> Result<(f64, Vec<f32>), String> {
    task.check()?;
    if task.channel != Channel::Flat {
        return Err(format!("an example over {}; only flat can be", task.channel));
    }
    let rng = &mut stream(seed ^ task.key(), Purpose::Campaign, 0);
    match ends(&task.system, task.octets, task.mains_hz) {
        Some(mut modem) => example_of(task, &mut *modem, rng, frames),
        None => Err(format!("{} has no example; modems have", task.system)),
    }
}

fn example_of(
    task: &Task,
    modem: &mut dyn Modem,
    rng: &mut ChaCha8Rng,
    frames: u64,
) -> Result<(f64, Vec<f32>), String> {
    let Some(mut lines) = Lines::new(task, None, SnrOf::Mean, rng)? else { return Ok((0.0, Vec::new())) };
    let mut samples = Vec::new();
    for _ in 0..frames {
        lines.next(modem, rng)?;
        samples.extend_from_slice(&lines.line);
    }
    Ok((lines.air.rate_hz, samples))
}

/// Frames in noise, one after the other.
struct Lines<'a> {
    task: &'a Task,
    response: Option<&'a Response>,
    air: Air,
    noise: Noise,
    /// The last one.
    line: Vec<f32>,
    passed: Vec<f32>,
}

impl<'a> Lines<'a> {
    /// `None` for a system without a line.
    fn new(
        task: &'a Task,
        response: Option<&'a Response>,
        snr_of: SnrOf,
        rng: &mut ChaCha8Rng,
    ) -> Result<Option<Self>, String> {
        let Some(air) = air(&task.system) else { return Ok(None) };
        let bin_power = air.bin_energy() / libm::pow(10.0, task.snr_db / 10.0);
        let place = Place { mains: task.mains(), port: response.map_or(Port::L1, |response| response.port) };
        let noise = Noise::new(&task.noise, &air, place, bin_power, snr_of, rng)?;
        Ok(Some(Self { task, response, air, noise, line: Vec::new(), passed: Vec::new() }))
    }

    /// Puts the next frame on the line; its data, and the receiver's gain.
    fn next(&mut self, modem: &mut dyn Modem, rng: &mut ChaCha8Rng) -> Result<(Vec<u8>, f32), String> {
        let Self { task, response, air, noise, line, passed } = self;
        let misfit = || format!("{} octets do not fit {}; use less", task.octets, task.system);
        let (data, mut sent) = modem.frame(rng).ok_or_else(misfit)?;
        let gap = GAP * air.points.div_ceil(POINTS_OF_GAP);
        let before = gap + (uniform(rng) * gap as f64) as usize;
        if let Some(response) = response {
            response.pass(&sent, noise.mains(sent.len()).after(before as f64), passed);
            std::mem::swap(&mut sent, passed);
        }
        let clock = Clock::new(task.system.variant().ppm, -(before as f64 + uniform(rng)));
        let gain = libm::pow(10.0, GAIN_DB / 20.0 * (2.0 * uniform(rng) - 1.0)) as f32;
        line.clear();
        line.resize(before + sent.len() + 2 * REACH + gap / 2, 0.0);
        delayed(air, &clock, &sent, line);
        noise.add(line);
        Ok((data, gain))
    }
}

/// What the receiver's clock makes of what was sent, by the cheapest interpolator that is true in the band: PRIME's
/// channels 7 and 8 need the sharp one.
fn delayed(air: &Air, clock: &Clock, sent: &[f32], line: &mut [f32]) {
    thread_local! {
        /// Made once for the streams of a band that a thread runs one after another.
        static LAST: RefCell<Option<([f64; 2], Interpolator)>> = const { RefCell::new(None) };
    }
    let band = [air.band_hz()[1], air.rate_hz];
    LAST.with_borrow_mut(|last| {
        if last.as_ref().is_none_or(|(of, _)| *of != band) {
            *last = Some((band, Interpolator::sharp_enough(band[0], band[1])));
        }
        if let Some((_, interpolator)) = last {
            interpolator.to_local(clock, Stretch { first: 0, samples: sent }, 0, line);
        }
    });
}
