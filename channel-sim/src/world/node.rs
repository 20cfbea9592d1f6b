//! A modem on the line: its clock, its noise, its buffers.

use super::injection::Injection;
use super::modem::{Attachment, Modem};
use super::profile::{Lap, Spent};
use super::tap::Tap;
use super::transform::Transform;
use crate::clock::{Clock, Interpolator, REACH, Stretch};
use crate::line::filter::Filters;
use crate::noise::{MainsPhase, NoiseSource};
use crate::vector;
use dsp::Complex;
use dsp::cpu::Level;

/// What all nodes share in a step.
pub(super) struct Common<'a> {
    /// The filters at the block's beginning and at its end.
    pub(super) filters: [&'a Filters; 2],
    /// Whether they differ, or the mains' phase changes them.
    pub(super) varies: bool,
    /// What is sent in this block and the one before.
    pub(super) on_air: &'a [Sent],
    /// The block.
    pub(super) block: u64,
    /// Phase of the mains from the block's first line sample on.
    pub(super) mains: MainsPhase,
    /// Line samples of a block.
    pub(super) line_block: usize,
}

/// What a node sends, as the transform at the frequencies for which there are filters, over its points.
pub(super) struct Sent {
    pub(super) from: Source,
    pub(super) spectrum: Vec<Complex>,
}

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A modem.
    Modem(usize),
    /// A household's appliances: noise.
    Household(usize),
}

/// Samples of the past that resampling keeps.
const HISTORY: usize = 48;

/// A modem with what ties it to the line.
pub(super) struct Node<M: ?Sized> {
    pub(super) index: usize,
    pub(super) clock: Clock,
    pub(super) noise: NoiseSource,
    /// What the household injects.
    pub(super) injection: Option<Injection>,
    /// Volts at the source per sample unit.
    pub(super) volts_per_unit: f32,
    pub(super) spent: Spent,
    pub(super) rate_hz: f64,
    /// Local samples that `transmit` has been asked for, and that `receive` has been given.
    pub(super) transmitted: u64,
    pub(super) received: u64,
    level: Level,
    interpolator: Interpolator,
    /// Samples of a block at the modem's rate.
    block: usize,
    transform: Transform,
    /// Local samples sent, the last [`HISTORY`] and the new.
    sent: Quiet,
    /// What the modem puts on the line, in volts: the block before and this one.
    outgoing: Quiet,
    /// What arrives at the port without noise, at the line's clock: [`HISTORY`] and the new.
    incoming: Quiet,
    /// Two sets: the filters at the block's beginning and at its end.
    bins: [Vec<Complex>; 2],
    samples: Vec<f32>,
    work: [Vec<f32>; 2],
    pub(super) tap: Option<Box<dyn Tap>>,
    pub(super) modem: Box<M>,
}

/// Samples, and whether any of them is not zero.
#[derive(Clone, Debug, Default)]
struct Quiet {
    samples: Vec<f32>,
    /// How many of the last samples are zero.
    silent: usize,
}

impl Quiet {
    fn new(history: usize) -> Self {
        Self { samples: vec![0.0; history], silent: history }
    }

    fn is_silent(&self) -> bool {
        self.silent >= self.samples.len()
    }

    /// Drops all but the last `keep` samples and makes room for `more` zeros behind them.
    fn advance(&mut self, keep: usize, more: usize) -> &mut [f32] {
        let drop = self.samples.len().saturating_sub(keep);
        self.samples.copy_within(drop.., 0);
        self.samples.resize(keep, 0.0);
        self.samples.resize(keep + more, 0.0);
        &mut self.samples[keep..]
    }

    /// Says whether the samples that [`Self::advance`] made room for stayed zero.
    fn note(&mut self, new: usize, silent: bool) {
        self.silent = if silent { (self.silent + new).min(self.samples.len()) } else { 0 };
    }
}

