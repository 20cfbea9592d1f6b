//! Carriers of a frame's payload, compared with the symbol before or, of a coherent one, with the channel: the points a
//! receiver decides on.

use dsp::Complex;
use dsp::fft::{RealFft, Size};
use g3_phy::band::{FFT_SAMPLES, OVERLAP_SAMPLES, PREAMBLE_SAMPLES, PREFIX_SAMPLES, SYMBOL_STRIDE};
use g3_phy::primitives::DataHeader;
use g3_phy::tone::CarrierSet;
use g3_phy::{BandPlan, Modulation, Scheme, ToneMask, pilots, timing};
use std::f32::consts::TAU;

/// How much earlier than its symbol's body a window begins: the middle of what the prefix leaves.
const EARLY: usize = (PREFIX_SAMPLES - OVERLAP_SAMPLES) / 2;

/// Share of a decision's channel in the one that is followed.
const FOLLOWED: f32 = 0.15;

/// The points of a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Constellation {
    /// Phase points of the modulation: 2, 4 or 8.
    pub phases: u8,
    /// Each carrier in each symbol: over the mean magnitude of its carrier, the phase of the symbol before taken off; in
    /// a coherent payload over its channel.
    pub points: Vec<Complex>,
    /// Root of mean square distance to the nearest point of the modulation, in dB of the radius.
    pub evm_db: f32,
}

/// The points of the frame that begins at sample `start`. `None` where its samples are not all there, and of 16-QAM.
pub fn of_frame(
    plan: &BandPlan,
    mask: ToneMask,
    samples: &[f32],
    start: u64,
    header: &DataHeader,
) -> Option<Constellation> {
    if header.modulation == Modulation::Qam16 {
        return None;
    }
    let phases = 1_u8 << header.modulation.bits_per_carrier();
    let active = plan.active(mask, header.tone_map);
    let references = timing::reference_symbols(header.modulation);
    // From the symbol before the payload on: a differential payload refers to it, a coherent one to S1 and S2.
    let first = timing::fch_symbols(plan, mask) + references - references.max(1);
    let symbols = usize::from(header.payload_symbols) + references.max(1);
    let carriers = carriers(plan, active, samples, start, first, symbols)?;
    let mut points = Vec::new();
    match header.modulation.scheme() {
        Scheme::Differential => differential(&carriers, &mut points),
        Scheme::Coherent => coherent(plan, header.modulation, active, &carriers, &mut points),
    }
    let error: f32 = points.iter().map(|point| (point - nearest(*point, phases)).norm_sqr()).sum();
    let evm = (error / points.len().max(1) as f32).sqrt();
    Some(Constellation { phases, points, evm_db: 20.0 * libm::log10f(evm.max(1e-9)) })
}

/// The active carriers of so many symbols from symbol `first` after the preamble on.
fn carriers(
    plan: &BandPlan,
    active: CarrierSet,
    samples: &[f32],
    start: u64,
    first: usize,
    symbols: usize,
) -> Option<Vec<Vec<Complex>>> {
    let mut fft = RealFft::new(Size::N256);
    let mut spectrum = [Complex::default(); FFT_SAMPLES / 2 + 1];
    let body = usize::try_from(start).ok()? + PREAMBLE_SAMPLES - OVERLAP_SAMPLES + PREFIX_SAMPLES - EARLY;
    let mut carriers = Vec::with_capacity(symbols);
    for symbol in first..first + symbols {
        let at = body + symbol * SYMBOL_STRIDE;
        fft.forward(samples.get(at..at + FFT_SAMPLES)?, &mut spectrum).ok()?;
        let bin = |offset: usize| spectrum.get(usize::from(plan.first_carrier) + offset).copied();
        carriers.push(active.offsets().map(|offset| bin(offset).unwrap_or_default()).collect());
    }
    Some(carriers)
}

/// Each carrier against the symbol before.
fn differential(symbols: &[Vec<Complex>], points: &mut Vec<Complex>) {
    for carrier in 0..symbols.first().map_or(0, Vec::len) {
        let column = || symbols.iter().filter_map(|symbol| symbol.get(carrier));
        let power = column().map(Complex::norm_sqr).sum::<f32>() / symbols.len() as f32;
        let scale = 1.0 / power.max(f32::MIN_POSITIVE);
        // The magnitude of the product counts twice what the carrier's does.
        points.extend(column().zip(column().skip(1)).map(|(before, now)| now * before.conj() * scale));
    }
}

