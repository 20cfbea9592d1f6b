//! What a calibration knows of a modem: its carriers, the stages of its frames, how each makes bits of products of symbols, how
//! the interleaver spreads them, and both ends in samples.
//!
//! This is where another modem is added: a module beside [`g3`] that makes a [`Modem`] of a band and its options, with
//!
//! * a [`Grid`]: carriers, sample rate, and where in time the two symbols of a product lie;
//! * a [`Reception`] for each stage, so [`Stage`] has a name for each;
//! * [`Rules`]: how long a frame is, and which carriers its coded bits stand on;
//! * for each payload the [`System`] whose two ends send and receive it in samples, as link campaigns do;
//!
//! and a line in [`Modem::new`].

pub mod g3;
mod stage;

pub use stage::Stage;

use super::windows::Windows;
use crate::link::{Standard, System, Variant};
use crate::noise::{Conditions, Mains, NoiseError, NoisePlan, Preset};
use plc_core::time::{Duration, TICKS_PER_SECOND};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

/// Carriers and times of a modem's symbols.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Carriers, those without data among them that lie between others.
    pub carriers: usize,
    /// Transform bin of the lowest.
    pub first_bin: usize,
    /// Samples of the receiver's transform.
    pub points: usize,
    /// Samples between the starts of the two symbols of a product; 0 where both carriers are of one symbol.
    pub lag: usize,
    /// Samples a second.
    pub rate_hz: f64,
    /// Root mean square of what a transmitter of ours gives, in its unit of samples.
    pub rms: f64,
    /// Frequency of the mains.
    pub mains_hz: f64,
    /// Places in a mains period at which noise is looked at: about one a symbol.
    pub places: usize,
    /// Samples of noise before a frame, at least.
    pub gap: usize,
}

impl Grid {
    /// Frequency of a carrier.
    pub fn hz(&self, carrier: usize) -> f64 {
        (self.first_bin + carrier) as f64 * (self.rate_hz / self.points as f64)
    }

    /// Frequencies of the lowest carrier and of the highest.
    pub fn band_hz(&self) -> [f64; 2] {
        [self.hz(0), self.hz(self.carriers.saturating_sub(1))]
    }

    /// Samples of a mains period.
    pub fn period_samples(&self) -> usize {
        (self.rate_hz / self.mains_hz).round() as usize
    }

    /// The mains.
    pub fn mains(&self) -> Mains {
        Mains { hz: self.mains_hz, ..Mains::STEADY_50 }
    }

    /// Places of a noise tape up to a time.
    pub fn places_in(&self, time: Duration) -> u64 {
        let period_ticks = TICKS_PER_SECOND as f64 / self.mains_hz;
        (time.as_ticks() as f64 / period_ticks * self.places as f64).round() as u64
    }
}

/// How coded bits are made of products of two symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Detection {
    /// Bits of a product: 1 to 3 by its phase, 4 by 16-QAM.
    pub bits: u8,
    /// Symbols that the reference is the mean of: 1 where it is another symbol, many where it is the channel's estimate.
    pub reference_symbols: u8,
    /// Copies of each coded bit, which are added up.
    pub copies: u8,
}

impl Detection {
    /// Noise of the reference against that of a symbol.
    pub fn reference_noise(self) -> f64 {
        1.0 / f64::from(self.reference_symbols.max(1))
    }

    /// Whether the reference is an estimate of the channel.
    pub fn is_coherent(self) -> bool {
        self.reference_symbols > 1
    }
}

/// A stage: how its bits are made, and where its crossing in white noise is searched first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reception {
    /// Stage.
    pub stage: Stage,
    /// How it makes bits.
    pub detection: Detection,
    /// About where one frame in ten is lost in it, in dB.
    pub start_db: f64,
}

/// A payload: with the stages before it, and both ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mode {
    /// Its stage.
    pub stage: Stage,
    /// Preamble and header of its frames.
    pub before: [Stage; 2],
    /// What sends and receives it.
    pub system: System,
}

/// How long a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Payload symbols.
    pub symbols: u16,
    /// Octets of data that fill them.
    pub octets: usize,
    /// Ends of preamble, header and payload after the frame's first sample.
    pub ends: [Duration; 3],
}

/// What a standard says of frames.
pub trait Rules: fmt::Debug + Send + Sync {
    /// The shortest frame with so many octets of data; `None` where they do not fit.
    fn layout(&self, mode: Stage, octets: usize) -> Option<Layout>;

    /// How a payload of so many symbols is spread over the carriers.
    fn windows(&self, mode: Stage, symbols: u16) -> Windows;
}

/// Over what a code and its interleaver even out noise that changes with time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Over all of a stage.
    Frame,
    /// Over a symbol: a stage is as good as its symbols one by one.
    Symbol,
}

/// A modem as the calibration sees it.
#[derive(Clone, Debug)]
pub struct Modem {
    pub(super) name: String,
    pub(super) grid: Grid,
    pub(super) conditions: Conditions,
    /// Preambles, headers, payloads.
    pub(super) stages: Vec<Reception>,
    pub(super) modes: Vec<Mode>,
    /// Octets of frames by which payloads are calibrated.
    pub(super) lengths: Vec<usize>,
    /// Octets of frames in the proof, and for offsets.
    pub(super) octets: usize,
    /// Magnitude of a carrier, against the mean of all, above which a header's products count no more; `None` where they are
    /// weighted by their noise.
    pub(super) header_limit: Option<f32>,
    pub(super) span: Span,
    pub(super) rules: Arc<dyn Rules>,
}

