//! Payload symbols of the coherent modulations: S1 and S2, then carriers held against the channel (digest 9.3).

use super::{PayloadDecoder, soft_bits};
use crate::Modulation;
use crate::band::{BandPlan, MAX_CARRIERS, SYMBOL_STRIDE};
use crate::constellation::phase_step;
use crate::encoder::fill_after_header;
use crate::experimental::Qam16Bits;
use crate::options::Options;
use crate::pilots;
use crate::receiver::carriers::{CarrierBank, Carriers};
use crate::receiver::channel_tracker::{ChannelTracker, Sent};
use crate::receiver::coherent::PreambleEstimate;
use crate::receiver::header_decoder::{Header, HeaderDecoder};
use crate::receiver::noise_tracker::HeaderNoise;
use crate::timing::reference_symbols;
use crate::tone::{CarrierSet, ToneMap, ToneMask};
use core::f32::consts::FRAC_PI_8;
use dsp::Complex;
use dsp::scrambler::Scrambler;
use dsp::soft::quantise;

/// What a coherent payload needs beside the differential one's. It stays where it is from payload to payload: on the stack
/// of a microcontroller there is no room for another.
#[derive(Clone, Debug)]
pub(in crate::receiver) struct CoherentSymbols {
    /// `None` while the payload is differential.
    rules: Option<Rules>,
    tracker: ChannelTracker,
    /// What the symbol taken last carried.
    sent: [Sent; MAX_CARRIERS],
}

/// What is known of a coherent payload's symbols.
#[derive(Clone, Debug)]
struct Rules {
    plan: BandPlan,
    unmasked: CarrierSet,
    active: CarrierSet,
    modulation: Modulation,
    pilot_offset: u8,
    qam: Option<Qam16Bits>,
    fill: Scrambler,
    points: heapless::Vec<Complex, 16>,
    references_seen: usize,
}

impl CoherentSymbols {
    pub(super) const fn new() -> Self {
        Self { rules: None, tracker: ChannelTracker::new(), sent: [Sent::Data; MAX_CARRIERS] }
    }

    /// After a header with its preamble. False where the modulation is differential, or the standard's rule is not known and
    /// no guess is in use.
    pub(in crate::receiver) fn start(
        &mut self,
        (plan, mask, tone_map): (&BandPlan, ToneMask, ToneMap),
        options: &Options,
        modulation: Modulation,
        bank: &CarrierBank,
        (symbols, symbol_noise, header, preamble): (
            &HeaderDecoder,
            &HeaderNoise,
            &Header,
            Option<&PreambleEstimate>,
        ),
    ) -> bool {
        self.rules = Rules::new((plan, mask, tone_map), options, modulation);
        if self.rules.is_none() {
            return false;
        }
        let tracker = &mut self.tracker;
        tracker.start(bank, &header.quiet_link.believed_noise(bank.count(), symbols.symbols()));
        let first = -((reference_symbols(modulation) + symbols.symbols()) as f32);
        let mut number = 0;
        symbols.against(&header.octets, header.modulation, |received, signs| {
            let freed = tracker.freed(received);
            let signed = freed.iter().zip(signs).map(|(freed, sign)| freed * *sign);
            tracker.know(signed, 1.0, 1.0 / symbol_noise.of(number), first + number as f32);
            number += 1;
        });
        if let Some(PreambleEstimate { mean, windows, .. }) = preamble {
            // The windows end with SYNCM, the ninth symbol; their middle is half of them before its end.
            let before_header = 256.0 * (0.5 * windows + 0.5) / SYMBOL_STRIDE as f32 + 0.5;
            let amplitude = tracker.amplitude_of(mean);
            tracker.know(mean.iter().copied(), amplitude, *windows, first - before_header);
        }
        true
    }

    pub(super) fn is_started(&self) -> bool {
        self.rules.is_some()
    }

    /// What each carrier of the symbol taken last carried.
    pub(super) fn last_sent(&self) -> &[Sent; MAX_CARRIERS] {
        &self.sent
    }