/// Each carrier against the channel, which S1 and S2 tell and decisions follow; pilots are left out.
fn coherent(
    plan: &BandPlan,
    modulation: Modulation,
    active: CarrierSet,
    symbols: &[Vec<Complex>],
    points: &mut Vec<Complex>,
) {
    let [s1, s2, payload @ ..] = symbols else { return };
    // SYNCM has the opposite sign; a payload's phases refer to SYNCP's, which so drop out.
    let mut channel: Vec<Complex> = s2.iter().zip(s1).map(|(s2, s1)| (s2 - s1) * 0.5).collect();
    let phases = 1_u8 << modulation.bits_per_carrier();
    for (symbol, carriers) in payload.iter().enumerate() {
        let pilots = match plan.pilots.offset {
            Some(offset) => pilots::in_symbol(plan, modulation, offset, active, symbol),
            None => CarrierSet::NONE,
        };
        for ((offset, carrier), channel) in active.offsets().zip(carriers).zip(&mut channel) {
            let point = carrier * channel.conj() / channel.norm_sqr().max(f32::MIN_POSITIVE);
            let is_pilot = pilots.contains(offset);
            let decided = nearest(point, if is_pilot { 1 << pilots::BITS } else { phases });
            *channel += (carrier * decided.conj() - *channel) * FOLLOWED;
            if !is_pilot {
                points.push(point);
            }
        }
    }
}

/// The point of as many phases that is nearest.
pub(super) fn nearest(point: Complex, phases: u8) -> Complex {
    let step = TAU / f32::from(phases);
    let angle = (libm::atan2f(point.im, point.re) / step).round() * step;
    Complex::new(libm::cosf(angle), libm::sinf(angle))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, normal, stream};
    use crate::replay::{metric, sniffer};
    use g3_phy::Transmitter;
    use g3_phy::encoder::{DataFrame, FrameEncoder};
    use g3_phy::options::Options;
    use sniffer::{Sniffer, What};

    const PLAN: BandPlan = BandPlan::CENELEC_A;

    /// A frame 300 samples into the line, in noise so far below its carriers.
    fn line(modulation: Modulation, snr_db: f32) -> Vec<f32> {
        let options = Options { preamble_boost_db: 0.0, ..Options::default() };
        let tone_map = PLAN.full_tone_map();
        let data = DataFrame { psdu: &[0x5A; 60], modulation, tone_map, response_expected: false, pdc: 0 };
        let mut transmitter = Transmitter::new(&PLAN, &options);
        let frame = FrameEncoder::data(&PLAN, ToneMask::ALL, &options, &data).unwrap();
        let mut line = vec![0.0; 1_300 + transmitter.load(frame, 0.0)];
        transmitter.pull(&mut line[300..]);
        // A carrier of amplitude A has the bin 128 A, noise of variance v the power 256 v.
        let amplitude = g3_phy::TX_RMS * (2.0 / 36.0_f32).sqrt();
        let deviation = (64.0 * amplitude * amplitude / 10_f32.powf(snr_db / 10.0)).sqrt();
        let mut rng = stream(1, Purpose::Campaign, 0);
        line.iter_mut().for_each(|sample| *sample += deviation * normal(&mut rng) as f32);
        line
    }

    #[test]
    fn error_vectors_are_the_noise_and_of_differential_points_that_of_two_symbols() {
        for (modulation, expected_db) in [
            (Modulation::Dbpsk, -17.0),
            (Modulation::Dqpsk, -17.0),
            (Modulation::Bpsk, -20.0),
            (Modulation::Qpsk, -20.0),
            (Modulation::Psk8, -20.0),
        ] {
            let samples = line(modulation, 20.0);
            let mut sniffer = Sniffer::new(&PLAN, ToneMask::ALL, &Options::default());
            let mut heard = sniffer.push(0, &samples);
            heard.extend(sniffer.finish(samples.len() as u64));
            let [frame] = &heard[..] else { panic!("{heard:?}") };
            let What::Data(data) = &frame.what else { panic!("{frame:?}") };
            let found = of_frame(&PLAN, ToneMask::ALL, &samples, frame.start, &data.header).unwrap();
            assert!((found.evm_db - expected_db).abs() < 1.0, "{modulation:?}: {} dB", found.evm_db);

            let metric = metric::around(&PLAN, ToneMask::ALL, &samples, frame.start);
            let at = |sample: i64| metric.iter().find(|(at, _)| (at - sample).abs() < 2).unwrap().1;
            assert!((1..8).all(|symbol| at(256 * symbol) > 0.9) && at(2_048) < -0.9, "{metric:?}");
        }
    }
}
