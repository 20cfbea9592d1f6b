//! Header and payload against an estimate of the channel: what goes around [`Chains`].

use super::carriers::{CarrierBank, Carriers, Figures, NO_CARRIERS, towards_mean};
use super::chains::{Chains, Role, Schedule, Shape};
use super::channel::{Channel, NO_GAIN, Pilot, grouped};
use super::channel_tracker::Sent;
use super::header_decoder::{Header, HeaderDecoder};
use super::noise_tracker::HeaderNoise;
use super::options::ReceiverOptions;
use super::payload_decoder::{Block, PayloadDecoder, block_of};
use super::smoothing::smooth;
use crate::Modulation;
use crate::band::{BandPlan, FFT_SAMPLES, MAX_CARRIERS, SYMBOL_STRIDE, SYNCP_SYMBOLS};
use crate::header::{FrameControl, HeaderOctets};
use crate::layout::{MAX_RS_WORD, PayloadLayout};
use crate::options::{FccsOrder, FchModulation};
use crate::timing::{FCH_REPETITION, reference_symbols};
use dsp::Complex;
use dsp::extrinsic::Exchange;
use plc_core::receiver::Detection;

/// Passes through a header where a payload gets more than one. They cost little, and the header's copies need them.
const HEADER_PASSES: u8 = 16;
/// Clock differences that are tried for a header, in ppm: between them its symbols turn by 10 degrees at most.
const HEADER_PPM: [f32; 3] = [0.0, 40.0, -40.0];
/// What a header's symbols must have in common with the preamble. At -5.5 to -7 dB 1148 right ones had 0.69 and more, 15
/// wrong ones 0.30 and less.
const LEAST_AGREEMENT: f32 = 0.5;
/// The middle of the preamble's nine windows before the first FCH symbol's window, in samples: 9.5 symbols less the
/// edge, and 15 samples into the symbol, to the start of the middle window.
const PREAMBLE_TO_HEADER: f32 =
    (super::frame::first_window() as usize - SYNCP_SYMBOLS / 2 * FFT_SAMPLES) as f32 / SYMBOL_STRIDE as f32;
/// How far the preamble may be above the header, as a ratio of powers.
const PREAMBLE_GAINS: [f32; 2] = [0.4, 4.0];

/// What a preamble told of the channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct PreambleEstimate {
    /// Mean window, freed of SYNCP's phases, as the first FCH symbol's window would see it.
    pub(super) mean: Carriers,
    /// How many windows it is of.
    pub(super) windows: f32,
    /// Power of the noise on each carrier in a window, where it is known.
    pub(super) noise: Option<Figures>,
}

/// A payload that is being received, one block of it at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct CoherentPayload {
    channel: Channel,
    shape: Shape,
    /// Turns each carrier back to the phase of its last FCH symbol, or of SYNCP where the modulation is coherent.
    turn_back: Carriers,
    /// Places of the active carriers.
    carries: [u8; MAX_CARRIERS],
    /// Symbols before the block's: S1 and S2, or that to which the first of a second block refers.
    lead: usize,
    symbol: usize,
}

