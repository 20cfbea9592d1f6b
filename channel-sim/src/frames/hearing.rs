//! Who hears whom, and how well: the links of one network in a form that a frame is judged by in nanoseconds.

mod disturbed;

pub(super) use disturbed::ratio_tilt_db;

use super::budget::{Budget, PLAIN, Shapes, snr_db_of_copies};
use super::information::{Information, of_sum, sum_db};
use super::overlap::Overlap;
use super::quick::{decibels, tail};
use super::table::{Need, Stage, Table};
use super::tape::{CARRIERS, NoiseTape, STATES};
use super::windows::Windows;
use g3_phy::Modulation;
use std::sync::Arc;

/// Ways in which effective ratios are formed: as those of copies and of each plain modulation.
const KINDS: usize = 1 + PLAIN.len();
/// Groups of carriers in which interference is reckoned.
pub(super) const GROUPS: usize = 6;
/// How far beyond a need, in spreads, nothing fails.
const SURE: f32 = 5.5;
/// Effective ratio of the mean from which on a preamble is found in one window, and in three.
const ONE_WINDOW_DB: f32 = 3.0;
const THREE_WINDOWS_DB: f32 = -2.0;
/// Steps to a decibel in which tilts are kept.
const TILT_STEPS: f32 = 2.0;
/// A window loss that was not looked for yet.
const UNKNOWN: u8 = u8::MAX;
/// Steps of a window loss, of at most 12 dB, and of the FCH's.
const LOSS_STEP_DB: f32 = 0.05;
const HEADER_STEP_DB: f32 = 0.1;
/// Places of the tape that a preamble of 6.08 ms takes.
const PREAMBLE_PLACES: usize = 10;
/// Steps to a decibel in which levels are kept.
const LEVEL_STEPS: f32 = 4.0;

/// A link from one node to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) listener: u32,
    /// Windows that finding a preamble takes.
    pub(super) windows: u8,
    pub(super) lqi: u8,
    /// Added to a copy's effective ratio for the FCH, in tenths of a dB.
    header_loss: i8,
    /// Tilt of signal to noise over the carriers, in half dB.
    tilt: i8,
    /// Effective ratio in the worst state and in the best, for copies and each plain modulation, in quarters of a dB.
    worst: [i8; KINDS],
    best: [i8; KINDS],
    /// The same over all states.
    mean: [i8; KINDS],
    /// Power in each group of carriers, as that of the tape's noise.
    pub(super) power: [f32; GROUPS],
}

/// What a stage needs, in single precision.
#[derive(Clone, Debug)]
struct StageNeed {
    need: Need,
    /// Middle and spread where there are no octets.
    fixed: (f32, f32),
    /// What the noise adds to the effective ratio, in dB, by a link's tilt as an octet.
    offsets: Box<[f32; 256]>,
    /// What other frames add to the effective ratio.
    overlap: Overlap,
}

impl StageNeed {
    fn offset_db(&self, link: &Link) -> f32 {
        self.offsets[usize::from(link.tilt as u8)]
    }
}

/// All links of a network.
#[derive(Clone, Debug)]
pub(super) struct Hearing {
    /// First link of each sender; one entry more than there are nodes.
    first: Vec<u32>,
    pub(super) links: Vec<Link>,
    /// Figures of each link, [`STATES`] of each function.
    figures: Vec<u16>,
    functions: usize,
    /// Scales of the two figures of copies.
    copy_scales: Vec<[f32; 2]>,
    /// Modulations besides Robust that have figures.
    plain: Vec<Modulation>,
    needs: Vec<StageNeed>,
    shapes: Shapes,
    tapes: Arc<[NoiseTape]>,
    /// States of the quietest stretch of a preamble's length on each tape.
    quietest: Vec<[f32; STATES]>,
    /// Mean noise in each group of carriers on each tape.
    noise: Vec<[f32; GROUPS]>,
    /// Tape of each node.
    tape_of: Vec<u8>,
    /// Window losses of each link under each layout met so far.
    losses: Vec<Layout>,
}

#[derive(Clone, Debug)]
struct Layout {
    modulation: Modulation,
    symbols: u16,
    windows: Arc<Windows>,
    need_db: f64,
    /// Middle and spread.
    need: (f32, f32),
    /// Steps downwards.
    loss: Vec<u8>,
}

/// What a reception is up against besides noise.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Interference {
    /// Share of the stage that is interfered with.
    pub(super) share: f32,
    /// Mean power during that share.
    pub(super) power: [f32; GROUPS],
    /// For a payload, the share of its FCH that was interfered with: what the receiver knows of the disturber.
    pub(super) known: f32,
}

