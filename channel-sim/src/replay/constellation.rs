//! Carriers of a frame's payload, compared with the symbol before: the points a differential receiver decides on.

use dsp::Complex;
use dsp::fft::{RealFft, Size};
use g3_phy::band::{FFT_SAMPLES, OVERLAP_SAMPLES, PREAMBLE_SAMPLES, PREFIX_SAMPLES, SYMBOL_STRIDE};
use g3_phy::primitives::DataHeader;
use g3_phy::{BandPlan, ToneMask, timing};
use std::f32::consts::TAU;

/// How much earlier than its symbol's body a window begins: the middle of what the prefix leaves.
const EARLY: usize = (PREFIX_SAMPLES - OVERLAP_SAMPLES) / 2;

/// The points of a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Constellation {
    /// Phase points of the modulation: 2, 4 or 8.
    pub phases: u8,
    /// Each carrier in each symbol over the mean magnitude of its carrier, the phase of the symbol before taken off.
    pub points: Vec<Complex>,
    /// Root of mean square distance to the nearest point of the modulation, in dB of the radius.
    pub evm_db: f32,
}

/// The points of the frame that begins at sample `start`. `None` where its samples are not all there.
pub fn of_frame(
    plan: &BandPlan,
    mask: ToneMask,
    samples: &[f32],
    start: u64,
    header: &DataHeader,
) -> Option<Constellation> {
    let fch = timing::fch_symbols(plan, mask);
    let active: Vec<usize> = plan.active(mask, header.tone_map).offsets().collect();
    let symbols = usize::from(header.payload_symbols) + 1;
    let mut fft = RealFft::new(Size::N256);
    let mut spectrum = [Complex::default(); FFT_SAMPLES / 2 + 1];
    // From the last symbol of the header on: it is the reference of the first of the payload.
    let first = usize::try_from(start).ok()? + PREAMBLE_SAMPLES - OVERLAP_SAMPLES + PREFIX_SAMPLES - EARLY;
    let mut carriers: Vec<Vec<Complex>> = Vec::with_capacity(symbols);
    for symbol in 0..symbols {
        let at = first + (fch - 1 + symbol) * SYMBOL_STRIDE;
        fft.forward(samples.get(at..at + FFT_SAMPLES)?, &mut spectrum).ok()?;
        let bin = |offset: &usize| spectrum.get(usize::from(plan.first_carrier) + offset).copied();
        carriers.push(active.iter().map(|offset| bin(offset).unwrap_or_default()).collect());
    }
    let phases = 1_u8 << header.modulation.bits_per_carrier();
    let (mut points, mut error) = (Vec::new(), 0.0);
    for carrier in 0..active.len() {
        let column = || carriers.iter().filter_map(|symbol| symbol.get(carrier));
        let power = column().map(Complex::norm_sqr).sum::<f32>() / symbols as f32;
        let scale = 1.0 / power.max(f32::MIN_POSITIVE);
        for (before, now) in column().zip(column().skip(1)) {
            // The magnitude of the product counts twice what the carrier's does.
            let product = now * before.conj() * scale;
            let step = TAU / f32::from(phases);
            let nearest = {
                let angle = (libm::atan2f(product.im, product.re) / step).round() * step;
                Complex::new(libm::cosf(angle), libm::sinf(angle))
            };
            error += (product - nearest).norm_sqr();
            points.push(product);
        }
    }
    let evm = (error / points.len().max(1) as f32).sqrt();
    Some(Constellation { phases, points, evm_db: 20.0 * libm::log10f(evm.max(1e-9)) })
}
