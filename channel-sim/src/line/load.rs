//! What hangs on the line: appliances as impedances over frequency, mains phase and time of day (channel digest 3.5).

use super::access::urban_median;
use crate::exact;
use crate::random::{Purpose, stream, uniform};
use num_complex::Complex64;
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

/// Shortest that a state of an appliance that goes on and off lasts, so that a day's states are few.
const SHORTEST_STATE_S: f64 = 1.0;
/// Half a period of 50 Hz: what conduction times refer to.
const HALF_PERIOD_MS: f64 = 10.0;

/// An appliance, or several as one impedance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Appliance {
    /// One impedance at all frequencies (3.6).
    Fixed {
        /// Magnitude.
        ohm: f64,
        /// Angle.
        #[serde(default)]
        degrees: f64,
    },
    /// Interference suppression: a capacitor with its losses and leads (3.5a: 0.1 to 1 µF, 0.2 to 2 Ω, 0.3 to 1 µH).
    XCapacitor {
        /// Capacitance.
        microfarad: f64,
        /// Resistance in series.
        #[serde(default = "x_capacitor_ohm")]
        series_ohm: f64,
        /// Inductance of the leads.
        #[serde(default = "x_capacitor_microhenry")]
        lead_microhenry: f64,
    },
    /// A resistive heater (3.5b: 10 to 50 Ω).
    Heater {
        /// Resistance.
        ohm: f64,
    },
    /// A motor: resistance parallel to inductance (3.5c).
    Motor {
        /// Resistance.
        ohm: f64,
        /// Inductance.
        microhenry: f64,
    },
    /// A parallel resonator: Z = R / (1 + jQ (f/f0 - f0/f)) (3.5d, Cañete).
    Resonator {
        /// Resistance at resonance.
        ohm: f64,
        /// Quality.
        q: f64,
        /// Resonance.
        hertz: f64,
    },
    /// The meter itself, or a modem that listens (3.5e and f).
    Meter {
        /// Resistance.
        ohm: f64,
    },
    /// The measured median of urban access impedances (3.4).
    UrbanMedian,
    /// Switched with the mains: one impedance while the magnitude of the mains voltage is near its peak, another
    /// otherwise (3.5's first kind of variation: a rectifier conducts 1 to 3 ms around each peak).
    Commuted {
        /// While it conducts.
        conducting: Box<Appliance>,
        /// While it does not.
        blocking: Box<Appliance>,
        /// How long it conducts in each half period of 50 Hz (the same share at other frequencies).
        conducting_ms: f64,
    },
    /// An impedance whose magnitude follows the magnitude of the mains voltage (3.5's second kind): |Z| is
    /// (1 + swing |sin φ|) times that at the zero crossing.
    Harmonic {
        /// At the zero crossing.
        of: Box<Appliance>,
        /// How much it grows.
        swing: f64,
    },
    /// Goes on and off at random (3.5's third kind), exponential dwell times, from local midnight on.
    OnOff {
        /// While it is on; off it is not there.
        of: Box<Appliance>,
        /// Mean time on.
        on_s: f64,
        /// Mean time off.
        off_s: f64,
    },
}

fn x_capacitor_ohm() -> f64 {
    1.0
}

fn x_capacitor_microhenry() -> f64 {
    0.5
}

/// When an impedance is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Phase of the mains voltage at the appliance, in turns; 0 is the rising zero crossing.
    pub mains_turns: f64,
    /// Local time of the day, in seconds.
    pub day_s: f64,
}

impl Appliance {
    /// Admittance at a frequency and moment. `identity` tells appliances apart that go on and off: the seed and a
    /// number.
    pub fn admittance(&self, frequency_hz: f64, moment: Moment, identity: (u64, u64)) -> Complex64 {
        let omega = TAU * frequency_hz;
        let resistance = |ohm: f64| Complex64::new(1.0 / ohm, 0.0);
        match self {
            Self::Fixed { ohm, degrees } => exact::polar(1.0 / ohm, -degrees.to_radians()),
            Self::XCapacitor { microfarad, series_ohm, lead_microhenry } => {
                let reactance = omega * lead_microhenry * 1e-6 - 1.0 / (omega * microfarad * 1e-6);
                Complex64::new(*series_ohm, reactance).inv()
            }
            Self::Heater { ohm } | Self::Meter { ohm } => resistance(*ohm),
            Self::Motor { ohm, microhenry } => {
                resistance(*ohm) + Complex64::new(0.0, omega * microhenry * 1e-6).inv()
            }
            Self::Resonator { ohm, q, hertz } => {
                Complex64::new(1.0, q * (frequency_hz / hertz - hertz / frequency_hz)) / *ohm
            }
            Self::UrbanMedian => urban_median(frequency_hz).inv(),
            Self::Commuted { conducting, blocking, conducting_ms } => {
                // Around the peaks at 1/4 and 3/4 of a turn; half periods are half turns.
                let from_peak = ((2.0 * moment.mains_turns).rem_euclid(1.0) - 0.5).abs();
                let share = conducting_ms / HALF_PERIOD_MS;
                let on = from_peak < 0.5 * share || share >= 1.0;
                let now = if on { conducting } else { blocking };
                now.admittance(frequency_hz, moment, identity)
            }
            Self::Harmonic { of, swing } => {
                let growth = 1.0 + swing * libm::sin(TAU * moment.mains_turns).abs();
                of.admittance(frequency_hz, moment, identity) / growth
            }
            Self::OnOff { of, on_s, off_s } => match switch(*on_s, *off_s, moment.day_s, identity).0 {
                true => of.admittance(frequency_hz, moment, inner(identity)),
                false => Complex64::ZERO,
            },
        }
    }

