//! Noise at the receiver, scaled to a signal to noise ratio.

use super::campaign::WHITE;
use super::stream::Air;
use super::{SnrOf, System, stream};
use crate::noise::gaussian::Gaussian;
use crate::noise::{Conditions, Mains, NoiseError, NoisePlan, NoiseSource, Port, Preset, Reference};
use crate::random::uniform;
use rand_chacha::ChaCha8Rng;
use std::cell::RefCell;

/// Where the coupler of a receiver stops and passes, as shares of its lowest carrier: 10 and 31 kHz in CENELEC-A.
const COUPLER: [f64; 2] = [0.278, 0.863];

/// Noise of one stream.
pub(super) enum Noise {
    /// White, without a plan: by far the most frequent, and the fastest.
    White { white: Box<Gaussian>, deviation: f32, buffer: Vec<f32> },
    /// By presets.
    Planned { source: NoiseSource, position: f64, rate_hz: f64 },
}

/// Checks presets for a system.
pub(super) fn check(system: &System, text: &str) -> Result<(), String> {
    if text == WHITE {
        return Ok(());
    }
    match stream::air(system) {
        Some(air) => Planned::new(text, &air).map(|_| ()).map_err(|error| error.to_string()),
        None => Err(format!(
            "the reference chain has white noise alone, not {text:?}; use --noise {WHITE}, or leave the chain out"
        )),
    }
}

impl Noise {
    /// Noise with a mean power of `bin_power` in the carriers' bins; of its background, where the ratio is of that.
    pub(super) fn new(
        text: &str,
        air: &Air,
        bin_power: f64,
        of: SnrOf,
        rng: &mut ChaCha8Rng,
    ) -> Result<Self, String> {
        if text == WHITE {
            // White noise of variance v has N v in a bin of N points.
            let deviation = (bin_power / air.points as f64).sqrt() as f32;
            return Ok(Self::White { white: Box::new(Gaussian::new(rng)), deviation, buffer: Vec::new() });
        }
        let planned = Planned::cached(text, air).map_err(|error| error.to_string())?;
        let now = planned.bin_power
            * match of {
                SnrOf::Mean => 1.0,
                SnrOf::Background => planned.background_share,
            };
        let source = planned.plan.scaled((bin_power / now).sqrt()).source(Port::L1, rng);
        // Anywhere in the mains period, and in the wander of its frequency.
        let seconds = Mains::EUROPE.wander_period_s * uniform(rng);
        let position = (seconds * air.rate_hz).floor();
        Ok(Self::Planned { source, position, rate_hz: air.rate_hz })
    }

    /// Adds the next samples.
    pub(super) fn add(&mut self, line: &mut [f32]) {
        match self {
            Self::White { white, deviation, buffer } => {
                buffer.resize(line.len(), 0.0);
                white.fill(buffer);
                for (sample, noise) in line.iter_mut().zip(buffer.iter()) {
                    *sample += *deviation * noise;
                }
            }
            Self::Planned { source, position, rate_hz } => {
                source.add(Mains::EUROPE.phase(*position, line.len(), *rate_hz), line);
                *position += line.len() as f64;
            }
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
    fn new(text: &str, air: &Air) -> Result<Self, NoiseError> {
        let presets = text.split(',').map(Preset::parse).collect::<Result<Vec<_>, _>>()?;
        let band_hz = air.band_hz();
        let conditions = Conditions {
            rate_hz: air.rate_hz,
            mains_hz: Mains::EUROPE.hz,
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
            // The plan says best what it lacks.
            scaled.scaled_to(0.0, Reference::Background)?;
        }
        Ok(Self { plan, bin_power, background_share: background / mean })
    }

    /// The same, made once for the streams that a thread runs one after another.
    fn cached(text: &str, air: &Air) -> Result<Self, NoiseError> {
        thread_local! {
            static LAST: RefCell<Option<(String, Air, Planned)>> = const { RefCell::new(None) };
        }
        LAST.with_borrow_mut(|last| match last {
            Some((last_text, last_air, planned)) if last_text == text && last_air == air => {
                Ok(planned.clone())
            }
            _ => {
                let planned = Self::new(text, air)?;
                *last = Some((text.to_string(), air.clone(), planned.clone()));
                Ok(planned)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};
    use dsp::Complex;
    use dsp::fft::{RealFft, Size};

    /// Mean noise in the carriers' bins over so many windows, in dB of what was wanted.
    fn error_db(system: &str, text: &str, of: SnrOf, windows: usize) -> f64 {
        let air = stream::air(&system.parse().unwrap()).unwrap();
        let wanted = 0.37;
        let mut noise = Noise::new(text, &air, wanted, of, &mut stream(5, Purpose::Campaign, 1)).unwrap();
        let size = if air.points == 256 { Size::N256 } else { Size::N512 };
        let mut fft = RealFft::new(size);
        let mut bins = vec![Complex::default(); size.real_bins()];
        let mut sum = 0.0;
        for _ in 0..windows {
            let mut samples = vec![0.0; air.points];
            noise.add(&mut samples);
            fft.forward(&samples, &mut bins).unwrap();
            sum += air.bins.iter().map(|&bin| f64::from(bins[bin].norm_sqr())).sum::<f64>();
        }
        10.0 * (sum / (windows * air.bins.len()) as f64 / wanted).log10()
    }

    #[test]
    fn noise_in_the_bins_is_what_the_ratio_says() {
        for system in
            ["g3/cenelec-a/dbpsk/default", "g3/fcc-1/dbpsk/default", "prime/channel-1/dbpsk/default"]
        {
            for text in [WHITE, "n0=-60", "n1", "n3a", "n1+3,n3a"] {
                let error = error_db(system, text, SnrOf::Mean, 12_000);
                assert!(error.abs() < 0.1, "{system} {text}: {error} dB");
            }
        }
    }

    #[test]
    fn background_is_less_than_all_of_the_noise_by_its_impulses() {
        let system = "g3/cenelec-a/dbpsk/default";
        assert!(error_db(system, "n1", SnrOf::Background, 4_000).abs() < 0.1);
        let air = stream::air(&system.parse().unwrap()).unwrap();
        let planned = Planned::new("n6a", &air).unwrap();
        assert!(planned.background_share < 0.5, "{}", planned.background_share);
    }

    #[test]
    fn what_is_unknown_or_not_valid_is_named() {
        let check = |system: &str, text: &str| check(&system.parse().unwrap(), text);
        assert!(check("g3/cenelec-a/dbpsk/default", "n99").is_err_and(|error| error.contains("n99")));
        assert!(check("g3/cenelec-a/dbpsk/default", "n1,n3a").is_ok());
        assert!(check("reference/none/dbpsk/default", "n1").is_err_and(|error| error.contains("n1")));
    }
}
