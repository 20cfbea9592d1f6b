//! Collects the FCH's symbols, combines the six copies of each bit, decodes, and learns the link from it.

use super::carriers::{
    ABOVE_MEAN, CarrierBank, Carriers, Figures, NO_CARRIERS, inverse_sqrt, power, towards_mean,
};
use super::noise_tracker::HeaderNoise;
use super::options::Mitigation;
use crate::band::{BandPlan, MAX_CARRIERS};
use crate::coding::{self, MAX_HEADER_CODED_BITS};
use crate::header::{FrameControl, HeaderFormat, HeaderOctets};
use crate::interleaver::Interleaver;
use crate::options::{FccsOrder, FchModulation};
use crate::timing::FCH_REPETITION;
use dsp::Complex;
use dsp::soft::quantise;
use dsp::viterbi::Viterbi;

/// Room for the FCH's bits on air with their padding.
const MAX_BITS_ON_AIR: usize = FCH_REPETITION * MAX_HEADER_CODED_BITS + MAX_CARRIERS;
/// FCH symbols with the fewest carriers that a tone mask may leave a frame (digest 8.1).
const MAX_HEADER_SYMBOLS: usize = (FCH_REPETITION * MAX_HEADER_CODED_BITS).div_ceil(11);
/// Part of the soft decisions' weight that may contradict the decoded header. The checksum of five bits alone would
/// pass one of 32 headers made of noise.
const MOST_CONTRADICTION: f32 = 0.2;
/// Mean magnitude of the soft decisions.
const SOFT_MEAN: f32 = 32.0;

#[derive(Clone, Debug)]
pub(super) struct HeaderDecoder {
    /// SYNCP as the first symbol's window would see it.
    reference: Carriers,
    /// The carriers of one symbol after another.
    received: [Complex; MAX_BITS_ON_AIR],
    last: Carriers,
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

impl Link {
    /// The noise as far as a header of so many symbols tells it.
    pub(super) fn believed_noise(&self, carriers: usize, symbols: usize) -> Figures {
        // Differences of neighbours share a symbol: half as much again.
        towards_mean(&self.noise, carriers, 1.5 / symbols.saturating_sub(1).max(1) as f32)
    }
}

/// A header that was right.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) header: FrameControl,
    pub(super) link: Link,
    /// The link in quiet symbols.
    pub(super) quiet_link: Link,
    pub(super) octets: HeaderOctets,
    pub(super) modulation: FchModulation,
}

