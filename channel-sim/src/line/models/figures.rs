//! The figures of each model.

use super::super::access::{URBAN_MEDIAN, urban_median};
use super::super::cable::{Cable, Conductor, LineConstants, named};
use super::super::filter::{FilterPlan, Filters};
use super::super::load::{Appliance, Moment};
use super::super::{Line, TransformerShunt};
use super::{Axis, Curve, Panel};
use crate::clock::{Clock, Interpolator, Stretch};
use crate::exact;
use crate::feeder::{Phase, PhaseSet};
use crate::line::Terminal;
use crate::scenario::{Loads, PhaseModel, Scenario};
use num_complex::Complex64;
use std::f64::consts::TAU;

/// Points of a curve.
const POINTS: u32 = 60;
/// The village that is drawn.
const SEED: u64 = 1;

fn axis(name: &'static str, logarithmic: bool) -> Axis {
    Axis { name, logarithmic }
}

fn frequency() -> Axis {
    axis("kHz", true)
}

/// A curve over 3 to 500 kHz, which are even on a logarithmic axis.
fn over_frequency(name: impl Into<String>, value: impl Fn(f64) -> f64) -> Curve {
    let at = |i: u32| 3e3 * libm::pow(500.0 / 3.0, f64::from(i) / f64::from(POINTS - 1));
    Curve {
        name: name.into(),
        reference: false,
        points: (0..POINTS).map(at).map(|hz| (hz / 1e3, value(hz))).collect(),
    }
}

/// A curve over the phase of the mains.
fn over_mains(name: impl Into<String>, value: impl Fn(f64) -> f64) -> Curve {
    let at = |i: u32| f64::from(i) / 120.0;
    Curve {
        name: name.into(),
        reference: false,
        points: (0..=120).map(at).map(|turns| (360.0 * turns, value(turns))).collect(),
    }
}

fn digest(name: &str, points: &[(f64, f64)]) -> Curve {
    Curve { name: name.into(), reference: true, points: points.to_vec() }
}

fn db(ratio: Complex64) -> f64 {
    20.0 * libm::log10(exact::norm(ratio).max(1e-12))
}

/// Loss of the matched cable and its characteristic impedance, with the digest's table 3.2.
pub(super) fn cables() -> Vec<Panel> {
    const TABLE_KHZ: [f64; 9] = [10.0, 36.0, 50.0, 75.0, 91.0, 150.0, 250.0, 400.0, 487.5];
    let known: [(&str, Option<[f64; 9]>); 6] = [
        ("NAYY 4x150", Some([0.72, 1.57, 1.92, 2.49, 2.81, 3.88, 5.40, 7.30, 8.29])),
        ("NAYY 4x50", Some([0.85, 1.82, 2.22, 2.85, 3.21, 4.38, 6.02, 8.08, 9.15])),
        ("NYY 4x35", Some([0.80, 1.72, 2.10, 2.70, 3.05, 4.18, 5.77, 7.77, 8.80])),
        ("NYY 4x16", Some([0.91, 1.92, 2.34, 3.00, 3.37, 4.58, 6.29, 8.41, 9.50])),
        ("NFA2X 4x70", None),
        ("48-AL1/8-ST1A", None),
    ];
    let curves = |value: fn(&LineConstants) -> f64, with_table: bool| {
        let mut curves = Vec::new();
        for (name, table) in known {
            let cable = named(name).unwrap_or(Cable::of_section(50.0, Conductor::Aluminium));
            curves.push(over_frequency(name, |hz| value(&cable.constants(hz))));
            if let (Some(losses), true) = (table, with_table) {
                let points: Vec<(f64, f64)> = TABLE_KHZ.into_iter().zip(losses).collect();
                curves.push(digest("digest 3.2", &points));
            }
        }
        curves
    };
    vec![
        Panel {
            title: "loss of the matched cable".into(),
            x: frequency(),
            y: axis("dB/km", true),
            curves: curves(LineConstants::loss_db_per_km, true),
        },
        Panel {
            title: "characteristic impedance".into(),
            x: frequency(),
            y: axis("|Z0|, ohm", true),
            curves: curves(|constants| exact::norm(constants.z0()), false),
        },
    ]
}

