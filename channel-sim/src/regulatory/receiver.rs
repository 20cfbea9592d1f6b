//! A receiver at all frequencies at once: short transforms with a Gaussian window are the envelopes behind Gaussian
//! filters, at every frequency and every step of time; detectors weight them.

use super::detector::{Band, Detectors, Pace, Readings};
use crate::exact;
use num_complex::Complex32;
use rayon::prelude::*;
use std::f64::consts::TAU;

/// Lowest frequency that is measured.
pub const LOWEST_HZ: f64 = 9e3;
/// Share of the sample rate up to which samples say anything.
const HIGHEST: f64 = 0.46;
/// The window reaches so many standard deviations to each side.
const REACH: f64 = 5.0;
/// Steps of time in a standard deviation of the filter.
const STEPS: f64 = 5.0;
/// Band B's frequencies.
const STEP_B_HZ: f64 = 4_500.0;
/// Band A's frequencies: half a bandwidth apart.
const STEP_A_HZ: f64 = 100.0;

/// The level at a frequency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Frequency.
    pub hz: f64,
    /// The receiver's bandwidth.
    pub bandwidth_hz: f64,
    /// Peak, in dBµV of a sine's rms.
    pub peak_dbuv: f64,
    /// Quasi-peak.
    pub quasi_peak_dbuv: f64,
    /// Average.
    pub average_dbuv: f64,
}

/// Levels of a voltage from 9 kHz to a little below half the sample rate, at most 30 MHz.
pub fn levels(volts: &[f32], rate_hz: f64) -> Vec<Level> {
    let highest = (HIGHEST * rate_hz).min(30e6);
    let frequencies = |from: f64, to: f64, step: f64| -> Vec<f64> {
        let count = if to < from { 0 } else { ((to - from) / step).floor() as usize + 1 };
        (0..count).map(|n| from + n as f64 * step).collect()
    };
    let of_a = frequencies(LOWEST_HZ, highest.min(Band::EDGE_HZ - STEP_A_HZ), STEP_A_HZ);
    let of_b = frequencies(Band::EDGE_HZ, highest, STEP_B_HZ);
    let mut found = band_levels(volts, rate_hz, &Band::A, &of_a);
    found.extend(band_levels(volts, rate_hz, &Band::B, &of_b));
    found
}

/// Levels at, or within a sixteenth of the bandwidth of, these frequencies, with the filters and detectors of one band.
pub fn band_levels(volts: &[f32], rate_hz: f64, band: &Band, frequencies_hz: &[f64]) -> Vec<Level> {
    let sigma = band.sigma_s() * rate_hz;
    let half = (REACH * sigma).ceil() as usize;
    let length = 2 * half + 1;
    // Bins much closer than the filter is wide, so that the nearest one will do; lengths that transform fast.
    let points = length.max((rate_hz * 8.0 / band.bandwidth_hz) as usize).next_power_of_two();
    let window: Vec<f32> =
        (0..length).map(|n| libm::exp(-((n as f64 - half as f64) / sigma).powi(2) / 2.0) as f32).collect();
    let sum: f64 = window.iter().map(|&weight| f64::from(weight)).sum();
    // A sine of amplitude a gives a/2 times the window's sum in its bin; its rms is a/√2.
    let scale = (2f64.sqrt() / sum) as f32;
    let bins: Vec<usize> =
        frequencies_hz.iter().map(|hz| (hz * points as f64 / rate_hz).round() as usize).collect();
    let hop = ((sigma / STEPS).floor() as usize).max(1);
    let pace = Pace::new(band, hop as f64 / rate_hz);
    let fft = exact::forward(points);
    let mut detectors = vec![Detectors::default(); bins.len()];
    // Two windows are one complex transform; transforms run side by side, detectors in order.
    let starts: Vec<usize> = (0..volts.len().saturating_sub(length)).step_by(hop).collect();
    for group in starts.chunks(256) {
        let envelopes: Vec<[Vec<f32>; 2]> = group
            .par_chunks(2)
            .map(|pair| {
                let piece = |index: usize| pair.get(index).and_then(|&at| volts.get(at..at + length));
                let (one, other) = (piece(0).unwrap_or_default(), piece(1).unwrap_or_default());
                let mut buffer = vec![Complex32::default(); points];
                for (n, (place, weight)) in buffer.iter_mut().zip(&window).enumerate() {
                    let at = |piece: &[f32]| piece.get(n).copied().unwrap_or_default();
                    *place = Complex32::new(at(one) * weight, at(other) * weight);
                }
                fft.process(&mut buffer);
                let split = |&bin: &usize| {
                    let here = buffer.get(bin).copied().unwrap_or_default();
                    let mirror = buffer.get((points - bin) % points).copied().unwrap_or_default().conj();
                    let half = |value: Complex32| value.norm_sqr().sqrt() / 2.0 * scale;
                    (half(here + mirror), half(here - mirror))
                };
                let (ones, others) = bins.iter().map(split).unzip();
                if pair.len() == 2 { [ones, others] } else { [ones, Vec::new()] }
            })
            .collect();
        let in_order: Vec<&Vec<f32>> = envelopes.iter().flatten().filter(|one| !one.is_empty()).collect();
        detectors.par_iter_mut().enumerate().for_each(|(bin, detectors)| {
            for envelope in &in_order {
                detectors.push(envelope.get(bin).copied().unwrap_or_default(), &pace);
            }
        });
    }
    let dbuv = |volts: f32| 20.0 * libm::log10(f64::from(volts).max(1e-9)) + 120.0;
    let level = |(&bin, detectors): (&usize, &Detectors)| {
        let Readings { peak, quasi_peak, average } = detectors.readings(&pace);
        Level {
            hz: bin as f64 * rate_hz / points as f64,
            bandwidth_hz: band.bandwidth_hz,
            peak_dbuv: dbuv(peak),
            quasi_peak_dbuv: dbuv(quasi_peak),
            average_dbuv: dbuv(average),
        }
    };
    bins.iter().zip(&detectors).map(level).collect()
}

