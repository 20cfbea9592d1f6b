//! Independent streams of randomness from one seed: one for every node and purpose, so that a change in one
//! place moves nothing elsewhere.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// What a stream is for. The number is part of every seeded result: never reuse or change one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Load shapes of the village.
    LoadShape = 1,
    /// Household impedances.
    Impedance = 2,
    /// Clock offsets.
    Clock = 3,
    /// Noise.
    Noise = 4,
    /// Demonstration keys.
    Keys = 5,
    /// A modem's own source of randomness.
    Modem = 6,
    /// Link campaigns.
    Campaign = 7,
    /// When appliances go on and off.
    Switching = 8,
    /// Which appliances a household has.
    Appliances = 9,
    /// Levels of the noise that households inject.
    InjectedLevel = 10,
    /// The noise that households inject.
    InjectedNoise = 11,
    /// Streets of network runs.
    Street = 40,
}

/// The stream of `purpose` for item `index`.
pub fn stream(seed: u64, purpose: Purpose, index: u64) -> ChaCha8Rng {
    let mut key = [0u8; 32];
    let words = [seed, purpose as u64, index, 0x4275_7362_6172_0001];
    for (octets, word) in key.chunks_exact_mut(8).zip(words) {
        octets.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// Uniform in [0, 1).
pub fn uniform(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Standard normal, by Box and Muller's transform.
pub fn normal(rng: &mut impl Rng) -> f64 {
    let radius = (-2.0 * libm::log(1.0 - uniform(rng))).sqrt();
    radius * libm::cos(std::f64::consts::TAU * uniform(rng))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let first = |seed, purpose, index| stream(seed, purpose, index).next_u64();
        assert_eq!(first(1, Purpose::Noise, 2), first(1, Purpose::Noise, 2));
        let all = [
            first(1, Purpose::Noise, 2),
            first(2, Purpose::Noise, 2),
            first(1, Purpose::Clock, 2),
            first(1, Purpose::Noise, 3),
        ];
        assert!((1..4).all(|i| all[i] != all[0]));
    }

    #[test]
    fn the_normal_distribution_is_normal() {
        let mut rng = stream(1, Purpose::Noise, 0);
        let draws: Vec<f64> = (0..20_000).map(|_| normal(&mut rng)).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|x| x * x).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
    }
}
