//! Finds preambles: matched filters by Fourier transforms, whatever the level.
//!
//! Windows of 2.048 ms start every half of that. A window is correlated with each half of a chirp: of the circular
//! correlation the first half of the delays is right. The first half found in one window and the second half in the next
//! at the same delay are the whole chirp, added in phase; both correlations go through one transform. All of a chirp lies
//! within 109 bins, so a transform of 256 points gives the correlation at every second sample of 250 kHz, and loses at
//! most 0.5 dB between two.
//!
//! The preamble of Type B is four chirps: the correlations of every second window are added with the signs of the
//! preamble, of chirps that ascend and of chirps that descend.
//!
//! The metric is |correlation|^2 over the product of both energies, 1 for the preamble alone. Of noise it exceeds r with
//! probability (1 - r)^(M - 1) in M = 97 dimensions, or four times as many: at the threshold of Type A that is e^-26, for
//! some 50 000 independent trials a second once in a thousand hours, at that of Type B less. A carrier above twice the
//! mean magnitude is brought down to it first, so that a disturber's tone neither hides the chirp nor makes up the energy
//! alone.

use super::analysis::Tap;
use super::carriers::{BAND, Band};
use crate::channel::{PREAMBLE_SAMPLES, ROBUST_CHIRPS};
use crate::options::{Polarity, Sweep};
use crate::{Channel, chirp};
use dsp::Complex;
use dsp::fft::{ComplexFft, Size};

/// From one window to the next, in samples at 250 kHz.
pub(super) const HOP: usize = PREAMBLE_SAMPLES / 2;

/// Points of the transform that gives the correlation.
const POINTS: usize = 256;
/// Delays looked at in a window: every second one of the right ones, and a few beside them, which are nearly right, so that
/// every peak has neighbours in one window.
const DELAYS: usize = HOP / 2 + 2 * BESIDE;
/// Delays looked at on either side of the right ones.
const BESIDE: usize = 4;
/// The metric of a preamble of Type A.
const THRESHOLD: f32 = 0.237;
/// A metric which no sidelobe and no other alignment can surpass: there is no need to wait for the next window.
const CLEAR: f32 = 0.5;
/// The metric of a preamble of Type B. A single chirp of equal power has 1/16.
const ROBUST_THRESHOLD: f32 = 0.1;
/// Power of the sum of a preamble's chirps against the sum of their powers, at least.
const COHERENT: f32 = 2.5;
/// Sum of the metrics of four chirps below which their sum is not looked at. That of noise is near 0.2.
const WORTH_ADDING: f32 = 0.3;
/// Windows for which the best preamble of Type B waits for a better: other readings of its signs fit three of the chirps.
const ROBUST_PATIENCE: u8 = 3;
/// How far a bin may stand above the mean magnitude. A chirp half inside the window is at twice.
const ABOVE_MEAN: f32 = 2.0;
/// Windows from the first chirp of a preamble to the last.
const WINDOWS: usize = 2 * (ROBUST_CHIRPS - 1) + 1;

/// A preamble that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Peak {
    /// First sample.
    pub(super) start: u64,
    pub(super) preamble: Preamble,
    metric: f32,
}

impl Peak {
    /// What two channels of a pair found in the same windows: the one that stands out more; where it can be the same preamble,
    /// with starts at most `apart` samples from each other, with the mean of both.
    pub(super) fn together(self, other: Self, apart: u64) -> Self {
        let clearer = if other.metric > self.metric { other } else { self };
        if self.preamble == other.preamble && self.start.abs_diff(other.start) <= apart {
            return Self { start: self.start.midpoint(other.start), ..clearer };
        }
        clearer
    }
}

/// Kinds of preambles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preamble {
    A,
    B(Sweep, Polarity),
}

/// Correlations of one window with a chirp.
type Correlation = [Complex; DELAYS];

#[derive(Clone)]
pub(super) struct Detector {
    correlator: Correlator,
    ways: u64,
    type_b: bool,
    ascending: Template,
    descending: Template,
    /// The window before and its energy.
    before: Option<(Band, f32)>,
    /// Energies of the newest chirps' length of line, newest at `newest`, as the correlations of the templates.
    energies: [f32; WINDOWS],
    newest: usize,
    /// A peak of Type A that waits for the next window.
    pending: Option<Peak>,
    /// A peak of Type B and the windows that it still waits.
    robust: Option<(Peak, u8)>,
}

