//! The noise on each carrier while nothing is heard.

use super::carriers::{Carriers, Figures, mean};
use crate::channel::CARRIERS;

/// Windows over which the noise is averaged, once there were as many.
const MEMORY: f32 = 64.0;
/// Windows from which on the average tells one carrier from another.
const TRUSTED: f32 = 16.0;
/// Newest windows that wait: a preamble of Type B is found after it was in as many.
const HELD: usize = 14;

/// Mean noise power of each carrier.
#[derive(Clone, Debug)]
pub(super) struct NoiseFloor {
    powers: Figures,
    windows: f32,
    held: heapless::Deque<Figures, HELD>,
}

impl NoiseFloor {
    pub(super) fn new() -> Self {
        Self { powers: [0.0; CARRIERS], windows: 0.0, held: heapless::Deque::new() }
    }

    /// Takes a window that was listened to.
    pub(super) fn push(&mut self, carriers: &Carriers) {
        if self.held.is_full()
            && let Some(oldest) = self.held.pop_front()
        {
            self.windows = (self.windows + 1.0).min(MEMORY);
            let part = 1.0 / self.windows;
            for (power, now) in self.powers.iter_mut().zip(&oldest) {
                *power += part * (now - *power);
            }
        }
        let _ = self.held.push_back(carriers.map(|carrier| carrier.norm_sqr()));
    }

    /// Goes on at another level: all powers times `ratio`.
    pub(super) fn scale(&mut self, ratio: f32) {
        let held = self.held.iter_mut().flatten();
        self.powers.iter_mut().chain(held).for_each(|power| *power *= ratio);
    }

    /// Drops the newest windows: a frame was in them.
    pub(super) fn forget_newest(&mut self, windows: usize) {
        for _ in 0..windows.min(HELD) {
            let _ = self.held.pop_back();
        }
    }

    /// Mean noise power of a carrier, once it is known.
    pub(super) fn mean(&self) -> Option<f32> {
        (self.windows >= 1.0).then(|| mean(&self.powers))
    }

    /// Noise power of each carrier, once it is known.
    pub(super) fn powers(&self) -> Option<&Figures> {
        (self.windows >= TRUSTED).then_some(&self.powers)
    }
}
