//! Noise at the receiver, scaled to a signal to noise ratio.

use super::campaign::WHITE;
use super::stream::Air;
use super::{SnrOf, System, stream};
use crate::noise::gaussian::Gaussian;
use crate::noise::{
    Conditions, Mains, MainsPhase, NoiseError, NoisePlan, NoiseSource, Port, Preset, Reference,
};
use crate::random::uniform;
use rand_chacha::ChaCha8Rng;
use std::cell::RefCell;

/// Where the coupler of a receiver stops and passes, as shares of its lowest carrier: 10 and 31 kHz in CENELEC-A.
const COUPLER: [f64; 2] = [0.278, 0.863];

/// Noise of one stream.
pub(super) struct Noise {
    kind: Kind,
    mains: Mains,
    /// The next sample, since time 0 of the mains.
    position: f64,
    rate_hz: f64,
}

enum Kind {
    /// White, without a plan: by far the most frequent, and the fastest.
    White { white: Box<Gaussian>, deviation: f32, buffer: Vec<f32> },
    /// By presets.
    Planned(NoiseSource),
}

/// Where noise is heard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) mains: Mains,
    pub(super) port: Port,
}

/// Checks presets for a system.
pub(super) fn check(system: &System, text: &str, mains_hz: u32) -> Result<(), String> {
    if text == WHITE {
        return Ok(());
    }
    match stream::air(system) {
        Some(air) => {
            Planned::new(text, &air, f64::from(mains_hz)).map(|_| ()).map_err(|error| error.to_string())
        }
        None => Err(format!(
            "the reference chain has white noise alone, not {text:?}; use --noise {WHITE}, or leave the chain out"
        )),
    }
}

/// How strong presets are by themselves, white noise of a square volt per Hz: mean energy in the carriers' bins, and power by
/// their formulas from half a carrier spacing below the lowest carrier to half of one above the highest.
pub(super) fn strength(air: &Air, text: &str, mains_hz: f64) -> Result<[f64; 2], String> {
    let [low, high] = air.band_hz();
    let width_hz = high - low + air.rate_hz / air.points as f64;
    match text {
        // A density of 1 V²/Hz is a variance of half the rate.
        WHITE => Ok([air.points as f64 * air.rate_hz / 2.0, width_hz]),
        _ => {
            let planned = Planned::cached(text, air, mains_hz).map_err(|error| error.to_string())?;
            Ok([planned.bin_power, planned.plan.mean_density(Reference::Mean) * width_hz])
        }
    }
}

impl Noise {
    /// Noise with a mean power of `bin_power` in the carriers' bins; of its background, where the ratio is of that.
    pub(super) fn new(
        text: &str,
        air: &Air,
        place: Place,
        bin_power: f64,
        of: SnrOf,
        rng: &mut ChaCha8Rng,
    ) -> Result<Self, String> {
        let mains = place.mains;
        let kind = match text {
            WHITE => {
                // White noise of variance v has N v in a bin of N points.
                let deviation = (bin_power / air.points as f64).sqrt() as f32;
                Kind::White { white: Box::new(Gaussian::new(rng)), deviation, buffer: Vec::new() }
            }
            _ => {
                let planned = Planned::cached(text, air, mains.hz).map_err(|error| error.to_string())?;
                Kind::Planned(planned.source(bin_power, of, place.port, rng))
            }
        };
        // Anywhere in the mains period, and in the wander of its frequency.
        let seconds = mains.wander_period_s * uniform(rng);
        Ok(Self { kind, mains, position: (seconds * air.rate_hz).floor(), rate_hz: air.rate_hz })
    }

    /// The mains from the next sample on, for about so many.
    pub(super) fn mains(&self, count: usize) -> MainsPhase {
        self.mains.phase(self.position, count, self.rate_hz)
    }