/// The transform that gives correlations.
#[derive(Clone)]
struct Correlator {
    fft: ComplexFft,
    /// Its input: beside a channel's bins it stays zero.
    product: [Complex; POINTS],
    delays: [Complex; POINTS],
}

/// A chirp to look for.
#[derive(Clone)]
struct Template {
    sweep: Sweep,
    /// Conjugate spectra of its halves.
    halves: [Band; 2],
    /// Energy of both.
    energy: f32,
    /// Correlations with the newest windows.
    heard: [Correlation; WINDOWS],
    /// Powers of the newest of them.
    powers: [f32; DELAYS],
    /// The greatest metric of each window.
    metrics: [f32; WINDOWS],
}

impl Detector {
    pub(super) fn new(channel: &Channel, tap: &Tap) -> Self {
        let mut fft = ComplexFft::new(Size::N512);
        Self {
            ways: channel.ways() as u64,
            type_b: true,
            ascending: Template::new(channel, tap, &mut fft, Sweep::Ascending),
            descending: Template::new(channel, tap, &mut fft, Sweep::Descending),
            correlator: Correlator {
                fft: ComplexFft::new(Size::N256),
                product: [Complex::default(); POINTS],
                delays: [Complex::default(); POINTS],
            },
            before: None,
            energies: [0.0; WINDOWS],
            newest: 0,
            pending: None,
            robust: None,
        }
    }

    /// Looks for preambles of Type B too, or not.
    pub(super) fn set_type_b(&mut self, wanted: bool) {
        self.type_b = wanted;
        self.clear();
    }

    /// Forgets what came before.
    pub(super) fn clear(&mut self) {
        (self.before, self.pending, self.robust) = (None, None, None);
        self.energies = [0.0; WINDOWS];
        for template in [&mut self.ascending, &mut self.descending] {
            template.heard = [[Complex::default(); DELAYS]; WINDOWS];
            template.metrics = [0.0; WINDOWS];
        }
    }

    /// Takes the bins of the window that starts at `start`, half a window after the one before it. Tells of a preamble of
    /// Type A that began in the window before or in the one before that, or of one of Type B whose last chirp did a
    /// little before. Where a chirp at `no_chirp_at` turned out not to be of Type A, the three that may follow it are not
    /// either.
    pub(super) fn push(&mut self, band: &Band, start: u64, no_chirp_at: Option<u64>) -> Option<Peak> {
        let mut band = *band;
        let energy = level(&mut band);
        let (before, energy_before) = self.before.replace((band, energy))?;
        let begin = start.saturating_sub(HOP as u64 * self.ways);
        self.newest = (self.newest + 1) % WINDOWS;
        self.energies[self.newest] = 0.5 * (energy + energy_before);
        let energy = self.energies[self.newest];
        self.ascending.hear(&mut self.correlator, self.newest, energy, &before, &band);
        if let Some(found) = self.find_a(begin, no_chirp_at) {
            return Some(found);
        }
        if !self.type_b {
            return None;
        }
        self.descending.hear(&mut self.correlator, self.newest, energy, &before, &band);
        self.find_b(begin)
    }

    /// Whether a preamble may have begun.
    pub(super) fn suspects(&self) -> bool {
        self.pending.is_some() || self.robust.is_some()
    }

    /// A preamble of Type A in the newest window, which starts at `begin`.
    fn find_a(&mut self, begin: u64, no_chirp_at: Option<u64>) -> Option<Peak> {
        let metric = self.ascending.metrics[self.newest];
        let peak = |start| Peak { start, preamble: Preamble::A, metric };
        // The place is looked for only where it may be wanted.
        let mut clear = false;
        let found = (metric >= THRESHOLD)
            .then(|| {
                let (place, delay) = delay(&self.ascending.powers, self.ways);
                // At the edge it is on a slope whose top the next window has.
                clear = metric >= CLEAR && place > 0 && place + 1 < DELAYS;
                peak(begin.saturating_add_signed(delay))
            })
            .filter(|found| no_chirp_at.is_none_or(|chirp| !follows(found.start, chirp, self.ways)));
        match (self.pending.take(), found) {
            (Some(pending), None) => Some(pending),
            (Some(pending), Some(found)) => Some(if found.metric > pending.metric { found } else { pending }),
            (None, Some(found)) if clear => Some(found),
            (None, found) => {
                self.pending = found;
                None
            }
        }
    }

