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

/// What a coherent payload needs beside the differential one's.
#[derive(Clone, Debug)]
pub(in crate::receiver) struct CoherentSymbols {
    tracker: ChannelTracker,
    plan: BandPlan,
    unmasked: CarrierSet,
    active: CarrierSet,
    modulation: Modulation,
    pilot_offset: u8,
    qam: Option<Qam16Bits>,
    fill: Scrambler,
    points: heapless::Vec<Complex, 16>,
    references_seen: usize,
    /// What the symbol taken last carried.
    sent: [Sent; MAX_CARRIERS],
}

impl CoherentSymbols {
    /// After a header with its preamble. `None` where the standard's rule is not known and no guess is in use.
    pub(in crate::receiver) fn new(
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
    ) -> Option<Self> {
        let pilot_offset = options.pilot_offset(plan)?;
        let qam = match modulation {
            Modulation::Qam16 => Some(options.experimental.qam16?),
            _ => None,
        };
        let bits = modulation.bits_per_carrier();
        let points = (0..1_u8 << bits).map(|value| point(qam, bits, value)).collect();
        let noise = header.quiet_link.believed_noise(bank.count(), symbols.symbols());
        let mut tracker = ChannelTracker::new(bank, noise);
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
        Some(Self {
            tracker,
            plan: *plan,
            unmasked: plan.unmasked(mask),
            active: plan.active(mask, tone_map),
            modulation,
            pilot_offset,
            qam,
            fill: fill_after_header(plan, mask),
            points,
            references_seen: 0,
            sent: [Sent::Data; MAX_CARRIERS],
        })
    }

    /// What each carrier of the symbol taken last carried.
    pub(super) fn last_sent(&self) -> &[Sent; MAX_CARRIERS] {
        &self.sent
    }

    /// Takes S1 or S2; false where both have passed. `trust` is a quiet symbol's noise against this one's.
    fn reference(&mut self, symbol: &Carriers, trust: f32) -> bool {
        let sign = match self.references_seen {
            0 => -1.0,
            1 => 1.0,
            _ => return false,
        };
        let freed = self.tracker.freed(symbol).map(|carrier| carrier * sign);
        let amplitude = self.tracker.amplitude_of(&freed);
        self.tracker.know(freed.iter().copied(), amplitude, trust, self.references_seen as f32 - 2.0);
        self.sent = [Sent::Known(Complex::new(sign, 0.0)); MAX_CARRIERS];
        self.references_seen += 1;
        if self.references_seen == reference_symbols(self.modulation) {
            self.tracker.settle();
        }
        true
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
        let (Some((layout, interleaver)), Some(coherent)) = (&self.payload, &mut self.coherent) else {
            return;
        };
        if coherent.reference(symbol, trust) {
            return;
        }
        let repetition = layout.modulation.repetition();
        let mut places = interleaver.symbol(self.symbol % layout.block_symbols().max(1));
        let sent = coherent.sent(self.symbol);
        coherent.sent = sent;
        let (received, gain) = coherent.tracker.follow(symbol, &sent, &coherent.points, trust);
        let carriers = received.iter().zip(&gain).zip(&self.weight).zip(&sent);
        for (((received, gain), weight), sent) in carriers {
            if *weight == 0.0 || *sent != Sent::Data {
                continue;
            }
            let product = received * gain.conj();
            let metrics = match coherent.qam {
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
