//! Soft metrics of the bits of a value, positive where a zero is likelier.

use super::{Detection, Scheme};
use dsp::Complex;
use dsp::differential::{gray_point, max_log};

/// Points of the largest constellation.
const MOST_POINTS: usize = 8;

/// Gives metrics at one signal to noise ratio.
pub(super) struct Metrics {
    scheme: Scheme,
    /// 2/σ² for values of amplitude 1 with complex noise of variance σ².
    scale: f32,
    points: [Complex; MOST_POINTS],
}

impl Metrics {
    pub(super) fn new(scheme: Scheme, noise_variance: f64) -> Self {
        let count = 1 << scheme.bits;
        let points = std::array::from_fn(|value| match value < count {
            true => point(gray_point(value as u8), count),
            false => Complex::default(),
        });
        Self { scheme, scale: (2.0 / noise_variance) as f32, points }
    }

    /// The point of a value.
    #[cfg(test)]
    pub(super) fn point(&self, value: u8) -> Complex {
        self.points.get(usize::from(value)).copied().unwrap_or_default()
    }

    /// Metrics of a received value; `before` is the one before it, of which coherent metrics know nothing.
    pub(super) fn of(&self, now: Complex, before: Complex) -> [f32; 3] {
        let Scheme { bits, differential, detection, .. } = self.scheme;
        match (detection, differential) {
            (Detection::Simple, false) => max_log(bits, now),
            (Detection::Simple, true) => max_log(bits, now * before.conj()),
            (Detection::Exact, false) => self.sums(|point| self.scale * (now * point.conj()).re),
            // Two neighbours are one value of two dimensions whose phase is unknown (digest channel 5.3).
            (Detection::Exact, true) => {
                self.sums(|point| log_bessel_i0(self.scale * (before + now * point.conj()).norm_sqr().sqrt()))
            }
        }
    }

    /// For each bit the logarithm of the sum of the likelihoods of points with a zero, less that of those with a one.
    fn sums(&self, log_likelihood: impl Fn(Complex) -> f32) -> [f32; 3] {
        let points = self.points.get(..1 << self.scheme.bits).unwrap_or_default();
        let mut logs = [0.0_f32; MOST_POINTS];
        for (log, point) in logs.iter_mut().zip(points) {
            *log = log_likelihood(*point);
        }
        if let [zero, one] = logs[..points.len()] {
            return [zero - one, 0.0, 0.0];
        }
        let greatest = logs[..points.len()].iter().fold(f32::MIN, |a, &b| a.max(b));
        let mut sums = [[0.0_f32; 2]; 3];
        for (value, log) in logs[..points.len()].iter().enumerate() {
            let likelihood = libm::expf(log - greatest);
            for (bit, sum) in sums.iter_mut().enumerate() {
                sum[value >> bit & 1] += likelihood;
            }
        }
        let log = |sum: f32| libm::logf(sum.max(f32::MIN_POSITIVE));
        let mut metrics = sums.map(|[zero, one]| log(zero) - log(one));
        metrics.iter_mut().skip(self.scheme.bits).for_each(|metric| *metric = 0.0);
        metrics
    }
}

fn point(place: u8, count: usize) -> Complex {
    let angle = std::f64::consts::TAU * f64::from(place) / count as f64;
    Complex::new(libm::cos(angle) as f32, libm::sin(angle) as f32)
}

/// Logarithm of the modified Bessel function of order 0 (Abramowitz and Stegun 9.8.1 and 9.8.2, to 2e-7).
fn log_bessel_i0(x: f32) -> f32 {
    let polynomial = |x: f32, coefficients: &[f32]| coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c);
    if x < 3.75 {
        let t = (x / 3.75) * (x / 3.75);
        libm::logf(polynomial(
            t,
            &[1.0, 3.515_622_9, 3.089_942_4, 1.206_749_2, 0.265_973_2, 0.036_076_8, 0.004_581_3],
        ))
    } else {
        let t = 3.75 / x;
        let asymptotic = polynomial(
            t,
            &[
                0.398_942_3,
                0.013_285_92,
                0.002_253_19,
                -0.001_575_65,
                0.009_162_81,
                -0.020_577_06,
                0.026_355_37,
                -0.016_476_33,
                0.003_923_77,
            ],
        );
        x + libm::logf(asymptotic / x.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bessel_functions_logarithm_is_its_series() {
        for step in 0..400 {
            let x = f64::from(step) * 0.05;
            let (mut term, mut sum) = (1.0, 1.0);
            for k in 1..100 {
                term *= (x / 2.0 / f64::from(k)).powi(2);
                sum += term;
            }
            let found = f64::from(log_bessel_i0(x as f32));
            assert!((found - f64::ln(sum)).abs() < 3e-6 * (1.0 + x), "{x}: {found} {}", f64::ln(sum));
        }
    }

    /// Numerical integration over the unknown phase of what is received, for one bit.
    #[test]
    fn exact_differential_metrics_are_the_likelihood_ratio() {
        let variance = 0.4;
        for bits in 1..=3 {
            let name = ["dbpsk-exact", "dqpsk-exact", "d8psk-exact"][bits - 1];
            let metrics = Metrics::new(name.parse().unwrap(), variance);
            let (before, now) = (Complex::new(0.8, -0.5), Complex::new(-0.2, 1.1));
            let found = metrics.of(now, before);
            for bit in 0..bits {
                let mut likelihood = [0.0_f64; 2];
                for value in 0..1_u8 << bits {
                    for step in 0..720 {
                        let phase = Complex::from_polar(1.0, step as f32 * 0.5_f32.to_radians());
                        let distance =
                            (before - phase).norm_sqr() + (now - phase * metrics.point(value)).norm_sqr();
                        likelihood[usize::from(value >> bit & 1)] += (-f64::from(distance) / variance).exp();
                    }
                }
                let expected = (likelihood[0] / likelihood[1]).ln();
                assert!(
                    (f64::from(found[bit]) - expected).abs() < 1e-3,
                    "{name} {bit}: {found:?} {expected}"
                );
            }
        }
    }

    #[test]
    fn exact_coherent_metrics_are_the_likelihood_ratio() {
        let metrics = Metrics::new("8psk-exact".parse().unwrap(), 0.3);
        let now = Complex::new(0.3, 0.7);
        let found = metrics.of(now, Complex::default());
        for (bit, found) in found.iter().enumerate() {
            let mut likelihood = [0.0_f64; 2];
            for value in 0..8_u8 {
                let distance = (now - metrics.point(value)).norm_sqr();
                likelihood[usize::from(value >> bit & 1)] += (-f64::from(distance) / 0.3).exp();
            }
            let expected = (likelihood[0] / likelihood[1]).ln();
            assert!((f64::from(*found) - expected).abs() < 1e-4, "{bit}: {found} {expected}");
        }
    }
}
