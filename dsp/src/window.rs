//! The raised-cosine edges of an OFDM symbol (g3-phy.md 1.3).
//!
//! Consecutive symbols overlap by the edge and are added. With an edge of L samples the head is
//! sin^2(pi k / 2L), k = 0..L. Of the tail the standard's text has two readings, so it is a named option:
//!
//! * [`Tail::Complementary`]: 1 - head; head and tail of the same sample add up to one. The default.
//! * [`Tail::Mirrored`]: the head backwards in time; the values end with zero.
//!
//! No receiver can tell them apart: all affected samples lie in the cyclic prefix or after the transform's window.
//!
//! ```
//! use dsp::window::{Tail, head, tail};
//! let (mut rising, mut falling) = ([0.0; 8], [0.0; 8]);
//! head(&mut rising);
//! tail(Tail::Complementary, &mut falling);
//! assert!((rising[1] - 0.038060).abs() < 1e-6 && (rising[1] + falling[1] - 1.0).abs() < 1e-6);
//! ```

use core::f32::consts::FRAC_PI_2;

/// Which reading of the tail's values is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tail {
    /// 1 - head, sample by sample.
    #[default]
    Complementary,
    /// The head backwards in time.
    Mirrored,
}

/// Fills `edge` with the rising edge of its length.
pub fn head(edge: &mut [f32]) {
    let length = edge.len() as f32;
    for (index, value) in edge.iter_mut().enumerate() {
        let sine = libm::sinf(FRAC_PI_2 * index as f32 / length);
        *value = sine * sine;
    }
}

/// Fills `edge` with the falling edge of its length.
pub fn tail(reading: Tail, edge: &mut [f32]) {
    head(edge);
    match reading {
        Tail::Complementary => edge.iter_mut().for_each(|value| *value = 1.0 - *value),
        Tail::Mirrored => edge.reverse(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_samples_are_those_of_the_digest() {
        let printed = [0.0, 0.038_060, 0.146_447, 0.308_658, 0.5, 0.691_342, 0.853_553, 0.961_940];
        let mut edge = [9.0; 8];
        head(&mut edge);
        for (value, expected) in edge.iter().zip(printed) {
            assert!((value - expected).abs() < 1e-6, "{value} {expected}");
        }
    }

    #[test]
    fn both_tails_are_those_of_the_digest() {
        let mut edge = [9.0; 8];
        tail(Tail::Complementary, &mut edge);
        assert!((edge[0] - 1.0).abs() < 1e-6 && (edge[7] - 0.038_060).abs() < 1e-6);
        tail(Tail::Mirrored, &mut edge);
        assert!((edge[0] - 0.961_940).abs() < 1e-6 && edge[7].abs() < 1e-6);
    }

    #[test]
    fn an_empty_edge_is_left_alone() {
        head(&mut []);
        tail(Tail::Mirrored, &mut []);
    }
}
