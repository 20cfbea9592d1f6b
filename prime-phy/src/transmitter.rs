//! Chirp and carrier phases to samples, symbol by symbol (digest 2, 3.1).
//!
//! A frame is a chirp without prefix and symbols with one; nothing is windowed and nothing overlaps. Only one symbol is
//! held at a time.

use crate::channel::{CARRIERS, FFT_SAMPLES, PREAMBLE_SAMPLES, PREFIX_SAMPLES, SYMBOL_SAMPLES};
use crate::constellation::PHASES;
use crate::encoder::FrameEncoder;
use crate::options::Options;
use crate::{Channel, chirp};
use dsp::Complex;
use dsp::fft::{RealFft, Size};
use plc_core::units::db_to_amplitude;

/// Rms of a symbol, without attenuation. Full scale is 1; a symbol whose carriers all add up reaches 0.98.
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
    spectrum: [Complex; FFT_SAMPLES / 2 + 1],
    /// The frame, and the amplitude of its carriers.
    frame: Option<(FrameEncoder, f32)>,
    /// The piece being sent: the preamble, then header and payload symbols.
    piece: [f32; SYMBOL_SAMPLES],
    piece_len: usize,
    sent: usize,
    started: bool,
}

impl Transmitter {
    /// A transmitter for a channel.
    pub fn new(channel: &Channel, options: &Options) -> Self {
        // A cosine's mean power is that of one carrier; the chirp has that of all of them.
        let all = libm::sqrtf(CARRIERS as f32);
        Self {
            channel: *channel,
            preamble_gain: all * db_to_amplitude(options.preamble_boost_db),
            fft: RealFft::new(Size::N512),
            spectrum: [Complex::default(); FFT_SAMPLES / 2 + 1],
            frame: None,
            piece: [0.0; SYMBOL_SAMPLES],
            piece_len: 0,
            sent: 0,
            started: false,
        }
    }

    /// Takes a frame, dropping what is left of one before it, and returns its length in samples.
    pub fn load(&mut self, frame: FrameEncoder, attenuation_db: f32) -> usize {
        let samples = PREAMBLE_SAMPLES + frame.symbols() * SYMBOL_SAMPLES;
        let full = TX_RMS * libm::sqrtf(2.0 / CARRIERS as f32);
        self.frame = Some((frame, full * db_to_amplitude(-attenuation_db)));
        (self.piece_len, self.sent, self.started) = (0, 0, false);
        samples
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
        let amplitude = *amplitude;
        if !self.started {
            self.started = true;
            let amplitude = amplitude * self.preamble_gain;
            for (n, sample) in self.piece.iter_mut().take(PREAMBLE_SAMPLES).enumerate() {
                *sample = amplitude * chirp::sample(&self.channel, n).re;
            }
            self.piece_len = PREAMBLE_SAMPLES;
        } else if let Some(phases) = frame.next_symbol() {
            self.spectrum.fill(Complex::default());
            let bins = self.spectrum.iter_mut().skip(usize::from(self.channel.first_carrier));
            for (bin, &phase) in bins.zip(phases) {
                *bin = PHASORS[usize::from(phase % PHASES)] * (0.5 * amplitude);
            }
            // Both lengths are the transform's.
            let _ = self.fft.inverse(&self.spectrum, &mut self.piece[PREFIX_SAMPLES..]);
            self.piece.copy_within(FFT_SAMPLES.., 0);
            self.piece_len = SYMBOL_SAMPLES;
        } else {
            self.frame = None;
            return false;
        }
        self.sent = 0;
        true
    }
}

/// e^(i pi p / 4) for phase p.
pub(crate) const PHASORS: [Complex; PHASES as usize] = {
    const S: f32 = core::f32::consts::FRAC_1_SQRT_2;
    [
        Complex::new(1.0, 0.0),
        Complex::new(S, S),
        Complex::new(0.0, 1.0),
        Complex::new(-S, S),
        Complex::new(-1.0, 0.0),
        Complex::new(-S, -S),
        Complex::new(0.0, -1.0),
        Complex::new(S, -S),
    ]
};

#[cfg(test)]
mod tests;