/// A stretch of a frame to be judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    /// First place on the listener's tape, and how many.
    pub(super) from: u64,
    pub(super) places: usize,
    /// The transmitter's attenuation.
    pub(super) attenuation_db: f32,
}

impl Hearing {
    /// Nodes that hear nobody yet: links are added sender by sender, in order. `tape_of` says which noise each node
    /// has.
    pub(super) fn new(
        tapes: Arc<[NoiseTape]>,
        tape_of: Vec<u8>,
        table: &Table,
        presets: &[String],
        plain: &[Modulation],
    ) -> Self {
        Self {
            first: vec![0],
            links: Vec::new(),
            figures: Vec::new(),
            functions: 2 + plain.len(),
            copy_scales: Vec::new(),
            plain: plain.to_vec(),
            needs: Stage::ALL
                .map(|stage| {
                    let need = table.need(stage, presets);
                    let (middle, spread) = need.of(0);
                    let offset = |tilt: usize| {
                        need.offset_db(f64::from(tilt as u8 as i8) / f64::from(TILT_STEPS)) as f32
                    };
                    let offsets = Box::new(std::array::from_fn(offset));
                    StageNeed {
                        need,
                        fixed: (middle as f32, spread as f32),
                        offsets,
                        overlap: table.overlap(stage),
                    }
                })
                .to_vec(),
            quietest: tapes.iter().map(|tape| tape.quietest(PREAMBLE_PLACES).map(f32::from)).collect(),
            noise: tapes.iter().map(|tape| groups(tape.mean())).collect(),
            shapes: table.shapes(),
            tapes,
            tape_of,
            losses: Vec::new(),
        }
    }

    /// Adds the next sender's links: each listener with the power it gets on every carrier. Those that hardly ever
    /// find a preamble, and are too weak to disturb, are left out.
    pub(super) fn add_sender(&mut self, listeners: impl Iterator<Item = (u32, [f32; CARRIERS])>) {
        let tapes = self.tapes.clone();
        for (listener, signal) in listeners {
            let index = self.tape_index(listener);
            let tape = &tapes[index];
            let ratio = signal.iter().sum::<f32>() / tape.mean().iter().sum::<f32>().max(f32::MIN_POSITIVE);
            if decibels(ratio) < NOWHERE_DB {
                continue;
            }
            let budget = Budget::new(&signal, tape, &self.shapes, &self.plain);
            let need = &self.needs[Stage::Preamble as usize];
            let offset = need.need.offset_db(f64::from(budget.tilt_db)) as f32;
            let best = budget.effective_db(Modulation::Robust, &self.quietest[index]) + offset;
            if best >= need.fixed.0 - HARDLY * need.fixed.1 {
                self.add_link(listener, &signal, &budget);
            }
        }
        self.first.push(self.links.len() as u32);
    }

    fn add_link(&mut self, listener: u32, signal: &[f32; CARRIERS], budget: &Budget) {
        let whole = self.tapes[self.tape_index(listener)].whole();
        let provided =
            |kind: usize| kind.checked_sub(1).map(|at| PLAIN[at]).filter(|m| self.plain.contains(m));
        let modulations: [Modulation; KINDS] =
            std::array::from_fn(|kind| provided(kind).unwrap_or(Modulation::Robust));
        let (mut worst, mut best) = ([i8::MAX; KINDS], [i8::MIN; KINDS]);
        for state in (0..STATES).filter(|&state| whole[state] > 0.0) {
            let mut alone = [0.0; STATES];
            alone[state] = 1.0;
            for ((worst, best), modulation) in worst.iter_mut().zip(&mut best).zip(modulations) {
                let level = LEVEL_STEPS * budget.effective_db(modulation, &alone);
                // Rounded towards the careful side; `as` saturates.
                *worst = (*worst).min(level.floor() as i8);
                *best = (*best).max(level.ceil() as i8);
            }
        }
        let effective = budget.effective_db(Modulation::Robust, &whole);
        let windows = match effective {
            db if db >= ONE_WINDOW_DB => 1,
            db if db >= THREE_WINDOWS_DB => 3,
            _ => 7,
        };
        let scale =
            |of: &[f32; STATES]| of.iter().fold(f32::MIN_POSITIVE, |a, &b| a.max(b)) / f32::from(u16::MAX);
        let scales = [scale(&budget.copy_mean), scale(&budget.copy_variance)];
        let mut push = |of: &[f32; STATES], scale: f32| {
            self.figures.extend(of.iter().map(|value| (value / scale).round() as u16));
        };
        push(&budget.copy_mean, scales[0]);
        push(&budget.copy_variance, scales[1]);
        for modulation in &self.plain {
            if let Some(index) = PLAIN.iter().position(|plain| plain == modulation) {
                push(&budget.information[index], 1.0 / f32::from(u16::MAX));
            }
        }
        self.copy_scales.push(scales);
        self.links.push(Link {
            listener,
            windows,
            lqi: (4.0 * (decibels(budget.snr) + 10.0)).round() as u8,
            // `as` saturates.
            tilt: (TILT_STEPS * budget.tilt_db).round() as i8,
            header_loss: (budget.header_loss_db / HEADER_STEP_DB).round() as i8,
            worst,
            best,
            mean: modulations
                .map(|modulation| (LEVEL_STEPS * budget.effective_db(modulation, &whole)).round() as i8),
            power: groups(signal),
        });
    }

