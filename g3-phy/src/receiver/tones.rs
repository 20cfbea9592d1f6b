//! Takes tones out of windows: a carrier of a broadcaster or a converter 20 dB above the signal leaks into every bin.
//!
//! While nothing is being received, a tone that holds most of the power in several windows on end, wherever it lies, is
//! taken up. Its frequency is read off the two strongest bins and then followed by the phase that it has advanced by from
//! window to window. Out of every window goes what it has in common with a cosine and a sine of that frequency, which takes
//! the tone whatever its amplitude and phase and of the signal one dimension of 128: the carrier there, or the two it lies
//! between. The carriers' weights do the rest.

use crate::band::FFT_SAMPLES;
use core::f32::consts::TAU;
use dsp::Complex;

/// Tones that are followed at a time.
const MOST_TONES: usize = 2;
/// Share of a window's power in three bins above which they hold a tone. Below it the carriers' weights do.
const MOST_OF_POWER: f32 = 0.7;
/// Looks at windows in succession that must find a tone at one place. Windows may overlap by three quarters.
const LOOKS: u8 = 6;
/// Share of a window's power below which a tone is not worth its notch, and after how many looks it is let go.
const LITTLE_POWER: f32 = 0.2;
const LOOKS_WITHOUT: u8 = 16;
/// Bins beyond have no tones; from zero on they may, the hum of the mains among them.
const HIGHEST_BIN: usize = FFT_SAMPLES / 2 - 2;
/// Keeps the quotient finite of a sine that has no samples but zeros.
const NO_SINE: f32 = 1e-6;
/// Samples between windows beyond which the phase tells nothing of the frequency.
const LONGEST_GAP: u64 = 2_048;
/// Part of a measured difference of frequency that is believed, once several are known.
const BELIEVED: f32 = 0.1;

#[derive(Clone, Debug)]
pub(super) struct ToneTracker {
    tones: heapless::Vec<Tone, MOST_TONES>,
    /// A bin that was the strongest in the last looks, and in how many.
    suspect: (usize, u8),
}

#[derive(Clone, Copy, Debug)]
struct Tone {
    /// Radians a sample.
    frequency: f32,
    /// Phase in the middle of a window, and where that window started.
    last: Option<(f32, u64)>,
    seen: u16,
    /// Share of the last window's power.
    share: f32,
    looks_without: u8,
}

impl ToneTracker {
    pub(super) fn new() -> Self {
        Self { tones: heapless::Vec::new(), suspect: (0, 0) }
    }

    pub(super) fn is_tracking(&self) -> bool {
        !self.tones.is_empty()
    }

    /// Takes the tones that are known out of the window that starts at sample `at`, and learns where they are.
    pub(super) fn take_out(&mut self, window: &mut [f32; FFT_SAMPLES], at: u64) {
        for tone in &mut self.tones {
            tone.take_out(window, at);
        }
    }

    /// Looks for another tone in the spectrum of a window from which those known were taken out.
    pub(super) fn look(&mut self, spectrum: &[Complex; FFT_SAMPLES / 2 + 1]) {
        self.tones.iter_mut().for_each(Tone::look);
        self.tones.retain(|tone| tone.looks_without < LOOKS_WITHOUT);
        if self.tones.is_full() {
            return;
        }
        let powers: [f32; FFT_SAMPLES / 2 + 1] = core::array::from_fn(|bin| spectrum[bin].norm_sqr());
        let all: f32 = powers.iter().sum();
        let mut best = (0, 0.0);
        for (bin, power) in powers.iter().enumerate().take(HIGHEST_BIN + 1) {
            if *power > best.1 {
                best = (bin, *power);
            }
        }
        let (bin, of_bin) = best;
        // Below zero there is nothing new.
        let (below, above) = (if bin > 0 { powers[bin - 1] } else { 0.0 }, powers[bin + 1]);
        if all <= 0.0 || below + of_bin + above < MOST_OF_POWER * all {
            self.suspect.1 = 0;
            return;
        }
        let (before, looks) = self.suspect;
        let looks = if bin.abs_diff(before) <= 1 { looks + 1 } else { 1 };
        self.suspect = (bin, looks);
        if looks >= LOOKS {
            // Between two bins a rectangular window leaves amplitudes inversely as the distance to each.
            let side = libm::sqrtf(below.max(above));
            let part = side / (side + libm::sqrtf(of_bin));
            let place = if above > below { bin as f32 + part } else { bin as f32 - part };
            self.suspect.1 = 0;
            // There is room.
            let _ = self.tones.push(Tone {
                frequency: TAU * place / FFT_SAMPLES as f32,
                last: None,
                seen: 0,
                share: 1.0,
                looks_without: 0,
            });
        }
    }
}

