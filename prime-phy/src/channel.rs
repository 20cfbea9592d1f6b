//! Channels: the numerology of PRIME as constants and what differs from channel to channel as a value (digest 2).

use plc_core::time::SampleClock;
use thiserror::Error;

/// Samples of the Fourier transform at 250 kHz (digest 2).
pub const FFT_SAMPLES: usize = 512;
/// Samples of the cyclic prefix (digest 2).
pub const PREFIX_SAMPLES: usize = 48;
/// Samples of a header or payload symbol, 2240 us (digest 2).
pub const SYMBOL_SAMPLES: usize = FFT_SAMPLES + PREFIX_SAMPLES;
/// Samples of a chirp, 2048 us: the preamble of Type A (digest 3.1).
pub const PREAMBLE_SAMPLES: usize = 512;
/// Chirps of the preamble of Type B (digest 4.1).
pub const ROBUST_CHIRPS: usize = 4;
/// Carriers of a channel, pilots among them.
pub const CARRIERS: usize = 97;
/// Symbols of the header of Type A (digest 3.2).
pub const HEADER_SYMBOLS: usize = 2;
/// Symbols of the header of Type B (digest 4.2).
pub const ROBUST_HEADER_SYMBOLS: usize = 4;
/// From one pilot of a header symbol to the next, in carriers (digest 3.7).
pub const HEADER_PILOT_SPACING: usize = 8;
/// Carriers of a header symbol that carry data.
pub const HEADER_DATA_CARRIERS: usize = 84;
/// Carriers of a payload symbol that carry data: all but the pilot, which is the lowest.
pub const PAYLOAD_DATA_CARRIERS: usize = 96;
/// Most payload symbols of a frame of Type A (digest 3), and most different ones of any.
pub const MAX_PAYLOAD_SYMBOLS: usize = 63;
/// How often robust schemes and the header of Type B send each coded bit (digest 4.2, 4.3).
pub const COPIES: usize = 4;

/// From the lowest carrier of a channel to that of the next, in carriers (digest 2.1).
const CHANNEL_SPACING: u16 = 112;
/// Lowest carrier of channel 1.
const FIRST_CARRIER: u16 = 86;
/// Carrier spacing in Hz: 250 kHz over 512.
const CARRIER_SPACING_HZ: f32 = 488.281_25;
/// Id of the first pair.
const FIRST_PAIR: u8 = 9;
/// Channels of a pair.
pub(crate) const MOST_CHANNELS: usize = 2;
/// Most samples at 1 MHz for one at 250 kHz.
pub(crate) const MOST_WAYS: usize = 4;

/// A channel of PRIME at a sample clock, or a bonded pair of neighbours, which is as two channels with one frame. The sizes in
/// samples of this module are those at 250 kHz; at 1 MHz there are [`ways`](Self::ways) = 4 times as many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Number in the standard.
    pub number: u8,
    /// Sample clock: 1 MHz, or 250 kHz for channel 1.
    pub clock: SampleClock,
    /// Index of the lowest carrier, in carrier spacings from 0 Hz.
    pub first_carrier: u16,
    /// Whether the channel above belongs to it too.
    pub bonded: bool,
}

/// No channel has this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("there is no channel {0}; 1 to 8 are single channels, 9 to 15 pairs")]
pub struct UnknownChannel(pub u8);

impl Channel {
    /// Channel 1 as in v1.3.6: 42.0 to 88.9 kHz, sampled at 250 kHz.
    pub const ONE: Self =
        Self { number: 1, clock: SampleClock::KHZ_250, first_carrier: FIRST_CARRIER, bonded: false };

    /// The eight channels of v1.4, 42.0 to 471.7 kHz, sampled at 1 MHz.
    ///
    /// ```
    /// use prime_phy::Channel;
    /// let [_, second, ..] = Channel::ALL;
    /// assert_eq!((second.number, second.carrier_hz(0)), (2, 96_679.688));
    /// ```
    pub const ALL: [Self; 8] = [
        Self::at_1_mhz(1),
        Self::at_1_mhz(2),
        Self::at_1_mhz(3),
        Self::at_1_mhz(4),
        Self::at_1_mhz(5),
        Self::at_1_mhz(6),
        Self::at_1_mhz(7),
        Self::at_1_mhz(8),
    ];

    /// The bonded pairs of v1.4: channels 1 and 2 to 7 and 8, sampled at 1 MHz.
    pub const PAIRS: [Self; 7] = [
        Self::pair(9),
        Self::pair(10),
        Self::pair(11),
        Self::pair(12),
        Self::pair(13),
        Self::pair(14),
        Self::pair(15),
    ];

    /// The channel with an id as drivers use it, sampled at 1 MHz: 1 to 8 are single, 9 to 15 bonded (digest 2.1).
    ///
    /// # Errors
    /// No channel has the id.
    pub fn from_id(id: u8) -> Result<Self, UnknownChannel> {
        match id {
            1..=8 => Ok(Self::at_1_mhz(id)),
            9..=15 => Ok(Self::pair(id)),
            _ => Err(UnknownChannel(id)),
        }
    }