    /// Links of a sender.
    pub(super) fn of(&self, sender: u32) -> std::ops::Range<usize> {
        let at = |index: usize| self.first.get(index).copied().unwrap_or(0) as usize;
        at(sender as usize)..at(sender as usize + 1)
    }

    /// Looks for the window losses of a layout on all links that are near its need, instead of when they are met.
    pub(super) fn prepare(&mut self, modulation: Modulation, symbols: u16, octets: usize) {
        let layout = self.layout(modulation, symbols, octets);
        let (stage, kind) = (Stage::payload(modulation), kind_of(Stage::payload(modulation)));
        let (middle, spread) = self.needs[stage as usize].need.of(octets);
        for index in 0..self.links.len() {
            let link = &self.links[index];
            let middle = middle as f32 - self.needs[stage as usize].offset_db(link);
            let spread = spread as f32;
            let (worst, best) =
                (f32::from(link.worst[kind]) / LEVEL_STEPS, f32::from(link.best[kind]) / LEVEL_STEPS);
            if best >= middle - SURE * spread && worst <= middle + SURE * spread + WINDOW_ROOM_DB {
                self.window_loss_db(index, layout);
            }
        }
        self.figures.shrink_to_fit();
        self.links.shrink_to_fit();
        self.copy_scales.shrink_to_fit();
    }

    /// How far a payload on a link is above what loses one frame in ten, in dB; `None` where there is no link.
    pub(super) fn margin_db(&self, from: u32, to: u32, modulation: Modulation, octets: usize) -> Option<f32> {
        let stage = Stage::payload(modulation);
        let link = self.links[self.of(from)].iter().find(|link| link.listener == to)?;
        let needs = &self.needs[stage as usize];
        let need = needs.need.tenth_db(octets) as f32 - needs.offset_db(link);
        Some(f32::from(link.mean[kind_of(stage)]) / LEVEL_STEPS - need)
    }

    fn tape_index(&self, node: u32) -> usize {
        self.tape_of.get(node as usize).map_or(0, |&tape| usize::from(tape))
    }

    /// Probability that a stage of a frame over link `index` fails.
    pub(super) fn failure(
        &mut self,
        index: usize,
        stage: Stage,
        layout: Option<usize>,
        stretch: &Stretch,
        interference: &Interference,
    ) -> f32 {
        let Some(link) = self.links.get(index).copied() else { return 1.0 };
        let (middle, spread) = match layout.and_then(|layout| self.losses.get(layout)) {
            Some(layout) => layout.need,
            None => self.needs[stage as usize].fixed,
        };
        let kind = kind_of(stage);
        let mut shift = self.needs[stage as usize].offset_db(&link) - stretch.attenuation_db;
        if stage == Stage::Header {
            shift += f32::from(link.header_loss) * HEADER_STEP_DB;
        }
        let best = f32::from(link.best[kind]) / LEVEL_STEPS;
        if best + shift < middle - SURE * spread {
            return 1.0;
        }
        let worst = f32::from(link.worst[kind]) / LEVEL_STEPS + shift;
        // A window loss is at most as large as what the worst carriers lack; far above the need there is none.
        let sure = worst > middle + SURE * spread + WINDOW_ROOM_DB;
        if interference.share <= 0.0 && sure {
            return 0.0;
        }
        // It is that of a link near its need, and says nothing of unequal carriers of what disturbs.
        let window_loss = match layout {
            Some(layout) if !sure => self.window_loss_db(index, layout),
            _ => 0.0,
        };
        let clean = self.clean(index, kind, stretch);
        let alone = self.to_db(kind, clean) + window_loss;
        let effective = match interference.share > 0.0 {
            true => alone.min(self.disturbed(&link, stage, clean, interference)),
            false => alone,
        };
        tail((effective + shift - middle) / spread)
    }

