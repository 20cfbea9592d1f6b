//! Carrier phases to samples, symbol by symbol (digest 1.2 to 1.4).
//!
//! A frame is a preamble of 9.5 symbols without prefix and windowed FCH and payload symbols that overlap by eight
//! samples. Only one symbol is held at a time.

mod notch;

use crate::band::{
    BandPlan, FFT_SAMPLES, OVERLAP_SAMPLES, PREAMBLE_SAMPLES, PREFIX_SAMPLES, SYMBOL_SAMPLES, SYMBOL_STRIDE,
    SYNCP_SYMBOLS,
};
use crate::constellation::PHASES;
use crate::encoder::FrameEncoder;
use crate::options::{Flip, MOST_EDGE_SAMPLES, Options};
use crate::pre_emphasis::PreEmphasis;
use crate::tone::{CarrierSet, ToneMask};
use dsp::Complex;
use dsp::fft::{RealFft, Size};
use dsp::window;
use notch::NotchFilter;
use plc_core::units::db_to_amplitude;

/// Rms of a payload symbol on all carriers of the band, without attenuation. Full scale is 1; a symbol whose carriers
/// all add up reaches 0.85 in CENELEC-A, 1.04 in ARIB and 1.2 in FCC.
pub const TX_RMS: f32 = 0.1;

/// Yields the samples of one frame after another.
///
/// ```
/// use g3_phy::{BandPlan, ToneMask, Transmitter, encoder::FrameEncoder, options::Options, primitives::Ack};
/// let (plan, options) = (BandPlan::CENELEC_A, Options::default());
/// let mut transmitter = Transmitter::new(&plan, &options);
/// let ack = Ack { fcs: 0x31C3, positive: true, more_segments: false };
/// transmitter.load(FrameEncoder::ack(&plan, ToneMask::ALL, &options, ack)?, 0.0);
/// let (mut block, mut samples) = ([0.0; 1000], 0);
/// loop {
///     let pulled = transmitter.pull(&mut block);
///     samples += pulled;
///     if pulled < block.len() {
///         break;
///     }
/// }
/// assert_eq!(samples, 2432 + 13 * 278);
/// # Ok::<(), g3_phy::encoder::EncodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Transmitter {
    plan: BandPlan,
    preamble_gain: f32,
    emphasis: PreEmphasis,
    head: Edge,
    tail: Edge,
    flip: Flip,
    fft: RealFft,
    spectrum: [Complex; FFT_SAMPLES / 2 + 1],
    /// The frame, and the amplitude of its carriers.
    frame: Option<(FrameEncoder, f32)>,
    /// The piece being sent: preamble symbols, then FCH and payload symbols, then the last edge.
    piece: [f32; PIECE_SAMPLES],
    piece_len: usize,
    sent: usize,
    next_piece: usize,
    /// Falling edge of the piece before.
    edge: Edge,
    filter: Option<NotchFilter>,
}

/// Samples of an edge.
type Edge = heapless::Vec<f32, MOST_EDGE_SAMPLES>;

/// A symbol with its falling edge, the longest one.
const PIECE_SAMPLES: usize = SYMBOL_STRIDE + MOST_EDGE_SAMPLES;

/// Preamble pieces: eight SYNCP, a SYNCM and the half one.
const PREAMBLE_PIECES: usize = SYNCP_SYMBOLS + 2;

impl Transmitter {
    /// A transmitter for a band.
    pub fn new(plan: &BandPlan, options: &Options) -> Self {
        let samples = usize::from(options.edge_samples).clamp(OVERLAP_SAMPLES, MOST_EDGE_SAMPLES);
        let mut head = Edge::new();
        // Within the capacity.
        let _ = head.resize(samples, 0.0);
        let (mut tail, edge) = (head.clone(), head.clone());
        window::head(&mut head);
        window::tail(options.tail, &mut tail);
        Self {
            plan: *plan,
            preamble_gain: db_to_amplitude(options.preamble_boost_db),
            emphasis: PreEmphasis::default(),
            head,
            tail,
            flip: options.flip,
            fft: RealFft::new(Size::N256),
            spectrum: [Complex::default(); FFT_SAMPLES / 2 + 1],
            frame: None,
            piece: [0.0; PIECE_SAMPLES],
            piece_len: 0,
            sent: 0,
            next_piece: 0,
            edge,
            filter: options.notch.map(NotchFilter::new),
        }
    }

