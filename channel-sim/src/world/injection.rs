//! Noise that households inject, and what of it arrives at every port.

use super::links::Carriers;
use crate::line::Line;
use crate::noise::{NoiseError, NoisePlan};
use crate::random::{Purpose, normal, stream};
use crate::scenario::Scenario;
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
    let own = carriers.noise(&NoisePlan::new(&scenario.noise, &carriers.conditions)?);
    let mut ports = vec![own; line.modems()];
    if scenario.injected.is_empty() {
        return Ok(ports);
    }
    let injected = carriers.noise(&NoisePlan::new(&scenario.injected, &carriers.conditions)?);
    let amplitudes = amplitudes(scenario);
    let transfers = line.noise_transfers(&carriers.hz(), 0.0);
    for (carrier, transfer) in transfers.iter().enumerate() {
        for (household, amplitude) in amplitudes.iter().enumerate() {
            for (modem, port) in ports.iter_mut().enumerate() {
                let gain = transfer[household * line.modems() + modem].norm_sqr();
                port[carrier] += injected[carrier] * amplitude.powi(2) * gain;
            }
        }
    }
    Ok(ports)
}
