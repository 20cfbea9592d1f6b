//! Soft metrics of the bits of a value, positive where a zero is likelier.

use super::{Detection, Scheme};
use dsp::differential::max_log;
use dsp::{Complex, likelihood};

/// Most bits of a value.
pub(super) const MOST_BITS: usize = 4;

/// Gives metrics at one signal to noise ratio.
pub(super) struct Metrics {
    scheme: Scheme,
    /// 2/σ² for values of amplitude 1 with complex noise of variance σ².
    scale: f32,
}

impl Metrics {
    pub(super) fn new(scheme: Scheme, noise_variance: f64) -> Self {
        Self { scheme, scale: (2.0 / noise_variance) as f32 }
    }

    /// Metrics of a received value; `before` is the one before it, of which coherent metrics know nothing.
    pub(super) fn of(&self, now: Complex, before: Complex) -> [f32; MOST_BITS] {
        let Scheme { bits, differential, detection, .. } = self.scheme;
        let [a, b, c] = match (detection, differential) {
            _ if bits == MOST_BITS => return qam16(now),
            (Detection::Simple, false) => max_log(bits, now),
            (Detection::Simple, true) => max_log(bits, now * before.conj()),
            (Detection::Exact, false) => likelihood::coherent(bits, now, self.scale),
            (Detection::Exact, true) => likelihood::differential(bits, now, before, self.scale),
        };
        [a, b, c, 0.0]
    }
}

/// A value's point of 16-QAM, of mean power 1: two bits choose each axis by Gray's code, the first its sign.
pub(super) fn qam16_point(value: u8) -> Complex {
    let axis = |bits: u8| LEVELS[usize::from(bits & 3)];
    Complex::new(axis(value), axis(value >> 2))
}

/// Levels of 00, 01, 10 and 11, the first bit in the lowest place: 3, -3, 1 and -1 over the root of ten.
const LEVELS: [f32; 4] = [0.948_683_3, -0.948_683_3, 0.316_227_77, -0.316_227_77];

/// The best point with a zero against the best with a one; an axis at a time, since the other's share is the same.
fn qam16(received: Complex) -> [f32; MOST_BITS] {
    let axis = |value: f32| -> [f32; 2] {
        let nearest = |place: usize, wanted: usize| {
            let levels = LEVELS.iter().enumerate().filter(|(bits, _)| bits >> place & 1 == wanted);
            levels.map(|(_, level)| (value - level) * (value - level)).fold(f32::MAX, f32::min)
        };
        [0, 1].map(|place| nearest(place, 1) - nearest(place, 0))
    };
    let [[a, b], [c, d]] = [axis(received.re), axis(received.im)];
    [a, b, c, d]
}