    /// Sets the gain of groups of carriers from the next frame on. The power of a symbol never rises above that of all
    /// carriers without pre-emphasis and attenuation: what a group gains beyond that, all of them lose.
    pub fn set_pre_emphasis(&mut self, emphasis: PreEmphasis) {
        self.emphasis = emphasis;
    }

    /// Takes a frame, dropping what is left of one before it, and returns its length in samples.
    pub fn load(&mut self, frame: FrameEncoder, attenuation_db: f32) -> usize {
        let longer = self.head.len() - OVERLAP_SAMPLES;
        let samples = PREAMBLE_SAMPLES + frame.symbols() * SYMBOL_STRIDE + longer;
        let carriers = self.plan.unmasked(ToneMask::ALL).len();
        let full = TX_RMS * libm::sqrtf(2.0 / carriers as f32);
        let gain = db_to_amplitude(-attenuation_db).min(self.greatest_gain(frame.unmasked(), carriers));
        self.frame = Some((frame, full * gain));
        (self.piece_len, self.sent, self.next_piece) = (0, 0, 0);
        self.filter.as_mut().map_or(samples, |filter| {
            filter.clear();
            samples + filter.tail
        })
    }

    /// Whether samples of a frame are left.
    pub fn is_busy(&self) -> bool {
        self.has_pieces() || self.filter.as_ref().is_some_and(|filter| filter.tail > 0)
    }

    /// Whether the first samples of a frame have been pulled and not yet the last.
    pub fn has_started(&self) -> bool {
        self.next_piece > 0 && self.is_busy()
    }

    /// Writes the frame's next samples and returns how many; fewer than asked for means that it has ended.
    pub fn pull(&mut self, out: &mut [f32]) -> usize {
        let pieces = self.pull_pieces(out);
        let Some(filter) = &mut self.filter else { return pieces };
        let tail = filter.tail.min(out.len() - pieces);
        filter.tail -= tail;
        let samples = out.get_mut(..pieces + tail).unwrap_or_default();
        samples.iter_mut().skip(pieces).for_each(|sample| *sample = 0.0);
        filter.apply(samples);
        pieces + tail
    }

    fn has_pieces(&self) -> bool {
        self.frame.is_some() || self.sent < self.piece_len
    }

    /// The samples as the symbols are, before the filter.
    fn pull_pieces(&mut self, out: &mut [f32]) -> usize {
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
        written
    }

    /// Makes the next piece; false after the last.
    fn next(&mut self) -> bool {
        let Some((mut frame, amplitude)) = self.frame.take() else { return false };
        let piece = self.next_piece;
        let unmasked = frame.unmasked();
        self.next_piece += 1;
        self.sent = 0;
        if piece < PREAMBLE_PIECES {
            let sign = if piece < SYNCP_SYMBOLS { 1.0 } else { -1.0 };
            let syncp = self.plan.syncp_phases;
            self.synthesise(syncp, |_| ONE, unmasked, sign * amplitude * self.preamble_gain);
            self.cut_preamble(piece);
        } else if let Some(symbol) = frame.next_symbol() {
            let gain = if symbol.at_preamble_level { self.preamble_gain } else { 1.0 };
            self.synthesise(symbol.phases, |carrier| symbol.factor(carrier), unmasked, amplitude * gain);
            self.cut_symbol();
        } else {
            self.piece.iter_mut().zip(&self.edge).for_each(|(sample, edge)| *sample = *edge);
            self.piece_len = self.edge.len();
            return true;
        }
        self.frame = Some((frame, amplitude));
        true
    }

