//! Impulses with a shape: damped sinusoids, rendered without aliasing.
//!
//! i(t) = Σ a_k e^(-t/τ) sin(2π f_k t). An impulse is computed at eight times the sample rate, passes a low-pass filter
//! and is dropped to the rate: what lies above half the rate would fold back otherwise, a decibel's worth. The filter
//! delays it by [`DELAY`] samples.

use super::filter::windowed_sinc;
use super::kernels;
use dsp::cpu::Level;
use num_complex::Complex64;
use std::f64::consts::TAU;
use std::sync::LazyLock;

/// Rate of the rendering over that of the samples.
const OVER: usize = 8;
/// Samples by which an impulse is late.
pub(super) const DELAY: usize = 20;
/// Samples that the low-pass filter spans.
const SPAN: usize = 2 * DELAY + 1;
/// Amplitudes below this share are left out.
const END: f64 = 1e-4;

/// One damped sinusoid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ring {
    /// a in volts.
    pub(super) volts: f64,
    /// f.
    pub(super) hz: f64,
    /// τ.
    pub(super) decay_s: f64,
}

impl Ring {
    /// Energy spectral density |I(f)|² in V²s² of this ring at a frequency.
    pub(super) fn energy(&self, hz: f64) -> f64 {
        let own = TAU * self.hz;
        let pole = Complex64::new(1.0 / self.decay_s, TAU * hz);
        (self.volts * own / (pole * pole + own * own)).norm_sqr()
    }
}

/// Writes an impulse that begins `late` (0 to 1) samples after the first sample to `out`, which is replaced, and says
/// how many samples are worth anything.
pub(super) fn render(rings: &[Ring], rate_hz: f64, late: f64, out: &mut Vec<f32>) {
    // The low-pass filter's taps for each of the fine samples that a sample has.
    static LOW_PASS: LazyLock<[[f32; SPAN]; OVER]> = LazyLock::new(|| {
        let taps = windowed_sinc(OVER * (SPAN - 1) + 1, 0.5 / OVER as f64, 6.0);
        let tap = |index: usize| taps.get(index).map_or(0.0, |&tap| tap as f32);
        std::array::from_fn(|place| std::array::from_fn(|k| tap(OVER * k + place)))
    });
    let fine_hz = rate_hz * OVER as f64;
    let longest = rings.iter().map(|ring| ring.decay_s).fold(0.0, f64::max);
    let samples = (-longest * libm::log(END) * rate_hz) as usize + 2;
    let fine = damped(rings, fine_hz, late * OVER as f64, samples);
    out.clear();
    out.resize(samples + SPAN - 1, 0.0);
    for (fine, taps) in fine.iter().zip(LOW_PASS.iter()) {
        kernels::add_convolved(Level::best(), taps, fine, out);
    }
}

/// The rings at every [`OVER`]th of the fine samples, from each of the first of them on, between zeros for the filter's
/// reach. They begin `late` fine samples after the first.
fn damped(rings: &[Ring], fine_hz: f64, late: f64, samples: usize) -> [Vec<f32>; OVER] {
    let polar = |amplitude: f64, turns: f64| {
        let (sin, cos) = libm::sincos(TAU * turns);
        (amplitude * cos, amplitude * sin)
    };
    let mut sums = vec![[0.0f64; OVER]; samples];
    let Some((first, later)) = sums.split_first_mut() else { return std::array::from_fn(|_| Vec::new()) };
    for ring in rings {
        let at = |fine: f64| {
            polar(ring.volts * libm::exp(-fine / (ring.decay_s * fine_hz)), ring.hz * fine / fine_hz)
        };
        // Before it begins there is nothing.
        for (place, sum) in first.iter_mut().enumerate().filter(|(place, _)| *place as f64 >= late) {
            *sum += at(place as f64 - late).1;
        }
        let (mut re, mut im) = ([0.0; OVER], [0.0; OVER]);
        for place in 0..OVER {
            (re[place], im[place]) = at((OVER + place) as f64 - late);
        }
        let fall = libm::exp(-(OVER as f64) / (ring.decay_s * fine_hz));
        let (step_re, step_im) = polar(fall, ring.hz * OVER as f64 / fine_hz);
        for sum in later.iter_mut() {
            for place in 0..OVER {
                sum[place] += im[place];
                let turned = re[place] * step_re - im[place] * step_im;
                im[place] = re[place] * step_im + im[place] * step_re;
                re[place] = turned;
            }
        }
    }
    std::array::from_fn(|place| {
        let mut padded = vec![0.0; SPAN - 1];
        padded.extend(sums.iter().map(|sum| sum[place] as f32));
        padded.resize(padded.len() + SPAN - 1, 0.0);
        padded
    })
}

/// Rendered impulses that reach into samples to come.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    samples: Vec<f32>,
    from: usize,
}

impl Tail {
    /// Adds an impulse that begins `at` samples after the next.
    pub(super) fn push(&mut self, at: usize, impulse: &[f32]) {
        self.samples.drain(..self.from.min(self.samples.len()));
        self.from = 0;
        if self.samples.len() < at + impulse.len() {
            self.samples.resize(at + impulse.len(), 0.0);
        }
        for (sum, sample) in self.samples.iter_mut().skip(at).zip(impulse) {
            *sum += sample;
        }
    }

    /// Adds the next samples to `out`.
    pub(super) fn add(&mut self, out: &mut [f32]) {
        let ready = self.samples.get(self.from..).unwrap_or_default();
        for (sample, tail) in out.iter_mut().zip(ready) {
            *sample += tail;
        }
        self.from += out.len().min(ready.len());
        if self.from == self.samples.len() {
            self.samples.clear();
            self.from = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impulse_has_its_energy_spectrum_below_and_nothing_above_half_the_rate() {
        let rate_hz = 400_000.0;
        let ring = Ring { volts: 0.3, hz: 70_000.0, decay_s: 40e-6 };
        let mut out = Vec::new();
        for late in [0.0, 0.3, 0.99] {
            render(&[ring], rate_hz, late, &mut out);
            for khz in [5.0, 30.0, 70.0, 110.0, 150.0, 175.0] {
                let turn = |n: usize| Complex64::from_polar(1.0, -TAU * khz * 1e3 * n as f64 / rate_hz);
                let sum: Complex64 = out.iter().enumerate().map(|(n, &x)| f64::from(x) * turn(n)).sum();
                let error = 10.0 * ((sum / rate_hz).norm_sqr() / ring.energy(khz * 1e3)).log10();
                assert!(error.abs() < 0.1, "late {late}, {khz} kHz: {error:.2} dB");
            }
        }
    }

    #[test]
    fn the_shortest_impulse_is_finite_wherever_it_begins() {
        let mut out = Vec::new();
        for late in [0.0, 0.3, 0.99] {
            render(&[Ring { volts: 0.1, hz: 70_000.0, decay_s: 1e-10 }], 400_000.0, late, &mut out);
            assert!(out.iter().all(|x| x.abs() < 0.1), "{late}: {out:?}");
        }
    }

    #[test]
    fn a_tail_adds_impulses_where_they_are_due() {
        let mut tail = Tail::default();
        tail.push(2, &[1.0, 2.0, 3.0]);
        tail.push(4, &[10.0]);
        let mut out = [0.0; 3];
        tail.add(&mut out);
        assert_eq!(out, [0.0, 0.0, 1.0]);
        tail.push(0, &[100.0]);
        let mut out = [0.0; 4];
        tail.add(&mut out);
        assert_eq!(out, [102.0, 13.0, 0.0, 0.0]);
    }
}