/// Peak of what lies between two frequencies, as the rms of a sine with that peak, in dBµV.
pub fn peak_between(volts: &[f32], rate_hz: f64, band_hz: [f64; 2]) -> f64 {
    let points = volts.len().max(1);
    let mut bins: Vec<Complex32> = volts.iter().map(|&volt| Complex32::new(volt, 0.0)).collect();
    bins.resize(points, Complex32::default());
    exact::forward(points).process(&mut bins);
    for (bin, value) in bins.iter_mut().enumerate() {
        let place = bin.min(points - bin) as f64 * rate_hz / points as f64;
        if !(band_hz[0]..=band_hz[1]).contains(&place) {
            *value = Complex32::default();
        }
    }
    exact::inverse(points).process(&mut bins);
    let peak = bins.iter().fold(0.0_f32, |peak, value| peak.max((value.re / points as f32).abs()));
    20.0 * libm::log10((f64::from(peak) / 2f64.sqrt()).max(1e-9)) + 120.0
}

/// A sine's samples, for tests here and elsewhere.
pub fn sine(level_dbuv: f64, hz: f64, rate_hz: f64, seconds: f64) -> Vec<f32> {
    let amplitude = 2f64.sqrt() * libm::pow(10.0, (level_dbuv - 120.0) / 20.0);
    (0..(seconds * rate_hz) as usize)
        .map(|n| (amplitude * libm::cos(TAU * (hz * n as f64 / rate_hz).fract())) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_reads_its_level_and_the_filter_is_200_hz_or_9_khz_wide() {
        for (band, hz, rate_hz, seconds) in [(Band::A, 60e3, 400e3, 2.0), (Band::B, 300e3, 1.2e6, 1.2)] {
            let half = band.bandwidth_hz / 2.0;
            let volts = sine(100.0, hz, rate_hz, seconds);
            let found = band_levels(&volts, rate_hz, &band, &[hz, hz - half, hz + half, hz + 4.0 * half]);
            for level in [found[0].peak_dbuv, found[0].quasi_peak_dbuv, found[0].average_dbuv] {
                assert!((level - 100.0).abs() < 0.2, "{found:?}");
            }
            for side in [found[1], found[2]] {
                // 6 dB at half the bandwidth, in between by the square of the distance.
                let expected = 100.0 - 6.02 * ((side.hz - hz) / half).powi(2);
                assert!((side.peak_dbuv - expected).abs() < 0.1, "{side:?} {expected}");
                assert!(((side.hz - hz).abs() - half).abs() < 0.07 * band.bandwidth_hz, "{side:?}");
            }
            assert!(found[3].average_dbuv < 10.0, "{:?}", found[3]);
        }
    }

    /// Pulses of 13.5 µVs at 25 Hz read as a sine of 2 mV in band A, 0.316 µVs at 100 Hz in band B (CISPR 16-1-1,
    /// recalled; ±1.5 dB).
    #[test]
    fn the_standards_calibration_pulses_read_66_dbuv() {
        for (band, hz, rate_hz, area, per_second) in
            [(Band::A, 60e3, 400e3, 13.5e-6, 25.0), (Band::B, 300e3, 1.2e6, 0.316e-6, 100.0)]
        {
            let mut volts = vec![0.0_f32; (2.0 * rate_hz) as usize];
            let spacing = (rate_hz / per_second) as usize;
            // A pulse of one sample; its spectrum is flat.
            volts.iter_mut().step_by(spacing).for_each(|volt| *volt = (area * rate_hz) as f32);
            let found = band_levels(&volts, rate_hz, &band, &[hz])[0];
            assert!((found.quasi_peak_dbuv - 66.0).abs() < 1.5, "{found:?}");
        }
    }

    #[test]
    fn the_peak_of_a_part_of_the_spectrum_is_that_parts() {
        let mut volts = sine(110.0, 50e3, 400e3, 0.1);
        volts.iter_mut().zip(sine(120.0, 120e3, 400e3, 0.1)).for_each(|(volt, more)| *volt += more);
        assert!((peak_between(&volts, 400e3, [9e3, 95e3]) - 110.0).abs() < 0.1);
        assert!((peak_between(&volts, 400e3, [95e3, 150e3]) - 120.0).abs() < 0.1);
    }
}
