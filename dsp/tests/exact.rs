//! The choice of exact results holds for a whole process, so its test has one.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, reason = "a test")]

use dsp::cpu::{Level, be_exact, is_exact};
use dsp::fft::{ComplexFft, RealFft, Size};
use dsp::{Complex, LengthError};

#[test]
fn transforms_planned_after_the_choice_are_the_portable_ones_to_the_bit() -> Result<(), LengthError> {
    assert!(!is_exact());
    be_exact();
    assert!(is_exact());
    let samples: Vec<f32> = (0..512_u32).map(|n| ((n * n * 7919) % 1009) as f32 / 500.0 - 1.0).collect();
    let [mut chosen, mut portable] = [[Complex::default(); 257]; 2];
    RealFft::new(Size::N512).forward(&samples, &mut chosen)?;
    RealFft::at(Level::Portable, Size::N512).forward(&samples, &mut portable)?;
    assert_eq!(chosen, portable);

    let values: Vec<Complex> = samples[..256].iter().map(|&re| Complex::new(re, -re * re)).collect();
    let [mut chosen, mut portable] = [[Complex::default(); 256]; 2];
    ComplexFft::new(Size::N256).forward(&values, &mut chosen)?;
    ComplexFft::at(Level::Portable, Size::N256).forward(&values, &mut portable)?;
    assert_eq!(chosen, portable);
    Ok(())
}
