//! Modulation, tone map and gain that a receiver recommends in a tone map response, from the signal to noise that it
//! measured on each carrier (digest 10.2).
//!
//! A frame of carriers of unequal quality counts as one of equal ones with the same mean of log(1 + SNR), where what a
//! carrier has beyond four times the need counts no more. Needs are those of digest 11.3 in CENELEC-A with 100 octets;
//! other bands and lengths differ by a few tenths of a decibel, which the margin covers.

use crate::band::{BandPlan, MAX_CARRIERS};
use crate::layout::PayloadLayout;
use crate::pre_emphasis::{MAX_GROUPS, PreEmphasis};
use crate::timing;
use crate::tone::{ToneMap, ToneMask};
use crate::{Modulation, pilots};
use plc_core::units::power_to_db;

/// What is asked of a link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Frame error rate, 0.0001 to 0.1.
    pub frame_error_rate: f32,
    /// What is kept in reserve for measurement errors and what changes until the next response.
    pub margin_db: f32,
    /// Whether the sender understands coherent modulations.
    pub coherent: bool,
}

impl Default for Target {
    /// One frame in a hundred, a reserve of 2 dB, differential.
    fn default() -> Self {
        Self { frame_error_rate: 0.01, margin_db: 2.0, coherent: false }
    }
}

/// What a tone map response says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recommendation {
    /// Modulation.
    pub modulation: Modulation,
    /// Groups of carriers.
    pub tone_map: ToneMap,
    /// TXRES and TXGAIN: less where the fastest modulation on all carriers has more than it needs, more where Robust has
    /// not enough. Coefficients stay zero.
    pub emphasis: PreEmphasis,
    /// What is left above need and margin before the gain changes, in dB; negative where the target is not reached.
    pub reserve_db: f32,
}

/// The combination with the highest rate that reaches the target; Robust on all carriers where none does. `snr` is a power
/// ratio for each unmasked carrier, the lowest first. `None` where no carrier is left.
pub fn recommend(
    plan: &BandPlan,
    mask: ToneMask,
    snr: impl Iterator<Item = f32>,
    target: &Target,
) -> Option<Recommendation> {
    let mut of_carrier = [0.0_f32; MAX_CARRIERS];
    for (offset, snr) in plan.unmasked(mask).offsets().zip(snr) {
        *of_carrier.get_mut(offset)? = snr.max(0.0);
    }
    let full = plan.full_tone_map();
    let modulations = Modulation::ALL.into_iter().chain(Modulation::COHERENT);
    let usable = modulations
        .filter(|modulation| !modulation.is_coherent() || target.coherent && plan.pilots.offset.is_some());
    let mut best: Option<(f32, Recommendation)> = None;
    for modulation in usable {
        let need_db = need_db(modulation, target.frame_error_rate) + target.margin_db;
        // From all groups down, the worst goes first.
        let mut tone_map = full;
        loop {
            let reserve_db = effective_db(plan, mask, tone_map, &of_carrier, need_db) - need_db;
            let Some(rate) = rate(plan, mask, tone_map, modulation) else { break };
            let found = Recommendation { modulation, tone_map, emphasis: PreEmphasis::default(), reserve_db };
            if reserve_db >= 0.0 {
                if best.is_none_or(|(best, _)| rate > best) {
                    best = Some((rate, found));
                }
                break;
            }
            let Some(worst) = worst_group(plan, mask, tone_map, &of_carrier) else { break };
            tone_map.0 &= !(1 << worst);
        }
    }
    let robust_need_db = need_db(Modulation::Robust, target.frame_error_rate) + target.margin_db;
    let robust_db = effective_db(plan, mask, full, &of_carrier, robust_need_db);
    let fallback = Recommendation {
        modulation: Modulation::Robust,
        tone_map: full,
        emphasis: PreEmphasis::default(),
        reserve_db: robust_db - robust_need_db,
    };
    if plan.active(mask, full).is_empty() {
        return None;
    }
    let mut found = best.map_or(fallback, |(_, found)| found);
    let step_db = found.emphasis.resolution.step_db();
    let fastest = found.modulation.bits_per_carrier() == 3 && found.tone_map == full;
    if fastest || found.reserve_db < 0.0 {
        // What is too much is taken off in whole steps; what is missing is asked for in full.
        let steps = -libm::floorf(found.reserve_db / step_db);
        found.emphasis.gain = steps.clamp(-7.0, 7.0) as i8;
    }
    Some(found)
}

/// SNR in dB that a modulation needs on each carrier: digest 11.3's two points, and a straight line through them over the
/// logarithm of the frame error rate.
pub fn need_db(modulation: Modulation, frame_error_rate: f32) -> f32 {
    let (at_10_percent, at_1_percent) = match modulation {
        Modulation::Robust => (-2.0, -1.65),
        Modulation::Dbpsk => (1.8, 2.2),
        Modulation::Dqpsk => (4.7, 5.2),
        Modulation::D8psk => (8.05, 8.55),
        Modulation::RobustCoherent => (-7.05, -6.5),
        Modulation::Bpsk => (-1.4, -0.9),
        Modulation::Qpsk => (1.6, 2.05),
        Modulation::Psk8 => (4.8, 5.3),
        // No curve known: what three decibels a bit beyond 8PSK make.
        Modulation::Qam16 => (7.8, 8.3),
    };
    let decades = -libm::log10f(10.0 * frame_error_rate.clamp(1e-4, 0.1));
    // The FCH and the preamble go before every payload.
    (at_10_percent + decades * (at_1_percent - at_10_percent)).max(-3.4)
}

