//! The engine of servers: rustfft, which picks the processor's SIMD when the transform is planned.

extern crate std;

use super::Points;
use crate::Complex;
use rustfft::{Fft, FftPlanner};
use std::{sync::Arc, vec, vec::Vec};

#[derive(Clone)]
pub(super) struct Engine {
    forward: Arc<dyn Fft<f32>>,
    inverse: Arc<dyn Fft<f32>>,
    scratch: Vec<Complex>,
}

impl Engine {
    pub(super) fn new(points: Points) -> Self {
        let length = points.count();
        let mut planner = FftPlanner::new();
        let forward = planner.plan_fft_forward(length);
        let inverse = planner.plan_fft_inverse(length);
        let scratch = forward.get_inplace_scratch_len().max(inverse.get_inplace_scratch_len());
        Self { forward, inverse, scratch: vec![Complex::default(); scratch] }
    }

    pub(super) fn forward(&mut self, values: &mut [Complex]) {
        self.forward.process_with_scratch(values, &mut self.scratch);
    }

    pub(super) fn inverse(&mut self, values: &mut [Complex]) {
        self.inverse.process_with_scratch(values, &mut self.scratch);
    }
}
