//! What a receiver has of each of its channels: one, or two of a bonded pair.

use super::analysis::{Analysis, Tap};
use super::carriers::{Band, Carriers, Figures, NO_CARRIERS, carriers};
use super::detector::Detector;
use super::header_decoder::Link;
use super::noise_floor::NoiseFloor;
use super::pairs::Pairs;
use crate::channel::{CARRIERS, FFT_SAMPLES, MOST_CHANNELS};
use crate::options::Sweep;
use crate::{Channel, chirp};
use dsp::fft::{ComplexFft, Size};

/// The channels of a receiver, the lower of a pair first.
pub(super) type Parts = heapless::Vec<Part, MOST_CHANNELS>;

#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) channel: Channel,
    tap: Tap,
    pub(super) detector: Detector,
    pub(super) floor: NoiseFloor,
    pub(super) pairs: Pairs,
    /// What the last header told.
    pub(super) link: Link,
    /// Mean power of each carrier over the symbols of the last frame.
    powers: Figures,
    /// Chirps up and down as a symbol's window would see them, for coherent detection.
    chirps: [Carriers; 2],
}

impl Part {
    /// The channels of one or of a pair, with the chirps that coherent detection compares with.
    pub(super) fn all_of(channel: &Channel, coherent: bool) -> Parts {
        channel.parts().map(|channel| Self::new(&channel, coherent)).collect()
    }

    fn new(channel: &Channel, coherent: bool) -> Self {
        let (floor, tap) = (NoiseFloor::new(), Tap::new(channel));
        let mut chirps = [NO_CARRIERS; 2];
        if coherent {
            let mut fft = ComplexFft::new(Size::N512);
            // A symbol's carrier of amplitude 1 has the bin 256; a cosine of the same power is as many carriers.
            let scale = libm::sqrtf(CARRIERS as f32) / FFT_SAMPLES as f32;
            chirps = [Sweep::Ascending, Sweep::Descending].map(|sweep| {
                let band = tap.band_of(&mut fft, |n| chirp::sample(channel, sweep, n));
                carriers(&band).map(|carrier| carrier * scale)
            });
        }
        Self {
            channel: *channel,
            detector: Detector::new(channel, &tap),
            tap,
            pairs: Pairs::new(&floor, None),
            floor,
            link: Link::default(),
            powers: [0.0; CARRIERS],
            chirps,
        }
    }

    /// Begins anew, as if nothing had been received.
    pub(super) fn reset(&mut self) {
        self.floor = NoiseFloor::new();
        self.pairs = Pairs::new(&self.floor, None);
        (self.link, self.powers) = (Link::default(), [0.0; CARRIERS]);
    }

    /// The channel's bins of the window transformed last.
    pub(super) fn band(&self, analysis: &Analysis) -> Band {
        self.tap.band(analysis)
    }

    /// A chirp as a symbol's window would see it.
    pub(super) fn chirp(&self, sweep: Sweep) -> &Carriers {
        let [ascending, descending] = &self.chirps;
        if sweep == Sweep::Ascending { ascending } else { descending }
    }

    /// Forgets the powers of the frame before.
    pub(super) fn forget_powers(&mut self) {
        self.powers = [0.0; CARRIERS];
    }

    /// Averages the carriers of a frame's symbol, the `symbols`-th.
    pub(super) fn average(&mut self, carriers: &Carriers, symbols: f32) {
        for (mean, carrier) in self.powers.iter_mut().zip(carriers) {
            *mean += (carrier.norm_sqr() - *mean) / symbols;
        }
    }

    /// Signal to noise power ratio of each carrier ([`ChannelReceiver::carrier_snr`](super::ChannelReceiver::carrier_snr)).
    pub(super) fn carrier_snr(&self) -> impl Iterator<Item = f32> + '_ {
        self.floor.powers().into_iter().flat_map(|noise| {
            let pairs = self.powers.iter().zip(noise);
            pairs.map(|(power, noise)| ((power - noise) / noise.max(f32::MIN_POSITIVE)).max(0.0))
        })
    }
}

/// Mean noise power of a carrier over all channels, once it is known of each.
pub(super) fn mean_noise(parts: &[Part]) -> Option<f32> {
    let sum: Option<f32> = parts.iter().map(|part| part.floor.mean()).sum();
    sum.map(|sum| sum / parts.len().max(1) as f32)
}

/// Harmonic mean over all channels of the mean noise power of a carrier, once it is known of each: a channel full of tones does
/// not move it far.
pub(super) fn usual_noise(parts: &[Part]) -> Option<f32> {
    let inverse = |part: &Part| part.floor.mean().map(|mean| 1.0 / mean.max(f32::MIN_POSITIVE));
    let sum: Option<f32> = parts.iter().map(inverse).sum();
    sum.map(|sum| parts.len() as f32 / sum.max(f32::MIN_POSITIVE))
}
