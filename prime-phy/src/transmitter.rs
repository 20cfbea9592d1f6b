//! Chirps and carrier phases to samples, piece by piece (digest 2, 3.1, 4.1).
//!
//! A frame is chirps without prefix and symbols with one; nothing is windowed and nothing overlaps. Only one piece is
//! held at a time.
//!
//! At 1 MHz sample 4n + r of a symbol is sample n of a transform of 512 points over the carriers, each turned by r of its
//! own steps and moved to the bin onto which it folds: four small transforms instead of a large one.

use crate::channel::{
    CARRIERS, FFT_SAMPLES, MOST_CHANNELS, MOST_WAYS, PREAMBLE_SAMPLES, PREFIX_SAMPLES, SYMBOL_SAMPLES,
};
use crate::constellation::PHASES;
use crate::encoder::{FrameEncoder, Piece};
use crate::options::Options;
use crate::{Channel, chirp};
use core::f32::consts::TAU;
use dsp::Complex;
use dsp::differential::EIGHTHS;
use dsp::fft::{RealFft, Size};
use plc_core::units::db_to_amplitude;

/// Rms of a symbol, without attenuation. Full scale is 1; a symbol whose carriers all add up reaches 0.98, on a bonded pair 1.38:
/// fourteen times the rms and more.
pub const TX_RMS: f32 = 0.07;

/// Yields the samples of one frame after another.
///
/// ```
/// use prime_phy::{Channel, Scheme, Transmitter, encoder::FrameEncoder, options::Options};
/// let options = Options::default();
/// let mut transmitter = Transmitter::new(&Channel::ONE, &options);
/// transmitter.load(FrameEncoder::new(&options, Scheme::DbpskC, &[0; 21])?, 0.0);
/// let (mut block, mut samples) = ([0.0; 1000], 0);
/// loop {
///     let pulled = transmitter.pull(&mut block);
///     samples += pulled;
///     if pulled < block.len() {
///         break;
///     }
/// }
/// assert_eq!(samples, 512 + 5 * 560);
/// # Ok::<(), prime_phy::encoder::EncodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Transmitter {
    channel: Channel,
    preamble_gain: f32,
    fft: RealFft,
    /// For each channel and way but the first, e^(2 pi i k r / 2048) of each carrier.
    turns: [[[Complex; CARRIERS]; MOST_WAYS - 1]; MOST_CHANNELS],
    spectrum: [Complex; BINS],
    way: [f32; FFT_SAMPLES],
    /// The frame, and the amplitude of its carriers.
    frame: Option<(FrameEncoder, f32)>,
    /// The piece being sent.
    piece: [f32; MOST_WAYS * SYMBOL_SAMPLES],
    piece_len: usize,
    sent: usize,
    started: bool,
}

impl Transmitter {
    /// A transmitter for a channel.
    pub fn new(channel: &Channel, options: &Options) -> Self {
        // A cosine's mean power is that of one carrier; the chirp has that of all of them.
        let all = libm::sqrtf(CARRIERS as f32);
        let turn = |first, way, carrier| {
            let steps = way * (first + carrier) % (MOST_WAYS * FFT_SAMPLES);
            let angle = TAU * steps as f32 / (MOST_WAYS * FFT_SAMPLES) as f32;
            Complex::new(libm::cosf(angle), libm::sinf(angle))
        };
        let mut turns = [[[Complex::default(); CARRIERS]; MOST_WAYS - 1]; MOST_CHANNELS];
        for (turns, part) in turns.iter_mut().zip(channel.parts()) {
            let first = usize::from(part.first_carrier);
            *turns =
                core::array::from_fn(|way| core::array::from_fn(|carrier| turn(first, way + 1, carrier)));
        }
        Self {
            channel: *channel,
            preamble_gain: all * db_to_amplitude(options.preamble_boost_db),
            fft: RealFft::new(Size::N512),
            turns,
            spectrum: [Complex::default(); BINS],
            way: [0.0; FFT_SAMPLES],
            frame: None,
            piece: [0.0; MOST_WAYS * SYMBOL_SAMPLES],
            piece_len: 0,
            sent: 0,
            started: false,
        }
    }