impl HeaderDecoder {
    pub(super) fn new(bank: &CarrierBank, format: HeaderFormat, symbols: usize) -> Self {
        Self {
            reference: NO_CARRIERS,
            received: [Complex::new(0.0, 0.0); MAX_BITS_ON_AIR],
            last: NO_CARRIERS,
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
        self.symbol_power[0] = power(&reference);
        self.reference = reference;
        self.symbol = 0;
    }

    /// Takes a symbol; true after the last.
    pub(super) fn push(&mut self, symbol: &Carriers) -> bool {
        let room = self.received.iter_mut().skip(self.symbol * self.carriers).take(self.carriers);
        room.zip(symbol).for_each(|(room, carrier)| *room = *carrier);
        self.last = *symbol;
        self.symbol += 1;
        if let Some(symbol_power) = self.symbol_power.get_mut(self.symbol) {
            *symbol_power = power(symbol);
        }
        self.symbol >= self.symbols
    }

    /// The last symbol: the reference of the first payload symbol.
    pub(super) fn last_symbol(&self) -> &Carriers {
        &self.last
    }

    /// Mean power of a symbol on all carriers together.
    pub(super) fn mean_power(&self) -> f32 {
        let powers = self.symbol_power.iter().skip(1).take(self.symbols);
        powers.sum::<f32>() / self.symbols.max(1) as f32
    }

    /// How many symbols a header has.
    pub(super) fn symbols(&self) -> usize {
        self.symbols
    }

    /// Bits of the header without its tail.
    pub(super) fn info_bits(&self) -> usize {
        self.format.bits()
    }

    /// Octets that hold them.
    pub(super) fn octets(&self) -> usize {
        self.format.octets()
    }

    /// Places of a symbol's bits in the repeated stream of coded bits, carrier by carrier.
    pub(super) fn inputs(&self, symbol: usize) -> impl Iterator<Item = usize> {
        self.interleaver.row(symbol)
    }

    /// Calls `see` for each symbol, with its carriers as received and the sign of each against SYNCP in a frame with
    /// this header.
    pub(super) fn against(
        &self,
        octets: &HeaderOctets,
        modulation: FchModulation,
        mut see: impl FnMut(&[Complex], &Figures),
    ) {
        let coded = coding::encode_header(octets, self.format);
        let mut signs = [1.0; MAX_CARRIERS];
        for symbol in 0..self.symbols {
            if modulation == FchModulation::Coherent {
                signs = [1.0; MAX_CARRIERS];
            }
            for (sign, input) in signs.iter_mut().zip(self.interleaver.row(symbol)) {
                // The interleaver's padding is sent as zeros (digest 7).
                if coded.bit(input / FCH_REPETITION) == 1 {
                    *sign = -*sign;
                }
            }
            see(self.of_symbol(symbol), &signs);
        }
    }

    /// Decodes the header. `None` where it is none.
    pub(super) fn decode<const STAGES: usize>(
        &self,
        viterbi: &mut Viterbi<STAGES>,
        plan: &BandPlan,
        order: FccsOrder,
        modulation: FchModulation,
        (mitigation, noise): (&Mitigation, &HeaderNoise),
    ) -> Option<Header> {
        let mut room = [0.0_f32; MAX_HEADER_CODED_BITS];
        let sums = room.get_mut(..coding::header_coded_bits(self.format))?;
        self.add_copies(modulation, sums, (mitigation, noise));
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
        Some(self.header(header, octets, modulation, noise))
    }

    /// A header that was right, with what it tells.
    pub(super) fn header(
        &self,
        header: FrameControl,
        octets: HeaderOctets,
        modulation: FchModulation,
        noise: &HeaderNoise,
    ) -> Header {
        let link = self.link(&octets, modulation, &HeaderNoise::STEADY);
        Header { header, link, quiet_link: self.link(&octets, modulation, noise), octets, modulation }
    }

    /// Adds to each coded bit's sum what its copies on air say.
    fn add_copies(
        &self,
        modulation: FchModulation,
        sums: &mut [f32],
        (mitigation, noise): (&Mitigation, &HeaderNoise),
    ) {
        let limits = if mitigation.weigh_carriers { self.carrier_limits() } else { [1.0; MAX_CARRIERS] };
        for symbol in 0..self.symbols {
            let reference = match modulation {
                FchModulation::Differential => symbol,
                FchModulation::Coherent => 0,
            };
            // Every pair of symbols at unit power: an impulse cannot outvote the copies that it missed. Together with the
            // noise known from null tones that weighs noise that is above the signal by its power.
            let weight = |place: usize| match mitigation.weigh_symbols {
                true => {
                    let noise = place.checked_sub(1).map_or(1.0, |symbol| noise.of(symbol));
                    let power = self.symbol_power.get(place).copied().unwrap_or_default();
                    inverse_sqrt(power) * inverse_sqrt(noise)
                }
                false => 1.0,
            };
            let weight = weight(reference) * weight(symbol + 1);
            let pairs = self.of_symbol(symbol).iter().zip(self.before(reference));
            for ((input, (now, before)), limit) in self.interleaver.row(symbol).zip(pairs).zip(&limits) {
                if let Some(sum) = sums.get_mut(input / FCH_REPETITION) {
                    *sum += weight * limit * in_phase(now, before);
                }
            }
        }
    }

    /// Factors that keep a carrier with a disturber from outvoting the others.
    fn carrier_limits(&self) -> Figures {
        let mut powers = [0.0_f32; MAX_CARRIERS];
        for symbol in 1..self.symbols {
            let pairs = self.of_symbol(symbol).iter().zip(self.before(symbol));
            powers.iter_mut().zip(pairs).for_each(|(power, (now, before))| {
                *power += now.norm_sqr() + before.norm_sqr();
            });
        }
        let magnitudes = powers.iter().map(|&power| power * inverse_sqrt(power));
        let limit = ABOVE_MEAN * magnitudes.sum::<f32>() / self.carriers.max(1) as f32;
        powers.map(|power| (limit * limit / power.max(f32::MIN_POSITIVE)).min(1.0))
    }

    /// Signal and noise from pairs of symbols, now that their bits are known.
    fn link(&self, octets: &HeaderOctets, modulation: FchModulation, symbol_noise: &HeaderNoise) -> Link {
        let coded = coding::encode_header(octets, self.format);
        let bits = coding::header_coded_bits(self.format);
        // What padding is on air is not certain.
        let bit_of = |input: usize| {
            let bit = input / FCH_REPETITION;
            (bit < bits).then(|| coded.bit(bit))
        };
        let (mut signal, mut noise) = ([0.0_f32; MAX_CARRIERS], [0.0_f32; MAX_CARRIERS]);
        let (mut pairs, mut weights) = ([0.0_f32; MAX_CARRIERS], [0.0_f32; MAX_CARRIERS]);
        for symbol in 1..self.symbols {
            let inputs = self.interleaver.row(symbol).zip(self.interleaver.row(symbol - 1));
            let received = self.of_symbol(symbol).iter().zip(self.before(symbol));
            let weight = 2.0 / (symbol_noise.of(symbol) + symbol_noise.of(symbol - 1));
            for (carrier, ((now, before), (input, input_before))) in received.zip(inputs).enumerate() {
                let turned = match modulation {
                    FchModulation::Differential => bit_of(input),
                    FchModulation::Coherent => {
                        bit_of(input).zip(bit_of(input_before)).map(|(now, before)| now ^ before)
                    }
                };
                let Some(turned) = turned else { continue };
                let correlation = in_phase(now, before);
                signal[carrier] += weight * if turned == 0 { correlation } else { -correlation };
                noise[carrier] += weight * (now.norm_sqr() + before.norm_sqr());
                weights[carrier] += weight;
                pairs[carrier] += 1.0;
            }
        }
        let counts = pairs.iter().zip(&weights);
        for ((noise, signal), (pairs, weight)) in noise.iter_mut().zip(&mut signal).zip(counts) {
            let (power, pairs) = (*noise, pairs.max(1.0));
            // |y_s - a y_(s-1)|^2 holds the noise twice and of the signal nothing.
            *noise = (power - 2.0 * *signal).max(1e-6 * power) / (2.0 * pairs);
            *signal = (*signal / weight.max(f32::MIN_POSITIVE)).max(0.0);
        }
        Link { signal, noise }
    }

    /// A symbol's carriers.
    pub(super) fn of_symbol(&self, symbol: usize) -> &[Complex] {
        let first = symbol * self.carriers;
        self.received.get(first..first + self.carriers).unwrap_or_default()
    }

    /// The carriers of the symbol before `symbol`; the preamble's before the first.
    fn before(&self, symbol: usize) -> &[Complex] {
        symbol.checked_sub(1).map_or(&self.reference, |before| self.of_symbol(before))
    }
}

/// Re(y x*): positive where both point the same way.
fn in_phase(one: &Complex, other: &Complex) -> f32 {
    one.re * other.re + one.im * other.im
}
