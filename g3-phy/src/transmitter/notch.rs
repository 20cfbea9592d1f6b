//! The optional transmit filter: a stop band over a notch of the tone mask, which the symbols' edges alone leave shallow.
//!
//! A delta less a windowed band pass of 127 taps. What it takes away is mostly what symbols leak into the notch where one
//! follows the other, so it disturbs the carriers beside the notch little (`docs/emission.md` has the figures).

use crate::band::FFT_SAMPLES;
use crate::options::Notch;
use core::f32::consts::{PI, TAU};

/// Taps; the frame comes half of them later and ends as many samples later less one.
pub(super) const TAPS: usize = 127;
const MIDDLE: usize = TAPS / 2;

#[derive(Clone, Debug)]
pub(super) struct NotchFilter {
    /// Taps from the middle on: the others are their mirror.
    taps: [f32; MIDDLE + 1],
    /// The last samples, twice, so that any `TAPS` of them in a row lie side by side.
    history: [f32; 2 * TAPS],
    place: usize,
    /// Samples that the filter still holds after the frame's last.
    pub(super) tail: usize,
}

impl NotchFilter {
    pub(super) fn new(notch: Notch) -> Self {
        let (first, last) = (f32::from(notch.first.min(notch.last)), f32::from(notch.first.max(notch.last)));
        let middle_turns = 0.5 * (first + last) / FFT_SAMPLES as f32;
        let half_turns = 0.5 * (last - first) / FFT_SAMPLES as f32;
        let mut taps = [0.0; MIDDLE + 1];
        for (n, tap) in taps.iter_mut().enumerate() {
            let n = n as f32;
            let sinc = match n {
                0.0 => 2.0 * half_turns,
                n => libm::sinf(TAU * half_turns * n) / (PI * n),
            };
            let window = 0.6 + 0.4 * libm::cosf(PI * n / (MIDDLE + 1) as f32);
            *tap = -2.0 * sinc * window * libm::cosf(TAU * middle_turns * n);
        }
        taps[0] += 1.0;
        Self { taps, history: [0.0; 2 * TAPS], place: 0, tail: 0 }
    }

    /// Forgets what it holds; a frame follows.
    pub(super) fn clear(&mut self) {
        self.history = [0.0; 2 * TAPS];
        self.tail = TAPS - 1;
    }

    /// Filters the next samples in place.
    pub(super) fn apply(&mut self, samples: &mut [f32]) {
        for sample in samples {
            self.history[self.place] = *sample;
            self.history[self.place + TAPS] = *sample;
            self.place = if self.place + 1 == TAPS { 0 } else { self.place + 1 };
            let Some(held) = self.history.get(self.place..self.place + TAPS) else { continue };
            let (early, late) = held.split_at(MIDDLE);
            let Some((middle, late)) = late.split_first() else { continue };
            let pairs = late.iter().zip(early.iter().rev()).zip(self.taps.iter().skip(1));
            *sample =
                middle * self.taps[0] + pairs.map(|((late, early), tap)| (late + early) * tap).sum::<f32>();
        }
    }
}