    /// Takes a frame, dropping what is left of one before it, and returns its length in samples.
    pub fn load(&mut self, frame: FrameEncoder, attenuation_db: f32) -> usize {
        let samples = self.channel.samples(frame.samples());
        let full = TX_RMS * libm::sqrtf(2.0 / (self.channel.channels() * CARRIERS) as f32);
        self.frame = Some((frame, full * db_to_amplitude(-attenuation_db)));
        (self.piece_len, self.sent, self.started) = (0, 0, false);
        samples
    }

    /// Drops what is left of the frame.
    pub fn cancel(&mut self) {
        self.frame = None;
        (self.piece_len, self.sent, self.started) = (0, 0, false);
    }

    /// Whether samples of a frame are left.
    pub fn is_busy(&self) -> bool {
        self.frame.is_some() || self.sent < self.piece_len
    }

    /// Whether the first samples of a frame have been pulled and not yet the last.
    pub fn has_started(&self) -> bool {
        self.started && self.is_busy()
    }

    /// Writes the frame's next samples and returns how many; fewer than asked for means that it has ended.
    pub fn pull(&mut self, out: &mut [f32]) -> usize {
        let mut written = 0;
        while written < out.len() {
            if self.sent == self.piece_len && !self.next() {
                break;
            }
            let ready = self.piece.get(self.sent..self.piece_len).unwrap_or_default();
            let room = out.get_mut(written..).unwrap_or_default();
            let count = ready.len().min(room.len());
            room.iter_mut().zip(ready).for_each(|(sample, &ready)| *sample = ready);
            self.sent += count;
            written += count;
        }
        // The last piece is known only by asking for one more; ask now, so that `is_busy` ends with the last sample.
        if self.sent == self.piece_len && self.started {
            self.next();
        }
        written
    }

    /// Makes the next piece; false after the last.
    fn next(&mut self) -> bool {
        let Some((frame, amplitude)) = &mut self.frame else { return false };
        let (amplitude, ways) = (*amplitude, self.channel.ways());
        self.started = true;
        match frame.next_piece() {
            Some(Piece::Chirp { sweep, negated }) => {
                let amplitude = if negated { -amplitude } else { amplitude } * self.preamble_gain;
                self.piece_len = ways * PREAMBLE_SAMPLES;
                for (n, sample) in self.piece.iter_mut().take(self.piece_len).enumerate() {
                    let chirps = self.channel.parts().map(|part| chirp::sample(&part, sweep, n).re);
                    *sample = amplitude * chirps.sum::<f32>();
                }
            }
            Some(Piece::Symbol(phases)) => {
                self.piece_len = ways * SYMBOL_SAMPLES;
                for way in 0..ways {
                    self.spectrum.fill(Complex::default());
                    for ((part, phases), turns) in self.channel.parts().zip(phases).zip(&self.turns) {
                        let first = usize::from(part.first_carrier);
                        let point = |phase: &u8| EIGHTHS[usize::from(phase % PHASES)] * (0.5 * amplitude);
                        let points = phases.iter().map(point);
                        match way.checked_sub(1).and_then(|way| turns.get(way)) {
                            None => fold(&mut self.spectrum, first, points),
                            Some(turns) => {
                                let turned = points.zip(turns).map(|(point, turn)| point * turn);
                                fold(&mut self.spectrum, first, turned);
                            }
                        }
                    }
                    // Both lengths are the transform's.
                    let _ = self.fft.inverse(&self.spectrum, &mut self.way);
                    let places = self.piece.iter_mut().skip(ways * PREFIX_SAMPLES + way).step_by(ways);
                    places.zip(&self.way).for_each(|(place, sample)| *place = *sample);
                }
                self.piece.copy_within(ways * FFT_SAMPLES..self.piece_len, 0);
            }
            None => {
                self.frame = None;
                return false;
            }
        }
        self.sent = 0;
        true
    }
}

const BINS: usize = FFT_SAMPLES / 2 + 1;

/// Adds the points of carriers `first` and those above it to the bins onto which they fold, and their conjugates to the
/// mirrored ones.
fn fold(spectrum: &mut [Complex; BINS], first: usize, points: impl Iterator<Item = Complex>) {
    for (carrier, point) in (first..).zip(points) {
        let bin = carrier % FFT_SAMPLES;
        if let Some(place) = spectrum.get_mut(bin) {
            *place += point;
        }
        if let Some(place) = spectrum.get_mut((FFT_SAMPLES - bin) % FFT_SAMPLES) {
            *place += point.conj();
        }
    }
}

#[cfg(test)]
mod tests;