/// Impedance of transformers per phase.
pub(super) fn transformer() -> Vec<Panel> {
    let of = |kva: f64, volts: f64| {
        let mut feeder = Scenario::village(SEED).feeder;
        (feeder.transformer.kva, feeder.transformer.secondary_v) = (kva, volts);
        feeder.transformer.reactance_percent = 4.0;
        TransformerShunt::of(&feeder)
    };
    let all = [
        ("800 kVA, 416 V", of(800.0, 416.0)),
        ("630 kVA, 400 V", of(630.0, 400.0)),
        ("100 kVA, 400 V", of(100.0, 400.0)),
    ];
    let curves = |value: fn(Complex64) -> f64| -> Vec<Curve> {
        all.iter()
            .map(|(name, shunt)| over_frequency(*name, |hz| value(shunt.admittance(hz).inv())))
            .collect()
    };
    vec![
        Panel {
            title: "impedance of each phase, 4 %".into(),
            x: frequency(),
            y: axis("|Z|, ohm", true),
            curves: curves(exact::norm),
        },
        Panel {
            title: "its angle".into(),
            x: frequency(),
            y: axis("degrees", false),
            curves: curves(|z| libm::atan2(z.im, z.re).to_degrees()),
        },
    ]
}

/// The measured median.
pub(super) fn access() -> Vec<Panel> {
    let table = |value: fn(f64, f64) -> f64| -> Vec<(f64, f64)> {
        URBAN_MEDIAN.iter().map(|&(khz, r, x)| (khz, value(r, x))).collect()
    };
    let magnitude = over_frequency("model", |hz| exact::norm(urban_median(hz)));
    // The digest's fit is for 45 to 110 kHz.
    let mut fit =
        over_frequency("0.5 ohm + 5.7 µH", |hz| exact::norm(Complex64::new(0.5, TAU * hz * 5.7e-6)));
    fit.points.retain(|point| (45.0..=110.0).contains(&point.0));
    vec![
        Panel {
            title: "magnitude".into(),
            x: frequency(),
            y: axis("|Z|, ohm", true),
            curves: vec![magnitude, digest("digest 3.4", &table(libm::hypot)), fit],
        },
        Panel {
            title: "resistance and reactance".into(),
            x: frequency(),
            y: axis("ohm", false),
            curves: vec![
                over_frequency("R", |hz| urban_median(hz).re),
                digest("digest 3.4", &table(|r, _| r)),
                over_frequency("X", |hz| urban_median(hz).im),
                digest("digest 3.4", &table(|_, x| x)),
            ],
        },
    ]
}

fn impedance(appliance: &Appliance, hz: f64, turns: f64) -> f64 {
    exact::norm(appliance.admittance(hz, Moment { mains_turns: turns, day_s: 0.0 }, (SEED, 0)).inv())
}

fn capacitor(microfarad: f64) -> Appliance {
    Appliance::XCapacitor { microfarad, series_ohm: 1.0, lead_microhenry: 0.5 }
}

