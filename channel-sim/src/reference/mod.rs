//! The reference chain: error rates of codes and metrics alone, without frames, synchronisation or standard.
//!
//! It only composes kernels of `dsp`: random bits, Reed-Solomon, the convolutional code, repetition, a random
//! interleaver, phases, white Gaussian noise on every carrier, soft metrics, Viterbi. What it gives is compared with
//! formulas ([`theory`]) and with the digest's tables ([`tables`]); what a whole modem loses against it, its
//! synchronisation and its interleaver lose.

mod chain;
mod metrics;
mod scheme;
pub mod tables;
pub mod theory;

pub use chain::Chain;
pub(crate) use chain::MOST_OCTETS;
pub use scheme::{Detection, Scheme};