/// Decodes a header whose bits are sent in this way. `None` where it is none.
pub(super) fn decode_header(
    chains: &mut Chains,
    (header, symbol_noise): (&HeaderDecoder, &HeaderNoise),
    preamble: &PreambleEstimate,
    bank: &CarrierBank,
    plan: &BandPlan,
    (order, modulation): (FccsOrder, FchModulation),
    options: &ReceiverOptions,
) -> Option<Header> {
    let Detection::Coherent { passes } = options.detection else { return None };
    let carriers = bank.count();
    let shape = Shape {
        symbols: header.symbols(),
        carriers,
        bits: 1,
        repetition: FCH_REPETITION,
        info_bits: header.info_bits(),
        coherent: modulation == FchModulation::Coherent,
    };
    if !chains.start(shape) {
        return None;
    }
    let syncp = bank.syncp();
    let mut power = 0.0;
    for symbol in 0..header.symbols() {
        let turned =
            header.of_symbol(symbol).iter().zip(syncp).map(|(carrier, syncp)| carrier * syncp.conj());
        chains.put(symbol, turned.map(|carrier| (carrier, Role::Data)), header.inputs(symbol));
        power += header.of_symbol(symbol).iter().map(|carrier| carrier.norm_sqr()).sum::<f32>();
    }
    power /= (header.symbols() * carriers).max(1) as f32;

    let count = carriers.max(1) as f32;
    let of_mean = preamble.mean.iter().map(|carrier| carrier.norm_sqr()).sum::<f32>() / count;
    let noise = match &preamble.noise {
        Some(noise) => towards_mean(noise, carriers, 1.0 / (preamble.windows - 1.0).max(1.0)),
        // Levelled windows: signal and noise together have the mean's power.
        None => [(power - of_mean).max(0.1 * power); MAX_CARRIERS],
    };
    let mean_noise = noise.iter().take(carriers).sum::<f32>() / count;
    let signal = (of_mean - mean_noise / preamble.windows).max(0.01 * of_mean);
    let [least, most] = PREAMBLE_GAINS;
    let boost = (signal / (power - mean_noise).max(0.01 * power)).clamp(least, most);
    let scale = 1.0 / libm::sqrtf(boost);

    let mut mean = preamble.mean;
    if options.smooth_channel {
        smooth(&mut mean, &noise.map(|noise| noise / preamble.windows), bank.bins());
    }
    let pilot = Pilot {
        mean: grouped(mean.iter().take(carriers).map(|carrier| carrier * scale)),
        weight: preamble.windows * boost,
        at: -PREAMBLE_TO_HEADER,
    };
    let schedule = Schedule {
        passes: if passes > 1 { HEADER_PASSES } else { 1 },
        exchange: Exchange::DAMPED,
        track_clock: false,
        mains_hz: None,
    };
    let rate_hz = plan.clock.rate_hz() as f32;
    let mut start = Channel::new(bank.bins(), rate_hz, [pilot, NO_PILOT], noise.get(..carriers)?);
    for symbol in 0..header.symbols() {
        start.set_symbol_noise(symbol, symbol_noise.of(symbol));
    }
    let tries = if options.track_clock { HEADER_PPM.len() } else { 1 };
    HEADER_PPM.iter().take(tries).find_map(|&ppm| {
        let mut channel = start;
        channel.set_ppm(ppm);
        let mut octets = HeaderOctets::new();
        octets.resize_default(header.octets()).ok()?;
        let parsed = chains.decode(&mut channel, &schedule, &mut octets, |octets, last| {
            if !last {
                return None;
            }
            FrameControl::parse(octets, plan, order).ok()
        })?;
        let estimate = PreambleEstimate { mean, ..*preamble };
        let agreement = agreement((header, symbol_noise), (&octets, modulation), &estimate, bank);
        (agreement > LEAST_AGREEMENT).then(|| header.header(parsed, octets, modulation, symbol_noise))
    })
}

/// Whether a header that the differential decoder found fits the preamble: its own checksum passes one wrong header in 32,
/// and a wrong length makes the receiver deaf to the frames that follow.
pub(super) fn fits_preamble(
    header: (&HeaderDecoder, &HeaderNoise),
    found: &Header,
    preamble: &PreambleEstimate,
    bank: &CarrierBank,
    options: &ReceiverOptions,
) -> bool {
    let mut estimate = *preamble;
    if let (true, Some(noise)) = (options.smooth_channel, &preamble.noise) {
        let noise = towards_mean(noise, bank.count(), 1.0 / (preamble.windows - 1.0).max(1.0));
        smooth(&mut estimate.mean, &noise.map(|noise| noise / preamble.windows), bank.bins());
    }
    agreement(header, (&found.octets, found.modulation), &estimate, bank) > LEAST_AGREEMENT
}

/// What a header's symbols, turned back by its phases, have in common with the preamble: the correlation of the gains that
/// both tell, 1 for the right header but for noise.
fn agreement(
    (header, noise): (&HeaderDecoder, &HeaderNoise),
    (octets, modulation): (&HeaderOctets, FchModulation),
    preamble: &PreambleEstimate,
    bank: &CarrierBank,
) -> f32 {
    let mut gain = NO_CARRIERS;
    let mut number = 0;
    header.against(octets, modulation, |symbol, signs| {
        let weight = 1.0 / noise.of(number);
        number += 1;
        for ((gain, carrier), (syncp, sign)) in
            gain.iter_mut().zip(symbol).zip(bank.syncp().iter().zip(signs))
        {
            *gain += carrier * syncp.conj() * (sign * weight);
        }
    });
    let inner: f32 = gain.iter().zip(&preamble.mean).map(|(one, other)| (one * other.conj()).re).sum();
    let power = |of: &Carriers| of.iter().map(|carrier| carrier.norm_sqr()).sum::<f32>();
    inner / libm::sqrtf(power(&gain) * power(&preamble.mean)).max(f32::MIN_POSITIVE)
}

