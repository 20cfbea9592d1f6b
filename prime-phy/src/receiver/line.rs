//! What a coherent receiver knows of a frame's line: gain and noise of each carrier, the noise of each symbol and the clocks'
//! difference.
//!
//! A carrier known to be x, received as y, tells y x* of its gain. Known are the chirps, pilots and, for the payload, the
//! header; later the decoder's mean phasors count as well, each by how certain it is. That is one step of expectation and
//! maximisation (A. Dempster, N. Laird and D. Rubin, 1977) in each pass. One clock drives sampling and carriers, so a
//! difference between the modems' clocks is a delay that grows: it turns carrier k by an angle that grows with k and time.
//!
//! [`symbols`] is what was received, [`chirps`] what was before it, [`geometry`] where the decoder's chains lie in it;
//! [`estimate`] knows one channel, by the sums of [`evidence`]. The channels of a bonded pair are estimated each by itself.

mod chirps;
mod estimate;
mod evidence;
mod geometry;
mod symbols;

use super::carriers::{Carriers, Figures};
use super::ladder::ReceiverOptions;
use crate::Channel;
use crate::channel::MOST_CHANNELS;
use dsp::joint::Line;
use dsp::peak;
use dsp::phase_trellis::{ComplexLanes, blind_log_likelihood};
use estimate::Estimate;
pub(super) use geometry::Geometry;
pub(super) use symbols::Known;
use symbols::Symbols;

#[derive(Clone, Debug)]
pub(super) struct FrameLine {
    symbols: Symbols,
    geometry: Geometry,
    estimates: [Estimate; MOST_CHANNELS],
}

impl FrameLine {
    pub(super) const fn new() -> Self {
        Self {
            symbols: Symbols::new(),
            geometry: Geometry::NONE,
            estimates: [const { Estimate::new() }; MOST_CHANNELS],
        }
    }

    /// Starts a frame; with each of its channels comes the noise of the carriers before it, where something is known of it.
    pub(super) fn begin<'a>(
        &mut self,
        beyond: &ReceiverOptions,
        channels: impl Iterator<Item = (Channel, Option<&'a Figures>)>,
    ) {
        let mut count = 0;
        for (estimate, (channel, noise)) in self.estimates.iter_mut().zip(channels) {
            estimate.begin(&channel, beyond, noise);
            count += 1;
        }
        self.symbols.begin(count);
    }

    /// Channels of the frame.
    pub(super) fn channels(&self) -> usize {
        self.symbols.channels()
    }

    /// Takes a channel's chirp that begins `chirps` chirps before the header's first symbol: its carriers, and those of one
    /// without noise whose mean power is that of a symbol's carriers.
    pub(super) fn put_chirp(
        &mut self,
        channel: usize,
        chirp: &Carriers,
        known: &Carriers,
        sign: f32,
        chirps: usize,
    ) {
        if let Some(estimate) = self.estimates.get_mut(channel) {
            estimate.put_chirp(chirp, known, sign, chirps);
        }
    }

    /// Takes a symbol; those of one time come from channel to channel.
    pub(super) fn put_symbol(&mut self, symbol: &Carriers) {
        self.symbols.put(symbol);
    }

    /// Tells which carriers of a symbol are known, the same on all channels.
    pub(super) fn know(&mut self, symbol: usize, known: Known) {
        self.symbols.know(symbol, known);
    }

    /// Estimates the line from what is known, before the first pass.
    pub(super) fn prepare(&mut self, geometry: Geometry) {
        self.geometry = geometry;
        let Self { symbols, estimates, .. } = self;
        for (channel, estimate) in estimates.iter_mut().take(symbols.channels()).enumerate() {
            estimate.prepare(symbols.on(channel), geometry);
        }
    }

    /// Looks at the payload's symbols with the gain that is known, before any bit is: which of them an impulse hit.
    pub(super) fn weigh_symbols(&mut self) {
        let Self { symbols, estimates, .. } = self;
        for (channel, estimate) in estimates.iter_mut().take(symbols.channels()).enumerate() {
            estimate.weigh_symbols(symbols.on(channel));
        }
    }

    /// The difference of the clocks under which what each channel received is likeliest, no bit being known.
    pub(super) fn search_clock(&mut self, mut observe: impl FnMut(&Self, usize) -> f32) {
        let groups = self.geometry.groups();
        for channel in 0..self.channels() {
            let Some(grid) = self.estimates.get(channel) else { return };
            let Some((steps, step_ppm)) = grid.clock_grid(self.symbols.on(channel)) else { return };
            let peak = peak::of_grid(steps, |step| {
                self.set_ppm(channel, step as f32 * step_ppm);
                (0..groups).map(|group| observe(self, self.geometry.group_of(channel, group))).sum()
            });
            self.set_ppm(channel, peak * step_ppm);
        }
    }

    /// What the header's symbols, known now, have in common with the chirps on the channel where that is most: 1 for the right
    /// header but for noise.
    pub(super) fn agreement(&self, header: usize) -> f32 {
        let channels = self.estimates.iter().take(self.channels()).enumerate();
        let agreements =
            channels.map(|(channel, estimate)| estimate.agreement(self.symbols.on(channel), header));
        agreements.fold(0.0, f32::max)
    }

    /// How well the pilots of the payload's symbols agree with signs: a log-likelihood ratio against their opposites. It tells
    /// one sequence from another.
    pub(super) fn pilot_likelihood(&self, signs: impl Iterator<Item = f32> + Clone) -> f32 {
        let channels = self.estimates.iter().take(self.channels()).enumerate();
        let likelihoods = channels
            .map(|(channel, estimate)| estimate.pilot_likelihood(self.symbols.on(channel), signs.clone()));
        likelihoods.sum()
    }

    /// Log-likelihood of a group's chains, no bit being known.
    pub(super) fn blind(&self, observed: &[ComplexLanes]) -> f32 {
        observed.iter().map(|observed| blind_log_likelihood(self.geometry.bits, observed).sum()).sum()
    }

    fn set_ppm(&mut self, channel: usize, ppm: f32) {
        if let Some(estimate) = self.estimates.get_mut(channel) {
            estimate.set_ppm(self.symbols.on(channel), ppm);
        }
    }
}

impl Line for FrameLine {
    fn observe(&self, group: usize, observed: &mut [ComplexLanes]) {
        observed.fill(Default::default());
        let (channels, group) = self.geometry.channels_of(group, self.channels());
        for (channel, estimate) in self.estimates.iter().enumerate().take(channels.end).skip(channels.start) {
            estimate.observe(self.symbols.on(channel), group, observed);
        }
    }

    fn compare(&mut self, group: usize, phasors: &[ComplexLanes]) {
        let (channels, group) = self.geometry.channels_of(group, self.channels());
        let Self { symbols, estimates, .. } = self;
        for (channel, estimate) in estimates.iter_mut().enumerate().take(channels.end).skip(channels.start) {
            estimate.compare(symbols.on(channel), group, phasors);
        }
    }

    fn learn(&mut self) {
        let Self { symbols, estimates, .. } = self;
        for (channel, estimate) in estimates.iter_mut().take(symbols.channels()).enumerate() {
            estimate.learn(symbols.on(channel));
        }
    }
}
