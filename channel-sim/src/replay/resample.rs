//! Samples at any rate to those at a modem's rate, by a windowed sinc.

use std::f64::consts::PI;

/// Zero crossings of the sinc on each side of its middle.
const LOBES: usize = 64;
/// Shape of the Kaiser window: a stop band below -75 dB.
const KAISER_BETA: f64 = 8.0;
/// Rows of the table; between them coefficients are interpolated linearly.
const FRACTIONS: usize = 256;
/// Middle of the edge, as a share of the lower of both Nyquist frequencies; 0.91 of them passes.
const PASS: f64 = 0.95;
const PASSES: f64 = 0.91;
/// The same for carriers above that (PRIME's channel 8 at 1 MHz): 0.96 of them passes, and what lies in the last 0.04 on either
/// side of the new Nyquist frequency cannot be told apart.
const HIGH_PASS: f64 = 1.0;
const HIGH_PASSES: f64 = 0.96;
/// Rates that differ by less than this are taken for the same: modems' clocks do.
const SAME: f64 = 200e-6;

/// The highest rate that is taken.
const MOST_HZ: f64 = 50e6;

/// [`resample`] for a receiver of carriers up to `highest_hz`.
///
/// # Errors
/// Where the rate is too low to hold the carriers, or too high to be one.
pub fn fitted(samples: Vec<f32>, from_hz: f64, to_hz: f64, highest_hz: f64) -> Result<Vec<f32>, String> {
    let share = 2.0 * highest_hz / to_hz;
    // Where the modem's own rate leaves little room, another rate needs as much.
    let least_hz = if share > PASSES { 2.0 * highest_hz / HIGH_PASSES } else { 2.0 * highest_hz };
    if !(least_hz..=MOST_HZ).contains(&from_hz) {
        return Err(format!(
            "{from_hz} samples per second: from {least_hz:.0}, for carriers up to {highest_hz:.0} Hz, to {MOST_HZ:.0} \
             are needed"
        ));
    }
    let of_lower = 2.0 * highest_hz / to_hz.min(from_hz);
    let edge = if share > PASSES && of_lower > PASSES { HIGH_PASS } else { PASS };
    Ok(resample_with(samples, from_hz, to_hz, edge))
}

/// `samples` at `from_hz` as they would have been at `to_hz`. Nothing above the lower of the Nyquist frequencies is
/// left.
pub fn resample(samples: Vec<f32>, from_hz: f64, to_hz: f64) -> Vec<f32> {
    resample_with(samples, from_hz, to_hz, PASS)
}

fn resample_with(samples: Vec<f32>, from_hz: f64, to_hz: f64, edge: f64) -> Vec<f32> {
    if (from_hz / to_hz - 1.0).abs() < SAME || samples.is_empty() {
        return samples;
    }
    let cutoff = edge * (to_hz / from_hz).min(1.0);
    let half = (LOBES as f64 / cutoff).ceil() as usize;
    let table = table(cutoff, half);
    let step = from_hz / to_hz;
    let count = ((samples.len() as f64) / step).floor() as usize;
    let at = |index: i64| usize::try_from(index).ok().and_then(|index| samples.get(index)).copied();
    let output = |n: usize| {
        let position = n as f64 * step;
        let whole = position.floor();
        let scaled = (position - whole) * FRACTIONS as f64;
        let row = (scaled as usize).min(FRACTIONS - 1);
        let weight = (scaled - row as f64) as f32;
        let (Some(one), Some(other)) = (table.get(row), table.get(row + 1)) else { return 0.0 };
        let first = whole as i64 - half as i64 + 1;
        let taps = one.iter().zip(other).enumerate();
        taps.map(|(k, (a, b))| (a + (b - a) * weight) * at(first + k as i64).unwrap_or(0.0)).sum()
    };
    (0..count).map(output).collect()
}

