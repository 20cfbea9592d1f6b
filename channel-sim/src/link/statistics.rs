//! Shares with confidence intervals, and where a curve crosses a level.

use serde::{Deserialize, Serialize};

/// A value and its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Estimate {
    /// `events` of `trials`, with Wilson's interval.
    pub fn of_share(events: u64, trials: u64) -> Self {
        const Z: f64 = 1.959_964;
        if trials == 0 {
            return Self { value: 0.0, low: 0.0, high: 1.0 };
        }
        let n = trials as f64;
        let p = events as f64 / n;
        let z2 = Z * Z;
        let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = Z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
        Self { value: p, low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
    }
}

/// Where a falling curve of (x, share) points, in order of x, crosses `level`: linear in the share's logit
/// between the two points around it. `None` where it does not cross.
pub fn interpolate(curve: &[(f64, f64)], level: f64) -> Option<f64> {
    let logit = |share: f64| {
        let inside = share.clamp(1e-6, 1.0 - 1e-6);
        (inside / (1.0 - inside)).ln()
    };
    let pair = curve.windows(2).find(|pair| matches!(pair, [(_, a), (_, b)] if *a >= level && *b < level))?;
    let [(x0, y0), (x1, y1)] = pair else { return None };
    let (from, to, at) = (logit(*y0), logit(*y1), logit(level));
    Some(x0 + (x1 - x0) * (from - at) / (from - to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilsons_interval_is_the_textbooks() {
        let ten_of_hundred = Estimate::of_share(10, 100);
        assert!((ten_of_hundred.low - 0.0552).abs() < 1e-4 && (ten_of_hundred.high - 0.1744).abs() < 1e-4);
        let none = Estimate::of_share(0, 20);
        assert!(none.low == 0.0 && (none.high - 0.1611).abs() < 1e-4);
        assert_eq!(Estimate::of_share(0, 0).high, 1.0);
    }

    #[test]
    fn curves_are_crossed_where_they_cross() {
        let curve: Vec<(f64, f64)> = (0..9)
            .map(|i| (f64::from(i) * 0.5, 1.0 / (1.0 + (3.0 * (f64::from(i) * 0.5 - 1.3)).exp())))
            .collect();
        assert!((interpolate(&curve, 0.5).unwrap() - 1.3).abs() < 1e-9);
        let tenth = 1.3 + 9f64.ln() / 3.0;
        assert!((interpolate(&curve, 0.1).unwrap() - tenth).abs() < 1e-9);
        assert_eq!(interpolate(&curve, 1e-9), None);
        assert_eq!(interpolate(&[], 0.1), None);
    }
}
