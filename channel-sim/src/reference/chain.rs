//! Bits through codes, interleaver, noise and back.

use super::metrics::{MOST_BITS, Metrics, qam16_point};
use super::{Detection, Scheme};
use crate::link::Outcome;
use crate::noise::gaussian::Gaussian;
use dsp::convolutional::{self, TAIL_BITS};
use dsp::differential::{EIGHTHS, gray_point};
use dsp::reed_solomon::ReedSolomon;
use dsp::soft::quantise_block;
use dsp::viterbi::Viterbi;
use dsp::{Complex, LengthError};
use g3_phy::interleaver::PayloadInterleaver;
use g3_phy::options::Interleaving;
use rand_core::Rng;

/// Most octets of a Reed-Solomon word, and of a frame.
pub(crate) const MOST_OCTETS: usize = 255;
const STAGES: usize = 8 * MOST_OCTETS + TAIL_BITS;
/// Mean magnitude of soft decisions, where the Viterbi decoder's eight bits lose least.
const SOFT_MEAN: f32 = 32.0;

/// G3's header of 33 bits, six copies in DBPSK.
const HEADER: Scheme = Scheme {
    bits: 1,
    differential: true,
    copies: 6,
    detection: Detection::Simple,
    parity_octets: 0,
    coded: true,
    carriers: None,
    header: false,
};
const HEADER_BITS: usize = 33;

static PARITY_16: ReedSolomon = ReedSolomon::new(1, 16);
static PARITY_8: ReedSolomon = ReedSolomon::new(1, 8);

/// The chain of a scheme at one signal to noise ratio.
///
/// ```
/// use channel_sim::random::{Purpose, stream};
/// use channel_sim::reference::Chain;
/// let mut chain = Chain::new("dbpsk".parse()?, 133, 10.0)?;
/// let outcome = chain.run(&mut stream(1, Purpose::Campaign, 0), 5);
/// assert_eq!((outcome.frames, outcome.right, outcome.bits, outcome.bit_errors), (5, 5, 5 * 133 * 8, 0));
/// # Ok::<(), String>(())
/// ```
pub struct Chain {
    scheme: Scheme,
    octets: usize,
    metrics: Metrics,
    /// Standard deviation of the noise's real and imaginary part.
    deviation: f32,
    /// What goes before a frame and must be right with it.
    header: Option<Box<Self>>,
    /// Bits of the word that count.
    word_bits: usize,
    viterbi: Box<Viterbi<STAGES>>,
    /// Data and parity as sent, and as decoded.
    word: Vec<u8>,
    decoded: Vec<u8>,
    coded: Vec<u8>,
    /// Which coded bit each bit on the air is.
    places: Vec<u32>,
    sums: Vec<f32>,
    soft: Vec<i8>,
    noise: Vec<f32>,
    values: Vec<u8>,
}

impl Chain {
    /// A chain for frames of `octets` octets.
    ///
    /// # Errors
    /// A sentence where the octets and their parity are none or more than 255.
    pub fn new(scheme: Scheme, octets: usize, es_n0_db: f64) -> Result<Self, String> {
        let word = octets + scheme.parity_octets;
        if octets == 0 || word > MOST_OCTETS {
            return Err(format!(
                "{octets} octets do not fit {scheme}; use 1 to {}",
                MOST_OCTETS - scheme.parity_octets
            ));
        }
        let header = scheme.header.then(|| Self::of_bits(HEADER, HEADER_BITS, es_n0_db).map(Box::new));
        Ok(Self { header: header.transpose()?, ..Self::of_bits(scheme, 8 * word, es_n0_db)? })
    }

    /// A chain for words of so many bits, parity included.
    fn of_bits(scheme: Scheme, word_bits: usize, es_n0_db: f64) -> Result<Self, String> {
        let word = word_bits.div_ceil(8);
        let variance = libm::pow(10.0, -es_n0_db / 10.0);
        let coded_bits = if scheme.coded { convolutional::coded_bits(word_bits) } else { word_bits };
        let (columns, unit) = scheme.carriers.map_or((1, 1), |(columns, unit)| (columns.into(), unit.into()));
        let symbol_bits = scheme.bits * columns;
        let air_bits = (coded_bits * scheme.copies).next_multiple_of(symbol_bits * unit);
        // Bits that fill the last value or symbol belong to a place beyond the coded bits.
        let place = |bit: usize| (bit / scheme.copies).min(coded_bits) as u32;
        let mut places: Vec<u32> = (0..air_bits).map(place).collect();
        if scheme.carriers.is_some() {
            let symbols = air_bits / symbol_bits;
            let interleaver =
                PayloadInterleaver::of_size(scheme.bits, columns, symbols, Interleaving::Legacy);
            for (symbol, places) in places.chunks_exact_mut(symbol_bits).enumerate() {
                places.iter_mut().zip(interleaver.symbol(symbol)).for_each(|(to, bit)| *to = place(bit));
            }
        }
        Ok(Self {
            scheme,
            octets: word - scheme.parity_octets,
            header: None,
            word_bits,
            metrics: Metrics::new(scheme, variance),
            deviation: (variance / 2.0).sqrt() as f32,
            viterbi: Box::default(),
            word: vec![0; word],
            decoded: vec![0; word],
            coded: vec![0; coded_bits.div_ceil(8)],
            places,
            sums: vec![0.0; coded_bits + 1],
            soft: vec![0; coded_bits],
            noise: vec![0.0; 2 * (air_bits / scheme.bits + 1)],
            values: vec![0; air_bits / scheme.bits],
        })
    }

