//! Channels: the numerology of PRIME as constants and what differs from channel to channel as a value (digest 2).

use plc_core::time::SampleClock;

/// Samples of the Fourier transform (digest 2).
pub const FFT_SAMPLES: usize = 512;
/// Samples of the cyclic prefix (digest 2).
pub const PREFIX_SAMPLES: usize = 48;
/// Samples of a header or payload symbol, 2240 us (digest 2).
pub const SYMBOL_SAMPLES: usize = FFT_SAMPLES + PREFIX_SAMPLES;
/// Samples of the preamble of Type A, 2048 us (digest 3.1).
pub const PREAMBLE_SAMPLES: usize = 512;
/// Carriers of a channel, pilots among them.
pub const CARRIERS: usize = 97;
/// Symbols of the header of Type A (digest 3.2).
pub const HEADER_SYMBOLS: usize = 2;
/// From one pilot of a header symbol to the next, in carriers (digest 3.7).
pub const HEADER_PILOT_SPACING: usize = 8;
/// Carriers of a header symbol that carry data.
pub const HEADER_DATA_CARRIERS: usize = 84;
/// Carriers of a payload symbol that carry data: all but the pilot, which is the lowest.
pub const PAYLOAD_DATA_CARRIERS: usize = 96;
/// Most payload symbols of a frame of Type A (digest 3).
pub const MAX_PAYLOAD_SYMBOLS: usize = 63;

/// A channel of PRIME.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Number in the standard.
    pub number: u8,
    /// Sample clock.
    pub clock: SampleClock,
    /// Index of the lowest carrier, in carrier spacings from 0 Hz.
    pub first_carrier: u16,
}

impl Channel {
    /// Channel 1, the only one of v1.3.6: 42.0 to 88.9 kHz, sampled at 250 kHz.
    pub const ONE: Self = Self { number: 1, clock: SampleClock::KHZ_250, first_carrier: 86 };

    /// Frequency of the carrier with offset `offset` from the lowest, in Hz.
    pub fn carrier_hz(&self, offset: usize) -> f32 {
        let spacing_hz = self.clock.rate_hz() as f32 / FFT_SAMPLES as f32;
        (usize::from(self.first_carrier) + offset) as f32 * spacing_hz
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_one_has_the_frequencies_and_durations_of_the_digest() {
        let channel = Channel::ONE;
        assert!((channel.carrier_hz(0) - 41_992.188).abs() < 0.01);
        assert!((channel.carrier_hz(CARRIERS - 1) - 88_867.19).abs() < 0.01);
        let micros = |samples: usize| channel.clock.span(samples as u64).as_micros();
        assert_eq!(
            (micros(PREAMBLE_SAMPLES), micros(SYMBOL_SAMPLES), micros(PREFIX_SAMPLES)),
            (2_048, 2_240, 192)
        );
        let pilots = CARRIERS.div_ceil(HEADER_PILOT_SPACING);
        assert_eq!((pilots, HEADER_DATA_CARRIERS + pilots), (13, CARRIERS));
    }
}
