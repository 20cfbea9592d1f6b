//! Decibels, without `std`'s mathematics.

/// Ten times the decimal logarithm of a power ratio; negative infinity for zero.
pub fn power_to_db(ratio: f32) -> f32 {
    10.0 * libm::log10f(ratio)
}

/// The power ratio that `db` decibels stand for.
pub fn db_to_power(db: f32) -> f32 {
    libm::powf(10.0, db / 10.0)
}

/// The amplitude (voltage) ratio that `db` decibels stand for.
pub fn db_to_amplitude(db: f32) -> f32 {
    libm::powf(10.0, db / 20.0)
}

/// Volts (rms) of a level in dBµV; 120 dBµV is 1 V.
pub fn dbuv_to_volts(level_dbuv: f32) -> f32 {
    db_to_amplitude(level_dbuv - 120.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decibels_are_the_textbook_ones() {
        assert!((power_to_db(2.0) - 3.0103).abs() < 1e-4);
        assert!((db_to_power(10.0) - 10.0).abs() < 1e-5);
        assert!((db_to_amplitude(20.0) - 10.0).abs() < 1e-5);
        assert!((dbuv_to_volts(134.0) - 5.0119).abs() < 1e-3);
    }
}
