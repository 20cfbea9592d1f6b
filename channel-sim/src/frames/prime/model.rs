//! The model's side of a link: the probability that a frame is lost, stage by stage.

use super::stage::Stage;
use super::table::{Need, Table};
use super::tape::{PLACES, Tape};
use super::waveform::signal_power;
use super::worth::{COPIES, Group, Worth};
use super::{CARRIERS, Carriers, RATE_HZ};
use crate::frames::model::{Failures, StageShares};
use crate::frames::quick::decibels;
use prime_phy::channel::{
    HEADER_SYMBOLS, PREAMBLE_SAMPLES, PREFIX_SAMPLES, ROBUST_CHIRPS, ROBUST_HEADER_SYMBOLS, SYMBOL_SAMPLES,
};
use prime_phy::layout::PayloadLayout;
use prime_phy::{FrameType, Scheme};
use std::sync::Arc;

/// Starts that an average over noise at random is taken over.
const STARTS: usize = 256;

/// Noise and table together: predicts frames of any signal at one port.
#[derive(Clone, Debug)]
pub struct Model {
    tape: Arc<Tape>,
    table: Table,
    presets: Vec<String>,
}

/// Needs of a frame's stages, with the offset of the link.
struct Needs {
    preamble: (Need, f64),
    header: (Need, f64),
    payload: (Need, f64),
}

impl Model {
    /// A model of reception in the noise of `tape`, whose presets are named.
    pub fn new(tape: Arc<Tape>, table: Table, presets: &[String]) -> Self {
        Self { tape, table, presets: presets.to_vec() }
    }

    /// Share of frames that fail in each stage, and that are lost at all, over all mains phases at which a frame may
    /// begin. `gains` are the path's power gains, `octets` those of the MPDU, in the plainest frame that carries the scheme.
    pub fn shares(
        &self,
        gains: &Carriers<f64>,
        level_dbuv: f64,
        scheme: Scheme,
        octets: usize,
    ) -> StageShares {
        let nobody = StageShares { preamble: 1.0, header: 1.0, payload: 1.0, lost: 1.0 };
        let frame_type = FrameType::plainest(scheme);
        let Some(layout) = PayloadLayout::for_frame(frame_type, scheme, octets) else { return nobody };
        let signal = signal_power(gains, level_dbuv);
        let tilt_db = f64::from(tilt_db(&signal, self.tape.mean()));
        let worth = Worth::new(&signal, &self.tape, scheme, self.table.shape_db(scheme));
        let need = |stage: Stage| {
            let need = self.table.need(stage, &self.presets);
            let offset_db = need.offset_db(tilt_db);
            (need, offset_db)
        };
        let needs = Needs {
            preamble: need(Stage::Preamble(frame_type)),
            header: need(Stage::Header(frame_type)),
            payload: need(Stage::Payload(scheme)),
        };
        // A step without a common divisor visits all phases; a tape of one period is taken whole.
        let (starts, step) = match self.tape.len() {
            PLACES => (PLACES, 1),
            places => (STARTS, (places / STARTS).max(1) | 1),
        };
        let mut sum = StageShares::default();
        for start in 0..starts {
            sum.add(&self.failures(&worth, &needs, start * step, layout.symbols, octets));
        }
        sum.over(starts as f64)
    }

    fn failures(&self, worth: &Worth, needs: &Needs, start: usize, symbols: u8, octets: usize) -> Failures {
        let state = |samples: usize| self.tape.state(start, samples as f64 / RATE_HZ);
        let chance = |(need, offset_db): &(Need, f64), octets: usize, db: f32| {
            need.failure(octets, f64::from(db) + offset_db)
        };
        // Of parts that each fail by themselves: all come through as often as in a frame whose parts are all alike.
        let parts = |need: &(Need, f64), octets: usize, each: &mut dyn Iterator<Item = f32>| {
            let each: Vec<f32> = each.collect();
            let log = |&db: &f32| libm::log1p(-chance(need, octets, db).min(1.0 - 1e-12));
            1.0 - libm::exp(each.iter().map(log).sum::<f64>() / each.len().max(1) as f64)
        };
        let (chirps, headers) = match FrameType::plainest(worth.scheme()) {
            FrameType::A => (1, HEADER_SYMBOLS),
            FrameType::B | FrameType::Bc => (ROBUST_CHIRPS, ROBUST_HEADER_SYMBOLS),
        };
        let chirp_states: Vec<usize> = (0..chirps).map(|chirp| state(chirp * PREAMBLE_SAMPLES)).collect();
        let window = |symbol: usize| {
            state(chirps * PREAMBLE_SAMPLES + symbol * SYMBOL_SAMPLES + 3 * PREFIX_SAMPLES / 4)
        };
        let group = |first: usize| -> Group { std::array::from_fn(|copy| window(first + copy) as u8) };
        let preamble = chance(&needs.preamble, 0, worth.preamble_db(&chirp_states));
        let header = match chirps {
            1 => parts(&needs.header, 0, &mut (0..headers).map(|symbol| worth.header_db(window(symbol)))),
            _ => chance(&needs.header, 0, worth.robust_header_db(group(0))),
        };
        let symbols = usize::from(symbols);
        let payload = match worth.scheme().is_robust() {
            false => {
                let each = (0..symbols).map(|symbol| worth.symbol_db(window(headers + symbol)));
                parts(&needs.payload, octets, &mut { each })
            }
            true => {
                let firsts = (0..symbols).step_by(COPIES).map(|first| group(headers + first));
                parts(&needs.payload, octets, &mut firsts.map(|symbols| worth.group_db(group(0), symbols)))
            }
        };
        Failures { preamble, header, payload }
    }
}

/// How far signal to noise rises from the lowest carrier to the highest, in dB: the straight line of least squares.
pub fn tilt_db(signal: &Carriers<f32>, noise: &Carriers<f32>) -> f32 {
    let middle = 0.5 * (CARRIERS - 1) as f32;
    let (mut product, mut square) = (0.0, 0.0);
    for (carrier, (signal, noise)) in signal.iter().zip(noise).enumerate() {
        let x = carrier as f32 - middle;
        product += x * decibels(signal / noise.max(f32::MIN_POSITIVE));
        square += x * x;
    }
    2.0 * middle * product / square
}