/// For each fraction of a sample, the taps for samples `floor - half + 1 ..= floor + half`.
fn table(cutoff: f64, half: usize) -> Vec<Vec<f32>> {
    let row = |step: usize| {
        let fraction = step as f64 / FRACTIONS as f64;
        let tap = |k: usize| {
            let x = k as f64 - (half as f64 - 1.0) - fraction;
            let inside = 1.0 - (x / half as f64).powi(2);
            let window = if inside <= 0.0 {
                0.0
            } else {
                bessel_i0(KAISER_BETA * inside.sqrt()) / bessel_i0(KAISER_BETA)
            };
            let sinc = if x.abs() < 1e-12 { 1.0 } else { libm::sin(PI * cutoff * x) / (PI * cutoff * x) };
            (cutoff * sinc * window) as f32
        };
        (0..2 * half).map(tap).collect()
    };
    (0..=FRACTIONS).map(row).collect()
}

/// Modified Bessel function of the first kind, order 0.
fn bessel_i0(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..60 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    /// Worst error of a tone in the middle of what comes out, in dB of its amplitude.
    fn error_db(from_hz: f64, to_hz: f64, tone_hz: f64) -> f64 {
        let tone = |rate: f64, n: usize| (TAU * tone_hz * n as f64 / rate).cos();
        let samples = (0..20_000).map(|n| tone(from_hz, n) as f32).collect();
        let out = resample(samples, from_hz, to_hz);
        let middle = out.len() / 4..out.len() * 3 / 4;
        let worst = middle.map(|n| (f64::from(out[n]) - tone(to_hz, n)).abs()).fold(0.0, f64::max);
        20.0 * worst.log10()
    }

    #[test]
    fn tones_keep_their_place_up_and_down() {
        for (from_hz, to_hz) in
            [(1e6, 400e3), (250e3, 400e3), (2.4e6, 400e3), (409_600.0, 400e3), (192e3, 250e3)]
        {
            for tone_hz in [36e3, 60e3, 85e3] {
                let error = error_db(from_hz, to_hz, tone_hz);
                assert!(error < -70.0, "{from_hz} to {to_hz}, {tone_hz} Hz: {error:.1} dB");
            }
        }
    }

    #[test]
    fn the_highest_channel_of_prime_comes_through_whole() {
        let tone = |rate: f64, n: usize| (TAU * 471_680.0 * n as f64 / rate).cos();
        let samples = (0..48_000).map(|n| tone(2.4e6, n) as f32).collect();
        let out = fitted(samples, 2.4e6, 1e6, 471_680.0).unwrap();
        let middle = out.len() / 4..out.len() * 3 / 4;
        let worst = middle.map(|n| (f64::from(out[n]) - tone(1e6, n)).abs()).fold(0.0, f64::max);
        assert!(20.0 * worst.log10() < -70.0, "{:.1} dB", 20.0 * worst.log10());
        assert!(fitted(vec![0.0; 100], 960e3, 1e6, 471_680.0).is_err_and(|error| error.contains("982667")));
    }

    #[test]
    fn what_lies_above_the_new_nyquist_frequency_is_gone() {
        let samples = (0..20_000).map(|n| (TAU * 300e3 * n as f64 / 1e6).cos() as f32).collect();
        let out = resample(samples, 1e6, 400e3);
        let worst = out[1_000..7_000].iter().fold(0.0, |worst: f32, sample| worst.max(sample.abs()));
        assert!(worst < 1e-3, "{worst}");
    }

    #[test]
    fn rates_that_cannot_hold_the_band_are_refused_with_the_rate() {
        for rate_hz in [1.0, 48e3, 181e3, 4_294_967_295.0, f64::NAN] {
            let refused = fitted(vec![0.0; 100], rate_hz, 400e3, 90_625.0).unwrap_err();
            assert!(refused.contains(&rate_hz.to_string()) && refused.contains("181250"), "{refused}");
        }
        assert_eq!(fitted(vec![0.5; 3], 400e3, 400e3, 90_625.0).unwrap(), [0.5; 3]);
    }

    #[test]
    fn clocks_that_differ_by_parts_per_million_are_left_alone() {
        assert_eq!(resample(vec![1.0, 2.0], 400_010.0, 400e3), [1.0, 2.0]);
    }
}
