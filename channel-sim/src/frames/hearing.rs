//! Who hears whom, and how well: the links of one network in a form that a frame is judged by in nanoseconds.

mod disturbed;

pub(super) use disturbed::ratio_tilt_db;

use super::budget::{Budget, Kind, Kinds};
use super::modem::{Modem, Span, Stage};
use super::overlap::Overlap;
use super::quick::{decibels, tail};
use super::table::{Need, Table};
use super::tape::{NoiseTape, STATES};
use super::windows::Windows;
use std::sync::Arc;

/// Ways in which a network's effective ratios are formed, at most: those of preamble and header, and of payloads that it provides
/// for.
const KINDS: usize = 4;
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
    /// Effective ratio in the worst state and in the best, for each kind, in quarters of a dB.
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
    kind: Kind,
    /// Place of its kind among those that links have figures of; a stage without is judged by the preamble's.
    place: Option<usize>,
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
    /// First function of each kind.
    function_of: Vec<usize>,
    /// Scales of each link's figures of copies.
    copy_scales: Vec<[f32; 2]>,
    /// Kinds of copies: each has its scales.
    copy_kinds: usize,
    kinds: Arc<Kinds>,
    modem: Arc<Modem>,
    /// Of each stage of the modem.
    needs: Vec<StageNeed>,
    /// Place in `needs` of each stage there is; a stage that the modem has not is judged as its stand-in.
    need_of: [u8; Stage::ALL.len()],
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
    mode: Stage,
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
    /// has. Preamble, header and `payloads` are provided for; of other payloads the ratio is that of the preamble's products.
    pub(super) fn new(
        modem: &Arc<Modem>,
        tapes: Arc<[NoiseTape]>,
        tape_of: Vec<u8>,
        table: &Table,
        presets: &[String],
        payloads: &[Stage],
    ) -> Self {
        // A way of making bits has the shape that its payload was calibrated with.
        let shape_db = |detection| {
            let same = |stage: &&Stage| modem.stage(**stage).is_some_and(|r| r.detection == detection);
            let stages: Vec<Stage> = modem.payloads().collect();
            stages.iter().find(same).map_or(0.0, |stage| table.shape_db(*stage))
        };
        let kinds_of: Vec<Kind> = modem
            .stages()
            .iter()
            .map(|reception| {
                let own = reception.stage.is_payload().then(|| table.shape_db(reception.stage));
                Kind::new(reception.detection, own.unwrap_or_else(|| shape_db(reception.detection)))
            })
            .collect();
        let provided = |stage: Stage| payloads.contains(&stage);
        let begins = |stage: Stage| {
            let mut modes = modem.modes.iter().filter(|mode| payloads.is_empty() || provided(mode.stage));
            modes.any(|mode| mode.before.contains(&stage))
        };
        let mut all: Vec<Kind> = Vec::new();
        let mut header = 0;
        for (reception, kind) in modem.stages().iter().zip(&kinds_of) {
            if (provided(reception.stage) || begins(reception.stage)) && all.len() < KINDS {
                if !all.contains(kind) {
                    all.push(kind.clone());
                }
                if reception.stage.is_header() {
                    header = all.iter().position(|of| of == kind).unwrap_or_default();
                }
            }
        }
        let mut functions = 0;
        let function_of = all
            .iter()
            .map(|kind| {
                functions += kind.functions();
                functions - kind.functions()
            })
            .collect();
        let needs: Vec<StageNeed> = modem
            .stages()
            .iter()
            .zip(&kinds_of)
            .map(|(reception, kind)| {
                let need = table.need(reception.stage, presets);
                let (middle, spread) = need.of(0);
                let offset =
                    |tilt: usize| need.offset_db(f64::from(tilt as u8 as i8) / f64::from(TILT_STEPS)) as f32;
                let offsets = Box::new(std::array::from_fn(offset));
                StageNeed {
                    kind: kind.clone(),
                    place: all.iter().position(|of| of == kind),
                    need,
                    fixed: (middle as f32, spread as f32),
                    offsets,
                    overlap: table.overlap(reception.stage),
                }
            })
            .collect();
        let need_of = Stage::ALL.map(|stage| {
            let place = |stage: Stage| modem.stages().iter().position(|r| r.stage == stage);
            place(stage).or_else(|| place(stage.stand_in()?)).unwrap_or_default() as u8
        });
        let preamble_places = modem.preamble_places();
        Self {
            first: vec![0],
            links: Vec::new(),
            figures: Vec::new(),
            functions,
            function_of,
            copy_scales: Vec::new(),
            copy_kinds: all.iter().filter(|kind| kind.functions() == 2).count(),
            kinds: Arc::new(Kinds { all, header, header_limit: modem.header_limit }),
            modem: modem.clone(),
            needs,
            need_of,
            quietest: tapes.iter().map(|tape| tape.quietest(preamble_places).map(f32::from)).collect(),
            noise: tapes.iter().map(|tape| groups(tape.mean())).collect(),
            tapes,
            tape_of,
            losses: Vec::new(),
        }
    }

    fn need(&self, stage: Stage) -> &StageNeed {
        &self.needs[usize::from(self.need_of[stage as usize])]
    }

    /// Adds the next sender's links: each listener with the power it gets on every carrier. Those that hardly ever
    /// find a preamble, and are too weak to disturb, are left out.
    pub(super) fn add_sender(&mut self, listeners: impl Iterator<Item = (u32, Vec<f32>)>) {
        let tapes = self.tapes.clone();
        for (listener, signal) in listeners {
            let index = self.tape_index(listener);
            let tape = &tapes[index];
            let ratio = signal.iter().sum::<f32>() / tape.mean().iter().sum::<f32>().max(f32::MIN_POSITIVE);
            if decibels(ratio) < NOWHERE_DB {
                continue;
            }
            let budget = Budget::new(&signal, tape, &self.kinds);
            let need = &self.needs[0];
            let offset = need.need.offset_db(f64::from(budget.tilt_db)) as f32;
            let best = budget.effective_db(0, &self.quietest[index]) + offset;
            if best >= need.fixed.0 - HARDLY * need.fixed.1 {
                self.add_link(listener, &signal, &budget);
            }
        }
        self.first.push(self.links.len() as u32);
    }

    fn add_link(&mut self, listener: u32, signal: &[f32], budget: &Budget) {
        let whole = self.tapes[self.tape_index(listener)].whole();
        let kinds = self.kinds.all.len();
        let (mut worst, mut best) = ([i8::MAX; KINDS], [i8::MIN; KINDS]);
        for state in (0..STATES).filter(|&state| whole[state] > 0.0) {
            let mut alone = [0.0; STATES];
            alone[state] = 1.0;
            for (kind, (worst, best)) in worst.iter_mut().zip(&mut best).enumerate().take(kinds) {
                let level = LEVEL_STEPS * budget.effective_db(kind, &alone);
                // Rounded towards the careful side; `as` saturates.
                *worst = (*worst).min(level.floor() as i8);
                *best = (*best).max(level.ceil() as i8);
            }
        }
        let effective = budget.effective_db(0, &whole);
        let windows = match effective {
            db if db >= ONE_WINDOW_DB => 1,
            db if db >= THREE_WINDOWS_DB => 3,
            _ => 7,
        };
        let mut mean = [0; KINDS];
        for (kind, mean) in mean.iter_mut().enumerate().take(kinds) {
            *mean = (LEVEL_STEPS * budget.effective_db(kind, &whole)).round() as i8;
            let states = &budget.figures(kind).states;
            let scales = match &states[..] {
                [of, and] => {
                    let scale = |of: &[f32; STATES]| {
                        of.iter().fold(f32::MIN_POSITIVE, |a, &b| a.max(b)) / f32::from(u16::MAX)
                    };
                    let scales = [scale(of), scale(and)];
                    self.copy_scales.push(scales);
                    scales
                }
                _ => [1.0 / f32::from(u16::MAX); 2],
            };
            for (of, scale) in states.iter().zip(scales) {
                self.figures.extend(of.iter().map(|value| (value / scale).round() as u16));
            }
        }
        self.links.push(Link {
            listener,
            windows,
            lqi: (4.0 * (decibels(budget.snr) + 10.0)).round() as u8,
            // `as` saturates.
            tilt: (TILT_STEPS * budget.tilt_db).round() as i8,
            header_loss: (budget.header_loss_db / HEADER_STEP_DB).round() as i8,
            worst,
            best,
            mean,
            power: groups(signal),
        });
    }

    /// Links of a sender.
    pub(super) fn of(&self, sender: u32) -> std::ops::Range<usize> {
        let at = |index: usize| self.first.get(index).copied().unwrap_or(0) as usize;
        at(sender as usize)..at(sender as usize + 1)
    }

    /// Looks for the window losses of a layout on all links that are near its need, instead of when they are met.
    pub(super) fn prepare(&mut self, mode: Stage, symbols: u16, octets: usize) {
        let layout = self.layout(mode, symbols, octets);
        let kind = self.need(mode).place.unwrap_or_default();
        let (middle, spread) = self.need(mode).need.of(octets);
        for index in 0..self.links.len() {
            let link = &self.links[index];
            let middle = middle as f32 - self.need(mode).offset_db(link);
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
    pub(super) fn margin_db(&self, from: u32, to: u32, mode: Stage, octets: usize) -> Option<f32> {
        let link = self.links[self.of(from)].iter().find(|link| link.listener == to)?;
        let needs = self.need(mode);
        let need = needs.need.tenth_db(octets) as f32 - needs.offset_db(link);
        Some(f32::from(link.mean[needs.place.unwrap_or_default()]) / LEVEL_STEPS - need)
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
        let needs = self.need(stage);
        let (middle, spread) = match layout.and_then(|layout| self.losses.get(layout)) {
            Some(layout) => layout.need,
            None => needs.fixed,
        };
        let place = needs.place.unwrap_or_default();
        let mut shift = needs.offset_db(&link) - stretch.attenuation_db;
        if stage.is_header() {
            shift += f32::from(link.header_loss) * HEADER_STEP_DB;
        }
        let best = f32::from(link.best[place]) / LEVEL_STEPS;
        if best + shift < middle - SURE * spread {
            return 1.0;
        }
        let worst = f32::from(link.worst[place]) / LEVEL_STEPS + shift;
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
        let needs = self.need(stage);
        if self.modem.span == Span::Symbol && interference.share <= 0.0 {
            let one = |place: usize| Stretch { from: stretch.from + place as u64, places: 1, ..*stretch };
            return together((0..stretch.places.max(1)).map(|place| {
                let clean = self.clean(index, needs, &one(place));
                (needs.kind.to_db(clean) + window_loss + shift - middle) / spread
            }));
        }
        let clean = self.clean(index, needs, stretch);
        let alone = needs.kind.to_db(clean) + window_loss;
        let effective = match interference.share > 0.0 {
            true => alone.min(self.disturbed(&link, needs, clean, interference)),
            false => alone,
        };
        tail((effective + shift - middle) / spread)
    }

    /// Information of a bit over a stretch without interference, or of the sum of its copies.
    fn clean(&self, index: usize, needs: &StageNeed, stretch: &Stretch) -> f32 {
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
        let place = needs.place.unwrap_or_default();
        let kind = &self.kinds.all[place];
        let first = self.function_of[place];
        let information = match kind.functions() {
            1 => sum(first) / f32::from(u16::MAX),
            _ => {
                let before = self.kinds.all[..place].iter().filter(|kind| kind.functions() == 2).count();
                let [mean, variance] = self.copy_scales[index * self.copy_kinds + before];
                let (mean, variance) = (sum(first) * mean, sum(first + 1) * variance);
                if needs.place.is_none() {
                    return needs.kind.carried(kind.snr_db_of_copies(mean, variance));
                }
                kind.sum_information(mean * mean / variance.max(f32::MIN_POSITIVE))
            }
        };
        // A stage that was not provided for is judged by the preamble's ratio.
        if needs.place.is_none() { needs.kind.carried(kind.to_db(information)) } else { information }
    }

    /// A number for a payload's layout.
    pub(super) fn layout(&mut self, mode: Stage, symbols: u16, octets: usize) -> usize {
        let known = self.losses.iter().position(|l| l.mode == mode && l.symbols == symbols);
        known.unwrap_or_else(|| {
            let need = &self.need(mode).need;
            let (need_db, (middle, spread)) = (need.tenth_db(octets), need.of(octets));
            let need = (middle as f32, spread as f32);
            let windows = self.modem.windows(mode, symbols);
            let loss = vec![UNKNOWN; self.links.len()];
            self.losses.push(Layout { mode, symbols, windows, need_db, need, loss });
            self.losses.len() - 1
        })
    }

    /// What the interleaver of a layout costs a link, in dB; looked for when it is first asked for.
    fn window_loss_db(&mut self, index: usize, layout: usize) -> f32 {
        let Some(entry) = self.losses.get(layout) else { return 0.0 };
        if entry.loss[index] == UNKNOWN {
            let tape = &self.tapes[self.tape_index(self.links[index].listener)];
            let carriers = tape.mean().len();
            let per_group = carriers as f32 / GROUPS as f32;
            let power = self.links[index].power;
            // Between the groups' middles the carriers lie on straight lines in dB, which go on to the band's edges.
            let of_carrier = |carrier: usize| {
                let at = (carrier as f32 + 0.5) / per_group - 0.5;
                let group = (at.max(0.0) as usize).min(GROUPS - 2);
                let rest = at - group as f32;
                libm::powf(power[group].max(1e-30), 1.0 - rest)
                    * libm::powf(power[group + 1].max(1e-30), rest)
            };
            let signal: Vec<f32> = (0..carriers).map(of_carrier).collect();
            let needs = self.need(entry.mode);
            let kinds = Kinds { all: vec![needs.kind.clone()], header: 0, header_limit: None };
            let budget = Budget::new(&signal, tape, &Arc::new(kinds));
            let offset = needs.offset_db(&self.links[index]);
            let need_db = entry.need_db - f64::from(offset);
            let copies = usize::from(needs.kind.detection().copies);
            let loss = budget.window_loss_db(0, copies, &entry.windows, need_db);
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

/// Failure of a stage that fails where one of its symbols does. Each is given by how far it is above the need, in spreads: a stage
/// all of whose symbols are like it is right with a probability of Q(-above).
fn together(above: impl ExactSizeIterator<Item = f32>) -> f32 {
    const FAR: f32 = 5.0;
    const HALF_LN_TAU: f32 = 0.918_938_5;
    let count = above.len().max(1) as f32;
    let ln_right = |above: f32| match -above {
        // The normal distribution's tail, far out.
        below if below > FAR => -0.5 * below * below - libm::logf(below) - HALF_LN_TAU,
        below => libm::logf(tail(below)),
    };
    -libm::expm1f(above.map(ln_right).sum::<f32>() / count)
}

/// Means over groups of carriers.
fn groups(carriers: &[f32]) -> [f32; GROUPS] {
    std::array::from_fn(|group| {
        let of = &carriers[group * carriers.len() / GROUPS..(group + 1) * carriers.len() / GROUPS];
        of.iter().sum::<f32>() / of.len().max(1) as f32
    })
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
    fn link(preset: &str, db: f32, payloads: &[Stage]) -> (NoiseTape, Vec<f32>, Hearing) {
        let modem = Arc::new(Modem::cenelec_a());
        let noise = NamedNoise::new(&[preset], &modem).unwrap();
        let tape = NoiseTape::listen(&noise.plan, Port::L1, 3, modem.grid());
        let mean = tape.mean().iter().sum::<f32>() / tape.mean().len() as f32;
        let signal = vec![mean * libm::powf(10.0, db / 10.0); tape.mean().len()];
        let (tapes, table) = ([tape.clone()].into(), Table::built_in());
        let mut hearing = Hearing::new(&modem, tapes, vec![0; 2], &table, &noise.names, payloads);
        hearing.add_sender([(1, signal.clone())].into_iter());
        (tape, signal, hearing)
    }

    #[test]
    fn between_bursts_a_preamble_is_found_that_is_far_below_the_mean_of_all_noise() {
        assert!(link("n0", -16.0, &[]).2.links.is_empty());
        let (tape, _, mut hearing) = link("n5a", -16.0, &[]);
        assert_eq!(hearing.links.len(), 1);
        let best = (0..(tape.periods() * PLACES) as u64)
            .map(|from| Stretch { from, places: 10, attenuation_db: 0.0 })
            .map(|stretch| hearing.failure(0, Stage::Preamble, None, &stretch, &Interference::default()))
            .fold(1.0, f32::min);
        assert!(best < 0.1, "{best}");
        assert!(link("n5a", -40.0, &[]).2.links.is_empty());
    }

    #[test]
    fn what_a_network_keeps_of_a_link_is_its_budget_to_a_twentieth_of_a_decibel() {
        let modem = Modem::cenelec_a();
        // Levels at which frames begin to fail.
        for (preset, shift_db) in [("n0", 0.0), ("n1", 0.0), ("n2", 0.0), ("n3a", -4.0), ("n3b", -8.0)] {
            for (stage, db) in modem.payloads().zip([-3.0, 3.0, 6.0, 9.0, 0.0, 3.0, 6.0]) {
                let (tape, signal, hearing) = link(preset, db + shift_db, &[stage]);
                let needs = hearing.need(stage);
                let budget = Budget::new(&signal, &tape, &hearing.kinds);
                for from in [0, 5, 17, 30] {
                    let stretch = Stretch { from, places: 40, attenuation_db: 0.0 };
                    let kept = needs.kind.to_db(hearing.clean(0, needs, &stretch));
                    let share = tape.histogram(from, 40).map(f32::from);
                    let exact = budget.effective_db(needs.place.unwrap(), &share);
                    assert!((kept - exact).abs() < 0.05, "{preset} {stage:?}: {kept} for {exact} dB");
                }
            }
        }
    }

    #[test]
    fn a_payload_that_a_network_does_not_provide_for_is_judged_by_the_preambles_ratio() {
        let (.., with) = link("n0", 3.0, &[Stage::Dbpsk]);
        let (.., without) = link("n0", 3.0, &[Stage::Robust]);
        let stretch = Stretch { from: 0, places: 40, attenuation_db: 0.0 };
        let [with, without] = [with, without].map(|hearing| {
            let needs = hearing.need(Stage::Dbpsk);
            needs.kind.to_db(hearing.clean(0, needs, &stretch))
        });
        assert!((with - without).abs() < 0.1 && (with - 3.0).abs() < 0.2, "{with} {without}");
    }

    #[test]
    fn symbols_that_are_alike_fail_as_the_stage_they_are_of_and_one_bad_one_spoils_it() {
        for above in [3.0, 1.28, 0.0, -2.0] {
            let (found, one) = (together([above; 7].into_iter()), tail(above));
            assert!((found - one).abs() < 1e-3, "{above}: {found} {one}");
        }
        let mut stage = [6.0; 30];
        assert!(together(stage.into_iter()) < 1e-6);
        stage[4] = -20.0;
        assert!(together(stage.into_iter()) > 0.99);
    }
}