    /// How many channels it consists of: 2 where it is bonded.
    pub const fn channels(&self) -> usize {
        if self.bonded { MOST_CHANNELS } else { 1 }
    }

    /// The channels that it consists of, the lower first.
    pub fn parts(&self) -> impl Iterator<Item = Self> + use<> {
        let Self { number, clock, first_carrier, bonded } = *self;
        let lowest = if bonded { number - FIRST_PAIR + 1 } else { number };
        (0..self.channels() as u8).map(move |above| Self {
            number: lowest + above,
            clock,
            first_carrier: first_carrier + CHANNEL_SPACING * u16::from(above),
            bonded: false,
        })
    }

    /// Samples for each one at 250 kHz: 1 or 4.
    pub const fn ways(&self) -> usize {
        if self.clock.rate_hz() == SampleClock::MHZ_1.rate_hz() { MOST_WAYS } else { 1 }
    }

    /// Samples of this clock that last as long as `samples` at 250 kHz.
    pub const fn samples(&self, samples: usize) -> usize {
        samples * self.ways()
    }

    /// Points of the Fourier transform.
    pub const fn fft_samples(&self) -> usize {
        self.samples(FFT_SAMPLES)
    }

    /// Frequency of carrier `offset`, in Hz; 0 is the lowest, and those of the upper channel of a pair begin at [`CARRIERS`].
    pub fn carrier_hz(&self, offset: usize) -> f32 {
        let (channel, offset) = (offset / CARRIERS, offset % CARRIERS);
        (usize::from(self.first_carrier) + channel * usize::from(CHANNEL_SPACING) + offset) as f32
            * CARRIER_SPACING_HZ
    }

    const fn at_1_mhz(number: u8) -> Self {
        let first_carrier = FIRST_CARRIER + CHANNEL_SPACING * (number as u16 - 1);
        Self { number, clock: SampleClock::MHZ_1, first_carrier, bonded: false }
    }

    const fn pair(id: u8) -> Self {
        let lower = Self::at_1_mhz(id - FIRST_PAIR + 1);
        Self { number: id, bonded: true, ..lower }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_one_has_the_frequencies_and_durations_of_the_digest() {
        for channel in [Channel::ONE, Channel::ALL[0]] {
            assert!((channel.carrier_hz(0) - 41_992.188).abs() < 0.01);
            assert!((channel.carrier_hz(CARRIERS - 1) - 88_867.19).abs() < 0.01);
            let micros = |samples: usize| channel.clock.span(channel.samples(samples) as u64).as_micros();
            assert_eq!(
                (micros(PREAMBLE_SAMPLES), micros(SYMBOL_SAMPLES), micros(PREFIX_SAMPLES)),
                (2_048, 2_240, 192)
            );
        }
        let pilots = CARRIERS.div_ceil(HEADER_PILOT_SPACING);
        assert_eq!((pilots, HEADER_DATA_CARRIERS + pilots), (13, CARRIERS));
    }

    #[test]
    fn the_channels_are_those_of_the_plan() {
        // Digest 2.1.
        let plan = [
            (86, 182, 41.992, 88.867),
            (198, 294, 96.680, 143.555),
            (310, 406, 151.367, 198.242),
            (422, 518, 206.055, 252.930),
            (534, 630, 260.742, 307.617),
            (646, 742, 315.430, 362.305),
            (758, 854, 370.117, 416.992),
            (870, 966, 424.805, 471.680),
        ];
        for (id, (channel, (first, last, first_khz, last_khz))) in (1..).zip(Channel::ALL.iter().zip(plan)) {
            let carriers = (channel.first_carrier, usize::from(channel.first_carrier) + CARRIERS - 1);
            assert_eq!((channel.number, carriers), (id, (first, last)));
            assert!((channel.carrier_hz(0) / 1e3 - first_khz).abs() < 6e-4, "channel {id}");
            assert!((channel.carrier_hz(CARRIERS - 1) / 1e3 - last_khz).abs() < 6e-4, "channel {id}");
            assert_eq!(Channel::from_id(id), Ok(*channel));
        }
    }

    #[test]
    fn pairs_have_the_carriers_of_their_channels_and_unknown_ids_are_refused() {
        for (index, pair) in Channel::PAIRS.iter().enumerate() {
            // Digest 2.1: ids 9 to 15 are (1, 2) to (7, 8); digest 2: 194 carriers.
            assert_eq!((usize::from(pair.number), pair.channels()), (index + 9, 2));
            assert!(pair.parts().eq(Channel::ALL[index..index + 2].iter().copied()));
            for carrier in 0..194 {
                let of_part = Channel::ALL[index + carrier / 97].carrier_hz(carrier % 97);
                assert_eq!(pair.carrier_hz(carrier), of_part);
            }
            assert_eq!(Channel::from_id(pair.number), Ok(*pair));
        }
        assert!(Channel::ONE.parts().eq([Channel::ONE]));
        for id in [0, 16, 255] {
            assert_eq!(Channel::from_id(id), Err(UnknownChannel(id)));
        }
    }
}