    /// Whether the impedance changes within a period of the mains.
    pub fn follows_mains(&self) -> bool {
        match self {
            Self::Commuted { .. } | Self::Harmonic { .. } => true,
            Self::OnOff { of, .. } => of.follows_mains(),
            _ => false,
        }
    }

    /// Whether the impedance changes over the day.
    pub fn follows_day(&self) -> bool {
        match self {
            Self::OnOff { .. } => true,
            Self::Harmonic { of, .. } => of.follows_day(),
            Self::Commuted { conducting, blocking, .. } => conducting.follows_day() || blocking.follows_day(),
            _ => false,
        }
    }

    /// When the appliance or a part of it is next switched after a local time of the day, both in seconds; infinity
    /// where it never is.
    pub fn next_switch_s(&self, day_s: f64, identity: (u64, u64)) -> f64 {
        match self {
            Self::OnOff { of, on_s, off_s } => {
                switch(*on_s, *off_s, day_s, identity).1.min(of.next_switch_s(day_s, inner(identity)))
            }
            Self::Harmonic { of, .. } => of.next_switch_s(day_s, identity),
            Self::Commuted { conducting, blocking, .. } => {
                conducting.next_switch_s(day_s, identity).min(blocking.next_switch_s(day_s, identity))
            }
            _ => f64::INFINITY,
        }
    }

    /// What is wrong with the appliance's values, if anything: the value's name and value, and what is expected.
    pub fn fault(&self) -> Option<(&'static str, f64, &'static str)> {
        let positive =
            |name, value: f64| (!(value > 0.0 && value < 1e12)).then_some((name, value, "a number above 0"));
        let not_negative = |name, value: f64| {
            (!(0.0..1e12).contains(&value)).then_some((name, value, "a number of 0 or more"))
        };
        match self {
            Self::Fixed { ohm, degrees } => positive("ohm", *ohm).or_else(|| {
                (!(-90.0..=90.0).contains(degrees)).then_some(("degrees", *degrees, "an angle of -90 to 90"))
            }),
            Self::XCapacitor { microfarad, series_ohm, lead_microhenry } => {
                positive("microfarad", *microfarad)
                    .or_else(|| positive("series_ohm", *series_ohm))
                    .or_else(|| not_negative("lead_microhenry", *lead_microhenry))
            }
            Self::Heater { ohm } | Self::Meter { ohm } => positive("ohm", *ohm),
            Self::Motor { ohm, microhenry } => {
                positive("ohm", *ohm).or_else(|| positive("microhenry", *microhenry))
            }
            Self::Resonator { ohm, q, hertz } => {
                positive("ohm", *ohm).or_else(|| positive("q", *q)).or_else(|| positive("hertz", *hertz))
            }
            Self::UrbanMedian => None,
            Self::Commuted { conducting, blocking, conducting_ms } => (!(0.0..=HALF_PERIOD_MS)
                .contains(conducting_ms))
            .then_some(("conducting_ms", *conducting_ms, "a time of 0 to 10 ms"))
            .or_else(|| conducting.fault())
            .or_else(|| blocking.fault()),
            Self::Harmonic { of, swing } => not_negative("swing", *swing).or_else(|| of.fault()),
            Self::OnOff { of, on_s, off_s } => {
                let long = |name, value: f64| {
                    (!(SHORTEST_STATE_S..1e9).contains(&value)).then_some((
                        name,
                        value,
                        "a time of 1 s or more",
                    ))
                };
                long("on_s", *on_s).or_else(|| long("off_s", *off_s)).or_else(|| of.fault())
            }
        }
    }
}