    /// A preamble of Type B whose last chirp began in the newest window, which starts at `begin`, or a little before.
    fn find_b(&mut self, begin: u64) -> Option<Peak> {
        let ago = |windows: usize| (self.newest + WINDOWS - windows) % WINDOWS;
        let energy: f32 = (0..ROBUST_CHIRPS).map(|chirp| self.energies[ago(2 * chirp)]).sum();
        let mut best: Option<Peak> = None;
        for template in [&self.ascending, &self.descending] {
            let metrics: f32 = (0..ROBUST_CHIRPS).map(|chirp| template.metrics[ago(2 * chirp)]).sum();
            if metrics < WORTH_ADDING {
                continue;
            }
            let [last, third, second, first] = [0, 2, 4, 6].map(|windows| &template.heard[ago(windows)]);
            // + + + - is m + p and - + + + is m - p with m the middle chirps and p the first less the last; of
            // |m +- p|^2 = |m|^2 + |p|^2 +- 2 Re m p* the greater has the sign of the last term.
            let mut powers = [0.0; DELAYS];
            for (delay, power) in powers.iter_mut().enumerate() {
                let (middle, outer) = (second[delay] + third[delay], first[delay] - last[delay]);
                let cross = 2.0 * (middle.re * outer.re + middle.im * outer.im);
                *power = middle.norm_sqr() + outer.norm_sqr() + cross.abs();
            }
            let power = greatest(&powers);
            let whole = ROBUST_CHIRPS as f32 * template.energy * energy;
            let metric = power / whole.max(f32::MIN_POSITIVE);
            if metric < ROBUST_THRESHOLD || best.is_some_and(|best| best.metric >= metric) {
                continue;
            }
            let (place, delay) = delay(&powers, self.ways);
            // Of four chirps the sum has four times the power of all, of a single one, say that of Type A, its own.
            let all: f32 = [first, second, third, last].iter().map(|chirp| chirp[place].norm_sqr()).sum();
            if power < COHERENT * all {
                continue;
            }
            let (middle, outer) = (second[place] + third[place], first[place] - last[place]);
            let cross = middle.re * outer.re + middle.im * outer.im;
            let polarity = if cross < 0.0 { Polarity::FirstNegated } else { Polarity::LastNegated };
            let lead = (ROBUST_CHIRPS as u64 - 1) * PREAMBLE_SAMPLES as u64 * self.ways;
            let start = begin.saturating_add_signed(delay).saturating_sub(lead);
            best = Some(Peak { start, preamble: Preamble::B(template.sweep, polarity), metric });
        }
        self.robust = match (self.robust, best) {
            (Some((waiting, _)), Some(found)) if found.metric > waiting.metric => {
                Some((found, ROBUST_PATIENCE))
            }
            (None, Some(found)) => Some((found, ROBUST_PATIENCE)),
            (waiting, _) => waiting.map(|(waiting, windows)| (waiting, windows.saturating_sub(1))),
        };
        self.robust.filter(|(_, windows)| *windows == 0).map(|(found, _)| found)
    }
}

impl Template {
    fn new(channel: &Channel, tap: &Tap, fft: &mut ComplexFft, sweep: Sweep) -> Self {
        let hop = channel.samples(HOP);
        let mut energy = 0.0;
        let halves = core::array::from_fn(|half| {
            let sample = |n| match n < hop {
                true => chirp::sample(channel, sweep, half * hop + n),
                false => Complex::default(),
            };
            tap.band_of(fft, sample).map(|bin| {
                energy += bin.norm_sqr();
                bin.conj()
            })
        });
        Self {
            sweep,
            halves,
            energy,
            heard: [[Complex::default(); DELAYS]; WINDOWS],
            powers: [0.0; DELAYS],
            metrics: [0.0; WINDOWS],
        }
    }