    /// Sends `frames` frames through one random interleaver, or G3's.
    pub fn run(&mut self, rng: &mut impl Rng, frames: u64) -> Outcome {
        let mut white = Gaussian::new(rng);
        if self.scheme.coded && self.scheme.carriers.is_none() {
            shuffle(&mut self.places, rng);
        }
        let mut outcome = Outcome::default();
        if let Some(header) = &mut self.header {
            shuffle(&mut header.places, rng);
        }
        for _ in 0..frames {
            // The buffers have the lengths that the kernels ask for.
            let mut frame = self.frame(rng, &mut white).unwrap_or_default();
            if let Some(header) = &mut self.header {
                let lost = header.frame(rng, &mut white).unwrap_or_default().right == 0;
                frame.header_failed = u64::from(lost);
                frame.payload_failed = u64::from(frame.right == 0 && !lost);
                frame.right = u64::from(frame.right == 1 && !lost);
            }
            outcome = outcome + frame;
        }
        outcome
    }

    fn frame(&mut self, rng: &mut impl Rng, white: &mut Gaussian) -> Result<Outcome, LengthError> {
        let code = match self.scheme.parity_octets {
            0 => None,
            8 => Some(&PARITY_8),
            _ => Some(&PARITY_16),
        };
        let (data, parity) = self.word.split_at_mut(self.octets);
        rng.fill_bytes(data);
        if let Some(code) = code {
            code.encode(data, parity)?;
        }
        let word_bits = self.word_bits;
        // Of the last octet some bits may be beyond the word.
        let beyond = 8 * self.word.len() - word_bits;
        self.word.iter_mut().rev().take(1).for_each(|last| *last &= 0xFF << beyond);
        if self.scheme.coded {
            convolutional::encode(&self.word, word_bits, &mut self.coded)?;
        } else {
            self.coded.copy_from_slice(&self.word);
        }

        self.transmit_and_receive(white);

        if self.scheme.coded {
            let sums = &self.sums[..self.soft.len()];
            let mean = sums.iter().map(|sum| sum.abs()).sum::<f32>() / sums.len() as f32;
            quantise_block(sums, SOFT_MEAN / mean.max(f32::MIN_POSITIVE), &mut self.soft)?;
            self.viterbi.decode(&self.soft, word_bits, &mut self.decoded)?;
        } else {
            for (octet, sums) in self.decoded.iter_mut().zip(self.sums.chunks(8)) {
                *octet = sums.iter().fold(0, |octet, sum| octet << 1 | u8::from(*sum < 0.0));
            }
        }
        let wrong = |(a, b): (&u8, &u8)| u64::from((a ^ b).count_ones());
        let bit_errors: u64 = self.word.iter().zip(&self.decoded).map(wrong).sum();
        let octet_errors = self.word.iter().zip(&self.decoded).filter(|(a, b)| a != b).count() as u64;
        let right = match code {
            None => bit_errors == 0,
            Some(code) => {
                // What cannot be corrected is wrong, and so is what was corrected to something else.
                let _ = code.decode(&mut self.decoded);
                self.word[..self.octets] == self.decoded[..self.octets]
            }
        };
        Ok(Outcome {
            frames: 1,
            right: u64::from(right),
            payload_failed: u64::from(!right),
            bits: word_bits as u64,
            bit_errors,
            squared_bit_errors: bit_errors * bit_errors,
            octets: self.word.len() as u64,
            octet_errors,
            ..Outcome::default()
        })
    }

