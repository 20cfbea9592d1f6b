//! A modem on the line: its clock, its noise, its buffers.

use super::modem::Modem;
use super::profile::{Lap, Spent};
use super::tap::Tap;
use crate::clock::{Clock, Interpolator, REACH, Stretch};
use crate::line::filter::{FilterPlan, Filters};
use crate::noise::{MainsPhase, NoiseSource};
use dsp::Complex;
use dsp::fft::{RealFft, Size};

/// What all nodes share in a step.
pub(super) struct Common<'a> {
    pub(super) interpolator: &'a Interpolator,
    pub(super) filters: &'a Filters,
    /// Spectra of what the others send in this block and the one before, for the nodes that send.
    pub(super) on_air: &'a [(usize, Vec<Complex>)],
    /// First line sample of the block.
    pub(super) block_start: u64,
    /// Phase of the mains from line sample `block_start` on.
    pub(super) mains: MainsPhase,
}

/// Samples of the past that resampling keeps.
const HISTORY: usize = 32;

/// A modem with what ties it to the line.
pub(super) struct Node<M: ?Sized> {
    pub(super) index: usize,
    pub(super) clock: Clock,
    pub(super) noise: NoiseSource,
    /// Volts at the source per sample unit.
    pub(super) volts_per_unit: f32,
    pub(super) spent: Spent,
    /// Local samples that `transmit` has been asked for, and that `receive` has been given.
    pub(super) transmitted: u64,
    pub(super) received: u64,
    plan: FilterPlan,
    fft: RealFft,
    /// Local samples sent, the last [`HISTORY`] and the new.
    sent: Quiet,
    /// What the modem puts on the line, in volts: the block before and this one.
    outgoing: Quiet,
    /// What arrives at the port without noise, at the line's clock: [`HISTORY`] and the new.
    incoming: Quiet,
    bins: Vec<Complex>,
    samples: Vec<f32>,
    work: Vec<f32>,
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
        plan: FilterPlan,
        modem: Box<M>,
    ) -> Self {
        Self {
            index,
            clock,
            noise,
            volts_per_unit,
            spent: Spent::default(),
            transmitted: 0,
            received: 0,
            plan,
            fft: RealFft::new(Size::N512),
            sent: Quiet::new(HISTORY),
            outgoing: Quiet::new(plan.block),
            incoming: Quiet::new(HISTORY),
            bins: vec![Complex::default(); plan.block + 1],
            samples: Vec::new(),
            work: vec![0.0; plan.transform()],
            tap: None,
            modem,
        }
    }

    /// Lets the modem transmit whatever the line's block that starts at `block_start` needs. Returns whether the
    /// block before and this one hold anything; then `spectrum` gets their transform.
    pub(super) fn transmit(
        &mut self,
        interpolator: &Interpolator,
        block_start: u64,
        spectrum: &mut Vec<Complex>,
    ) -> bool {
        let mut lap = Lap::start();
        let block = self.plan.block;
        let needed = self.clock.local_for(block_start + block as u64).max(self.transmitted);
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
        let on_line = self.outgoing.advance(block, block);
        if !silent {
            let first = needed as i64 - (HISTORY + count) as i64;
            let local = Stretch { first, samples: &self.sent.samples };
            interpolator.to_line(&self.clock, local, block_start, on_line);
            for sample in on_line {
                *sample *= self.volts_per_unit;
            }
        }
        self.outgoing.note(block, silent);
        let active = !self.outgoing.is_silent();
        if active {
            spectrum.resize(block + 1, Complex::default());
            // Both lengths are the transform's own.
            let _ = self.fft.forward(&self.outgoing.samples, spectrum);
        }
        lap.charge(&mut self.spent.channel);
        active
    }

    /// Sums what arrives in the block, adds noise and gives it to the modem.
    pub(super) fn receive(&mut self, common: &Common<'_>) {
        let mut lap = Lap::start();
        let block = self.plan.block;
        self.bins.fill(Complex::default());
        let mut heard = false;
        for (from, spectrum) in common.on_air.iter().filter(|(from, _)| *from != self.index) {
            let filter = common.filters.spectrum(*from, self.index);
            heard = true;
            for ((sum, &sent), &through) in self.bins.iter_mut().zip(spectrum).zip(filter) {
                sum.re += sent.re * through.re - sent.im * through.im;
                sum.im += sent.re * through.im + sent.im * through.re;
            }
        }
        let fresh = self.incoming.advance(HISTORY, block);
        if heard {
            // Both lengths are the transform's own. Overlap-save: the second half is free of wrap-around.
            let _ = self.fft.inverse(&self.bins, &mut self.work);
            let scale = 1.0 / self.plan.transform() as f32;
            for (target, &sample) in fresh.iter_mut().zip(&self.work[block..]) {
                *target = sample * scale;
            }
        }
        self.incoming.note(block, !heard);

        let end = self.clock.local_before(common.block_start + block as u64).max(self.received);
        let count = (end - self.received) as usize;
        self.samples.clear();
        self.samples.resize(count, 0.0);
        if !self.incoming.is_silent() {
            let first = common.block_start as i64 - HISTORY as i64;
            let line = Stretch { first, samples: &self.incoming.samples };
            common.interpolator.to_local(&self.clock, line, self.received, &mut self.samples);
        }
        lap.charge(&mut self.spent.channel);

        // Noise is made on the modem's own clock: it is stationary but for the mains, whose phase is taken where
        // the sample lies on the line.
        let at = self.clock.nearest_line(self.received) - common.block_start as i64;
        self.noise.add(common.mains.after(at as f64), &mut self.samples);
        lap.charge(&mut self.spent.noise);

        self.modem.receive(self.received, &self.samples);
        if let Some(tap) = &mut self.tap {
            tap.heard(self.received, &self.samples);
        }
        self.received = end;
        lap.charge(&mut self.spent.modem);
    }
}

const _: () = assert!(HISTORY > 2 * REACH + 4);