    /// Adds the next samples.
    pub(super) fn add(&mut self, line: &mut [f32]) {
        let mains = self.mains(line.len());
        self.position += line.len() as f64;
        match &mut self.kind {
            Kind::White { white, deviation, buffer } => {
                buffer.resize(line.len(), 0.0);
                white.fill(buffer);
                for (sample, noise) in line.iter_mut().zip(buffer.iter()) {
                    *sample += *deviation * noise;
                }
            }
            Kind::Planned(source) => source.add(mains, line),
        }
    }
}

/// Presets made ready for a system, not yet scaled.
#[derive(Clone)]
struct Planned {
    plan: NoisePlan,
    /// Mean over the carriers and the mains period of what can be scaled.
    bin_power: f64,
    /// How much of that is background.
    background_share: f64,
}

impl Planned {
    fn new(text: &str, air: &Air, mains_hz: f64) -> Result<Self, NoiseError> {
        let presets = text.split(',').map(Preset::parse).collect::<Result<Vec<_>, _>>()?;
        let band_hz = air.band_hz();
        let conditions = Conditions {
            rate_hz: air.rate_hz,
            mains_hz,
            band_hz,
            coupler_hz: Some(COUPLER.map(|share| share * band_hz[0])),
            signal_dbuv: 120.0 + 10.0 * libm::log10(air.mean_square()),
        };
        let plan = NoisePlan::new(&presets, &conditions)?;
        // Interferers that follow the signal keep their distance from it; the ratio is of the others.
        let scaled: Vec<Preset> =
            presets.into_iter().filter(|preset| !preset.model().follows_signal()).collect();
        let scaled = NoisePlan::new(&scaled, &conditions)?;
        let bins = air.bins.iter().map(|&bin| scaled.bin_power(air.points, bin));
        let bin_power = bins.sum::<f64>() / air.bins.len().max(1) as f64;
        let [mean, background] = [Reference::Mean, Reference::Background].map(|of| scaled.mean_density(of));
        if bin_power <= 0.0 || background <= 0.0 {
            // The plan says best what it lacks; what follows the signal is not in it.
            let all = |error| match error {
                NoiseError::Nothing { part, low_hz, high_hz, .. } => {
                    NoiseError::Nothing { presets: text.to_string(), part, low_hz, high_hz }
                }
                other => other,
            };
            scaled.scaled_to(0.0, Reference::Background).map_err(all)?;
        }
        Ok(Self { plan, bin_power, background_share: background / mean })
    }

    /// The same, made once for the streams that a thread runs one after another.
    fn cached(text: &str, air: &Air, mains_hz: f64) -> Result<Self, NoiseError> {
        thread_local! {
            static LAST: RefCell<Option<(String, Air, f64, Planned)>> = const { RefCell::new(None) };
        }
        LAST.with_borrow_mut(|last| match last {
            Some((of, to, hz, planned)) if of == text && to == air && *hz == mains_hz => Ok(planned.clone()),
            _ => {
                let planned = Self::new(text, air, mains_hz)?;
                *last = Some((text.to_string(), air.clone(), mains_hz, planned.clone()));
                Ok(planned)
            }
        })
    }

