//! Frames under other frames.

use super::{GROUPS, Hearing, Interference, Link, StageNeed, groups};
use crate::frames::budget::Kind;
use crate::frames::information::Scales;
use crate::frames::overlap::Meeting;
use crate::frames::quick::decibels;

impl Hearing {
    /// Effective ratio of a stage that other frames disturb. The receiver weights carriers by the noise that it learnt from
    /// the FCH, so that a disturber's unequal carriers cost beyond what their noise does; all else that it makes of them
    /// (symbols weighted by their power, rounding) is in the table.
    pub(super) fn disturbed(
        &self,
        link: &Link,
        needs: &StageNeed,
        clean: f32,
        interference: &Interference,
    ) -> f32 {
        let noise = &self.noise[self.tape_index(link.listener)];
        let known = interference.known.clamp(0.0, 1.0);
        let told: [f32; GROUPS] =
            std::array::from_fn(|group| noise[group] + known * interference.power[group]);
        let mean = told.iter().sum::<f32>() / GROUPS as f32;
        let groups: [(f32, f32); GROUPS] = std::array::from_fn(|group| {
            let against = noise[group] + interference.power[group];
            let believed = 0.5 * (told[group] + mean);
            (link.power[group] / against, against / believed)
        });
        let disturbed = mismatched(&needs.kind, &groups);
        let share = interference.share.min(1.0);
        let effective = needs.kind.to_db((1.0 - share) * clean + share * disturbed.min(clean));
        let meeting = Meeting {
            share: share.into(),
            known: known.into(),
            tilt_db: group_tilt_db(&link.power, &interference.power, self.carriers()).into(),
            other_tilt_db: group_tilt_db(&interference.power, noise, self.carriers()).into(),
        };
        effective + needs.overlap.offset_db(&meeting) as f32
    }

    fn carriers(&self) -> usize {
        self.modem.grid().carriers
    }
}

/// Information over groups of carriers of which each has a signal to noise and a scale.
fn mismatched(kind: &Kind, groups: &[(f32, f32); GROUPS]) -> f32 {
    let Some((table, shape_db)) = kind.products() else {
        let (mut mean, mut variance) = (0.0, f32::MIN_POSITIVE);
        for (snr, scale) in groups {
            mean += scale * snr;
            variance += scale * scale * kind.product_variance(*snr, 1.0);
        }
        return kind.sum_information(mean * mean / variance / GROUPS as f32);
    };
    let in_db = groups.map(|(snr, scale)| (decibels(snr) - shape_db, decibels(scale)));
    let carried = |scale_db: f32| -> f32 {
        in_db.iter().map(|(snr, own)| table.at(*snr, scale_db + own)).sum::<f32>() / GROUPS as f32
    };
    // One maximum: every second scale first, then the neighbours of the best.
    let better = |best: (f32, f32), scale_db: f32| {
        let now = carried(scale_db);
        if now > best.1 { (scale_db, now) } else { best }
    };
    let coarse = Scales::all().step_by(2).fold((0.0, 0.0), better);
    [-Scales::STEP_DB, Scales::STEP_DB].into_iter().map(|step| coarse.0 + step).fold(coarse, better).1
}

/// How far the ratio of two powers rises from the lowest to the highest carrier, in dB: the straight line of least squares
/// over the groups.
pub(in crate::frames) fn ratio_tilt_db(of: &[f32], to: &[f32]) -> f32 {
    group_tilt_db(&groups(of), &groups(to), of.len())
}

fn group_tilt_db(of: &[f32; GROUPS], to: &[f32; GROUPS], carriers: usize) -> f32 {
    let per_group = carriers as f32 / GROUPS as f32;
    let (mut product, mut square) = (0.0, 0.0);
    for (group, (of, to)) in of.iter().zip(to).enumerate() {
        let x = per_group * (group as f32 - 0.5 * (GROUPS - 1) as f32);
        product += x * decibels(of / to.max(f32::MIN_POSITIVE));
        square += x * x;
    }
    carriers.saturating_sub(1) as f32 * product / square
}