impl CoherentPayload {
    /// Prepares for the payload after a header. `None` where the workspace has no room for it.
    pub(super) fn start(
        chains: &mut Chains,
        (header, symbol_noise): (&HeaderDecoder, &HeaderNoise),
        found: &Header,
        preamble: &PreambleEstimate,
        bank: &CarrierBank,
        (layout, active): (&PayloadLayout, impl Fn(usize) -> bool),
        (rate_hz, options): (f32, &ReceiverOptions),
    ) -> Option<Self> {
        let modulation = layout.modulation;
        let lead = reference_symbols(modulation);
        let carriers = bank.count();
        let shape = Shape {
            symbols: lead + layout.block_symbols(),
            carriers: (0..carriers).filter(|&place| active(place)).count(),
            bits: modulation.bits_per_carrier(),
            repetition: modulation.repetition(),
            info_bits: layout.info_bits(),
            coherent: modulation.is_coherent(),
        };
        if modulation == Modulation::Qam16 || !chains.start(shape) {
            return None;
        }
        let syncp = bank.syncp();
        let symbols = header.symbols() as f32;
        // Each symbol counts inversely as its noise.
        let worth: f32 = (0..header.symbols()).map(|symbol| 1.0 / symbol_noise.of(symbol)).sum();
        let (mut mean, mut power, mut turn_back) = (NO_CARRIERS, [0.0_f32; MAX_CARRIERS], NO_CARRIERS);
        let mut number = 0;
        header.against(&found.octets, found.modulation, |symbol, signs| {
            let weight = symbols / (symbol_noise.of(number) * worth);
            number += 1;
            for (place, (carrier, (syncp, sign))) in symbol.iter().zip(syncp.iter().zip(signs)).enumerate() {
                let against = syncp.conj() * *sign;
                turn_back[place] = if shape.coherent { syncp.conj() } else { against };
                mean[place] += carrier * against * (weight / symbols);
                power[place] += weight * carrier.norm_sqr();
            }
        });
        // What the mean does not explain is noise.
        for (power, mean) in power.iter_mut().zip(&mean) {
            *power = (*power - symbols * mean.norm_sqr()).max(0.0) / (symbols - 1.0).max(1.0);
        }
        let noise = towards_mean(&power, carriers, 1.0 / (symbols - 1.0).max(1.0));

        // The preamble's level against the header's.
        let agreement: f32 =
            mean.iter().zip(&preamble.mean).map(|(one, other)| (one * other.conj()).re).sum();
        let of_preamble: f32 = preamble.mean.iter().map(|carrier| carrier.norm_sqr()).sum();
        let noise_of_preamble = noise.iter().take(carriers).sum::<f32>() / preamble.windows;
        let scale = agreement / (of_preamble - noise_of_preamble).max(0.1 * of_preamble);
        let [least, most] = PREAMBLE_GAINS;
        let boost = (1.0 / (scale * scale).max(1e-6)).clamp(least, most);
        let scale = 1.0 / libm::sqrtf(boost);

        let mut of_preamble = preamble.mean;
        if options.smooth_channel {
            smooth(&mut mean, &noise.map(|noise| noise / symbols), bank.bins());
            smooth(&mut of_preamble, &noise.map(|noise| noise / preamble.windows), bank.bins());
        }

        let mut carries = [0; MAX_CARRIERS];
        let (mut bins, mut of_active) = ([0; MAX_CARRIERS], [0.0; MAX_CARRIERS]);
        let mut count = 0;
        for (place, (bin, noise)) in
            bank.bins().iter().zip(&noise).enumerate().filter(|(place, _)| active(*place))
        {
            (carries[count], bins[count], of_active[count]) = (place as u8, *bin, *noise);
            count += 1;
        }
        let of = |carriers: &Carriers, scale: f32| {
            let places = carries.iter().take(count);
            grouped(
                places.filter_map(|&place| carriers.get(usize::from(place))).map(|carrier| carrier * scale),
            )
        };
        let pilots = [
            Pilot { mean: of(&mean, 1.0), weight: symbols, at: -0.5 * (symbols + 1.0) },
            Pilot {
                mean: of(&of_preamble, scale),
                weight: preamble.windows * boost,
                at: -symbols - PREAMBLE_TO_HEADER,
            },
        ];
        let channel = Channel::new(bins.get(..count)?, rate_hz, pilots, of_active.get(..count)?);
        Some(Self { channel, shape, turn_back, carries, lead, symbol: 0 })
    }

