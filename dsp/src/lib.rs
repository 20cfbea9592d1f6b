//! What both OFDM PHYs compute with: FFT, codes, CRC, scrambler, soft decisions, windows.
//!
//! Every kernel is a plain function or a small struct on slices: no allocation, no globals, no clock, no panic on
//! any input. Where memory is needed (Viterbi decisions, FFT scratch) it is part of a struct that the caller owns.
//!
//! | module | what | of which standard |
//! |---|---|---|
//! | [`fft`] | real and complex transforms of 256 and 512 points | G.9903, PRIME |
//! | [`crc`] | cyclic redundancy checks of 3 to 32 bits, bit by bit or octet by octet | G.9903 FCH and FCS, PRIME headers |
//! | [`scrambler`] | the additive scrambler and pilot sequence x^7+x^4+1 | G.9903, PRIME |
//! | [`reed_solomon`] | Reed-Solomon over GF(256) with error correction, shortened | G.9903 |
//! | [`convolutional`] | the rate 1/2, K = 7 encoder (171, 133 octal) with zero tail | G.9903, PRIME |
//! | [`viterbi`] | its soft-decision decoder | G.9903, PRIME |
//! | [`bcjr`] | its soft-in soft-out decoder | G.9903, PRIME |
//! | [`phase_points`] | phases without memory, soft in and soft out | G.9903 |
//! | [`phase_trellis`] | differential phases decoded as a trellis, soft in and soft out | G.9903, PRIME |
//! | [`extrinsic`] | what goes from one decoder to the other: scale and damping | G.9903, PRIME |
//! | [`joint`] | both again and again, each telling the other | G.9903, PRIME |
//! | [`echoes`] | channel estimates smoothed over the carriers | G.9903, PRIME |
//! | [`peak`] | the place of a maximum between the points of a grid | both |
//! | [`lanes`] | eight numbers at a time, with exponential and logarithm | |
//! | [`differential`] | Gray-coded phase steps and the max-log metrics of their bits | both |
//! | [`likelihood`] | log-likelihood ratios of the same bits, of values with a known and with an unknown phase | the reference chain |
//! | [`soft`] | log-likelihood ratios to the `i8` soft decisions of [`viterbi`] | both |
//! | [`window`] | the raised-cosine edges of an OFDM symbol | G.9903 |
//! | [`cpu`] | which version of a kernel runs: portable, AVX2, AVX-512, NEON | |
//!
//! # Conventions
//!
//! * Bits are packed in octets, most significant bit first, unless said otherwise.
//! * A soft decision is an `i8`: positive means bit 0 is likelier, negative bit 1, the magnitude is the reliability
//!   and 0 is an erasure.
//! * A slice that is too short is a [`LengthError`]; nothing has been written then.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod bcjr;
pub mod convolutional;
pub mod cpu;
pub mod crc;
pub mod differential;
pub mod echoes;
pub mod extrinsic;
pub mod fft;
pub mod joint;
pub mod lanes;
pub mod likelihood;
pub mod peak;
pub mod phase_points;
pub mod phase_trellis;
pub mod reed_solomon;
pub mod scrambler;
pub mod soft;
#[cfg(test)]
mod testing;
pub mod viterbi;
pub mod window;

pub use num_complex;

/// One complex baseband value: a carrier of an OFDM symbol or a bin of a transform.
pub type Complex = num_complex::Complex<f32>;

/// A slice given to a kernel had the wrong length. Nothing has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: needed {needed}, given {given}")]
pub struct LengthError {
    /// Which argument, with its unit.
    pub what: &'static str,
    /// The length it must have, or the least or greatest it may have; `what` says which.
    pub needed: usize,
    /// The length it had.
    pub given: usize,
}

impl LengthError {
    /// The error of an argument that must have `needed` elements.
    pub(crate) const fn exactly(what: &'static str, needed: usize, given: usize) -> Result<(), Self> {
        if given != needed { Err(Self { what, needed, given }) } else { Ok(()) }
    }

    /// The error of an argument of which at least `needed` elements must be there.
    pub(crate) const fn at_least(what: &'static str, needed: usize, given: usize) -> Result<(), Self> {
        if given < needed { Err(Self { what, needed, given }) } else { Ok(()) }
    }

    /// The error of an argument which may have at most `needed` elements.
    pub(crate) const fn at_most(what: &'static str, needed: usize, given: usize) -> Result<(), Self> {
        if given > needed { Err(Self { what, needed, given }) } else { Ok(()) }
    }
}
