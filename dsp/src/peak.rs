//! The place of a maximum between the points of a grid.

/// Where a function of the steps -`steps` to `steps`, looked at in that order, is greatest: the best step, moved to the peak of
/// the parabola through it and its neighbours. In steps; a best step at an end stays there, and what is not a number is
/// never best.
pub fn of_grid(steps: i32, mut value: impl FnMut(i32) -> f32) -> f32 {
    let (mut best, mut greatest) = (-steps, f32::MIN);
    let (mut before, mut after) = (None, None);
    let mut last = None;
    for step in -steps..=steps {
        let now = value(step);
        if now > greatest {
            (best, greatest, before, after) = (step, now, last, None);
        } else if step == best + 1 {
            after = Some(now);
        }
        last = Some(now);
    }
    let peak = best as f32;
    let (Some(before), Some(after)) = (before, after) else { return peak };
    let bend = before + after - 2.0 * greatest;
    if bend < 0.0 { peak + (0.5 * (before - after) / bend).clamp(-0.5, 0.5) } else { peak }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parabola_s_peak_is_found_between_the_steps_and_an_end_stays_an_end() {
        for peak in [-2.4_f32, -1.0, 0.0, 0.3, 2.5] {
            let found = of_grid(3, |step| 5.0 - (step as f32 - peak).powi(2));
            assert!((found - peak).abs() < 1e-5, "{found} instead of {peak}");
        }
        assert_eq!(of_grid(3, |step| step as f32), 3.0);
        assert_eq!(of_grid(3, |step| -step as f32), -3.0);
    }

    #[test]
    fn what_is_not_a_number_is_never_best() {
        assert_eq!(of_grid(2, |_| f32::NAN), -2.0);
        assert_eq!(of_grid(2, |step| if step == 1 { 4.0 } else { f32::NAN }), 1.0);
        assert_eq!(of_grid(0, |_| 1.0), 0.0);
    }
}