impl Tone {
    fn take_out(&mut self, window: &mut [f32; FFT_SAMPLES], at: u64) {
        const HALF: usize = FFT_SAMPLES / 2;
        // Cosine and sine around the window's middle, where they are orthogonal.
        let step = Complex::from_polar(1.0, self.frequency);
        let mut phasors = [Complex::default(); HALF];
        let mut phasor = Complex::from_polar(1.0, 0.5 * self.frequency);
        for place in &mut phasors {
            *place = phasor;
            phasor *= step;
        }
        let (early, late) = window.split_at_mut(HALF);
        let (mut of_cosine, mut of_sine, mut cosines, mut sines, mut power) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for ((early, late), phasor) in early.iter().rev().zip(&*late).zip(&phasors) {
            of_cosine += (late + early) * phasor.re;
            of_sine += (late - early) * phasor.im;
            cosines += 2.0 * phasor.re * phasor.re;
            sines += 2.0 * phasor.im * phasor.im;
            power += early * early + late * late;
        }
        let (cosine, sine) = (of_cosine / cosines, of_sine / sines.max(NO_SINE));
        for ((early, late), phasor) in early.iter_mut().rev().zip(late).zip(&phasors) {
            let (even, odd) = (cosine * phasor.re, sine * phasor.im);
            *late -= even + odd;
            *early -= even - odd;
        }
        self.share = (cosine * of_cosine + sine * of_sine) / power.max(f32::MIN_POSITIVE);
        self.follow(libm::atan2f(-sine, cosine), at);
    }

    /// Learns from the phase in the middle of the window that starts at sample `at`.
    fn follow(&mut self, phase: f32, at: u64) {
        if self.share < 0.5 {
            // Noise or a signal: no phase of this tone.
            self.last = None;
            return;
        }
        if let Some((before, since)) = self.last
            && at > since
            && at - since <= LONGEST_GAP
        {
            let samples = (at - since) as f32;
            let turns = (phase - before - self.frequency * samples) / TAU;
            let error = TAU * (turns - libm::roundf(turns));
            self.seen = self.seen.saturating_add(1);
            let believed = BELIEVED.max(1.0 / f32::from(self.seen));
            let highest = TAU * HIGHEST_BIN as f32 / FFT_SAMPLES as f32;
            self.frequency = (self.frequency + believed * error / samples).clamp(0.0, highest);
        }
        self.last = Some((phase, at));
    }

    fn look(&mut self) {
        self.looks_without = if self.share < LITTLE_POWER { self.looks_without + 1 } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dsp::fft::{RealFft, Size};

    #[test]
    fn a_tone_is_found_anywhere_and_taken_out_by_forty_decibels() {
        let mut fft = RealFft::new(Size::N256);
        for bin in [0.0_f32, 0.03, 0.4, 1.2, 1.7, 2.5, 22.9, 40.0, 40.5, 47.21, 90.0, 125.4] {
            let mut tracker = ToneTracker::new();
            let window = |at: u64| -> [f32; FFT_SAMPLES] {
                core::array::from_fn(|n| {
                    let angle = f64::from(bin) * (at + n as u64) as f64 / 256.0;
                    (TAU as f64 * (angle.fract() + 0.1)).sin() as f32
                })
            };
            for at in (0..100).map(|count| 64 * count) {
                let mut window = window(at);
                tracker.take_out(&mut window, at);
                let mut spectrum = [Complex::default(); FFT_SAMPLES / 2 + 1];
                fft.forward(&window, &mut spectrum).unwrap();
                tracker.look(&spectrum);
            }
            // Gaps as between symbols.
            for at in (0..50).map(|count| 6_400 + 278 * count) {
                let mut window = window(at);
                let power = |window: &[f32]| window.iter().map(|sample| sample * sample).sum::<f32>();
                let before = power(&window);
                tracker.take_out(&mut window, at);
                assert!(power(&window) < 1e-4 * before, "bin {bin} at {at}: {}", power(&window) / before);
            }
        }
    }

    #[test]
    fn what_is_spread_over_carriers_is_no_tone_and_a_tone_that_ends_is_let_go() {
        let mut tracker = ToneTracker::new();
        let mut spectrum = [Complex::default(); FFT_SAMPLES / 2 + 1];
        spectrum[40..46].fill(Complex::new(1.0, 0.0));
        (0..20).for_each(|_| tracker.look(&spectrum));
        assert!(!tracker.is_tracking());
        spectrum[43] = Complex::new(9.0, 0.0);
        (0..20).for_each(|_| tracker.look(&spectrum));
        assert!(tracker.is_tracking());
        let mut window = core::array::from_fn(|n| libm::sinf(0.01 * (n * n) as f32));
        tracker.take_out(&mut window, 0);
        (0..40).for_each(|_| tracker.look(&[Complex::default(); FFT_SAMPLES / 2 + 1]));
        assert!(!tracker.is_tracking());
    }
}
