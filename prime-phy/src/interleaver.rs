//! The interleaver: a permutation of the coded bits within each symbol (digest 3.6).

use crate::Scheme;
use crate::channel::HEADER_DATA_CARRIERS;
use crate::options::Interleaving;

/// The permutation of one symbol's bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interleaver {
    bits: usize,
    /// s of the digest.
    stride: usize,
    reading: Interleaving,
}

impl Interleaver {
    /// That of a header symbol.
    pub const fn header(reading: Interleaving) -> Self {
        Self { bits: HEADER_DATA_CARRIERS, stride: 7, reading }
    }

    /// That of a payload symbol; `None` where the scheme is not coded and nothing is interleaved.
    pub fn payload(scheme: Scheme, reading: Interleaving) -> Option<Self> {
        Self::over(1, scheme, reading)
    }

    /// The same over the symbols of so many channels.
    pub(crate) fn over(channels: usize, scheme: Scheme, reading: Interleaving) -> Option<Self> {
        let stride = 8 * (1 + scheme.bits_per_carrier() / 2);
        scheme.is_coded().then_some(Self { bits: channels * scheme.bits_per_symbol(), stride, reading })
    }

    /// Which of the symbol's coded bits is on the air at `place`. Places beyond the symbol are an error of the caller's
    /// that gives a place beyond the symbol again.
    pub const fn source(&self, place: usize) -> usize {
        let Self { bits, stride, reading } = *self;
        if place >= bits {
            return place;
        }
        match reading {
            // v[s i - (N - 1) floor(s i / N)] = w[i].
            Interleaving::Direct => stride * place - (bits - 1) * (stride * place / bits),
            Interleaving::Inverse => bits / stride * (place % stride) + place / stride,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    fn all(reading: Interleaving) -> impl Iterator<Item = Interleaver> {
        let payload = [1, 2].into_iter().flat_map(move |channels| {
            Scheme::ALL.into_iter().filter_map(move |scheme| Interleaver::over(channels, scheme, reading))
        });
        core::iter::once(Interleaver::header(reading)).chain(payload)
    }

    #[test]
    fn sizes_are_those_of_the_table() {
        let sizes: vec::Vec<_> = all(Interleaving::Direct).map(|one| (one.bits, one.stride)).collect();
        assert_eq!(sizes[..6], [(84, 7), (96, 8), (192, 16), (288, 16), (96, 8), (192, 16)]);
        assert_eq!(sizes[6..], [(192, 8), (384, 16), (576, 16), (192, 8), (384, 16)], "over both channels");
    }

    #[test]
    fn the_direct_reading_is_the_formula_and_the_other_its_inverse() {
        for (direct, inverse) in all(Interleaving::Direct).zip(all(Interleaving::Inverse)) {
            let mut seen = vec![false; direct.bits];
            for k in 0..direct.bits {
                let place = direct.bits / direct.stride * (k % direct.stride) + k / direct.stride;
                assert_eq!((direct.source(place), inverse.source(k)), (k, place));
                assert!(!seen[place]);
                seen[place] = true;
            }
        }
    }
}