/// Loads over frequency.
pub(super) fn loads() -> Vec<Panel> {
    let bare = |microfarad| Appliance::XCapacitor { microfarad, series_ohm: 1e-3, lead_microhenry: 0.0 };
    let curve =
        |name: &str, appliance: Appliance| over_frequency(name, move |hz| impedance(&appliance, hz, 0.0));
    vec![
        Panel {
            title: "X-capacitors".into(),
            x: frequency(),
            y: axis("|Z|, ohm", true),
            curves: vec![
                curve("0.22 µF, bare", bare(0.22)),
                digest("digest 3.5", &[(75.0, 9.6), (75.0, 9.6)]),
                curve("1 µF, bare", bare(1.0)),
                digest("digest 3.5", &[(75.0, 2.1), (75.0, 2.1)]),
                curve("0.22 µF, 1 ohm, 0.5 µH", capacitor(0.22)),
                curve("1 µF, 1 ohm, 0.5 µH", capacitor(1.0)),
            ],
        },
        Panel {
            title: "other loads".into(),
            x: frequency(),
            y: axis("|Z|, ohm", true),
            curves: vec![
                curve("heater, 30 ohm", Appliance::Heater { ohm: 30.0 }),
                curve("motor, 60 ohm, 150 µH", Appliance::Motor { ohm: 60.0, microhenry: 150.0 }),
                curve(
                    "resonator, 100 ohm, Q 3, 90 kHz",
                    Appliance::Resonator { ohm: 100.0, q: 3.0, hertz: 90e3 },
                ),
                curve("meter, 1 kohm", Appliance::Meter { ohm: 1_000.0 }),
            ],
        },
    ]
}

/// Loads over the mains' phase, and over the day.
pub(super) fn varying_loads() -> Vec<Panel> {
    let commuted = Appliance::Commuted {
        conducting: Box::new(Appliance::Fixed { ohm: 4.0, degrees: 10.0 }),
        blocking: Box::new(capacitor(0.22)),
        conducting_ms: 2.0,
    };
    let harmonic = |swing: f64| Appliance::Harmonic { of: Box::new(Appliance::Heater { ohm: 10.0 }), swing };
    let switched =
        Appliance::OnOff { of: Box::new(Appliance::Heater { ohm: 30.0 }), on_s: 900.0, off_s: 1_800.0 };
    let on = |number: u64, s: u32| {
        let moment = Moment { mains_turns: 0.0, day_s: f64::from(s) };
        switched.admittance(75e3, moment, (SEED, number)).re > 0.0
    };
    let day = |number: u64| Curve {
        name: format!("appliance {}", number + 1),
        reference: false,
        points: (0..=240)
            .map(|step| {
                (f64::from(step) / 40.0, f64::from(u8::from(on(number, step * 90))) * 0.8 + number as f64)
            })
            .collect(),
    };
    vec![
        Panel {
            title: "commuted and harmonic, 75 kHz".into(),
            x: axis("degrees of mains phase", false),
            y: axis("|Z|, ohm", false),
            curves: vec![
                over_mains("rectifier, 2 ms", |turns| impedance(&commuted, 75e3, turns)),
                over_mains("harmonic, swing 1", |turns| impedance(&harmonic(1.0), 75e3, turns)),
                over_mains("harmonic, swing 4", |turns| impedance(&harmonic(4.0), 75e3, turns)),
            ],
        },
        Panel {
            title: "on and off, 15 and 30 minutes in the mean".into(),
            x: axis("hours", false),
            y: axis("appliance, off and on", false),
            curves: (0..3).map(day).collect(),
        },
    ]
}

/// The village's first phase.
pub(super) fn tree() -> Vec<Panel> {
    let line = Line::new(&Scenario::village(SEED));
    let meters: Vec<usize> = (0..line.households().len())
        .filter(|&meter| line.households()[meter].phase == Phase::L1)
        .take(4)
        .collect();
    let curve = |place: usize| {
        over_frequency(format!("meter {}", meters[place] + 1), |hz| {
            db(line.phase_alone(Phase::L1, hz).1.get(place).copied().unwrap_or_default())
        })
    };
    let input =
        |phase: Phase| over_frequency(format!("{phase}"), |hz| exact::norm(line.phase_alone(phase, hz).0));
    vec![
        Panel {
            title: "village: voltage at meters over the busbar's".into(),
            x: frequency(),
            y: axis("dB", false),
            curves: (0..meters.len()).map(curve).collect(),
        },
        Panel {
            title: "its input impedance, without transformer".into(),
            x: frequency(),
            y: axis("|Z|, ohm", false),
            curves: Phase::ALL.into_iter().map(input).collect(),
        },
    ]
}