    /// Correlates two windows, one half a window after the other, with the halves of the chirp. `energy` is that of a
    /// chirp's length of line.
    fn hear(&mut self, correlator: &mut Correlator, newest: usize, energy: f32, before: &Band, band: &Band) {
        let Correlator { fft, product, delays } = correlator;
        let [first, second] = &self.halves;
        let room = product.iter_mut().skip((POINTS - BAND) / 2);
        for ((((product, before), now), first), second) in room.zip(before).zip(band).zip(first).zip(second) {
            product.re =
                before.re * first.re - before.im * first.im + now.re * second.re - now.im * second.im;
            product.im =
                before.re * first.im + before.im * first.re + now.re * second.im + now.im * second.re;
        }
        // Both lengths are the transform's.
        let _ = fft.inverse(product, delays);
        let (beside, right) = self.heard[newest].split_at_mut(BESIDE);
        beside.copy_from_slice(&delays[POINTS - BESIDE..]);
        right.copy_from_slice(&delays[..DELAYS - BESIDE]);
        self.powers = self.heard[newest].map(|correlation| correlation.norm_sqr());
        self.metrics[newest] = greatest(&self.powers) / (self.energy * energy).max(f32::MIN_POSITIVE);
    }
}

/// Whether a chirp is that at `chirp`, or one of the three that follow it in a preamble of Type B.
fn follows(start: u64, chirp: u64, ways: u64) -> bool {
    let (length, tolerance) = (PREAMBLE_SAMPLES as u64 * ways, 8 * ways);
    let after = (start + tolerance).checked_sub(chirp);
    after.is_some_and(|after| after % length <= 2 * tolerance && after / length < ROBUST_CHIRPS as u64)
}

/// The greatest of the powers, eight at a time.
fn greatest(powers: &[f32; DELAYS]) -> f32 {
    const { assert!(DELAYS.is_multiple_of(8)) };
    let mut lanes = [0.0_f32; 8];
    for powers in powers.as_chunks::<8>().0 {
        for (lane, &power) in lanes.iter_mut().zip(powers) {
            *lane = if power > *lane { power } else { *lane };
        }
    }
    lanes.into_iter().fold(0.0, f32::max)
}

/// The place of the greatest power, and its delay in samples by the top of the parabola through three logarithms.
fn delay(powers: &[f32; DELAYS], ways: u64) -> (usize, i64) {
    let power = greatest(powers);
    let place = powers.iter().position(|&candidate| candidate == power).unwrap_or(0);
    let around = place.checked_sub(1).and_then(|left| Some((powers.get(left)?, powers.get(place + 1)?)));
    let shift = around.map_or(0.0, |(&left, &right)| {
        let fall = |beside: f32| libm::logf(power / beside.max(f32::MIN_POSITIVE));
        let (left, right) = (fall(left), fall(right));
        (left - right) / (2.0 * (left + right)).max(f32::MIN_POSITIVE)
    });
    let samples = 2.0 * ways as f32 * (place as f32 - BESIDE as f32 + shift.clamp(-0.5, 0.5));
    (place, libm::roundf(samples) as i64)
}

/// Brings down what stands far above the mean; the energy that is left.
fn level(band: &mut Band) -> f32 {
    let powers = band.map(|bin| bin.norm_sqr());
    let sum: f32 = band.iter().map(|bin| magnitude(*bin)).sum();
    let limit = ABOVE_MEAN * sum / BAND as f32;
    let most = limit * limit;
    let mut energy = 0.0;
    for (bin, &power) in band.iter_mut().zip(&powers) {
        if power > most {
            *bin *= limit / libm::sqrtf(power);
        }
        energy += power.min(most);
    }
    energy
}

/// |bin| to 4 %, without a root.
fn magnitude(bin: Complex) -> f32 {
    let (re, im) = (bin.re.abs(), bin.im.abs());
    let (greater, smaller) = if re > im { (re, im) } else { (im, re) };
    0.96 * greater + 0.398 * smaller
}

impl core::fmt::Debug for Detector {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("Detector").field("pending", &self.pending).finish_non_exhaustive()
    }
}
