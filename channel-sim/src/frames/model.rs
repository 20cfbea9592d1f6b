//! The model's side of a link: the probability that a frame is lost, stage by stage.

use super::hearing::{Hearing, Interference, Stretch};
use super::modem::{Modem, Stage};
use super::table::Table;
use super::tape::NoiseTape;
use super::waveform::signal_power;
use std::sync::Arc;

/// Starts that an average is taken over.
const STARTS: u64 = 512;

/// Probabilities of failure of a frame's stages, each given that the ones before it went well.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Failures {
    /// Preamble.
    pub preamble: f64,
    /// FCH.
    pub header: f64,
    /// Payload.
    pub payload: f64,
}

impl Failures {
    /// Probability that the frame is lost.
    pub fn lost(&self) -> f64 {
        1.0 - (1.0 - self.preamble) * (1.0 - self.header) * (1.0 - self.payload)
    }
}

/// Noise and table together: predicts frames of any signal at one port, by the very function that judges them in
/// networks.
#[derive(Clone, Debug)]
pub struct Model {
    modem: Arc<Modem>,
    tapes: Arc<[NoiseTape]>,
    table: Table,
    presets: Vec<String>,
}

impl Model {
    /// A model of reception in the noise of `tape`, whose presets are named.
    pub fn new(modem: &Arc<Modem>, tape: NoiseTape, table: &Table, presets: &[String]) -> Self {
        Self::shared(modem, [tape].into(), table.clone(), presets)
    }

    /// The same with a tape that others use too; the first one counts.
    pub(super) fn shared(
        modem: &Arc<Modem>,
        tapes: Arc<[NoiseTape]>,
        table: Table,
        presets: &[String],
    ) -> Self {
        Self { modem: modem.clone(), tapes, table, presets: presets.to_vec() }
    }

    /// Share of frames that fail in each stage, and that are lost at all, over all mains phases at which a frame may
    /// begin. `gains` are the path's power gains.
    pub fn shares(&self, gains: &[f64], level_dbuv: f64, mode: Stage, octets: usize) -> StageShares {
        let nobody = StageShares { preamble: 1.0, header: 1.0, payload: 1.0, lost: 1.0 };
        let (modem, tapes) = (&self.modem, self.tapes.clone());
        let mut hearing = Hearing::new(modem, tapes, vec![0; 2], &self.table, &self.presets, &[mode]);
        hearing.add_sender([(1, signal_power(gains, level_dbuv, modem.grid()))].into_iter());
        let (layout, before) = (modem.layout(mode, octets), modem.mode(mode).map(|mode| mode.before));
        let (Some(link), Some(layout), Some([first, second])) = (hearing.of(0).next(), layout, before) else {
            return nobody;
        };
        let number = hearing.layout(mode, layout.symbols, layout.octets);
        let [preamble, header, payload] = layout.ends.map(|end| modem.grid().places_in(end));
        let ends = [0, preamble, header, payload];
        let stages = [first, second, mode];
        let places = self.tapes.first().map_or(1, NoiseTape::places);
        // A step without a common divisor visits all phases.
        let step = (places as u64 / STARTS).max(1) | 1;
        let mut sum = StageShares::default();
        for start in (0..STARTS).map(|index| index * step) {
            let [preamble, header, payload] = std::array::from_fn(|at| {
                let (from, places) = (start + ends[at], (ends[at + 1] - ends[at]) as usize);
                let stretch = Stretch { from, places, attenuation_db: 0.0 };
                let layout = stages[at].is_payload().then_some(number);
                f64::from(hearing.failure(link, stages[at], layout, &stretch, &Interference::default()))
            });
            sum.add(&Failures { preamble, header, payload });
        }
        sum.over(STARTS as f64)
    }
}

/// Shares of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StageShares {
    /// No preamble found, of all.
    pub preamble: f64,
    /// FCH wrong, of those whose preamble was found.
    pub header: f64,
    /// Payload wrong, of those whose header was right.
    pub payload: f64,
    /// Lost, of all.
    pub lost: f64,
}

impl StageShares {
    pub(super) fn add(&mut self, frame: &Failures) {
        let heard = 1.0 - frame.preamble;
        let read = heard * (1.0 - frame.header);
        self.preamble += frame.preamble;
        self.header += heard * frame.header;
        self.payload += read * frame.payload;
        self.lost += frame.lost();
    }

    pub(super) fn over(self, frames: f64) -> Self {
        let heard = frames - self.preamble;
        let read = heard - self.header;
        Self {
            preamble: self.preamble / frames,
            // Where nothing gets that far, everything fails.
            header: if heard > 1e-6 { self.header / heard } else { 1.0 },
            payload: if read > 1e-6 { self.payload / read } else { 1.0 },
            lost: self.lost / frames,
        }
    }

    /// The share of a stage.
    pub fn of(&self, stage: Stage) -> f64 {
        match stage {
            _ if stage.is_preamble() => self.preamble,
            _ if stage.is_header() => self.header,
            _ => self.payload,
        }
    }
}

/// Where a falling function of a level crosses `target`, in dB: `None` where it does not within the limits.
pub fn falls_through(of: impl Fn(f64) -> f64, target: f64, mut low: f64, mut high: f64) -> Option<f64> {
    if of(low) < target || of(high) > target {
        return None;
    }
    while high - low > 0.005 {
        let middle = 0.5 * (low + high);
        if of(middle) > target { low = middle } else { high = middle }
    }
    Some(0.5 * (low + high))
}