/// From one phase to the others, by both models.
pub(super) fn coupled() -> Vec<Panel> {
    let with = |model: PhaseModel| {
        let mut scenario = Scenario::village(SEED);
        scenario.phase_model = model;
        Line::new(&scenario)
    };
    let far = |line: &Line| line.households().iter().map(|household| household.node).max().unwrap_or(0);
    let at =
        |node: usize, phase: Phase| Terminal { node, phases: PhaseSet::NONE.with(phase), listens: false };
    let panel = |title: &str, line: Line, others: usize| {
        let to = far(&line);
        let curve = |phase: Phase| {
            over_frequency(format!("L1 to {phase}"), |hz| {
                let ways = line.between(&[at(0, Phase::L1)], &[at(to, phase)], hz, 0.0);
                db(ways.first().copied().unwrap_or_default())
            })
        };
        let there = line.phases().get(to).copied().unwrap_or(PhaseSet::ALL);
        Panel {
            title: title.into(),
            x: frequency(),
            y: axis("dB", false),
            curves: Phase::ALL
                .into_iter()
                .filter(|phase| there.contains(*phase))
                .take(1 + others)
                .map(curve)
                .collect(),
        }
    };
    vec![
        panel("coupled: busbar to the far end", with(PhaseModel::Coupled), 2),
        // L3 hears what L2 does.
        panel("scalar: 12 dB from phase to phase", with(PhaseModel::Scalar { cross_phase_db: 12.0 }), 1),
    ]
}

/// A village whose households have appliances.
fn with_appliances() -> Line {
    let mut scenario = Scenario::village(SEED);
    scenario.loads = Loads::Appliances;
    Line::new(&scenario)
}

/// One link over the mains' phase.
pub(super) fn lptv() -> Vec<Panel> {
    let line = with_appliances();
    let modems = line.modems();
    let gain =
        |to: usize, hz: f64, turns: f64| db(line.transfer_at(hz, turns).get(to).copied().unwrap_or_default());
    let meter = modems - 1;
    let over = |khz: f64| over_mains(format!("{khz} kHz"), |turns| gain(meter, khz * 1e3, turns));
    let states = |degrees: f64| over_frequency(format!("{degrees}°"), |hz| gain(meter, hz, degrees / 360.0));
    vec![
        Panel {
            title: format!("village with appliances: coordinator to meter {meter}"),
            x: axis("degrees of mains phase of L1", false),
            y: axis("dB", false),
            curves: [42.0, 75.0, 150.0, 300.0].into_iter().map(over).collect(),
        },
        Panel {
            title: "the same over frequency".into(),
            x: frequency(),
            y: axis("dB", false),
            curves: [0.0, 125.0, 150.0].into_iter().map(states).collect(),
        },
    ]
}

/// What arrives of a household's noise.
pub(super) fn injected() -> Vec<Panel> {
    let line = Line::new(&Scenario::village(SEED));
    let modems = line.modems();
    let household = modems - 2;
    let at = |to: usize, hz: f64| {
        db(line.noise_transfer_at(hz, 0.0).get(household * modems + to).copied().unwrap_or_default())
    };
    let name = |modem: usize| match modem {
        0 => "coordinator".to_owned(),
        meter => format!("meter {meter}"),
    };
    let ports = [modems - 1, modems - 2, 1, 0];
    // All households inject alike: what all of them together bring to each port.
    let total = |to: usize, hz: f64| {
        let transfer = line.noise_transfer_at(hz, 0.0);
        let power: f64 = (0..modems - 1)
            .filter_map(|household| transfer.get(household * modems + to))
            .map(|value| value.norm_sqr())
            .sum();
        10.0 * libm::log10(power.max(1e-24))
    };
    vec![
        Panel {
            title: format!("noise of household {}, at the ports", household + 1),
            x: frequency(),
            y: axis("dB of its level on the network", false),
            curves: ports.into_iter().map(|to| over_frequency(name(to), |hz| at(to, hz))).collect(),
        },
        Panel {
            title: "noise of all households, equally loud".into(),
            x: frequency(),
            y: axis("dB of one's level on the network", false),
            curves: ports.into_iter().map(|to| over_frequency(name(to), |hz| total(to, hz))).collect(),
        },
    ]
}