impl<M: Modem + ?Sized> Node<M> {
    pub(super) fn new(
        index: usize,
        clock: Clock,
        noise: NoiseSource,
        volts_per_unit: f32,
        block: usize,
        modem: Box<M>,
    ) -> Self {
        let Attachment { rate_hz, coupler_hz } = modem.attachment();
        Self {
            index,
            clock,
            noise,
            injection: None,
            volts_per_unit,
            spent: Spent::default(),
            rate_hz,
            transmitted: 0,
            received: 0,
            level: Level::best(),
            interpolator: Interpolator::for_band(coupler_hz[2], rate_hz),
            block,
            transform: Transform::new(2 * block),
            sent: Quiet::new(HISTORY),
            outgoing: Quiet::new(block),
            incoming: Quiet::new(HISTORY),
            bins: std::array::from_fn(|_| vec![Complex::default(); block + 1]),
            samples: Vec::new(),
            work: std::array::from_fn(|_| vec![0.0; 2 * block]),
            tap: None,
            modem,
        }
    }

    /// Lets the modem transmit whatever a block needs. Returns whether that block and the one before hold anything;
    /// then `spectrum` gets their transform at the frequencies `kept`.
    pub(super) fn transmit(
        &mut self,
        block: u64,
        kept: std::ops::Range<usize>,
        spectrum: &mut Vec<Complex>,
    ) -> bool {
        let mut lap = Lap::start(block, self.index);
        let block_start = block * self.block as u64;
        let needed = self.clock.local_for(block_start + self.block as u64).max(self.transmitted);
        let count = (needed - self.transmitted) as usize;
        let room = self.sent.advance(HISTORY, count);
        let sends = self.modem.transmit(self.transmitted, room);
        if let (true, Some(tap)) = (sends, &mut self.tap) {
            tap.sent(self.transmitted, room);
        }
        self.sent.note(count, !sends);
        self.transmitted = needed;
        lap.charge(&mut self.spent.modem);

        let silent = self.sent.is_silent();
        if silent && self.outgoing.is_silent() {
            return false;
        }
        let on_line = self.outgoing.advance(self.block, self.block);
        if !silent {
            let first = needed as i64 - (HISTORY + count) as i64;
            let local = Stretch { first, samples: &self.sent.samples };
            self.interpolator.to_line(&self.clock, local, block_start, on_line);
            for sample in on_line {
                *sample *= self.volts_per_unit;
            }
        }
        self.outgoing.note(self.block, silent);
        let active = !self.outgoing.is_silent();
        if active {
            self.transform.forward(&self.outgoing.samples, &mut self.bins[0]);
            over_points(&self.bins[0], kept, spectrum);
        }
        lap.charge(&mut self.spent.channel);
        active
    }

    /// Lets the household inject its noise of a block whose mains phase at its first line sample is given. Returns
    /// whether there is any.
    pub(super) fn inject(
        &mut self,
        block: u64,
        mains: MainsPhase,
        kept: std::ops::Range<usize>,
        spectrum: &mut Vec<Complex>,
    ) -> bool {
        let Some(injection) = &mut self.injection else { return false };
        let mut lap = Lap::start(block, self.index);
        injection.advance(mains);
        lap.charge(&mut self.spent.noise);
        over_points(injection.spectrum(), kept, spectrum);
        lap.charge(&mut self.spent.channel);
        true
    }

    /// Sums what arrives in the block, adds noise and gives it to the modem.
    pub(super) fn receive(&mut self, common: &Common<'_>) {
        let mut lap = Lap::start(common.block, self.index);
        let block = self.block;
        let block_start = common.block * block as u64;
        let heard = self.hear(common);
        let fresh = self.incoming.advance(HISTORY, block);
        if heard {
            // Overlap-save: the second half is free of wrap-around.
            let [begin, end] = &self.work;
            if !common.varies {
                fresh.copy_from_slice(&begin[block..]);
            } else {
                let both = begin[block..].iter().zip(&end[block..]);
                for ((n, target), (begin, end)) in fresh.iter_mut().enumerate().zip(both) {
                    let share = n as f32 / block as f32;
                    *target = begin + share * (end - begin);
                }
            }
        }
        self.incoming.note(block, !heard);

        let end = self.clock.local_before(block_start + block as u64).max(self.received);
        let count = (end - self.received) as usize;
        self.samples.clear();
        self.samples.resize(count, 0.0);
        if !self.incoming.is_silent() {
            let first = block_start as i64 - HISTORY as i64;
            let line = Stretch { first, samples: &self.incoming.samples };
            self.interpolator.to_local(&self.clock, line, self.received, &mut self.samples);
        }
        lap.charge(&mut self.spent.channel);

        // Noise is made on the modem's own clock: it is stationary but for the mains, whose phase is taken where
        // the sample lies on the line.
        let at = self.clock.nearest_line(self.received) - block_start as i64;
        let mains = at_rate(common.mains, common.line_block, block);
        self.noise.add(mains.after(at as f64), &mut self.samples);
        lap.charge(&mut self.spent.noise);

        self.modem.receive(self.received, &self.samples);
        if let Some(tap) = &mut self.tap {
            tap.heard(self.received, &self.samples);
        }
        self.received = end;
        lap.charge(&mut self.spent.modem);
    }

