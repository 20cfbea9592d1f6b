//! Where a frame error rate crosses a level, from as few frames as it takes.
//!
//! The rate is modelled as Q((x - x0) / spread + z) near the crossing x0, Q being the normal distribution's tail and
//! z = Q⁻¹(target). Frames are sent where they tell most; both figures follow by maximum likelihood.

/// A crossing with its 95 % interval by the profile likelihood.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crossing {
    /// Where it is, in dB.
    pub at_db: f64,
    /// Lower end.
    pub low_db: f64,
    /// Upper end.
    pub high_db: f64,
    /// Decibels from one standard deviation to the next.
    pub spread_db: f64,
    /// Frames sent.
    pub frames: u32,
}

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// Frames at most.
    pub frames: u32,
    /// Half of the interval that is narrow enough, in dB.
    pub half_width_db: f64,
}

/// Steps in which a crossing is searched.
const GRID_DB: f64 = 0.01;
/// Steps of half a decibel to three in which the other side of a crossing is looked for.
const STEPS: usize = 24;
/// Frames between two decisions.
const BATCH: u32 = 32;
/// Half a unit of likelihood ratio at 95 %.
const DROP: f64 = 1.92;
/// Steps of the grid that are taken at once where nothing is near, and what is near in likelihood.
const COARSE_STEPS: usize = 16;
const NEAR: f64 = 3.0 * DROP;

/// Finds where the share of lost frames falls through `target`. `run` sends frames at a level, with a seed, and
/// returns how many were lost of how many. `None` where that many steps up or down did not get to its other side.
pub fn find(
    mut run: impl FnMut(f64, u32, u64) -> (u32, u32),
    target: f64,
    start_db: f64,
    effort: Effort,
) -> Option<Crossing> {
    let mut seen: Vec<(f64, u32, u32)> = Vec::new();
    let (mut at, mut step, mut frames, mut seed) = (start_db, 0.5, 0, 0);
    let mut send = |at: f64, frames: &mut u32, seen: &mut Vec<(f64, u32, u32)>| -> f64 {
        seed += 1;
        let (lost, of) = run(at, BATCH, seed);
        *frames += of;
        seen.push((at, lost, of));
        f64::from(lost) / f64::from(of.max(1))
    };
    // A point on each side first.
    let mut enclosed = false;
    for _ in 0..STEPS {
        let share = send(at, &mut frames, &mut seen);
        let above = seen.iter().any(|(_, lost, of)| f64::from(*lost) < target * f64::from(*of));
        let below = seen.iter().any(|(_, lost, of)| f64::from(*lost) > target * f64::from(*of));
        enclosed = above && below;
        if enclosed {
            break;
        }
        at += if share > target { step } else { -step };
        step = (step * 1.3).min(3.0);
    }
    if !enclosed {
        return None;
    }
    let mut aims = [0.06, 0.22, 0.11].into_iter().cycle();
    loop {
        let fit = fit(&seen, target, frames)?;
        if frames >= effort.frames
            || 0.5 * (fit.high_db - fit.low_db) <= effort.half_width_db && frames >= 8 * BATCH
        {
            return Some(fit);
        }
        let aim = aims.next().unwrap_or(target).max(target * 0.4);
        let offset = (inverse_tail(aim) - inverse_tail(target)) * fit.spread_db.min(1.5);
        send(fit.at_db + offset, &mut frames, &mut seen);
    }
}

