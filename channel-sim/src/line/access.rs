//! The measured median of urban low-voltage access impedances, 9 to 487 kHz (channel digest 3.4, from Met4EVCS).

use num_complex::Complex64;

/// kHz, R and X in ohm.
pub const URBAN_MEDIAN: [(f64, f64, f64); 19] = [
    (9.0, 0.46, 1.25),
    (20.0, 0.40, 1.11),
    (35.0, 0.49, 1.66),
    (42.0, 0.52, 1.87),
    (50.0, 0.51, 2.13),
    (60.0, 0.56, 2.20),
    (75.0, 0.78, 2.69),
    (90.6, 1.10, 3.27),
    (110.0, 1.46, 3.97),
    (125.0, 1.80, 4.42),
    (150.0, 2.53, 4.75),
    (175.0, 3.17, 5.02),
    (200.0, 3.24, 4.50),
    (250.0, 1.93, 4.86),
    (300.0, 1.67, 6.37),
    (350.0, 1.89, 7.32),
    (400.0, 2.21, 8.39),
    (450.0, 2.74, 9.60),
    (487.0, 3.09, 10.39),
];

/// The median at a frequency: linear between the table's points, beyond its ends the last value with its reactance
/// growing with frequency.
pub fn urban_median(frequency_hz: f64) -> Complex64 {
    let khz = frequency_hz / 1e3;
    let [first, .., last] = URBAN_MEDIAN;
    for end in [first, last] {
        let beyond = if end.0 == first.0 { khz <= end.0 } else { khz >= end.0 };
        if beyond {
            return Complex64::new(end.1, end.2 * khz / end.0);
        }
    }
    let after = URBAN_MEDIAN.partition_point(|row| row.0 <= khz).clamp(1, URBAN_MEDIAN.len() - 1);
    let (a, b) = (URBAN_MEDIAN[after - 1], URBAN_MEDIAN[after]);
    let share = (khz - a.0) / (b.0 - a.0);
    Complex64::new(a.1 + share * (b.1 - a.1), a.2 + share * (b.2 - a.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_points_and_what_lies_between_are_found() {
        for (khz, r, x) in URBAN_MEDIAN {
            assert!((urban_median(khz * 1e3) - Complex64::new(r, x)).norm() < 1e-9, "{khz}");
        }
        assert!((urban_median(55e3) - Complex64::new(0.535, 2.165)).norm() < 1e-9);
        assert!((urban_median(3e3) - Complex64::new(0.46, 1.25 / 3.0)).norm() < 1e-9);
        assert!((urban_median(974e3) - Complex64::new(3.09, 20.78)).norm() < 1e-9);
    }
}