impl Modem {
    /// What networks of frames have: CENELEC-A with the default receiver.
    pub fn cenelec_a() -> Self {
        g3::cenelec_a()
    }

    /// The modem of a standard, a band and options, by the names that `channel-sim link` has for them.
    ///
    /// # Errors
    /// A sentence that names what is unknown, or for which there is no model.
    pub fn new(standard: Standard, band: &str, variant: Variant) -> Result<Self, String> {
        match standard {
            Standard::G3 => g3::modem(band, variant),
            Standard::Prime | Standard::Reference => {
                Err(format!("{} has no model of frames; use g3", standard.name()))
            }
        }
    }

    /// The same modem of which only some payloads are calibrated, by frames of one length.
    pub fn only(mut self, payloads: &[Stage], octets: usize) -> Self {
        self.modes.retain(|mode| payloads.contains(&mode.stage));
        let begins = |stage: Stage| self.modes.iter().any(|mode| mode.before.contains(&stage));
        self.stages.retain(|reception| payloads.contains(&reception.stage) || begins(reception.stage));
        self.lengths = vec![octets];
        self.octets = octets;
        self
    }

    /// Standard, band and options.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Carriers.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Stages: preambles, headers, payloads.
    pub fn stages(&self) -> &[Reception] {
        &self.stages
    }

    /// A stage; `None` where it has none of that name.
    pub fn stage(&self, stage: Stage) -> Option<&Reception> {
        self.stages.iter().find(|reception| reception.stage == stage)
    }

    /// Payloads.
    pub fn payloads(&self) -> impl Iterator<Item = Stage> + '_ {
        self.modes.iter().map(|mode| mode.stage)
    }

    /// A payload by name, as commands spell it.
    ///
    /// # Errors
    /// Where there is none of that name.
    pub fn payload(&self, name: &str) -> Result<Stage, String> {
        let lower = name.to_lowercase();
        self.payloads().find(|stage| stage.name() == lower).ok_or_else(|| {
            let names: Vec<&str> = self.payloads().map(Stage::name).collect();
            format!("unknown modulation {name:?} of {}; use {}", self.name, names.join(", "))
        })
    }

    /// Octets of frames in the proof, and for offsets.
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// Octets of frames by which payloads are calibrated, in ascending order.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// Octets of frames by which a stage is calibrated: those that fit, of payloads, and of others the shortest.
    pub(super) fn lengths_of(&self, stage: Stage) -> impl Iterator<Item = usize> + '_ {
        let count = if stage.is_payload() { self.lengths.len() } else { 1 };
        let fits = move |octets: &usize| !stage.is_payload() || self.layout(stage, *octets).is_some();
        self.lengths.iter().copied().take(count).filter(fits)
    }

    /// Where in white noise a stage's crossing is searched first, in dB.
    pub(super) fn start_db(&self, stage: Stage) -> f64 {
        self.stage(stage).map_or(0.0, |reception| reception.start_db)
    }

    /// What tells its batches of frames from others' in a journal; nothing of the modem that journals were begun with.
    pub(super) fn journal_prefix(&self) -> String {
        if self.name == Self::cenelec_a().name { String::new() } else { format!("{},", self.name) }
    }

    /// The sum of `presets` at a receiver's port.
    ///
    /// # Errors
    /// Where a preset is not valid there.
    pub fn noise(&self, presets: &[Preset]) -> Result<NoisePlan, NoiseError> {
        NoisePlan::new(presets, &self.conditions)
    }

    /// The shortest frame with so many octets of data.
    pub fn layout(&self, mode: Stage, octets: usize) -> Option<Layout> {
        self.rules.layout(mode, octets)
    }

    /// How a payload of so many symbols is spread over the carriers: made once for all networks of the process.
    pub fn windows(&self, mode: Stage, symbols: u16) -> Arc<Windows> {
        type Key = (String, Stage, u16);
        static MADE: Mutex<BTreeMap<Key, Arc<Windows>>> = Mutex::new(BTreeMap::new());
        let make = || Arc::new(self.rules.windows(mode, symbols));
        match MADE.lock() {
            Ok(mut made) => made.entry((self.name.clone(), mode, symbols)).or_insert_with(make).clone(),
            Err(_) => make(),
        }
    }

    /// Places of a noise tape that a preamble takes.
    pub(super) fn preamble_places(&self) -> usize {
        let mut layouts = self.modes.iter().filter_map(|mode| self.layout(mode.stage, self.lengths[0]));
        layouts.next().map_or(1, |layout| self.grid.places_in(layout.ends[0]) as usize)
    }

    /// A payload, its stages and both ends.
    pub(super) fn mode(&self, stage: Stage) -> Option<&Mode> {
        self.modes.iter().find(|mode| mode.stage == stage)
    }

    /// The payload whose frames a stage is calibrated by: itself, or of those that begin with a preamble or header the shortest, and
    /// of equally short ones the last.
    pub(super) fn probe(&self, stage: Stage) -> Option<Stage> {
        let end = |mode: &&Mode| self.layout(mode.stage, self.lengths[0]).map(|layout| layout.ends[2]);
        let with = self.modes.iter().rev().filter(|mode| mode.stage == stage || mode.before.contains(&stage));
        with.filter(|mode| end(mode).is_some()).min_by_key(end).map(|mode| mode.stage)
    }
}