    /// The coded bits to the sums of the metrics of their copies.
    fn transmit_and_receive(&mut self, white: &mut Gaussian) {
        let bits = self.scheme.bits;
        let eighths = 8 >> bits;
        for (value, places) in self.values.iter_mut().zip(self.places.chunks_exact(bits)) {
            let bit = |place: &u32| {
                let octet = self.coded.get(*place as usize / 8).copied().unwrap_or_default();
                octet >> (7 - place % 8) & 1
            };
            *value = places.iter().rev().fold(0, |value, place| value << 1 | bit(place));
        }
        white.fill(&mut self.noise);
        self.sums.fill(0.0);
        let (first, noise) = self.noise.as_chunks::<2>().0.split_at(1);
        let receive =
            |point: Complex, noise: &[f32; 2]| point + Complex::new(noise[0], noise[1]) * self.deviation;
        let mut phase = 0;
        let mut before = first.first().map_or(EIGHTHS[0], |noise| receive(EIGHTHS[0], noise));
        for ((value, noise), places) in self.values.iter().zip(noise).zip(self.places.chunks_exact(bits)) {
            let point = if bits == MOST_BITS {
                qam16_point(*value)
            } else {
                let step = gray_point(*value) * eighths;
                phase = if self.scheme.differential { (phase + step) % 8 } else { step };
                EIGHTHS[usize::from(phase % 8)]
            };
            let now = receive(point, noise);
            let metrics = self.metrics.of(now, before);
            for (place, metric) in places.iter().zip(metrics) {
                if let Some(sum) = self.sums.get_mut(*place as usize) {
                    *sum += metric;
                }
            }
            before = now;
        }
    }
}

/// Fisher and Yates.
fn shuffle(places: &mut [u32], rng: &mut impl Rng) {
    for last in (1..places.len()).rev() {
        let other = (u64::from(rng.next_u32()) * (last as u64 + 1)) >> 32;
        places.swap(last, other as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};

    #[test]
    fn without_noise_everything_arrives() {
        for name in [
            "bpsk",
            "8psk-exact",
            "dbpsk-x4-rs8",
            "dqpsk-exact",
            "d8psk-rs16",
            "d8psk-uncoded",
            "16qam-rs16",
            "qpsk-rs8-uncoded",
            "16qam-rs16-c72x1",
            "bpsk-x4-rs8-c11x4",
            "fch-bpsk-x4-rs8",
        ] {
            let mut chain = Chain::new(name.parse().unwrap(), 100, 40.0).unwrap();
            let outcome = chain.run(&mut stream(1, Purpose::Campaign, 3), 20);
            assert_eq!((outcome.frames, outcome.right, outcome.bit_errors), (20, 20, 0), "{name}");
        }
    }

    /// Where the payload is always right, what is lost is the header: FCH alone, digest 11.3 of g3-phy, -3.8 dB at one in ten.
    #[test]
    fn a_header_before_the_frame_is_lost_as_often_as_alone() {
        let lost = |es_n0_db: f64| {
            let mut chain = Chain::new("fch-bpsk-x8-rs8".parse().unwrap(), 30, es_n0_db).unwrap();
            let outcome = chain.run(&mut stream(4, Purpose::Campaign, 0), 1_000);
            assert_eq!((outcome.payload_failed, outcome.right + outcome.header_failed), (0, 1_000));
            outcome.header_failed
        };
        assert!((30..=170).contains(&lost(-3.8)), "{}", lost(-3.8));
        assert!(lost(-5.3) > 300 && lost(-2.3) < 10);
    }

    #[test]
    fn in_noise_alone_half_of_the_bits_are_wrong() {
        for name in ["bpsk", "dqpsk-x4", "d8psk-uncoded"] {
            let mut chain = Chain::new(name.parse().unwrap(), 133, -40.0).unwrap();
            let outcome = chain.run(&mut stream(2, Purpose::Campaign, 0), 50);
            let share = outcome.bit_errors as f64 / outcome.bits as f64;
            assert!((share - 0.5).abs() < 0.02 && outcome.right == 0, "{name}: {share}");
        }
    }

    #[test]
    fn bits_of_16_qam_are_wrong_as_often_as_the_formula_says() {
        let scheme: Scheme = "16qam-uncoded".parse().unwrap();
        for es_n0_db in [6.0, 12.0] {
            let mut chain = Chain::new(scheme, 200, es_n0_db).unwrap();
            let outcome = chain.run(&mut stream(3, Purpose::Campaign, 0), 400);
            let share = outcome.bit_errors as f64 / outcome.bits as f64;
            let formula = super::super::theory::uncoded(scheme, 10f64.powf(es_n0_db / 10.0));
            // 640 000 bits: even at 12 dB some 10 000 are wrong, a hundredth of whose number is a standard deviation.
            assert!((share / formula - 1.0).abs() < 0.04, "{es_n0_db} dB: {share} {formula}");
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_named() {
        assert!(
            Chain::new("dbpsk-rs16".parse().unwrap(), 240, 0.0)
                .is_err_and(|error| error.contains("1 to 239"))
        );
        assert!(Chain::new("dbpsk".parse().unwrap(), 0, 0.0).is_err());
    }
}
