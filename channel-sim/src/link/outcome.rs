//! What became of frames, as counts that add up.

use super::campaign::Task;
use super::statistics::Estimate;
use super::system::System;
use serde::{Deserialize, Serialize};
use std::ops::Add;

/// What became of frames. Bits and octets are counted by the reference chain alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Frames sent.
    pub frames: u64,
    /// Frames whose data came out as they went in.
    pub right: u64,
    /// Frames lost whose preamble was not found or whose header was taken for noise.
    pub unheard: u64,
    /// Frames lost with a wrong header checksum.
    pub header_failed: u64,
    /// Frames lost in the payload, or decoded to something else.
    pub payload_failed: u64,
    /// Bits behind the Viterbi decoder, tail left out.
    pub bits: u64,
    /// Those that were wrong.
    pub bit_errors: u64,
    /// Sum over the frames of the square of their wrong bits: they come in bursts, and this tells how large these are.
    pub squared_bit_errors: u64,
    /// Octets behind the Viterbi decoder.
    pub octets: u64,
    /// Those that were wrong.
    pub octet_errors: u64,
}

impl Outcome {
    /// Frames that did not come out right.
    pub fn lost(&self) -> u64 {
        self.frames - self.right
    }

    /// Whether it can be that of so many frames of a point: that its counts add up.
    pub(super) fn is_of(&self, frames: u64, task: &Task) -> bool {
        // Octets of the word behind the Viterbi decoder, of chains that count them.
        let word = match task.system {
            System::Reference { scheme } => (task.octets + scheme.parity_octets) as u64,
            _ => 0,
        };
        let losses = [self.unheard, self.header_failed, self.payload_failed];
        let sum = losses.into_iter().try_fold(self.right, u64::checked_add);
        sum == Some(frames)
            && self.frames == frames
            && Some(self.octets) == frames.checked_mul(word)
            && Some(self.bits) == self.octets.checked_mul(8)
            && self.octet_errors <= self.octets
            && (self.octet_errors..=self.octet_errors.saturating_mul(8)).contains(&self.bit_errors)
            && (self.bit_errors..=self.bit_errors.saturating_mul(8 * word)).contains(&self.squared_bit_errors)
    }

    /// Frame error rate.
    pub fn fer(&self) -> Estimate {
        Estimate::of_share(self.lost(), self.frames)
    }

    /// Bit error rate behind the Viterbi decoder; `None` where bits were not counted.
    pub fn ber(&self) -> Option<Estimate> {
        (self.bits > 0)
            .then(|| Estimate::of_clusters(self.bit_errors, self.squared_bit_errors, self.frames, self.bits))
    }
}

impl Add for Outcome {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            frames: self.frames + other.frames,
            right: self.right + other.right,
            unheard: self.unheard + other.unheard,
            header_failed: self.header_failed + other.header_failed,
            payload_failed: self.payload_failed + other.payload_failed,
            bits: self.bits + other.bits,
            bit_errors: self.bit_errors + other.bit_errors,
            squared_bit_errors: self.squared_bit_errors + other.squared_bit_errors,
            octets: self.octets + other.octets,
            octet_errors: self.octet_errors + other.octet_errors,
        }
    }
}
