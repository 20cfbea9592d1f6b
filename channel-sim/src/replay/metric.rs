//! How like a SYNCP the line is around the start of a frame: what synchronisation goes by.

use dsp::Complex;
use dsp::differential::EIGHTHS;
use dsp::fft::{RealFft, Size};
use g3_phy::band::{FFT_SAMPLES, PREAMBLE_SAMPLES};
use g3_phy::{BandPlan, ToneMask};

/// Samples from one value to the next.
const STEP: usize = 2;
/// Samples shown before and after the preamble.
const AROUND: usize = 2 * FFT_SAMPLES;

/// Correlation coefficients of 256 samples with SYNCP, against the sample at which they begin, counted from the frame's
/// start: 1 at every SYNCP of a clear signal, -1 at SYNCM.
pub fn around(plan: &BandPlan, mask: ToneMask, samples: &[f32], start: u64) -> Vec<(i64, f32)> {
    let syncp = syncp(plan, mask);
    let own: f32 = syncp.iter().map(|sample| sample * sample).sum();
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    let first = start.saturating_sub(AROUND);
    let last = start.saturating_add(PREAMBLE_SAMPLES + AROUND);
    (first..last)
        .step_by(STEP)
        .map_while(|at| {
            let window = samples.get(at..at + FFT_SAMPLES)?;
            let power: f32 = window.iter().map(|sample| sample * sample).sum();
            let product: f32 = window.iter().zip(&syncp).map(|(sample, syncp)| sample * syncp).sum();
            let coefficient = product / libm::sqrtf((power * own).max(f32::MIN_POSITIVE));
            Some((at as i64 - start as i64, coefficient))
        })
        .collect()
}

/// A SYNCP as it is sent.
fn syncp(plan: &BandPlan, mask: ToneMask) -> [f32; FFT_SAMPLES] {
    let mut spectrum = [Complex::default(); FFT_SAMPLES / 2 + 1];
    for offset in plan.unmasked(mask).offsets() {
        let phase = plan.syncp_phases.get(offset).copied().unwrap_or_default();
        // Phases of preambles are multiples of pi / 8: of two of them and one.
        let half_step =
            Complex::new(libm::cosf(core::f32::consts::FRAC_PI_8), libm::sinf(core::f32::consts::FRAC_PI_8));
        let odd = if phase % 2 == 1 { half_step } else { Complex::new(1.0, 0.0) };
        if let Some(bin) = spectrum.get_mut(usize::from(plan.first_carrier) + offset) {
            *bin = EIGHTHS[usize::from(phase / 2) % EIGHTHS.len()] * odd;
        }
    }
    let mut samples = [0.0; FFT_SAMPLES];
    // Both lengths are the transform's.
    let _ = RealFft::new(Size::N256).inverse(&spectrum, &mut samples);
    samples
}