    /// Information of a bit over a stretch without interference; of the sum of four copies for kind 0.
    fn clean(&self, index: usize, kind: usize, stretch: &Stretch) -> f32 {
        let tape = &self.tapes[self.tape_index(self.links[index].listener)];
        let histogram = tape.histogram(stretch.from, stretch.places);
        let at = index * self.functions * STATES;
        let sum = |function: usize| -> f32 {
            let figures = &self.figures[at + function * STATES..][..STATES];
            let sum: u64 = figures
                .iter()
                .zip(&histogram)
                .map(|(&figure, &count)| u64::from(figure) * u64::from(count))
                .sum();
            sum as f32 / stretch.places.max(1) as f32
        };
        let function = match kind {
            0 => None,
            kind => self.plain.iter().position(|plain| *plain == PLAIN[kind - 1]),
        };
        match function {
            Some(function) => sum(2 + function) / f32::from(u16::MAX),
            None => {
                let [mean, variance] = self.copy_scales[index];
                let (mean, variance) = (sum(0) * mean, sum(1) * variance);
                let copies = sum_information(mean * mean / variance.max(f32::MIN_POSITIVE));
                // A modulation that was not provided for is judged by its copies' ratio.
                if kind == 0 { copies } else { self.carried(kind, snr_db_of_copies(mean, variance)) }
            }
        }
    }

    /// Information at an effective ratio.
    fn carried(&self, kind: usize, db: f32) -> f32 {
        match kind {
            0 => {
                let snr = libm::powf(10.0, db / 10.0);
                sum_information(snr * snr / (snr + 0.5))
            }
            kind => Information::of(PLAIN[kind - 1]).flat_fast(db - self.shapes.plain_db[kind - 1]),
        }
    }

    /// Effective ratio of an information.
    fn to_db(&self, kind: usize, information: f32) -> f32 {
        match kind {
            0 => snr_db_of_copies(1.0, 4.0 / libm::powf(10.0, sum_db(information) / 10.0).max(1e-6)),
            kind => Information::of(PLAIN[kind - 1]).snr_db(information) + self.shapes.plain_db[kind - 1],
        }
    }

    /// A number for a payload's layout.
    pub(super) fn layout(&mut self, modulation: Modulation, symbols: u16, octets: usize) -> usize {
        let known = self.losses.iter().position(|l| l.modulation == modulation && l.symbols == symbols);
        known.unwrap_or_else(|| {
            let need = &self.needs[Stage::payload(modulation) as usize].need;
            let (need_db, (middle, spread)) = (need.tenth_db(octets), need.of(octets));
            let need = (middle as f32, spread as f32);
            let windows = Windows::shared(modulation, symbols);
            self.losses.push(Layout {
                modulation,
                symbols,
                windows,
                need_db,
                need,
                loss: vec![UNKNOWN; self.links.len()],
            });
            self.losses.len() - 1
        })
    }

    /// What the interleaver of a layout costs a link, in dB; looked for when it is first asked for.
    fn window_loss_db(&mut self, index: usize, layout: usize) -> f32 {
        let Some(entry) = self.losses.get(layout) else { return 0.0 };
        if entry.loss[index] == UNKNOWN {
            let per_group = CARRIERS / GROUPS;
            let power = self.links[index].power;
            // Between the groups' middles the carriers lie on straight lines in dB, which go on to the band's edges.
            let signal: [f32; CARRIERS] = std::array::from_fn(|carrier| {
                let at = (carrier as f32 + 0.5) / per_group as f32 - 0.5;
                let group = (at.max(0.0) as usize).min(GROUPS - 2);
                let rest = at - group as f32;
                libm::powf(power[group].max(1e-30), 1.0 - rest)
                    * libm::powf(power[group + 1].max(1e-30), rest)
            });
            let tape = &self.tapes[self.tape_index(self.links[index].listener)];
            let budget = Budget::new(&signal, tape, &self.shapes, &[entry.modulation]);
            let offset = self.needs[Stage::payload(entry.modulation) as usize].offset_db(&self.links[index]);
            let need_db = entry.need_db - f64::from(offset);
            let loss = budget.window_loss_db(entry.modulation, &entry.windows, need_db);
            let steps = (-loss as f32 / LOSS_STEP_DB).round().min(f32::from(UNKNOWN) - 1.0) as u8;
            self.losses[layout].loss[index] = steps;
        }
        -f32::from(self.losses[layout].loss[index]) * LOSS_STEP_DB
    }

    /// Octets in memory.
    pub(super) fn size(&self) -> usize {
        self.first.capacity() * 4
            + self.links.capacity() * size_of::<Link>()
            + self.figures.capacity() * 2
            + self.copy_scales.capacity() * 8
            + self.losses.iter().map(|layout| layout.loss.capacity()).sum::<usize>()
            + self.tape_of.capacity()
    }
}

