//! Carriers of windows of 2.048 ms at either sample clock.
//!
//! At 1 MHz bin k of a transform of 2048 points is the sum over r of e^(-2 pi i k r / 2048) F_r\[k mod 512\], with F_r the
//! transform of every fourth sample from r on. So four transforms of 512 points serve all channels, and of the large
//! transform only the bins of a channel are ever computed.

use super::carriers::{BAND, Band, MARGIN};
use super::stream::Stream;
use crate::Channel;
use crate::channel::{FFT_SAMPLES, MOST_WAYS};
use core::f32::consts::TAU;
use dsp::Complex;
use dsp::fft::{ComplexFft, RealFft, Size};

const BINS: usize = FFT_SAMPLES / 2 + 1;

/// The transforms of one window, shared by the channels.
#[derive(Clone, Debug)]
pub(super) struct Analysis {
    fft: RealFft,
    samples: [f32; FFT_SAMPLES],
    /// Bins of each way, those of 0 to 511 and behind them the first again, so that no band wraps.
    ways: [[Complex; FFT_SAMPLES + BAND]; MOST_WAYS],
    /// First sample of the window that the transforms are of.
    of: Option<u64>,
}

impl Analysis {
    pub(super) fn new() -> Self {
        Self {
            fft: RealFft::new(Size::N512),
            samples: [0.0; FFT_SAMPLES],
            ways: [[Complex::default(); FFT_SAMPLES + BAND]; MOST_WAYS],
            of: None,
        }
    }

    /// Forgets the window transformed last.
    pub(super) fn forget(&mut self) {
        self.of = None;
    }

    /// Transforms the window that starts at `start`. Samples before `silent_before` count as silence.
    pub(super) fn transform(&mut self, stream: &Stream, start: u64, silent_before: u64) {
        let whole = silent_before <= start;
        if whole && self.of == Some(start) {
            return;
        }
        self.of = whole.then_some(start);
        let ways = stream.ways();
        for (way, bins) in self.ways.iter_mut().take(ways).enumerate() {
            let first = start + way as u64;
            stream.read(first, &mut self.samples);
            let silent = silent_before.saturating_sub(first).div_ceil(ways as u64) as usize;
            self.samples.iter_mut().take(silent).for_each(|sample| *sample = 0.0);
            // Both lengths are the transform's.
            let _ = self.fft.forward(&self.samples, &mut bins[..BINS]);
            if ways > 1 {
                for bin in BINS..FFT_SAMPLES {
                    bins[bin] = bins[FFT_SAMPLES - bin].conj();
                }
                bins.copy_within(..BAND, FFT_SAMPLES);
            }
        }
    }
}

/// Takes the bins of one channel from the transforms.
#[derive(Clone, Debug)]
pub(super) struct Tap {
    first: usize,
    ways: usize,
    /// For each way but the first, e^(-2 pi i k r / 2048) of each bin.
    turns: [[Complex; BAND]; MOST_WAYS - 1],
}

impl Tap {
    pub(super) fn new(channel: &Channel) -> Self {
        // A channel too low to have a margin wraps like any other.
        let first = usize::from(channel.first_carrier) + FFT_SAMPLES * MOST_WAYS - MARGIN;
        let turn = |way, bin| {
            let steps = way * (first + bin) % (FFT_SAMPLES * MOST_WAYS);
            let angle = -TAU * steps as f32 / (FFT_SAMPLES * MOST_WAYS) as f32;
            Complex::new(libm::cosf(angle), libm::sinf(angle))
        };
        Self {
            first: first % FFT_SAMPLES,
            ways: channel.ways(),
            turns: core::array::from_fn(|way| core::array::from_fn(|bin| turn(way + 1, bin))),
        }
    }

    /// The channel's bins of the window transformed last, brought to the level that they would have at 250 kHz.
    pub(super) fn band(&self, analysis: &Analysis) -> Band {
        self.gather(|way| &analysis.ways[way])
    }

    /// The channel's bins of complex samples, every way in turn.
    pub(super) fn band_of(&self, fft: &mut ComplexFft, sample: impl Fn(usize) -> Complex) -> Band {
        let mut bins = [[Complex::default(); FFT_SAMPLES + BAND]; MOST_WAYS];
        for (way, bins) in bins.iter_mut().take(self.ways).enumerate() {
            let samples: [Complex; FFT_SAMPLES] = core::array::from_fn(|n| sample(self.ways * n + way));
            // Both lengths are the transform's.
            let _ = fft.forward(&samples, &mut bins[..FFT_SAMPLES]);
            bins.copy_within(..BAND, FFT_SAMPLES);
        }
        self.gather(|way| &bins[way])
    }

    fn gather<'a>(&self, bins: impl Fn(usize) -> &'a [Complex; FFT_SAMPLES + BAND]) -> Band {
        let part =
            |way| -> &'a [Complex] { bins(way).get(self.first..self.first + BAND).unwrap_or_default() };
        let mut band = [Complex::default(); BAND];
        band.iter_mut().zip(part(0)).for_each(|(to, from)| *to = *from);
        if self.ways > 1 {
            for (way, turns) in (1..).zip(&self.turns) {
                for ((to, from), turn) in band.iter_mut().zip(part(way)).zip(turns) {
                    to.re += from.re * turn.re - from.im * turn.im;
                    to.im += from.re * turn.im + from.im * turn.re;
                }
            }
            band.iter_mut().for_each(|bin| *bin *= 1.0 / MOST_WAYS as f32);
        }
        band
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::CARRIERS;

    #[test]
    fn bands_are_those_of_the_large_transform() {
        for channel in [Channel::ONE].into_iter().chain(Channel::ALL) {
            let points = channel.fft_samples();
            // Two carriers of the channel and two outside, from sample 5 on.
            let first = usize::from(channel.first_carrier);
            let tones = [(first, 0.3_f64), (first + 50, 1.0), (first - 20, 0.7), ((first + 130) % 256, 0.2)];
            let sample = |n: usize| -> f64 {
                let angle =
                    |carrier: usize| std::f64::consts::TAU * (carrier * n % points) as f64 / points as f64;
                tones.iter().map(|&(carrier, amplitude)| amplitude * (angle(carrier) + amplitude).cos()).sum()
            };
            let mut stream = Stream::new(channel.ways());
            let samples: std::vec::Vec<f32> = (0..points + 5).map(|n| sample(n) as f32).collect();
            samples.chunks(500).for_each(|samples| stream.push(samples));
            let (mut analysis, tap) = (Analysis::new(), Tap::new(&channel));
            for (start, silent_before) in [(0, 0), (5, 0), (5, 140)] {
                analysis.transform(&stream, start, silent_before);
                let band = tap.band(&analysis);
                for bin in (0..BAND).step_by(7).chain([MARGIN, MARGIN + CARRIERS - 1]) {
                    let carrier = first + bin - MARGIN;
                    let (mut re, mut im) = (0.0, 0.0);
                    for n in 0..points {
                        let at = start as usize + n;
                        let value = if at < silent_before as usize { 0.0 } else { sample(at) };
                        let angle = std::f64::consts::TAU * (carrier * n % points) as f64 / points as f64;
                        re += value * angle.cos() / channel.ways() as f64;
                        im -= value * angle.sin() / channel.ways() as f64;
                    }
                    let error = (f64::from(band[bin].re) - re).hypot(f64::from(band[bin].im) - im);
                    assert!(
                        error < 1e-3,
                        "{channel:?} {start} {silent_before} {bin}: {:?} {re} {im}",
                        band[bin]
                    );
                }
            }
        }
    }
}
