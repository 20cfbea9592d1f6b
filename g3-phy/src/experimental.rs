//! What no source tells: guesses that let two modems of this crate talk, and never claim conformance.
//!
//! Everything here is off by default. With any of it on, [`Options::is_conformant`](crate::options::Options::is_conformant)
//! is false.

use dsp::Complex;

/// Guesses in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Experimental {
    /// Which bits of 16-QAM choose which axis (digest 9.3 and 14). `None` refuses 16-QAM.
    pub qam16: Option<Qam16Bits>,
    /// Place of the first pilot of CENELEC-B's coherent modulations (digest 9.3). `None` refuses them.
    pub cenelec_b_pilot_offset: Option<u8>,
}

impl Experimental {
    /// No guess.
    pub const NONE: Self = Self { qam16: None, cenelec_b_pilot_offset: None };
}

/// Readings of the order of 16-QAM's four bits. Levels are Gray-coded -3, -1, 1, 3 over the square root of ten in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Qam16Bits {
    /// The first two bits in time choose the real part, the others the imaginary part.
    InPhaseFirst,
    /// First and third bit choose the real part, second and fourth the imaginary part.
    Alternating,
}

/// Level of one axis for each of the Gray-coded pairs 00, 01, 11, 10 (first bit in time first).
const UNIT: f32 = 0.316_227_77;

impl Qam16Bits {
    /// The point for four bits, the first in time least significant. Mean power over the points is 1.
    pub fn point(self, value: u8) -> Complex {
        let bit = |place: u8| value >> place & 1;
        let [i, q] = self.axes().map(|[sign, size]| level(bit(sign), bit(size)));
        Complex::new(i, q)
    }

    /// Places of the bits of each axis: sign, then size.
    pub(crate) const fn axes(self) -> [[u8; 2]; 2] {
        match self {
            Self::InPhaseFirst => [[0, 1], [2, 3]],
            Self::Alternating => [[0, 2], [1, 3]],
        }
    }

    /// Max-log metrics of the four bits, the first in time first, from a point with its channel taken off, times
    /// `weight` (2 |h|^2 / N0 in units of the point): positive where a zero is likelier.
    pub(crate) fn metrics(self, point: Complex, weight: f32) -> [f32; 4] {
        let mut metrics = [0.0; 4];
        for ([sign, size], value) in self.axes().into_iter().zip([point.re, point.im]) {
            // Beyond the outer level the sign is decided between the outer points as well (max-log).
            let beyond = value.abs() - 2.0 * UNIT;
            metrics[usize::from(sign)] = weight * 2.0 * UNIT * (value + beyond.max(0.0) * value.signum());
            metrics[usize::from(size)] = weight * 2.0 * UNIT * beyond;
        }
        metrics
    }
}

/// Gray: 0 0 is +3, 0 1 is +1, 1 1 is -1, 1 0 is -3.
fn level(sign: u8, size: u8) -> f32 {
    let magnitude = if size == 0 { 3.0 * UNIT } else { UNIT };
    if sign == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READINGS: [Qam16Bits; 2] = [Qam16Bits::InPhaseFirst, Qam16Bits::Alternating];

    #[test]
    fn sixteen_points_of_mean_power_one_lie_on_a_square_grid_with_gray_neighbours() {
        for reading in READINGS {
            let power = (0..16).map(|value| reading.point(value).norm_sqr()).sum::<f32>() / 16.0;
            assert!((power - 1.0).abs() < 1e-6);
            for one in 0..16_u8 {
                for other in 0..16_u8 {
                    let distance = (reading.point(one) - reading.point(other)).norm();
                    if one != other && distance < 2.1 * UNIT {
                        assert_eq!((one ^ other).count_ones(), 1, "{reading:?} {one} {other}");
                    }
                    assert!(one == other || distance > 1.9 * UNIT);
                }
            }
        }
    }

    #[test]
    fn metrics_are_the_distances_to_the_nearest_points() {
        for reading in READINGS {
            for step in 0..400 {
                let received =
                    Complex::new((step % 20) as f32 * 0.15 - 1.43, (step / 20) as f32 * 0.15 - 1.41);
                let metrics = reading.metrics(received, 1.0);
                for (bit, metric) in metrics.iter().enumerate() {
                    let nearest = |wanted: u8| {
                        (0..16_u8)
                            .filter(|value| value >> bit & 1 == wanted)
                            .map(|value| (received - reading.point(value)).norm_sqr())
                            .fold(f32::MAX, f32::min)
                    };
                    let expected = 0.5 * (nearest(1) - nearest(0));
                    assert!(
                        (metric - expected).abs() < 1e-5,
                        "{reading:?} bit {bit} of {received}: {metric} {expected}"
                    );
                }
            }
        }
    }
}