    /// Noise at a port, scaled to a mean power of `bin_power` in the carriers' bins; of its background, where the ratio is
    /// of that.
    fn source(&self, bin_power: f64, of: SnrOf, port: Port, rng: &mut ChaCha8Rng) -> NoiseSource {
        let now = self.bin_power
            * match of {
                SnrOf::Mean => 1.0,
                SnrOf::Background => self.background_share,
            };
        self.plan.scaled((bin_power / now).sqrt()).source(port, rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};
    use dsp::Complex;

    const HERE: Place = Place { mains: Mains::EUROPE, port: Port::L1 };

    /// Mean noise in the carriers' bins over so many windows, in dB of what was wanted.
    fn error_db(system: &str, text: &str, of: SnrOf, windows: usize) -> f64 {
        let air = stream::air(&system.parse().unwrap()).unwrap();
        let wanted = 0.37;
        let mut noise =
            Noise::new(text, &air, HERE, wanted, of, &mut stream(5, Purpose::Campaign, 1)).unwrap();
        let fft = crate::exact::forward::<f32>(air.points);
        let mut sum = 0.0;
        for _ in 0..windows {
            let mut samples = vec![0.0; air.points];
            noise.add(&mut samples);
            let mut bins: Vec<Complex> = samples.iter().map(|&sample| Complex::new(sample, 0.0)).collect();
            fft.process(&mut bins);
            sum += air.bins.iter().map(|&bin| f64::from(bins[bin].norm_sqr())).sum::<f64>();
        }
        10.0 * (sum / (windows * air.bins.len()) as f64 / wanted).log10()
    }

    #[test]
    fn noise_in_the_bins_is_what_the_ratio_says() {
        for (system, windows) in [
            ("g3/cenelec-a/dbpsk/default", 12_000),
            ("g3/cenelec-a/dbpsk/notch=s-fsk", 12_000),
            ("g3/fcc-1/dbpsk/default", 12_000),
            ("prime/channel-1/dbpsk/default", 12_000),
            ("prime/channel-8/dbpsk/default", 6_000),
        ] {
            for text in [WHITE, "n0=-60", "n1", "n3a", "n1+3,n3a"] {
                let error = error_db(system, text, SnrOf::Mean, windows);
                assert!(error.abs() < 0.1, "{system} {text}: {error} dB");
            }
        }
    }

    #[test]
    fn impulses_come_twice_a_period_of_the_mains_that_was_asked_for() {
        // Energy in 32 parts of half a period, over 16 s: the strongest part is at one place for the right frequency only.
        let system = "g3/fcc-1/dbpsk/default";
        let air = stream::air(&system.parse().unwrap()).unwrap();
        for mains in [Mains::EUROPE, Mains::AMERICA] {
            let place = Place { mains, port: Port::L1 };
            let rng = &mut stream(9, Purpose::Campaign, 0);
            let mut noise = Noise::new("n3a", &air, place, 1.0, SnrOf::Mean, rng).unwrap();
            let mut parts = [[0.0_f64; 32]; 2];
            for _ in 0..16_000 {
                // About a millisecond, and no part of either period.
                let mut samples = vec![0.0; 1_171];
                let at = noise.position / air.rate_hz;
                noise.add(&mut samples);
                let power: f64 = samples.iter().map(|sample| f64::from(sample * sample)).sum();
                for (parts, of) in parts.iter_mut().zip([Mains::EUROPE, Mains::AMERICA]) {
                    parts[((2.0 * of.turns(at)).fract() * 32.0) as usize] += power;
                }
            }
            let contrast = parts.map(|parts| {
                let sum: f64 = parts.iter().sum();
                parts.iter().fold(0.0, |a: f64, &b| a.max(b)) * 32.0 / sum
            });
            let right = usize::from(mains == Mains::AMERICA);
            assert!(contrast[right] > 1.4 && contrast[1 - right] < 1.3, "{mains:?}: {contrast:?}");
        }
    }

    #[test]
    fn background_is_less_than_all_of_the_noise_by_its_impulses() {
        let system = "g3/cenelec-a/dbpsk/default";
        assert!(error_db(system, "n1", SnrOf::Background, 4_000).abs() < 0.1);
        let air = stream::air(&system.parse().unwrap()).unwrap();
        let planned = Planned::new("n6a", &air, 50.0).unwrap();
        assert!(planned.background_share < 0.5, "{}", planned.background_share);
    }

    #[test]
    fn what_is_unknown_or_not_valid_is_named() {
        let check = |system: &str, text: &str| check(&system.parse().unwrap(), text, 60);
        assert!(check("g3/cenelec-a/dbpsk/default", "n99").is_err_and(|error| error.contains("n99")));
        assert!(check("g3/cenelec-a/dbpsk/default", "n1,n3a").is_ok());
        assert!(check("reference/none/dbpsk/default", "n1").is_err_and(|error| error.contains("n1")));
    }
}
