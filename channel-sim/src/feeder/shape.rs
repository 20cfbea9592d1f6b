//! Load shapes: what a household draws over the day.

/// Power over time in steps of equal length, repeated for ever.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadShape {
    /// Name in the source.
    pub name: String,
    /// Length of a step. Value `i`, counted from 1, holds from step `i - 1` to step `i`.
    pub interval_s: u32,
    /// Millionths: of the load's rated power, or of a kilowatt where `use_actual` is set.
    pub values_micro: Vec<i64>,
    /// The values are kilowatts and not multipliers (OpenDSS `useactual`).
    pub use_actual: bool,
}

impl LoadShape {
    /// Power at `seconds` after the shape's start of a load of `rated_mw`, in mW, rounded to the nearest.
    pub fn power_mw(&self, rated_mw: i64, seconds: u64) -> i64 {
        let steps = self.values_micro.len() as u64;
        if steps == 0 || self.interval_s == 0 {
            return 0;
        }
        let step = seconds / u64::from(self.interval_s) % steps;
        let micro = self.values_micro.get(step as usize).copied().unwrap_or(0);
        if self.use_actual {
            return micro; // a millionth of a kilowatt is a milliwatt
        }
        let product = i128::from(micro) * i128::from(rated_mw);
        let rounded = (product + product.signum() * 500_000) / 1_000_000;
        rounded.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> LoadShape {
        LoadShape {
            name: "s".into(),
            interval_s: 60,
            values_micro: vec![36_000, 1_500_000, 2_000_001],
            use_actual: false,
        }
    }

    #[test]
    fn a_value_holds_for_the_step_before_its_number() {
        let shape = shape();
        let power = |seconds| shape.power_mw(1_000_000, seconds);
        assert_eq!((power(0), power(59)), (36_000, 36_000), "value 1 holds from minute 0 to minute 1");
        assert_eq!((power(60), power(119)), (1_500_000, 1_500_000));
        assert_eq!(power(3 * 60), 36_000, "the day starts again");
    }

    #[test]
    fn values_multiply_the_rated_power_unless_they_are_actual() {
        let mut shape = shape();
        assert_eq!(shape.power_mw(2_500_000, 60), 3_750_000);
        assert_eq!(shape.power_mw(500_000, 120), 1_000_001, "1 000 000.5 mW rounded");
        shape.use_actual = true;
        assert_eq!(shape.power_mw(2_500_000, 60), 1_500_000);
    }

    #[test]
    fn an_empty_shape_draws_nothing() {
        let shape =
            LoadShape { name: String::new(), interval_s: 60, values_micro: vec![], use_actual: false };
        assert_eq!(shape.power_mw(1_000_000, 5), 0);
    }
}