    /// Takes S1 or S2; false where both have passed. `trust` is a quiet symbol's noise against this one's.
    fn reference(&mut self, symbol: &Carriers, trust: f32) -> bool {
        let Some(rules) = &mut self.rules else { return false };
        let sign = match rules.references_seen {
            0 => -1.0,
            1 => 1.0,
            _ => return false,
        };
        let freed = self.tracker.freed(symbol).map(|carrier| carrier * sign);
        let amplitude = self.tracker.amplitude_of(&freed);
        self.tracker.know(freed.iter().copied(), amplitude, trust, rules.references_seen as f32 - 2.0);
        self.sent = [Sent::Known(Complex::new(sign, 0.0)); MAX_CARRIERS];
        rules.references_seen += 1;
        if rules.references_seen == reference_symbols(rules.modulation) {
            self.tracker.settle();
        }
        true
    }
}

impl Rules {
    fn new(
        (plan, mask, tone_map): (&BandPlan, ToneMask, ToneMap),
        options: &Options,
        modulation: Modulation,
    ) -> Option<Self> {
        let pilot_offset = modulation.is_coherent().then(|| options.pilot_offset(plan))??;
        let qam = match modulation {
            Modulation::Qam16 => Some(options.experimental.qam16?),
            _ => None,
        };
        let bits = modulation.bits_per_carrier();
        Some(Self {
            plan: *plan,
            unmasked: plan.unmasked(mask),
            active: plan.active(mask, tone_map),
            modulation,
            pilot_offset,
            qam,
            fill: fill_after_header(plan, mask),
            points: (0..1_u8 << bits).map(|value| point(qam, bits, value)).collect(),
            references_seen: 0,
        })
    }

    /// What each carrier of the next payload symbol carries.
    fn sent(&mut self, symbol: usize) -> [Sent; MAX_CARRIERS] {
        let pilots = pilots::in_symbol(&self.plan, self.modulation, self.pilot_offset, self.active, symbol);
        let mut sent = [Sent::Data; MAX_CARRIERS];
        let mut places = sent.iter_mut();
        for offset in 0..self.plan.carriers() {
            let pilot = pilots.contains(offset);
            let known = if pilot {
                Some(point(None, pilots::BITS, next_bits(&mut self.fill, pilots::BITS)))
            } else if self.active.contains(offset) {
                None
            } else {
                let bits = self.modulation.bits_per_carrier();
                Some(point(self.qam, bits, next_bits(&mut self.fill, bits)))
            };
            if self.unmasked.contains(offset)
                && let (Some(place), Some(known)) = (places.next(), known)
            {
                *place = Sent::Known(known);
            }
        }
        sent
    }
}

impl PayloadDecoder {
    /// Takes a symbol after the header of a coherent payload; `trust` is a quiet symbol's noise against its own.
    pub(super) fn push_coherent(&mut self, symbol: &Carriers, trust: f32) {
        let Some((layout, interleaver)) = &self.payload else { return };
        if self.coherent.reference(symbol, trust) {
            return;
        }
        let CoherentSymbols { rules: Some(rules), tracker, sent } = &mut self.coherent else { return };
        let repetition = layout.modulation.repetition();
        let mut places = interleaver.symbol(self.symbol % layout.block_symbols().max(1));
        *sent = rules.sent(self.symbol);
        let (received, gain) = tracker.follow(symbol, sent, &rules.points, trust);
        let carriers = received.iter().zip(&gain).zip(&self.weight).zip(&*sent);
        for (((received, gain), weight), sent) in carriers {
            if *weight == 0.0 || *sent != Sent::Data {
                continue;
            }
            let product = received * gain.conj();
            let metrics = match rules.qam {
                Some(bits) => {
                    let power = gain.norm_sqr().max(f32::MIN_POSITIVE);
                    bits.metrics(product / power, *weight * trust * power)
                }
                None => {
                    let ([first, second, third], _) =
                        soft_bits(layout.modulation, product * (*weight * trust));
                    [first, second, third, 0.0]
                }
            };
            let bits = layout.modulation.bits_per_carrier();
            for (metric, place) in metrics.iter().take(bits).zip(&mut places) {
                if let Some(soft) = self.soft.get_mut(place / repetition) {
                    *soft = soft.saturating_add(quantise(*metric, 1.0)).max(-i8::MAX);
                }
            }
        }
        self.symbol += 1;
    }
}

/// The point of a value, the first bit in time least significant.
fn point(qam: Option<Qam16Bits>, bits: usize, value: u8) -> Complex {
    match qam {
        Some(qam) => qam.point(value),
        None => Complex::from_polar(1.0, f32::from(phase_step(bits, value)) * FRAC_PI_8),
    }
}

fn next_bits(fill: &mut Scrambler, bits: usize) -> u8 {
    (0..bits).fold(0, |value, place| value | fill.next_bit() << place)
}
