//! Noise that households inject, and what of it arrives at every port.

use super::links::{Carriers, mean_gains};
use super::transform::Transform;
use crate::line::{Line, Terminal};
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
    let modems: Vec<Terminal> = (0..line.modems()).map(|modem| line.terminal(modem)).collect();
    Ok(LineNoise::new(scenario, carriers)?.at(line, carriers, &modems))
}

/// The noise of a scenario in the bins of a band's carriers.
pub struct LineNoise {
    /// What every port has of its own.
    own: Vec<f64>,
    /// What a household injects, and how many times as strong each is, in volts; none where nothing is injected.
    injected: Vec<f64>,
    amplitudes: Vec<f64>,
}

impl LineNoise {
    /// The noise presets of a scenario.
    ///
    /// # Errors
    /// Where a preset is not valid at these carriers.
    pub fn new(scenario: &Scenario, carriers: &Carriers) -> Result<Self, NoiseError> {
        let conditions = Conditions {
            mains_hz: scenario.mains.hz,
            signal_dbuv: scenario.signal_dbuv,
            ..carriers.conditions
        };
        let of = |presets| Ok(carriers.noise(&NoisePlan::new(presets, &conditions)?));
        let own = of(&scenario.noise)?;
        match scenario.injected.is_empty() {
            true => Ok(Self { own, injected: Vec::new(), amplitudes: Vec::new() }),
            false => Ok(Self { own, injected: of(&scenario.injected)?, amplitudes: amplitudes(scenario) }),
        }
    }

    /// What ports at some places have: its own, and what arrives of those that households inject. Entry
    /// `[place][carrier]`.
    pub fn at(&self, line: &Line, carriers: &Carriers, places: &[Terminal]) -> Vec<Vec<f64>> {
        let mut ports = vec![self.own.clone(); places.len()];
        if self.injected.is_empty() {
            return ports;
        }
        let gains = mean_gains(line, carriers, |hz, turns| line.noise_at(places, hz, turns));
        for (carrier, gains) in gains.iter().enumerate() {
            for (household, amplitude) in self.amplitudes.iter().enumerate() {
                for (place, port) in ports.iter_mut().enumerate() {
                    let gain = gains[household * places.len() + place];
                    port[carrier] += self.injected[carrier] * amplitude.powi(2) * gain;
                }
            }
        }
        ports
    }
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