    /// Gain at which these carriers, pre-emphasised, have the power of `carriers` without.
    fn greatest_gain(&self, unmasked: CarrierSet, carriers: usize) -> f32 {
        let amplitudes = unmasked.offsets().map(|offset| self.emphasis.amplitude(&self.plan, offset));
        let power: f32 = amplitudes.map(|amplitude| amplitude * amplitude).sum();
        libm::sqrtf(carriers as f32 / power.max(f32::MIN_POSITIVE))
    }

    /// The 256 samples of a symbol, behind the place of its prefix.
    fn synthesise(
        &mut self,
        phases: &[u8],
        factor: impl Fn(usize) -> Complex,
        unmasked: CarrierSet,
        amplitude: f32,
    ) {
        self.spectrum.fill(Complex::default());
        for offset in unmasked.offsets() {
            let Some(&phase) = phases.get(offset) else { continue };
            let bin = self.spectrum.get_mut(usize::from(self.plan.first_carrier) + offset);
            if let Some(bin) = bin {
                *bin = PHASORS[usize::from(phase % PHASES)]
                    * factor(offset)
                    * (0.5 * amplitude * self.emphasis.amplitude(&self.plan, offset));
            }
        }
        // Both lengths are the transform's.
        let _ = self.fft.inverse(&self.spectrum, &mut self.piece[PREFIX_SAMPLES..SYMBOL_SAMPLES]);
    }

    /// Preamble symbols have no prefix and join without an edge but at both ends of the preamble.
    fn cut_preamble(&mut self, piece: usize) {
        self.piece.copy_within(PREFIX_SAMPLES..SYMBOL_SAMPLES, 0);
        self.piece_len = FFT_SAMPLES;
        if piece == 0 {
            self.piece.iter_mut().zip(&self.head).for_each(|(sample, head)| *sample *= head);
        }
        if piece == SYNCP_SYMBOLS - 1 && self.flip == Flip::CrossFade {
            let first = FFT_SAMPLES - self.head.len();
            let fading = self.piece.iter_mut().skip(first).zip(&self.head).zip(&self.tail);
            fading.for_each(|((sample, head), tail)| *sample *= tail - head);
        }
        if piece == PREAMBLE_PIECES - 1 {
            self.piece_len = FFT_SAMPLES / 2 - OVERLAP_SAMPLES;
            self.keep_edge(self.piece_len);
        }
    }

    fn cut_symbol(&mut self) {
        self.piece.copy_within(FFT_SAMPLES..SYMBOL_SAMPLES, 0);
        // What follows the symbol is its beginning again.
        self.piece.copy_within(PREFIX_SAMPLES..PIECE_SAMPLES - FFT_SAMPLES, SYMBOL_SAMPLES);
        for ((sample, head), edge) in self.piece.iter_mut().zip(&self.head).zip(&self.edge) {
            *sample = *sample * head + edge;
        }
        self.piece_len = SYMBOL_STRIDE;
        self.keep_edge(SYMBOL_STRIDE);
    }

    fn keep_edge(&mut self, from: usize) {
        let samples = self.piece.iter().skip(from);
        for ((edge, sample), tail) in self.edge.iter_mut().zip(samples).zip(&self.tail) {
            *edge = sample * tail;
        }
    }
}

const ONE: Complex = Complex::new(1.0, 0.0);

/// e^(i pi p / 8) for phase p.
const PHASORS: [Complex; PHASES as usize] = {
    const S1: f32 = 0.382_683_43;
    const S2: f32 = core::f32::consts::FRAC_1_SQRT_2;
    const S3: f32 = 0.923_879_5;
    const COSINES: [f32; 16] = [1.0, S3, S2, S1, 0.0, -S1, -S2, -S3, -1.0, -S3, -S2, -S1, 0.0, S1, S2, S3];
    let mut phasors = [Complex::new(0.0, 0.0); PHASES as usize];
    let mut phase = 0;
    while phase < 16 {
        phasors[phase] = Complex::new(COSINES[phase], COSINES[(phase + 12) % 16]);
        phase += 1;
    }
    phasors
};

#[cfg(test)]
mod tests;