/// Filters against what they stand for.
pub(super) fn filters() -> Vec<Panel> {
    let line = Line::new(&Scenario::village(SEED));
    let plan = FilterPlan::WIDE;
    let filters = Filters::new(&line, plan);
    let modems = line.modems();
    let to = modems - 1;
    let exact = |hz: f64| line.transfer(hz).get(to).copied().unwrap_or_default();
    let filter = |hz: f64| filters.response(0, to, hz);
    // Within the coupler's flat part.
    let mut error = over_frequency("error", |hz| db(filter(hz) - exact(hz)) - db(exact(hz)));
    error.points.retain(|point| (plan.band_hz[1] / 1e3..=plan.band_hz[2] / 1e3).contains(&point.0));
    vec![
        Panel {
            title: format!("coordinator to meter {to}, line of 1.2 MHz"),
            x: frequency(),
            y: axis("dB", false),
            curves: vec![
                over_frequency("transfer function", |hz| db(exact(hz))),
                over_frequency("filter and coupler", |hz| db(filter(hz)).max(-120.0)),
            ],
        },
        Panel {
            title: "what cutting it to 0.48 ms costs".into(),
            x: frequency(),
            y: axis("dB of the gain", false),
            curves: vec![error],
        },
    ]
}

/// Worst error of the interpolators over frequency.
pub(super) fn resampler() -> Vec<Panel> {
    let error = |interpolator: &Interpolator, ppm: f64, share: f64| {
        let clock = Clock::new(ppm, 0.37);
        let tone = |n: f64| libm::cos(TAU * share * n);
        let line: Vec<f32> = (0..1_400).map(|i| tone(f64::from(i) - 40.0) as f32).collect();
        let mut out = vec![0.0; 1_200];
        interpolator.to_local(&clock, Stretch { first: -40, samples: &line }, 0, &mut out);
        let worst = out.iter().enumerate().map(|(n, &found)| {
            let position = 0.37 + n as f64 / (1.0 + ppm * 1e-6);
            (f64::from(found) - tone(position)).abs()
        });
        20.0 * libm::log10(worst.fold(1e-9, f64::max))
    };
    let curve = |name: &str, interpolator: &Interpolator, ppm: f64| Curve {
        name: name.into(),
        reference: false,
        points: (2..=45)
            .map(|step| f64::from(step) / 100.0)
            .map(|share| (share, error(interpolator, ppm, share)))
            .collect(),
    };
    let (narrow, wide) = (Interpolator::narrow(), Interpolator::wide());
    let limit = |from: f64, to: f64| Curve {
        name: "-70 dB where it is used".into(),
        reference: false,
        points: vec![(from, -70.0), (to, -70.0)],
    };
    let panel = |title: &str, interpolator: &Interpolator, to: f64| Panel {
        title: title.into(),
        x: axis("frequency over sample rate", false),
        y: axis("worst error of a tone, dB", false),
        curves: vec![
            curve("0 ppm", interpolator, 0.0),
            curve("25 ppm", interpolator, 25.0),
            curve("50 ppm", interpolator, 50.0),
            limit(0.02, to),
        ],
    };
    vec![panel("narrow: 16 taps", &narrow, 0.2625), panel("wide: 32 taps", &wide, 0.41)]
}
