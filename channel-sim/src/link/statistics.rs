//! Shares with confidence intervals, and where a curve crosses a level. By `libm`, so that they are the same
//! everywhere.

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

/// Quantile of the normal distribution for 95 % on both sides.
const Z: f64 = 1.959_964;

impl Estimate {
    /// `events` of `trials`, with Wilson's interval.
    pub fn of_share(events: u64, trials: u64) -> Self {
        if trials == 0 {
            return Self { value: 0.0, low: 0.0, high: 1.0 };
        }
        let n = trials as f64;
        let p = events as f64 / n;
        let z2 = Z * Z;
        let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = Z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
        // Without events, or with nothing else, the end is exact, whatever the rounding.
        let low = if events == 0 { 0.0 } else { (centre - half).max(0.0) };
        let high = if events == trials { 1.0 } else { (centre + half).min(1.0) };
        Self { value: p, low, high }
    }

    /// `events` in `trials` that come in `clusters` independent clusters of one size; `squares` is the sum over the
    /// clusters of the square of their events. The interval is that of the mean of a cluster, in the logarithm.
    ///
    /// Where less than two clusters have events there is no such interval: it reaches from zero to the share of
    /// clusters that may have one, since no cluster has more events than trials.
    pub fn of_clusters(events: u64, squares: u64, clusters: u64, trials: u64) -> Self {
        let value = if trials == 0 { 0.0 } else { events as f64 / trials as f64 };
        let relative_variance = squares as f64 / (events as f64 * events as f64) - 1.0 / clusters as f64;
        // One cluster with all events has a relative variance of nearly one.
        if events == 0 || relative_variance > 0.75 {
            let clusters_with = Self::of_share(u64::from(events > 0), clusters);
            return Self { value, low: 0.0, high: clusters_with.high.max(value) };
        }
        let factor = libm::exp(Z * relative_variance.max(0.0).sqrt());
        Self { value, low: value / factor, high: (value * factor).min(1.0) }
    }

    /// Half the interval's width by the value; infinite at zero.
    pub fn relative_half_width(&self) -> f64 {
        if self.value > 0.0 { (self.high - self.low) / 2.0 / self.value } else { f64::INFINITY }
    }
}

/// Where a falling curve of (x, share) points, in order of x, crosses `level`: linear in the share's logit
/// between the two points around it. `None` where it does not cross.
pub fn interpolate(curve: &[(f64, f64)], level: f64) -> Option<f64> {
    let logit = |share: f64| {
        let inside = share.clamp(1e-9, 1.0 - 1e-9);
        libm::log(inside / (1.0 - inside))
    };
    let pair = curve.windows(2).find(|pair| matches!(pair, [(_, a), (_, b)] if *a >= level && *b < level))?;
    let [(x0, y0), (x1, y1)] = pair else { return None };
    let (from, to, at) = (logit(*y0), logit(*y1), logit(level));
    Some(x0 + (x1 - x0) * (from - at) / (from - to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream, uniform};

    #[test]
    fn wilsons_interval_is_the_textbooks() {
        let ten_of_hundred = Estimate::of_share(10, 100);
        assert!((ten_of_hundred.low - 0.0552).abs() < 1e-4 && (ten_of_hundred.high - 0.1744).abs() < 1e-4);
        let none = Estimate::of_share(0, 20);
        assert!(none.low == 0.0 && (none.high - 0.1611).abs() < 1e-4);
        assert_eq!(Estimate::of_share(0, 0).high, 1.0);
    }

    /// The interval holds the truth about as often as it says, where wrong bits come in bursts.
    #[test]
    fn intervals_of_clusters_hold_the_truth() {
        let mut rng = stream(1, Purpose::Campaign, 0);
        let mut held = 0;
        for _ in 0..400 {
            let (mut events, mut squares) = (0, 0);
            for _ in 0..500 {
                // One cluster in ten has 1 to 8 events: 0.45 events in 100 trials.
                let burst = if uniform(&mut rng) < 0.1 { 1 + (8.0 * uniform(&mut rng)) as u64 } else { 0 };
                events += burst;
                squares += burst * burst;
            }
            let found = Estimate::of_clusters(events, squares, 500, 50_000);
            held += u32::from((found.low..found.high).contains(&0.0045));
        }
        assert!((368..=392).contains(&held), "{held} of 400");
    }

    #[test]
    fn a_single_burst_tells_no_interval_but_a_bound() {
        let none = Estimate::of_clusters(0, 0, 100, 10_000);
        assert!(none.low == 0.0 && none.value == 0.0 && none.high > 0.03 && none.high < 0.04, "{none:?}");
        let one = Estimate::of_clusters(7, 49, 100, 10_000);
        assert!(one.low == 0.0 && one.high > 0.05, "{one:?}");
        assert!(none.relative_half_width().is_infinite());
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
