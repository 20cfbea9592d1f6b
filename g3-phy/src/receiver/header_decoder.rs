//! Collects the FCH's symbols, combines the six copies of each bit, decodes, and learns the link from it.

use super::carriers::{ABOVE_MEAN, CarrierBank, Carriers, Figures, inverse_sqrt, power};
use crate::band::{BandPlan, MAX_CARRIERS};
use crate::coding::{self, MAX_HEADER_CODED_BITS};
use crate::header::{FrameControl, HeaderFormat, HeaderOctets};
use crate::interleaver::Interleaver;
use crate::options::FccsOrder;
use crate::timing::FCH_REPETITION;
use dsp::soft::quantise;
use dsp::viterbi::Viterbi;

/// Room for the FCH's bits on air with their padding.
const MAX_HEADER_BITS: usize = FCH_REPETITION * MAX_HEADER_CODED_BITS + MAX_CARRIERS;
/// FCH symbols with the fewest carriers that a tone mask may leave a frame (digest 8.1).
const MAX_HEADER_SYMBOLS: usize = (FCH_REPETITION * MAX_HEADER_CODED_BITS).div_ceil(11);
/// Part of the soft decisions' weight that may contradict the decoded header. The checksum of five bits alone would
/// pass one of 32 headers made of noise.
const MOST_CONTRADICTION: f32 = 0.2;
/// Mean magnitude of the soft decisions.
const SOFT_MEAN: f32 = 32.0;

#[derive(Clone, Debug)]
pub(super) struct HeaderDecoder {
    previous: Carriers,
    /// Re(y_s y*_(s-1)) of each symbol and carrier.
    correlation: [f32; MAX_HEADER_BITS],
    /// |y_s|^2 + |y_(s-1)|^2 of each carrier, from the second symbol on.
    power: Figures,
    /// Power of each symbol on all carriers; the reference's first.
    symbol_power: [f32; MAX_HEADER_SYMBOLS + 1],
    symbol: usize,
    symbols: usize,
    carriers: usize,
    interleaver: Interleaver,
    format: HeaderFormat,
}

/// What the FCH tells of the link.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    /// Power of the signal on each carrier.
    pub(super) signal: Figures,
    /// Power of the noise on each carrier.
    pub(super) noise: Figures,
}

impl HeaderDecoder {
    pub(super) fn new(bank: &CarrierBank, format: HeaderFormat, symbols: usize) -> Self {
        Self {
            previous: super::carriers::NO_CARRIERS,
            correlation: [0.0; MAX_HEADER_BITS],
            power: [0.0; MAX_CARRIERS],
            symbol_power: [0.0; MAX_HEADER_SYMBOLS + 1],
            symbol: 0,
            symbols: symbols.min(MAX_HEADER_SYMBOLS),
            carriers: bank.count(),
            interleaver: Interleaver::new(bank.count(), symbols, true),
            format,
        }
    }

    /// Starts with the reference of the first symbol.
    pub(super) fn start(&mut self, reference: Carriers) {
        self.previous = reference;
        self.power.fill(0.0);
        self.symbol_power[0] = power(&reference);
        self.symbol = 0;
    }

    /// Takes a symbol; true after the last.
    pub(super) fn push(&mut self, symbol: &Carriers) -> bool {
        let first = self.symbol * self.carriers;
        let correlation = self.correlation.iter_mut().skip(first).take(self.carriers);
        for ((value, now), before) in correlation.zip(symbol).zip(&self.previous) {
            *value = now.re * before.re + now.im * before.im;
        }
        if self.symbol > 0 {
            for ((power, now), before) in self.power.iter_mut().zip(symbol).zip(&self.previous) {
                *power += now.norm_sqr() + before.norm_sqr();
            }
        }
        self.previous = *symbol;
        self.symbol += 1;
        if let Some(symbol_power) = self.symbol_power.get_mut(self.symbol) {
            *symbol_power = power(symbol);
        }
        self.symbol >= self.symbols
    }

    /// The last symbol: the reference of the first payload symbol.
    pub(super) fn last_symbol(&self) -> &Carriers {
        &self.previous
    }

