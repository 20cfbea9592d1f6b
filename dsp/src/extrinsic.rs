//! What one decoder tells the other between iterations, and how much of it.
//!
//! In serial concatenation two decoders share the bits between them (S. Benedetto, D. Divsalar, G. Montorsi and
//! F. Pollara, "Serial concatenation of interleaved codes", IEEE Trans. Inf. Theory 44, 1998). Each is given what the
//! other says of a bit beyond what it was given itself. Where the interleaver leaves short cycles that information
//! comes back as if it were new, and the decoders talk each other into errors or oscillate; believing it less
//! (*scale*) and moving to it slowly (*damping*) stops that (`spec/receiver.md` 2.2 for G3's Robust mode).

use crate::lanes::Lanes;

/// How what one decoder says becomes the prior of the other: new prior = damping · old prior + (1 - damping) · scale ·
/// extrinsic.
///
/// ```
/// use dsp::extrinsic::Exchange;
/// assert_eq!(Exchange { scale: 0.6, damping: 0.0 }.next(9.0, 10.0), 6.0);
/// assert_eq!(Exchange { scale: 0.5, damping: 0.5 }.next(8.0, 10.0), 6.5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exchange {
    /// Factor of what is new.
    pub scale: f32,
    /// Part of the old that stays, 0 to 1.
    pub damping: f32,
}

impl Exchange {
    /// For interleavers without short cycles: G3's DBPSK, DQPSK and D8PSK.
    pub const PLAIN: Self = Self { scale: 0.8, damping: 0.0 };
    /// For interleavers with short cycles through repeated bits: G3's Robust mode and FCH.
    pub const DAMPED: Self = Self { scale: 0.6, damping: 0.3 };

    /// The next prior of a bit.
    #[inline(always)]
    pub fn next(&self, prior: f32, extrinsic: f32) -> f32 {
        self.damping * prior + (1.0 - self.damping) * self.scale * extrinsic
    }

    /// [`Exchange::next`] in every lane.
    #[inline(always)]
    pub fn next_lanes(&self, prior: Lanes, extrinsic: Lanes) -> Lanes {
        prior * self.damping + extrinsic * ((1.0 - self.damping) * self.scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damping_goes_to_the_scaled_value_step_by_step() {
        let mut prior = 0.0;
        for _ in 0..20 {
            prior = Exchange::DAMPED.next(prior, 5.0);
        }
        assert!((prior - 3.0).abs() < 1e-5, "{prior}");
        assert_eq!(Exchange::PLAIN.next(100.0, 5.0), 4.0);
        let lanes = Exchange::DAMPED.next_lanes(Lanes::all(1.0), Lanes::all(5.0));
        assert_eq!(lanes.0[7], Exchange::DAMPED.next(1.0, 5.0));
    }
}
