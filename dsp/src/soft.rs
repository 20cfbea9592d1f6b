//! Soft decisions: log-likelihood ratios brought to the `i8` that the Viterbi decoder takes.
//!
//! The decoder does not care for the scale of its input, only for its resolution and its clipping: a scale that puts
//! the mean magnitude near a quarter of full scale (about 32) keeps the loss against unquantised decisions below
//! 0.05 dB. A value that is not a number becomes an erasure, so that a broken estimate cannot decide anything.
//!
//! ```
//! use dsp::soft::quantise;
//! assert_eq!(quantise(0.5, 32.0), 16);
//! assert_eq!(quantise(-1e9, 32.0), -127);
//! assert_eq!(quantise(f32::NAN, 32.0), 0);
//! ```

use crate::LengthError;

/// Greatest magnitude of a soft decision; both signs reach it.
pub const MOST_RELIABLE: i8 = 127;

/// One log-likelihood ratio (positive: bit 0 is likelier) times `scale`, rounded to nearest, halves away from zero,
/// and clipped to ±127.
pub fn quantise(llr: f32, scale: f32) -> i8 {
    let scaled = llr * scale;
    // `as` saturates and takes NaN to zero.
    let rounded = (scaled + libm::copysignf(0.5, scaled)) as i8;
    rounded.max(-MOST_RELIABLE)
}

/// [`quantise`] for a whole block.
///
/// # Errors
///
/// `soft` is shorter than `llrs`.
pub fn quantise_block(llrs: &[f32], scale: f32, soft: &mut [i8]) -> Result<(), LengthError> {
    LengthError::at_least("soft decisions", llrs.len(), soft.len())?;
    for (decision, &llr) in soft.iter_mut().zip(llrs) {
        *decision = quantise(llr, scale);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn extremes_are_clipped_and_nonsense_is_an_erasure() {
        assert_eq!(quantise(f32::INFINITY, 1.0), 127);
        assert_eq!(quantise(f32::NEG_INFINITY, 1.0), -127);
        assert_eq!(quantise(f32::NAN, 1.0), 0);
        assert_eq!(quantise(f32::INFINITY, 0.0), 0);
        assert_eq!(quantise(-128.0, 1.0), -127);
        assert_eq!(quantise(-0.0, 1.0), 0);
    }

    #[test]
    fn a_short_block_is_an_error() {
        assert!(quantise_block(&[1.0, 2.0], 1.0, &mut [0]).is_err());
    }

    proptest! {
        #[test]
        fn error_is_at_most_half_a_step_and_signs_are_symmetric(llr in -120.0_f32..120.0, scale in 0.01_f32..1.05) {
            let soft = quantise(llr, scale);
            prop_assert!((f32::from(soft) - llr * scale).abs() <= 0.5 + 1e-5);
            prop_assert_eq!(quantise(-llr, scale), -soft);
        }

        #[test]
        fn a_block_is_its_values_one_by_one(llrs in proptest::collection::vec(any::<f32>(), 0..40), scale: f32) {
            let mut soft = std::vec![0; llrs.len()];
            prop_assert_eq!(quantise_block(&llrs, scale, &mut soft), Ok(()));
            for (&llr, &decision) in llrs.iter().zip(&soft) {
                prop_assert_eq!(decision, quantise(llr, scale));
            }
        }
    }
}
