//! The engine of microcontrollers: microfft, whose tables are in flash.

use super::Points;
use crate::Complex;
use microfft::complex::{cfft_128, cfft_256, cfft_512};

#[derive(Clone)]
pub(super) struct Engine(Points);

impl Engine {
    pub(super) fn new(points: Points) -> Self {
        Self(points)
    }

    pub(super) fn forward(&mut self, values: &mut [Complex]) {
        // The callers have checked the length, so the conversion is always there.
        match self.0 {
            Points::N128 => values.as_mut_array().map(|values| _ = cfft_128(values)),
            Points::N256 => values.as_mut_array().map(|values| _ = cfft_256(values)),
            Points::N512 => values.as_mut_array().map(|values| _ = cfft_512(values)),
        };
    }

    /// By the forward transform of the conjugates: microfft's own inverse divides by N.
    pub(super) fn inverse(&mut self, values: &mut [Complex]) {
        values.iter_mut().for_each(|value| *value = value.conj());
        self.forward(values);
        values.iter_mut().for_each(|value| *value = value.conj());
    }
}
