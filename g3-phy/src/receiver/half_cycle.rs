//! Noise folded over the mains half cycle: commutation and rectifiers repeat every 10 ms.

/// Most bins of the half cycle.
const BINS: usize = 64;
/// Width of a bin: two thirds of a symbol in CENELEC-A.
const BIN_SECONDS: f32 = 0.5e-3;
/// Symbols that a bin needs.
const FEWEST: f32 = 0.5;

/// The noise of each part of the half cycle, relative to the mean.
#[derive(Clone, Copy, Debug)]
pub(super) struct Folded {
    noise: [f32; BINS],
    bins: usize,
    bins_per_symbol: f32,
}

impl Folded {
    /// Folds the symbols' noises, each of which was seen on `counts` carriers, into bins that overlap like triangles, and
    /// believes their differences as far as these are more than chance.
    pub(super) fn of(noises: &[f32], counts: f32, mains_hz: f32, symbol_seconds: f32) -> Self {
        let mains_hz = if mains_hz.is_finite() { mains_hz.clamp(40.0, 70.0) } else { 50.0 };
        let half_cycle = 0.5 / mains_hz;
        let bins = ((half_cycle / BIN_SECONDS) as usize).clamp(4, BINS);
        let mut folded =
            Self { noise: [1.0; BINS], bins, bins_per_symbol: bins as f32 * symbol_seconds / half_cycle };
        let (mut sums, mut weights) = ([0.0_f32; BINS], [0.0_f32; BINS]);
        for (symbol, noise) in noises.iter().enumerate() {
            for (bin, share) in folded.places(symbol) {
                sums[bin] += share * noise;
                weights[bin] += share;
            }
        }
        let total = sums.iter().sum::<f32>() / weights.iter().sum::<f32>().max(1.0);
        let (mut variance, mut chance, mut filled) = (0.0, 0.0, 0.0);
        for (sum, weight) in sums.iter_mut().zip(&weights).take(bins) {
            if *weight > FEWEST {
                *sum /= weight * total.max(f32::MIN_POSITIVE);
                variance += (*sum - 1.0) * (*sum - 1.0);
                chance += 1.0 / (weight * counts);
                filled += 1.0;
            } else {
                *sum = 1.0;
            }
        }
        if filled >= 2.0 {
            let believed = (1.0 - chance / variance.max(f32::MIN_POSITIVE)).max(0.0);
            folded.noise = sums.map(|sum| 1.0 + believed * (sum - 1.0));
        }
        folded
    }

    /// Noise of a symbol.
    pub(super) fn at(&self, symbol: usize) -> f32 {
        let noise = self.places(symbol).map(|(bin, share)| share * self.noise[bin]);
        (noise[0] + noise[1]).max(f32::MIN_POSITIVE)
    }

    /// The two bins that a symbol lies between, and its shares of them.
    fn places(&self, symbol: usize) -> [(usize, f32); 2] {
        let at = symbol as f32 * self.bins_per_symbol;
        let (lower, part) = (at as usize, at - libm::floorf(at));
        [(lower % self.bins, 1.0 - part), ((lower + 1) % self.bins, part)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_of_the_half_cycle_is_found_again_and_steady_noise_left_alone() {
        let swing =
            |symbol: usize| 1.0 + 0.8 * libm::sinf(symbol as f32 * 0.695e-3 / 10e-3 * core::f32::consts::TAU);
        let noises: std::vec::Vec<f32> = (0..200).map(swing).collect();
        let folded = Folded::of(&noises, 60.0, 50.0, 0.695e-3);
        for symbol in 0..200 {
            assert!((folded.at(symbol) - swing(symbol)).abs() < 0.12, "{symbol}: {}", folded.at(symbol));
        }
        let chance = |symbol: usize| 1.0 + 0.1 * libm::sinf(symbol as f32 * 77.7);
        let noises: std::vec::Vec<f32> = (0..60).map(chance).collect();
        let folded = Folded::of(&noises, 60.0, 50.0, 0.695e-3);
        assert!((0..60).all(|symbol| (folded.at(symbol) - 1.0).abs() < 0.05));
    }
}