/// Bits a second of the longest frame's payload with its preamble and header.
fn rate(plan: &BandPlan, mask: ToneMask, tone_map: ToneMap, modulation: Modulation) -> Option<f32> {
    let layout = PayloadLayout::largest(plan, mask, tone_map, modulation)?;
    let airtime = timing::data_airtime(plan, mask, modulation, layout.symbols);
    let active = plan.active(mask, tone_map).len();
    // Fewer than eleven carriers are not considered safe (digest 8.1).
    (active - pilots::count(plan, modulation, active) >= 11)
        .then(|| 8.0 * f32::from(layout.psdu_capacity) / plc_core::time::as_seconds_f64(airtime) as f32)
}

fn effective_db(
    plan: &BandPlan,
    mask: ToneMask,
    tone_map: ToneMap,
    of_carrier: &[f32; MAX_CARRIERS],
    need_db: f32,
) -> f32 {
    let most = 4.0 * plc_core::units::db_to_power(need_db);
    let active = plan.active(mask, tone_map);
    // Where every carrier has more than counts, the mean is of all that they have.
    let least =
        active.offsets().filter_map(|offset| of_carrier.get(offset)).copied().fold(f32::MAX, f32::min);
    let most = most.max(least);
    let logs = active
        .offsets()
        .filter_map(|offset| of_carrier.get(offset))
        .map(|snr| libm::logf(1.0 + snr.min(most)));
    let mean = logs.sum::<f32>() / active.len().max(1) as f32;
    power_to_db((libm::expf(mean) - 1.0).max(1e-6))
}

fn worst_group(
    plan: &BandPlan,
    mask: ToneMask,
    tone_map: ToneMap,
    of_carrier: &[f32; MAX_CARRIERS],
) -> Option<usize> {
    let mut worst: Option<(f32, usize)> = None;
    for group in (0..MAX_GROUPS).filter(|group| tone_map.0 >> group & 1 == 1) {
        let active = plan.active(mask, ToneMap(1 << group));
        if active.is_empty() {
            continue;
        }
        let logs =
            active.offsets().filter_map(|offset| of_carrier.get(offset)).map(|snr| libm::logf(1.0 + snr));
        let mean = logs.sum::<f32>() / active.len() as f32;
        if worst.is_none_or(|(least, _)| mean < least) {
            worst = Some((mean, group));
        }
    }
    worst.map(|(_, group)| group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plc_core::units::db_to_power;

    const PLAN: BandPlan = BandPlan::CENELEC_A;

    fn flat(db: f32, target: &Target) -> Recommendation {
        recommend(&PLAN, ToneMask::ALL, core::iter::repeat_n(db_to_power(db), 36), target).unwrap()
    }

    #[test]
    fn better_lines_get_faster_modulations_and_at_last_less_gain() {
        let target = Target::default();
        for (db, modulation) in [
            (0.4, Modulation::Robust),
            (5.0, Modulation::Dbpsk),
            (8.0, Modulation::Dqpsk),
            (11.0, Modulation::D8psk),
        ] {
            let found = flat(db, &target);
            assert_eq!(
                (found.modulation, found.tone_map.0, found.emphasis.gain),
                (modulation, 0x3F, 0),
                "{db}"
            );
        }
        let strong = flat(30.0, &target);
        assert_eq!((strong.modulation, strong.emphasis.gain), (Modulation::D8psk, -6), "19.45 dB too much");
        let weak = flat(-5.0, &target);
        assert_eq!((weak.modulation, weak.emphasis.gain), (Modulation::Robust, 2), "5.35 dB are missing");
        assert_eq!(flat(8.0, &Target { coherent: true, ..target }).modulation, Modulation::Psk8);
        assert_eq!(recommend(&PLAN, ToneMask(0), core::iter::empty(), &target), None);
    }

    #[test]
    fn a_disturbed_group_is_left_out_where_that_is_faster() {
        let snr = (0..36).map(|carrier| db_to_power(if (12..18).contains(&carrier) { -10.0 } else { 11.5 }));
        let found = recommend(&PLAN, ToneMask::ALL, snr, &Target::default()).unwrap();
        assert_eq!((found.modulation, found.tone_map.0), (Modulation::D8psk, 0b11_1011));
    }

    #[test]
    fn needs_pass_through_both_points_of_table_11_3() {
        assert!((need_db(Modulation::Dqpsk, 0.1) - 4.7).abs() < 1e-5);
        assert!((need_db(Modulation::Dqpsk, 0.01) - 5.2).abs() < 1e-5);
    }
}
