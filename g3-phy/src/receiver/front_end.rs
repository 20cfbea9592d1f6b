//! What is done to a window of samples before its transform: tones are taken out, impulses left out.

use super::options::Mitigation;
use super::tones::ToneTracker;
use crate::band::FFT_SAMPLES;
use dsp::Complex;

/// A sample beyond this many times the level of the others is no signal: both OFDM and noise are Gaussian and get there
/// once in 1.7 million samples.
const FAR: f32 = 5.0;
/// Median of the magnitudes of Gaussian values of variance 1.
const MEDIAN: f32 = 0.674_49;
/// More samples than this are a burst: without them a window would be worth less than with them, or they are the signal
/// and the others silence.
const MOST_BLANKED: usize = FFT_SAMPLES / 3;

#[derive(Clone, Debug)]
pub(super) struct FrontEnd {
    mitigation: Mitigation,
    tones: ToneTracker,
    cleaned: [f32; FFT_SAMPLES],
    /// Windows of which samples were left out.
    impulsive_windows: u32,
}

impl FrontEnd {
    pub(super) fn new(mitigation: Mitigation) -> Self {
        Self { mitigation, tones: ToneTracker::new(), cleaned: [0.0; FFT_SAMPLES], impulsive_windows: 0 }
    }

    /// The window that starts at sample `at` as it is to be transformed.
    pub(super) fn clean<'a>(&'a mut self, window: &'a [f32; FFT_SAMPLES], at: u64) -> &'a [f32; FFT_SAMPLES] {
        let Mitigation { blanking, notch, .. } = self.mitigation;
        if !(blanking || notch && self.tones.is_tracking()) {
            return window;
        }
        self.cleaned = *window;
        if notch {
            self.tones.take_out(&mut self.cleaned, at);
        }
        if blanking && blank(&mut self.cleaned) > 0 {
            self.impulsive_windows = self.impulsive_windows.saturating_add(1);
        }
        &self.cleaned
    }

    /// Looks for tones that are not yet taken out in the spectrum of a cleaned window.
    pub(super) fn look_for_tones(&mut self, spectrum: &[Complex; FFT_SAMPLES / 2 + 1]) {
        if self.mitigation.notch {
            self.tones.look(spectrum);
        }
    }

    /// Windows of which samples were left out as impulses.
    pub(super) fn impulsive_windows(&self) -> u32 {
        self.impulsive_windows
    }
}

/// Leaves out impulses and returns how many samples that were. The rest is scaled up, so that the carriers keep their
/// level.
fn blank(window: &mut [f32; FFT_SAMPLES]) -> usize {
    // Positive floats have the order of their bits, which compare faster.
    let mut magnitudes = window.map(|sample| sample.abs().to_bits());
    let (_, median, _) = magnitudes.select_nth_unstable(FFT_SAMPLES / 2);
    let limit = f32::from_bits(*median) * (FAR / MEDIAN);
    let blanked = window.iter().filter(|sample| sample.abs() > limit).count();
    if blanked == 0 || blanked > MOST_BLANKED {
        return 0;
    }
    let scale = FFT_SAMPLES as f32 / (FFT_SAMPLES - blanked) as f32;
    window.iter_mut().for_each(|sample| *sample = if sample.abs() > limit { 0.0 } else { *sample * scale });
    blanked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hum() -> [f32; FFT_SAMPLES] {
        core::array::from_fn(|n| libm::sinf(n as f32 * 0.7) + 0.5 * libm::cosf(n as f32 * 1.9))
    }

    #[test]
    fn impulses_are_left_out_and_the_rest_keeps_its_level() {
        let mut window = hum();
        for place in [3, 77, 200] {
            window[place] = 40.0;
        }
        assert_eq!(blank(&mut window), 3);
        let scale = 256.0 / 253.0;
        for (n, (blanked, sample)) in window.iter().zip(hum()).enumerate() {
            let expected = if [3, 77, 200].contains(&n) { 0.0 } else { scale * sample };
            assert!((blanked - expected).abs() < 1e-5, "{n}");
        }
    }

    #[test]
    fn a_burst_or_a_signal_that_begins_within_the_window_is_left() {
        for length in [86, 120, 128, 200, 256] {
            let mut window = hum();
            window.iter_mut().take(length).for_each(|sample| *sample *= 1e4);
            let before = window;
            assert_eq!(blank(&mut window), 0, "{length}");
            assert_eq!(window, before);
        }
        let mut silence = [0.0; FFT_SAMPLES];
        silence[9] = 1.0;
        assert_eq!(blank(&mut silence), 1);
    }
}