/// How a stage's levels are counted: 0 as those of copies, else as those of [`PLAIN`].
fn kind_of(stage: Stage) -> usize {
    match stage {
        Stage::Dbpsk => 1,
        Stage::Dqpsk => 2,
        Stage::D8psk => 3,
        Stage::Bpsk => 4,
        Stage::Qpsk => 5,
        Stage::Psk8 => 6,
        Stage::Preamble | Stage::Header | Stage::Robust => 0,
    }
}

/// Means over groups of carriers.
fn groups(carriers: &[f32; CARRIERS]) -> [f32; GROUPS] {
    let size = CARRIERS / GROUPS;
    std::array::from_fn(|group| carriers[group * size..][..size].iter().sum::<f32>() / size as f32)
}

/// Information of the sum of four copies of which each has a squared mean of `d` variances.
fn sum_information(d: f32) -> f32 {
    of_sum(decibels((4.0 * d).max(1e-6)), 0.0)
}

/// How far, in spreads, a preamble in the quietest stretch of noise may be below what half of the preambles need for
/// the link to be one: one in fifty is found. In white noise that is at -14 dB, which adds less than 0.2 dB to the noise.
const HARDLY: f32 = 2.0;
/// Mean signal to noise at which a link is none whatever the states of the noise, in dB.
const NOWHERE_DB: f32 = -45.0;
/// Room above a need in which window losses are looked for.
const WINDOW_ROOM_DB: f32 = 6.0;

#[cfg(test)]
mod tests {
    use super::super::calibrate::NamedNoise;
    use super::super::tape::PLACES;
    use super::*;
    use crate::noise::Port;

    /// A flat link in a preset's noise, `db` above the mean of all noise.
    fn link(preset: &str, db: f32, plain: &[Modulation]) -> (NoiseTape, [f32; CARRIERS], Hearing) {
        let noise = NamedNoise::new(&[preset]).unwrap();
        let tape = NoiseTape::listen(&noise.plan, Port::L1, 3);
        let mean = tape.mean().iter().sum::<f32>() / CARRIERS as f32;
        let signal = [mean * libm::powf(10.0, db / 10.0); CARRIERS];
        let mut hearing =
            Hearing::new([tape.clone()].into(), vec![0; 2], &Table::built_in(), &noise.names, plain);
        hearing.add_sender([(1, signal)].into_iter());
        (tape, signal, hearing)
    }

    #[test]
    fn between_bursts_a_preamble_is_found_that_is_far_below_the_mean_of_all_noise() {
        assert!(link("n0", -16.0, &[]).2.links.is_empty());
        let (tape, _, mut hearing) = link("n5a", -16.0, &[]);
        assert_eq!(hearing.links.len(), 1);
        let best = (0..(tape.periods() * PLACES) as u64)
            .map(|from| Stretch { from, places: PREAMBLE_PLACES, attenuation_db: 0.0 })
            .map(|stretch| hearing.failure(0, Stage::Preamble, None, &stretch, &Interference::default()))
            .fold(1.0, f32::min);
        assert!(best < 0.1, "{best}");
        assert!(link("n5a", -40.0, &[]).2.links.is_empty());
    }

    #[test]
    fn what_a_network_keeps_of_a_link_is_its_budget_to_a_twentieth_of_a_decibel() {
        // Levels at which frames begin to fail.
        for (preset, shift_db) in [("n0", 0.0), ("n1", 0.0), ("n2", 0.0), ("n3a", -4.0), ("n3b", -8.0)] {
            for (kind, (modulation, db)) in
                [-3.0, 3.0, 6.0, 9.0, 0.0, 3.0, 6.0].into_iter().enumerate().map(|(kind, db)| {
                    (kind, (kind.checked_sub(1).map_or(Modulation::Robust, |at| PLAIN[at]), db))
                })
            {
                let (tape, signal, hearing) = link(preset, db + shift_db, &PLAIN);
                let budget = Budget::new(&signal, &tape, &Table::built_in().shapes(), &PLAIN);
                for from in [0, 5, 17, 30] {
                    let stretch = Stretch { from, places: 40, attenuation_db: 0.0 };
                    let kept = hearing.to_db(kind, hearing.clean(0, kind, &stretch));
                    let exact = budget.effective_db(modulation, &tape.histogram(from, 40).map(f32::from));
                    assert!((kept - exact).abs() < 0.05, "{preset} {modulation:?}: {kept} for {exact} dB");
                }
            }
        }
    }
}
