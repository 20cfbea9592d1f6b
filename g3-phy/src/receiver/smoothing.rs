//! Smooths a channel estimate over the carriers, as echoes within the prefix allow ([`dsp::echoes`]).

use super::carriers::{Carriers, Figures};
use crate::band::{FFT_SAMPLES, MAX_CARRIERS};
use dsp::echoes::{Delays, Echoes};

/// Delays of the echoes in samples after the strongest: from the guard before it to the end of the prefix.
const TAPS: usize = 9;
const DELAYS: Delays = Delays { first: -8, step: 4, points: FFT_SAMPLES as u16 };
/// What the residue may be of what noise alone leaves; beyond it the carriers do not follow echoes within the prefix.
const MOST_RESIDUE: f32 = 2.0;

/// Smooths `gain`, of which each carrier has noise of power `noise`. All count alike: a carrier's noise is known from few
/// windows. Left as it is where the carriers do not fit.
pub(super) fn smooth(gain: &mut Carriers, noise: &Figures, bins: &[u16]) {
    let mean = noise.iter().take(bins.len()).sum::<f32>() / bins.len().max(1) as f32;
    let Some(echoes) = Echoes::<TAPS>::fit(&DELAYS, bins, gain, &[mean; MAX_CARRIERS]) else { return };
    if echoes.residue < MOST_RESIDUE {
        gain.iter_mut().zip(bins).for_each(|(gain, &bin)| *gain = echoes.gain(bin));
    }
}
