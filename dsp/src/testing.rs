//! Seeded noise for the tests of this crate.

/// SplitMix64, and normal variates by the method of Box and Muller.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// Uniform over 0..`bound`, for bounds far below 2^64.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Mean 0, variance 1.
    pub(crate) fn gaussian(&mut self) -> f64 {
        let open_unit = ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        let angle = (self.next() >> 11) as f64 / (1_u64 << 53) as f64 * core::f64::consts::TAU;
        libm::sqrt(-2.0 * libm::log(open_unit)) * libm::cos(angle)
    }
}