    /// Mean power of a symbol on all carriers together.
    pub(super) fn mean_power(&self) -> f32 {
        let powers = self.symbol_power.iter().skip(1).take(self.symbols);
        powers.sum::<f32>() / self.symbols.max(1) as f32
    }

    /// Decodes the header. `None` where it is none.
    pub(super) fn decode<const STAGES: usize>(
        &self,
        viterbi: &mut Viterbi<STAGES>,
        plan: &BandPlan,
        order: FccsOrder,
    ) -> Option<(FrameControl, Link)> {
        // Every pair of symbols at unit power: an impulse cannot outvote the copies that it missed.
        let mut weights = [0.0_f32; MAX_HEADER_SYMBOLS];
        for (weight, powers) in weights.iter_mut().zip(self.symbol_power.windows(2)) {
            *weight = powers.iter().map(|&power| inverse_sqrt(power)).product();
        }
        let limits = self.carrier_limits();
        let mut room = [0.0_f32; MAX_HEADER_CODED_BITS];
        let sums = room.get_mut(..coding::header_coded_bits(self.format))?;
        self.for_each_copy(|bit, position, correlation| {
            let weight = weights.get(position / self.carriers).zip(limits.get(position % self.carriers));
            if let (Some(sum), Some((weight, limit))) = (sums.get_mut(bit), weight) {
                *sum += weight * limit * correlation;
            }
        });
        let mean = sums.iter().map(|sum| sum.abs()).sum::<f32>() / sums.len() as f32;
        let mut soft = [0; MAX_HEADER_CODED_BITS];
        soft.iter_mut().zip(&*sums).for_each(|(soft, &sum)| *soft = quantise(sum, SOFT_MEAN / mean));
        let mut octets = HeaderOctets::new();
        octets.resize_default(self.format.octets()).ok()?;
        let cost = viterbi.decode(&soft, self.format.bits(), &mut octets).ok()?;
        let weight: u32 = soft.iter().map(|soft| u32::from(soft.unsigned_abs())).sum();
        if cost as f32 > MOST_CONTRADICTION * weight as f32 {
            return None;
        }
        let header = FrameControl::parse(&octets, plan, order).ok()?;
        Some((header, self.link(&octets)))
    }

    /// Factors that keep a carrier with a disturber from outvoting the others.
    fn carrier_limits(&self) -> Figures {
        let magnitudes = self.power.iter().map(|&power| power * inverse_sqrt(power));
        let limit = ABOVE_MEAN * magnitudes.sum::<f32>() / self.carriers.max(1) as f32;
        self.power.map(|power| (limit * limit / power.max(f32::MIN_POSITIVE)).min(1.0))
    }

    /// Signal and noise from the symbols, now that their bits are known.
    fn link(&self, octets: &HeaderOctets) -> Link {
        let coded = coding::encode_header(octets, self.format);
        let pairs = self.symbols.saturating_sub(1).max(1) as f32;
        let mut signal = [0.0; MAX_CARRIERS];
        self.for_each_copy(|bit, position, correlation| {
            let carrier = position % self.carriers;
            if let Some(signal) = signal.get_mut(carrier).filter(|_| position >= self.carriers) {
                *signal += if coded.bit(bit) == 0 { correlation } else { -correlation };
            }
        });
        let mut noise = [0.0; MAX_CARRIERS];
        for ((noise, signal), power) in noise.iter_mut().zip(&mut signal).zip(&self.power) {
            // |y_s - a y_(s-1)|^2 holds the noise twice and of the signal nothing.
            *noise = (power - 2.0 * *signal).max(1e-6 * power) / (2.0 * pairs);
            *signal = (*signal / pairs).max(0.0);
        }
        Link { signal, noise }
    }

    /// Calls with coded bit, position on air and correlation of every copy on air.
    fn for_each_copy(&self, mut each: impl FnMut(usize, usize, f32)) {
        for symbol in 0..self.symbols {
            for (column, input) in self.interleaver.row(symbol).enumerate() {
                let position = symbol * self.carriers + column;
                if input < FCH_REPETITION * coding::header_coded_bits(self.format)
                    && let Some(&correlation) = self.correlation.get(position)
                {
                    each(input / FCH_REPETITION, position, correlation);
                }
            }
        }
    }
}