    /// The second block follows; `last` is the first one's last symbol, with its noise against that of a quiet one.
    pub(super) fn start_second(
        &mut self,
        chains: &mut Chains,
        (last, noise): (&Carriers, f32),
        layout: &PayloadLayout,
    ) -> bool {
        let passed = self.lead + layout.block_symbols();
        self.lead = usize::from(!self.shape.coherent);
        self.shape.symbols = self.lead + layout.block_symbols();
        self.channel = self.channel.after((passed - self.lead) as f32);
        self.symbol = 0;
        if !chains.start(self.shape) {
            return false;
        }
        if self.lead > 0 {
            let turned = self.turned(last).map(|(_, turned)| (turned, Role::Unknown));
            chains.put(0, turned, core::iter::empty());
            self.channel.set_symbol_noise(0, noise);
            self.symbol = 1;
        }
        true
    }

    /// Takes a symbol that `payload` has just taken, and its noise against that of a quiet one.
    pub(super) fn push(
        &mut self,
        chains: &mut Chains,
        symbol: &Carriers,
        noise: f32,
        payload: &PayloadDecoder,
    ) {
        let Some((_, interleaver)) = payload.payload() else { return };
        let inputs = self.symbol.checked_sub(self.lead).map(|symbol| interleaver.symbol(symbol));
        let sent = payload.sent();
        let carriers =
            self.turned(symbol).map(|(place, turned)| match sent.and_then(|sent| sent.get(place)) {
                Some(Sent::Known(point)) => (turned * point.conj(), Role::Known),
                _ => (turned, Role::Data),
            });
        chains.put(self.symbol, carriers, inputs.into_iter().flatten());
        self.channel.set_symbol_noise(self.symbol, noise);
        self.symbol += 1;
    }

    /// Decodes a block: its octets and how many were corrected. `None` where it cannot be.
    pub(super) fn decode(
        &mut self,
        chains: &mut Chains,
        layout: &PayloadLayout,
        options: &ReceiverOptions,
    ) -> Option<Block> {
        let Detection::Coherent { passes } = options.detection else { return None };
        if options.track_clock {
            chains.search_clock(&mut self.channel);
        }
        let schedule = Schedule {
            passes,
            exchange: if layout.modulation == Modulation::Robust {
                Exchange::DAMPED
            } else {
                Exchange::PLAIN
            },
            track_clock: options.track_clock,
            mains_hz: options.track_noise.then_some(options.mains_hz),
        };
        let mut room = [0; MAX_RS_WORD];
        let word = room.get_mut(..layout.word_octets())?;
        let mut doubtful: Option<Block> = None;
        chains.decode(&mut self.channel, &schedule, word, |word, last| {
            let block = block_of(layout, word)?;
            let again = doubtful.as_ref().is_some_and(|(before, _)| *before == block.0);
            if last || again || is_certain(layout.modulation, block.1) {
                return Some(block);
            }
            doubtful = Some(block);
            None
        })
    }

    /// A symbol's active carriers, turned back, with their places.
    fn turned<'a>(&'a self, symbol: &'a Carriers) -> impl Iterator<Item = (usize, Complex)> + 'a {
        let places = self.carries.iter().take(self.shape.carriers).map(|&place| usize::from(place));
        places.filter_map(|place| Some((place, symbol.get(place)? * self.turn_back.get(place)?)))
    }
}

/// Whether a word with so many corrected octets is right beyond doubt. With as many as the robust modes' code corrects at most,
/// one wrong word of 270 with 141 octets looks like a right one: it should come twice in succession.
pub(super) fn is_certain(modulation: Modulation, corrected: u8) -> bool {
    modulation.parity_octets() > 8 || corrected < 4
}

const NO_PILOT: Pilot = Pilot { mean: NO_GAIN, weight: 0.0, at: 0.0 };
