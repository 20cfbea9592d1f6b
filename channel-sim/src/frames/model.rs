//! The model's side of a link: the probability that a frame is lost, stage by stage.

use super::budget::{Budget, Shapes};
use super::table::{Need, Stage, Table};
use super::tape::{CARRIERS, NoiseTape, PLACES, STATES};
use super::waveform::signal_power;
use super::windows::Windows;
use g3_phy::layout::PayloadLayout;
use g3_phy::{BandPlan, Modulation, ToneMask, timing};
use plc_core::time::Duration;

/// Ticks of a mains period at 50 Hz.
const PERIOD_TICKS: f64 = 120_000.0;
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

/// Noise and table together: predicts frames of any signal at one port.
#[derive(Clone, Debug)]
pub struct Model {
    tape: NoiseTape,
    needs: [Need; 6],
    shapes: Shapes,
}

impl Model {
    /// A model of reception in the noise of `tape`, whose presets are named.
    pub fn new(tape: NoiseTape, table: &Table, presets: &[String]) -> Self {
        Self { tape, needs: Stage::ALL.map(|stage| table.need(stage, presets)), shapes: table.shapes() }
    }

    /// The noise.
    pub fn tape(&self) -> &NoiseTape {
        &self.tape
    }

    /// Share of frames that fail in `stage`, and that are lost at all, over all mains phases at which a frame may
    /// begin. `gains` are the path's power gains.
    pub fn shares(
        &self,
        gains: &[f64; CARRIERS],
        level_dbuv: f64,
        modulation: Modulation,
        octets: usize,
    ) -> StageShares {
        let budget = Budget::new(&signal_power(gains, level_dbuv), &self.tape, &self.shapes, &[modulation]);
        let plan = BandPlan::CENELEC_A;
        let layout = PayloadLayout::for_psdu(&plan, ToneMask::ALL, plan.full_tone_map(), modulation, octets);
        let (symbols, octets) =
            layout.map_or((0, octets), |layout| (layout.symbols, usize::from(layout.psdu_capacity)));
        let preamble = timing::preamble(&plan);
        let header = timing::ack_airtime(&plan, ToneMask::ALL);
        let end = timing::frame_airtime(&plan, ToneMask::ALL, symbols);
        let payload = Stage::payload(modulation);
        let need = &self.needs[payload as usize];
        let offsets = Stage::ALL.map(|stage| self.needs[stage as usize].offset_db(f64::from(budget.tilt_db)));
        let tenth_db = need.tenth_db(octets) - offsets[payload as usize];
        let loss_db = budget.window_loss_db(modulation, &Windows::new(modulation, symbols), tenth_db);
        let places = self.tape.periods() * PLACES;
        // A step without a common divisor visits all phases.
        let step = (places as u64 / STARTS).max(1) | 1;
        let mut sum = StageShares::default();
        for start in (0..STARTS).map(|index| index * step) {
            let share = |from: Duration, to: Duration| -> [f32; STATES] {
                let (from, to) = (place(from), place(to));
                self.tape.histogram(start + from, (to - from) as usize).map(f32::from)
            };
            let failure = |stage: Stage, octets: usize, share: [f32; STATES]| {
                let mut effective = budget.effective_db(stage.modulation(), &share);
                if stage == Stage::Header {
                    effective += budget.header_loss_db;
                }
                self.needs[stage as usize].failure(octets, f64::from(effective) + offsets[stage as usize])
            };
            sum.add(&Failures {
                preamble: failure(Stage::Preamble, 0, share(Duration::from_ticks(0), preamble)),
                header: failure(Stage::Header, 0, share(preamble, header)),
                payload: {
                    let effective = budget.effective_db(modulation, &share(header, end));
                    need.failure(octets, f64::from(effective) + loss_db + offsets[payload as usize])
                },
            });
        }
        sum.over(STARTS as f64)
    }
}

/// Places of the tape up to a time after a frame's start.
fn place(after: Duration) -> u64 {
    (after.as_ticks() as f64 / PERIOD_TICKS * PLACES as f64).round() as u64
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
    fn add(&mut self, frame: &Failures) {
        let heard = 1.0 - frame.preamble;
        let read = heard * (1.0 - frame.header);
        self.preamble += frame.preamble;
        self.header += heard * frame.header;
        self.payload += read * frame.payload;
        self.lost += frame.lost();
    }

    fn over(self, frames: f64) -> Self {
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
            Stage::Preamble => self.preamble,
            Stage::Header => self.header,
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