    /// Sums what all others send and what households inject into `work`. False where that is nothing.
    fn hear(&mut self, common: &Common<'_>) -> bool {
        let heard = common.on_air.iter().any(|sent| sent.from != Source::Modem(self.index));
        if !heard {
            return false;
        }
        let last = common.mains.after(common.line_block as f64);
        let moments = [common.mains, last].into_iter().zip(common.filters);
        let sets = if common.varies { 2 } else { 1 };
        for ((bins, work), (mains, filters)) in
            self.bins.iter_mut().zip(&mut self.work).zip(moments).take(sets)
        {
            let kept = filters.kept();
            let moment = neighbours(mains.turns, filters.mains_phases());
            bins.fill(Complex::default());
            let end = kept.end.min(bins.len());
            let room = bins.get_mut(kept.start..end).unwrap_or_default();
            for sent in common.on_air.iter().filter(|sent| sent.from != Source::Modem(self.index)) {
                for (phase, weight) in moment.into_iter().filter(|(_, weight)| *weight != 0.0) {
                    let filter = match sent.from {
                        Source::Modem(from) => filters.spectrum(from, self.index, phase),
                        Source::Household(from) => filters.noise_spectrum(from, self.index, phase),
                    };
                    vector::accumulate(self.level, room, &sent.spectrum, filter, weight);
                }
            }
            self.transform.inverse(bins, work);
        }
        true
    }
}

/// The two of a number of phases over half a turn between which a mains phase lies, and their weights.
fn neighbours(turns: f64, phases: usize) -> [(usize, f32); 2] {
    if phases == 1 {
        return [(0, 1.0), (0, 0.0)];
    }
    let position = (2.0 * turns).rem_euclid(1.0) * phases as f64;
    let below = (position as usize).min(phases - 1);
    let share = (position - below as f64) as f32;
    [(below, 1.0 - share), ((below + 1) % phases, share)]
}

/// The transform at the frequencies kept, over its points; zero above half the sample rate.
fn over_points(bins: &[Complex], kept: std::ops::Range<usize>, spectrum: &mut Vec<Complex>) {
    let scale = 1.0 / (2 * (bins.len() - 1)) as f32;
    spectrum.clear();
    spectrum.extend(kept.map(|bin| bins.get(bin).map_or(Complex::default(), |value| value.scale(scale))));
}

/// The mains over a modem's samples, from that over the line's.
fn at_rate(mains: MainsPhase, line_block: usize, block: usize) -> MainsPhase {
    MainsPhase { per_sample: mains.per_sample * line_block as f64 / block as f64, ..mains }
}

const _: () = assert!(HISTORY > 2 * REACH + 4);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mains_phases_lie_between_their_neighbours() {
        assert_eq!(neighbours(0.3, 1), [(0, 1.0), (0, 0.0)]);
        assert_eq!(neighbours(0.0, 16), [(0, 1.0), (1, 0.0)]);
        assert_eq!(neighbours(0.25, 16), [(8, 1.0), (9, 0.0)]);
        let [(a, wa), (b, wb)] = neighbours(7.5 - 1.0 / 64.0, 16);
        assert_eq!((a, b), (15, 0));
        assert!((wa - 0.5).abs() < 1e-6 && (wb - 0.5).abs() < 1e-6);
    }
}
