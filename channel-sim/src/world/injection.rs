//! Noise that households inject, and what of it arrives at every port.

use super::links::{Carriers, mean_gains};
use super::transform::Transform;
use crate::line::Line;
use crate::noise::{Conditions, MainsPhase, NoiseError, NoisePlan, NoiseSource};
use crate::random::{Purpose, normal, stream};
use crate::scenario::Scenario;
use dsp::Complex;
use g3_phy::BandPlan;

/// Spread of the households' levels, one standard deviation: that of Hooijen's K (digest 1.1).
const SPREAD_DB: f64 = 5.0;

/// How many times as strong as the presets' each household's injected noise is, in volts.
pub(super) fn amplitudes(scenario: &Scenario) -> Vec<f64> {
    let of = |household: usize| {
        if household >= scenario.households().len() {
            return 0.0;
        }
        let level_db =
            SPREAD_DB * normal(&mut stream(scenario.seed, Purpose::InjectedLevel, household as u64));
        libm::pow(10.0, level_db / 20.0)
    };
    (0..scenario.feeder.loads.len()).map(of).collect()
}

/// What every modem's noise has in the bins of CENELEC-A's carriers: the presets at its port, and what arrives of
/// those that households inject. Entry `[modem][carrier]`.
pub fn port_noise(scenario: &Scenario, line: &Line) -> Result<Vec<Vec<f64>>, NoiseError> {
    port_noise_at(scenario, line, &Carriers::of(&BandPlan::CENELEC_A))
}

/// [`port_noise`] at the carriers of any band.
pub fn port_noise_at(
    scenario: &Scenario,
    line: &Line,
    carriers: &Carriers,
) -> Result<Vec<Vec<f64>>, NoiseError> {
    let conditions =
        Conditions { mains_hz: scenario.mains.hz, signal_dbuv: scenario.signal_dbuv, ..carriers.conditions };
    let own = carriers.noise(&NoisePlan::new(&scenario.noise, &conditions)?);
    let mut ports = vec![own; line.modems()];
    if scenario.injected.is_empty() {
        return Ok(ports);
    }
    let injected = carriers.noise(&NoisePlan::new(&scenario.injected, &conditions)?);
    let amplitudes = amplitudes(scenario);
    let gains = mean_gains(line, carriers, |hz, turns| line.noise_transfer_at(hz, turns));
    for (carrier, gains) in gains.iter().enumerate() {
        for (household, amplitude) in amplitudes.iter().enumerate() {
            for (modem, port) in ports.iter_mut().enumerate() {
                let gain = gains[household * line.modems() + modem];
                port[carrier] += injected[carrier] * amplitude.powi(2) * gain;
            }
        }
    }
    Ok(ports)
}

/// What households inject: over the line's whole band and without a coupler, which the receiving modem's filter holds.
pub(super) fn plan(scenario: &Scenario) -> Result<Option<NoisePlan>, NoiseError> {
    if scenario.injected.is_empty() {
        return Ok(None);
    }
    let [_, low, high, _] = scenario.plan.band_hz;
    let conditions = Conditions {
        rate_hz: scenario.plan.rate_hz,
        mains_hz: scenario.mains.hz,
        band_hz: [low, high],
        coupler_hz: None,
        signal_dbuv: scenario.signal_dbuv,
    };
    NoisePlan::new(&scenario.injected, &conditions).map(Some)
}

/// The running noise of one household, at the line's rate.
pub(super) struct Injection {
    source: NoiseSource,
    /// The block before and this one.
    samples: Vec<f32>,
    transform: Transform,
    bins: Vec<Complex>,
}

impl Injection {
    /// For blocks of so many line samples.
    pub(super) fn new(source: NoiseSource, block: usize) -> Self {
        Self {
            source,
            samples: vec![0.0; 2 * block],
            transform: Transform::new(2 * block),
            bins: vec![Complex::default(); block + 1],
        }
    }

    /// Makes the next block.
    pub(super) fn advance(&mut self, mains: MainsPhase) {
        let block = self.samples.len() / 2;
        self.samples.copy_within(block.., 0);
        let fresh = &mut self.samples[block..];
        fresh.fill(0.0);
        self.source.add(mains, fresh);
    }

    /// The transform of the last two blocks.
    pub(super) fn spectrum(&mut self) -> &[Complex] {
        self.transform.forward(&self.samples, &mut self.bins);
        &self.bins
    }
}