/// State of a random switch at a time of the day, and when it ends; from its own stream.
fn switch(on_s: f64, off_s: f64, day_s: f64, (seed, number): (u64, u64)) -> (bool, f64) {
    let rng = &mut stream(seed, Purpose::Switching, number);
    let mut on = uniform(rng) < on_s / (on_s + off_s);
    let mut at = 0.0;
    loop {
        let mean = if on { on_s } else { off_s };
        at += (-mean * libm::log(1.0 - uniform(rng))).max(SHORTEST_STATE_S);
        if at > day_s {
            return (on, at);
        }
        on = !on;
    }
}

/// Identity of what is inside something that goes on and off.
fn inner((seed, number): (u64, u64)) -> (u64, u64) {
    (seed, number ^ 1 << 32)
}

/// A household's appliances, drawn: what a home in the evening has switched on, within the digest's ranges.
///
/// Power supplies with X-capacitors (one or two), of which one conducts around the mains peaks; a heater or cooker
/// with a probability of one half; a refrigerator's motor that goes on and off; with a probability of 0.3 a
/// resonance of cabling and filters; and the meter.
pub fn drawn_household(seed: u64, index: u64) -> Vec<Appliance> {
    let rng = &mut stream(seed, Purpose::Appliances, index);
    let mut between = |low: f64, high: f64| low + (high - low) * uniform(rng);
    let mut appliances = Vec::new();
    let supplies = between(1.0, 3.0) as usize;
    for number in 0..supplies {
        let capacitor = Appliance::XCapacitor {
            // Logarithmically between 0.1 and 0.5 µF: with the digest's whole range, to 1 µF, a feeder of such homes
            // loses 20 dB more than its table of losses (3.6).
            microfarad: libm::pow(10.0, between(-1.0, -0.3)),
            series_ohm: between(0.2, 2.0),
            lead_microhenry: between(0.3, 1.0),
        };
        if number > 0 {
            appliances.push(capacitor);
            continue;
        }
        let ohm = between(2.0, 10.0);
        appliances.push(Appliance::Commuted {
            conducting: Box::new(Appliance::Fixed { ohm, degrees: between(-30.0, 30.0) }),
            blocking: Box::new(capacitor),
            conducting_ms: between(1.0, 3.0),
        });
    }
    if between(0.0, 1.0) < 0.5 {
        appliances.push(Appliance::Heater { ohm: between(10.0, 50.0) });
    }
    let motor = Appliance::Motor { ohm: between(20.0, 100.0), microhenry: between(50.0, 300.0) };
    appliances.push(Appliance::OnOff { of: Box::new(motor), on_s: 900.0, off_s: 1_800.0 });
    if between(0.0, 1.0) < 0.3 {
        let (ohm, q) = (between(20.0, 200.0), between(1.0, 5.0));
        appliances.push(Appliance::Resonator { ohm, q, hertz: between(40e3, 400e3) });
    }
    appliances.push(Appliance::Meter { ohm: between(500.0, 1_000.0) });
    appliances
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Moment = Moment { mains_turns: 0.0, day_s: 0.0 };

    fn ohm(appliance: &Appliance, frequency_hz: f64) -> Complex64 {
        appliance.admittance(frequency_hz, MOMENT, (1, 0)).inv()
    }

    #[test]
    fn x_capacitors_have_the_digests_reactance() {
        // 0.22 µF is 9.6 Ω at 75 kHz, 1 µF is 2.1 Ω (digest 3.5).
        for (microfarad, expected) in [(0.22, 9.6), (1.0, 2.1)] {
            let bare = Appliance::XCapacitor { microfarad, series_ohm: 1e-3, lead_microhenry: 0.0 };
            assert!((ohm(&bare, 75e3).norm() - expected).abs() < 0.06, "{}", ohm(&bare, 75e3));
        }
        // With its leads it resonates at 1/(2π sqrt(LC)) = 225 kHz and is its resistance there.
        let real = Appliance::XCapacitor { microfarad: 1.0, series_ohm: 0.5, lead_microhenry: 0.5 };
        assert!((ohm(&real, 225_079.0) - 0.5).norm() < 1e-3, "{}", ohm(&real, 225_079.0));
    }

    #[test]
    fn a_resonator_is_cañetes_formula() {
        let resonator = Appliance::Resonator { ohm: 100.0, q: 5.0, hertz: 80e3 };
        assert!((ohm(&resonator, 80e3) - 100.0).norm() < 1e-9);
        // At f0 (1 ± 1/(2Q)) about, the magnitude is R/√2: Q (f/f0 - f0/f) = 1.
        let x = 0.1 + (0.01f64 + 1.0).sqrt();
        assert!((ohm(&resonator, 80e3 * x).norm() - 100.0 / 2f64.sqrt()).abs() < 1e-9);
    }

    #[test]
    fn a_motor_is_inductive_below_and_resistive_above() {
        let motor = Appliance::Motor { ohm: 50.0, microhenry: 100.0 };
        assert!(ohm(&motor, 3e3).arg() > 1.4 && ohm(&motor, 3e3).norm() < 2.0);
        assert!((ohm(&motor, 5e6).norm() - 50.0).abs() < 0.1);
    }

    #[test]
    fn rectifiers_conduct_around_the_peaks() {
        let rectifier = Appliance::Commuted {
            conducting: Box::new(Appliance::Heater { ohm: 3.0 }),
            blocking: Box::new(Appliance::Heater { ohm: 300.0 }),
            conducting_ms: 2.0,
        };
        let at = |turns: f64| {
            rectifier.admittance(60e3, Moment { mains_turns: turns, day_s: 0.0 }, (1, 0)).inv().re
        };
        // 2 ms of a 10 ms half period: from 4 to 6 ms, that is 0.2 to 0.3 turns, and again half a turn later.
        for (turns, expected) in
            [(0.0, 300.0), (0.199, 300.0), (0.201, 3.0), (0.25, 3.0), (0.299, 3.0), (0.301, 300.0)]
        {
            for half in [0.0, 0.5, -3.5, 7.0] {
                assert!((at(turns + half) - expected).abs() < 1e-9, "{turns}+{half}: {}", at(turns + half));
            }
        }
        assert!(rectifier.follows_mains());
    }

    #[test]
    fn harmonic_impedances_swing_by_their_factor() {
        let of = Box::new(Appliance::Heater { ohm: 10.0 });
        let harmonic = Appliance::Harmonic { of, swing: 2.0 };
        let at = |turns: f64| {
            harmonic.admittance(60e3, Moment { mains_turns: turns, day_s: 0.0 }, (1, 0)).inv().re
        };
        assert!((at(0.0) - 10.0).abs() < 1e-9);
        assert!((at(0.25) - 30.0).abs() < 1e-9);
        assert!((at(1.0 / 12.0) - 20.0).abs() < 1e-9);
    }

    #[test]
    fn switches_are_on_for_their_share_of_the_time() {
        let switched =
            Appliance::OnOff { of: Box::new(Appliance::Heater { ohm: 10.0 }), on_s: 300.0, off_s: 900.0 };
        let (mut on, mut changes, mut total) = (0, 0, 0);
        for number in 0..20 {
            let state = |s: u32| {
                let moment = Moment { mains_turns: 0.0, day_s: f64::from(s) };
                switched.admittance(60e3, moment, (3, number)).re > 0.0
            };
            let states: Vec<bool> = (0..86_400).step_by(60).map(state).collect();
            on += states.iter().filter(|on| **on).count();
            changes += states.windows(2).filter(|pair| pair[0] != pair[1]).count();
            total += states.len();
        }
        let share = on as f64 / total as f64;
        assert!((share - 0.25).abs() < 0.04, "{share}");
        // A cycle of 1200 s has two changes, of which a raster of 60 s misses few: 144 a day.
        assert!((110..160).contains(&(changes / 20)), "{changes}");
    }

    #[test]
    fn a_switch_is_told_of_before_it_changes() {
        let motor =
            Appliance::OnOff { of: Box::new(Appliance::Heater { ohm: 10.0 }), on_s: 20.0, off_s: 40.0 };
        let nested = Appliance::Harmonic { of: Box::new(motor), swing: 1.0 };
        let on = |day_s: f64| nested.admittance(60e3, Moment { mains_turns: 0.0, day_s }, (1, 7)).re > 0.0;
        let mut at = 64_800.0;
        for _ in 0..50 {
            let next = nested.next_switch_s(at, (1, 7));
            assert!(next > at && on(at) == on(next - 1e-6) && on(next) != on(at), "{at} {next}");
            at = next;
        }
        assert_eq!(Appliance::Meter { ohm: 500.0 }.next_switch_s(0.0, (1, 7)), f64::INFINITY);
    }

    #[test]
    fn drawn_households_are_sound_differ_and_repeat() {
        for index in 0..200 {
            let household = drawn_household(1, index);
            assert!(household.iter().all(|appliance| appliance.fault().is_none()), "{household:?}");
            assert!(household.iter().any(Appliance::follows_mains));
            assert_eq!(household, drawn_household(1, index));
        }
        assert_ne!(drawn_household(1, 0), drawn_household(1, 1));
    }

    #[test]
    fn faults_name_the_value() {
        let wrong = Appliance::Harmonic { of: Box::new(Appliance::Heater { ohm: -3.0 }), swing: 1.0 };
        assert_eq!(wrong.fault(), Some(("ohm", -3.0, "a number above 0")));
        let nan = Appliance::Fixed { ohm: 10.0, degrees: f64::NAN };
        assert!(nan.fault().is_some_and(|(name, ..)| name == "degrees"));
    }
}