/// The most likely crossing and spread.
fn fit(seen: &[(f64, u32, u32)], target: f64, frames: u32) -> Option<Crossing> {
    let z = inverse_tail(target);
    let low = seen.iter().map(|point| point.0).fold(f64::INFINITY, f64::min) - 1.0;
    let high = seen.iter().map(|point| point.0).fold(f64::NEG_INFINITY, f64::max) + 1.0;
    let likelihood = |at: f64, spread: f64| -> f64 {
        let data: f64 = seen
            .iter()
            .map(|&(x, lost, of)| {
                let share = tail((x - at) / spread + z).clamp(1e-9, 1.0 - 1e-9);
                f64::from(lost) * libm::log(share) + f64::from(of - lost) * libm::log(1.0 - share)
            })
            .sum();
        // Spreads of coded frames are around 0.4 dB; a few points must not say zero or infinity.
        data - 0.5 * (libm::log(spread / 0.45) / 0.9).powi(2)
    };
    let spreads: Vec<f64> = (0..28).map(|i| 0.12 * 1.16f64.powi(i)).collect();
    let steps = ((high - low) / GRID_DB).ceil() as usize;
    let at_step = |step: usize| {
        let at = low + GRID_DB * step as f64;
        let best = |best: (f64, f64), &spread: &f64| {
            let value = likelihood(at, spread);
            if value > best.0 { (value, spread) } else { best }
        };
        let (value, spread) = spreads.iter().fold((f64::NEG_INFINITY, 0.4), best);
        (at, value, spread)
    };
    // Coarse steps first; fine ones only where the interval may be.
    let coarse: Vec<(usize, f64)> =
        (0..=steps).step_by(COARSE_STEPS).map(|step| (step, at_step(step).1)).collect();
    let most = coarse.iter().map(|step| step.1).fold(f64::NEG_INFINITY, f64::max);
    let mut near = coarse.iter().filter(|step| step.1 >= most - NEAR).map(|step| step.0);
    let first = near.next().unwrap_or(0);
    let last = near.next_back().unwrap_or(first);
    let profile: Vec<(f64, f64, f64)> =
        (first.saturating_sub(COARSE_STEPS)..=(last + COARSE_STEPS).min(steps)).map(at_step).collect();
    let best = profile.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let inside = |point: &&(f64, f64, f64)| point.1 >= best.1 - DROP;
    Some(Crossing {
        at_db: best.0,
        low_db: profile.iter().find(inside).map_or(best.0, |point| point.0),
        high_db: profile.iter().rev().find(inside).map_or(best.0, |point| point.0),
        spread_db: best.2,
        frames,
    })
}

/// Q(x), the normal distribution's upper tail.
pub fn tail(x: f64) -> f64 {
    0.5 * libm::erfc(x / std::f64::consts::SQRT_2)
}

/// The x with Q(x) = p, for 0 < p < 1.
pub fn inverse_tail(p: f64) -> f64 {
    let (mut low, mut high) = (-8.0, 8.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if tail(middle) > p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream, uniform};

    #[test]
    fn the_tail_is_the_normal_distributions() {
        for (x, expected) in
            [(0.0, 0.5), (1.281_552, 0.1), (2.326_348, 0.01), (-1.0, 0.841_345), (4.0, 3.167e-5)]
        {
            assert!((tail(x) / expected - 1.0).abs() < 2e-4, "{x}");
        }
        assert!((inverse_tail(0.1) - 1.281_552).abs() < 1e-5);
    }

    #[test]
    fn what_never_crosses_is_not_found() {
        let effort = Effort { frames: 2_000, half_width_db: 0.1 };
        assert_eq!(find(|_, frames, _| (frames, frames), 0.1, 0.0, effort), None);
        assert_eq!(find(|_, frames, _| (0, frames), 0.1, 0.0, effort), None);
    }

    #[test]
    fn a_crossing_is_found_within_its_interval() {
        let mut inside = 0;
        for trial in 0..10u64 {
            let (truth, spread) = (3.7 + 0.3 * trial as f64, 0.25 + 0.1 * trial as f64);
            let run = |at: f64, frames: u32, seed: u64| {
                let rng = &mut stream(trial, Purpose::Campaign, seed);
                let share = tail((at - truth) / spread + inverse_tail(0.1));
                ((0..frames).filter(|_| uniform(rng) < share).count() as u32, frames)
            };
            let found = find(run, 0.1, 0.0, Effort { frames: 2_000, half_width_db: 0.1 }).unwrap();
            assert!((found.at_db - truth).abs() < 0.3, "{found:?} for {truth}");
            inside += usize::from(found.low_db <= truth && truth <= found.high_db);
        }
        assert!(inside >= 8, "{inside} of 10 intervals hold the truth");
    }
}
