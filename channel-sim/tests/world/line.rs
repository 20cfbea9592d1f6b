//! What the line does to samples: rates, appliances that switch or follow the mains, noise where it is made.

use super::kit::{at_ms, frame, psdus, world};
use channel_sim::line::Line;
use channel_sim::line::filter::FilterPlan;
use channel_sim::line::load::Appliance;
use channel_sim::noise::Preset;
use channel_sim::scenario::{ClockError, Scenario};
use channel_sim::world::{Attachment, CoordinatorPort, Modem, World};
use g3_phy::Modulation;
use g3_phy::phy::PhyConfig;
use plc_core::time::TICKS_PER_SECOND;
use std::sync::{Arc, Mutex};

/// A modem that sends a tone and keeps what it hears.
struct Tone {
    attachment: Attachment,
    /// Frequency over sample rate, amplitude.
    tone: Option<(f64, f32)>,
    samples: Arc<Mutex<Vec<f32>>>,
}

impl Modem for Tone {
    fn attachment(&self) -> Attachment {
        self.attachment
    }

    fn transmit(&mut self, from: u64, out: &mut [f32]) -> bool {
        let Some((frequency, amplitude)) = self.tone else { return false };
        for (n, sample) in out.iter_mut().enumerate() {
            let angle = (frequency * (from + n as u64) as f64).fract() * std::f64::consts::TAU;
            *sample = amplitude * angle.cos() as f32;
        }
        true
    }

    fn receive(&mut self, _from: u64, samples: &[f32]) {
        self.samples.lock().unwrap().extend(samples);
    }
}

/// What meter 1 of the village hears of a tone of meter 0: the tone's amplitude over its source's, and the rest over
/// the tone, in dB.
fn tone(scenario: Scenario, sender: Attachment, receiver: Attachment, hz: f64) -> (f64, f64) {
    let samples: Vec<Arc<Mutex<Vec<f32>>>> = (0..2).map(|_| Arc::default()).collect();
    let meters: Vec<Box<dyn Modem>> = vec![
        Box::new(Tone {
            attachment: sender,
            tone: Some((hz / sender.rate_hz, 1.0)),
            samples: samples[0].clone(),
        }),
        Box::new(Tone { attachment: receiver, tone: None, samples: samples[1].clone() }),
    ];
    let volts_per_unit = channel_sim::line::source_volts(scenario.level_dbuv) / f64::from(g3_phy::TX_RMS);
    let coordinator = Box::new(CoordinatorPort::new(PhyConfig::default()));
    let mut world = World::with_modems(scenario, coordinator, meters).unwrap();
    world.run_blocks(80);
    let heard = samples[1].lock().unwrap();
    // Whole periods are not needed: a cosine and a sine are fitted together.
    let rate = receiver.rate_hz;
    let tail = &heard[heard.len() / 4..];
    let (mut cc, mut cs, mut ss, mut xc, mut xs) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (n, &x) in tail.iter().enumerate() {
        let (sin, cos) = (std::f64::consts::TAU * hz / rate * n as f64).sin_cos();
        cc += cos * cos;
        cs += cos * sin;
        ss += sin * sin;
        xc += f64::from(x) * cos;
        xs += f64::from(x) * sin;
    }
    let determinant = cc * ss - cs * cs;
    let (a, b) = ((xc * ss - xs * cs) / determinant, (xs * cc - xc * cs) / determinant);
    let rest: f64 = tail
        .iter()
        .enumerate()
        .map(|(n, &x)| {
            let (sin, cos) = (std::f64::consts::TAU * hz / rate * n as f64).sin_cos();
            (f64::from(x) - a * cos - b * sin).powi(2)
        })
        .sum();
    let power = 0.5 * (a * a + b * b);
    (a.hypot(b) / volts_per_unit, 10.0 * (rest / tail.len() as f64 / power).log10())
}

/// A village without noise, with all clocks alike.
fn quiet(plan: FilterPlan) -> Scenario {
    let mut scenario = Scenario::village(7);
    scenario.noise = Vec::new();
    scenario.clock_error = ClockError::Fixed { ppm: 0.0 };
    scenario.plan = plan;
    scenario
}

#[test]
fn tones_pass_between_modems_of_different_sample_rates_to_seventy_decibels() {
    let wide_prime = Attachment { coupler_hz: Attachment::CENELEC_A.coupler_hz, ..Attachment::FCC };
    for (plan, sender, receiver, hz) in [
        (FilterPlan::CENELEC_A, Attachment::CENELEC_A, Attachment::CENELEC_A, 61_000.0),
        (FilterPlan::WIDE, Attachment::CENELEC_A, Attachment::CENELEC_A, 61_000.0),
        (FilterPlan::WIDE, Attachment::CENELEC_A, wide_prime, 88_300.0),
        (FilterPlan::WIDE, wide_prime, Attachment::CENELEC_A, 36_700.0),
        (FilterPlan::WIDE, Attachment::PRIME, wide_prime, 75_250.0),
        (FilterPlan::WIDE, wide_prime, Attachment::PRIME, 42_050.0),
        (FilterPlan::WIDE, Attachment::PRIME, Attachment::CENELEC_A, 88_300.0),
        (FilterPlan::WIDE, Attachment::FCC, Attachment::FCC, 301_000.0),
        (FilterPlan::WIDE, Attachment::FCC, Attachment::FCC, 480_100.0),
        (FilterPlan::MIXED, Attachment::PRIME, Attachment::CENELEC_A, 75_250.0),
        (FilterPlan::MIXED, Attachment::CENELEC_A, Attachment::PRIME, 42_050.0),
        (FilterPlan::MIXED, Attachment::FCC, Attachment::FCC, 200_000.0),
    ] {
        let scenario = quiet(plan);
        let expected = Line::new(&scenario).transfer(hz);
        let expected = expected[13 + 2].norm();
        let (gain, rest_db) = tone(scenario, sender, receiver, hz);
        let error_db = 20.0 * ((gain / expected - 1.0).abs()).max(1e-9).log10();
        eprintln!(
            "{} kHz line, {} to {} kHz, {hz} Hz: gain {error_db:.1} dB off, rest {rest_db:.1} dB",
            plan.rate_hz / 1e3,
            sender.rate_hz / 1e3,
            receiver.rate_hz / 1e3
        );
        assert!(rest_db < -70.0, "{plan:?} {sender:?} {receiver:?} {hz}: rest {rest_db:.1} dB");
        assert!(error_db < -45.0, "{plan:?} {sender:?} {receiver:?} {hz}: gain {gain} for {expected}");
    }
}

#[test]
fn a_modem_whose_rate_does_not_fit_the_line_is_refused() {
    let odd = Attachment { rate_hz: 250_000.0, ..Attachment::PRIME };
    let too_fast = Attachment::FCC;
    for (plan, attachment, fits) in
        [(FilterPlan::CENELEC_A, odd, true), (FilterPlan::CENELEC_A, too_fast, false)]
    {
        let meter: Box<dyn Modem> = Box::new(Tone { attachment, tone: None, samples: Arc::default() });
        let coordinator = Box::new(CoordinatorPort::new(PhyConfig::default()));
        let world = World::with_modems(quiet(plan), coordinator, vec![meter]);
        assert_eq!(world.is_ok(), fits, "{attachment:?}");
    }
}

/// Power of a tone of 60 kHz from the first meter to the second over 0.5 ms pieces, from 10 ms on.
fn powers(scenario: Scenario, blocks: u64) -> Vec<f32> {
    let samples: Vec<Arc<Mutex<Vec<f32>>>> = (0..2).map(|_| Arc::default()).collect();
    let modem = |index: usize| -> Box<dyn Modem> {
        let tone = (index == 0).then_some((60_000.0 / 400_000.0, 1.0));
        Box::new(Tone { attachment: Attachment::CENELEC_A, tone, samples: samples[index].clone() })
    };
    let coordinator = Box::new(CoordinatorPort::new(PhyConfig::default()));
    let mut world = World::with_modems(scenario, coordinator, vec![modem(0), modem(1)]).unwrap();
    world.run_blocks(blocks);
    let heard = samples[1].lock().unwrap();
    let pieces = heard[4_000..].chunks_exact(200);
    pieces.map(|piece| piece.iter().map(|x| x * x).sum::<f32>() / 200.0).collect()
}

#[test]
fn an_appliance_that_goes_on_and_off_changes_the_line_within_a_run() {
    let scenario = |appliances: Vec<Appliance>| {
        let mut scenario = quiet(FilterPlan::CENELEC_A);
        scenario.feeder.loads[0].appliances = appliances;
        scenario
    };
    let heater = || Appliance::Heater { ohm: 0.5 };
    let meter = || Appliance::Meter { ohm: 500.0 };
    let switched = || Appliance::OnOff { of: Box::new(heater()), on_s: 1.5, off_s: 1.5 };
    let on = powers(scenario(vec![heater(), meter()]), 100)[0];
    let off = powers(scenario(vec![meter()]), 100)[0];
    assert!(off > 1.5 * on, "on {on}, off {off}");

    let run = scenario(vec![switched(), meter()]);
    let start_s = run.ticks_since_midnight() as f64 / TICKS_PER_SECOND as f64;
    let mut line = Line::new(&run);
    let mut next_s = line.next_switch_s();
    let heard = powers(run, 16_000);
    let mut is_on = (heard[0] / on - 1.0).abs() < 0.02;
    let mut switches = 0;
    for (piece, power) in heard.iter().enumerate() {
        let begins_s = start_s + 10e-3 + piece as f64 * 0.5e-3;
        // A block before the switching and one behind it, where the line fades.
        if begins_s + 1.5e-3 > next_s && begins_s < next_s + 1.5e-3 {
            continue;
        }
        if begins_s > next_s {
            is_on = !is_on;
            switches += 1;
            line.set_time(next_s);
            next_s = line.next_switch_s();
        }
        let expected = if is_on { on } else { off };
        assert!((power / expected - 1.0).abs() < 0.02, "{begins_s} s: {power}, {expected} expected");
    }
    assert!(switches >= 3, "{switches}");
}

#[test]
fn a_line_that_follows_the_mains_modulates_what_passes() {
    // One household's rectifier shunts the line for 3 ms of every 10.
    let scenario = |share_ms: f64| {
        let mut scenario = quiet(FilterPlan::WIDE);
        let rectifier = |ohm: f64| Box::new(Appliance::Fixed { ohm, degrees: 0.0 });
        scenario.feeder.loads[0].appliances = vec![Appliance::Commuted {
            conducting: rectifier(0.5),
            blocking: rectifier(100.0),
            conducting_ms: share_ms,
        }];
        scenario
    };
    let commuted = powers(scenario(3.0), 100);
    let (steady_off, steady_on) = (powers(scenario(0.0), 100), powers(scenario(10.0), 100));
    let range = |powers: &[f32]| {
        (powers.iter().copied().fold(f32::MAX, f32::min), powers.iter().copied().fold(0.0, f32::max))
    };
    for steady in [&steady_off, &steady_on] {
        let (low, high) = range(steady);
        assert!(high / low < 1.001, "{low} to {high}");
    }
    let (low, high) = range(&commuted);
    assert!(high > 1.5 * low, "{low} to {high}");
    assert!((high / steady_off[0] - 1.0).abs() < 0.02, "blocking {high}, alone {}", steady_off[0]);
    assert!((low / steady_on[0] - 1.0).abs() < 0.02, "conducting {low}, alone {}", steady_on[0]);
    let middle = 0.5 * (low + high);
    let share = commuted.iter().filter(|power| **power < middle).count() as f64 / commuted.len() as f64;
    assert!((share - 0.3).abs() < 0.08, "conducting for {share} of the time");
}

#[test]
fn injected_noise_arrives_as_the_line_model_says_and_differs_by_node() {
    let mut scenario = quiet(FilterPlan::WIDE);
    scenario.injected = vec![Preset::parse("n0=-80").unwrap()];
    let line = Line::new(&scenario);
    let expected = channel_sim::world::port_noise(&scenario, &line).unwrap();
    let samples: Vec<Arc<Mutex<Vec<f32>>>> = (0..12).map(|_| Arc::default()).collect();
    let modem = |index: usize| -> Box<dyn Modem> {
        Box::new(Tone { attachment: Attachment::CENELEC_A, tone: None, samples: samples[index].clone() })
    };
    let coordinator = Box::new(CoordinatorPort::new(PhyConfig::default()));
    let mut world = World::with_modems(scenario, coordinator, (0..12).map(modem).collect()).unwrap();
    world.run_blocks(1_500);
    let mut levels = Vec::new();
    for meter in 0..12 {
        let heard = samples[meter].lock().unwrap();
        // Mean power of 256-point transforms in carriers 30 to 50, straight from the definition.
        let (mut found, mut wanted) = (0.0, 0.0);
        for bin in (30..=50).step_by(5) {
            let pieces = heard[2_048..].chunks_exact(256);
            let count = pieces.len() as f64;
            let power: f64 = pieces
                .map(|piece| {
                    let (mut re, mut im) = (0.0, 0.0);
                    for (n, &x) in piece.iter().enumerate() {
                        let (sin, cos) = (std::f64::consts::TAU * (bin * n) as f64 / 256.0).sin_cos();
                        re += f64::from(x) * cos;
                        im -= f64::from(x) * sin;
                    }
                    re * re + im * im
                })
                .sum();
            found += power / count;
            wanted += expected[meter + 1][bin - 23];
        }
        let off_db = 10.0 * (found / wanted).log10();
        assert!(off_db.abs() < 0.5, "meter {meter}: {off_db:.2} dB off");
        levels.push(10.0 * found.log10());
    }
    let spread =
        levels.iter().copied().fold(f64::MIN, f64::max) - levels.iter().copied().fold(f64::MAX, f64::min);
    assert!(spread > 3.0, "noise differs by {spread:.1} dB between the meters");
}

#[test]
fn noise_injected_at_one_node_makes_its_link_good_in_one_direction_alone() {
    let mut scenario = quiet(FilterPlan::WIDE);
    // The village's last house by itself, whose appliances make all the noise there is but for a floor.
    scenario.feeder.loads.drain(..11);
    scenario.noise = vec![Preset::parse("n0=-130").unwrap()];
    scenario.injected = vec![Preset::parse("n0=-70").unwrap()];
    let links = |scenario: &Scenario| World::new(scenario.clone()).unwrap().links().remove(0);
    let link = links(&scenario);
    let (up, down) = (link.up, link.down);
    eprintln!("{link:?}");
    // What the house hears of itself has lost nothing; what the coordinator hears of it has lost what its frames have.
    let line = Line::new(&scenario);
    let noise = channel_sim::world::port_noise(&scenario, &line).unwrap();
    let mean_db = |bins: &[f64]| 10.0 * (bins.iter().sum::<f64>() / bins.len() as f64).log10();
    let between_db = (mean_db(&noise[1]) - mean_db(&noise[0])) as f32;
    let expected_db = between_db + down.loss_db - up.loss_db;
    assert!(expected_db > 5.0, "{link:?}: {expected_db}");
    assert!((up.snr_db - down.snr_db - expected_db).abs() < 0.5, "{link:?}: {expected_db}");

    // With levels such that the two are on both sides of what DBPSK needs, frames pass up and not down.
    scenario.level_dbuv += f64::from(1.0 - 0.5 * (up.snr_db + down.snr_db));
    let octets = [0x5A; 40];
    let send = |_: usize| vec![(200_000, frame(&octets, Modulation::Dbpsk, 200_000))];
    let (mut world, heard, _) = world(scenario, send);
    let down = frame(&octets[..20], Modulation::Dbpsk, 40_000);
    let mut events = world.exchange(vec![down], at_ms(900)).events;
    while world.now() < at_ms(900) {
        events.extend(world.exchange(Vec::new(), at_ms(900)).events);
    }
    assert_eq!(psdus(events).len(), 1, "up");
    let heard = heard.lock().unwrap();
    assert_eq!(psdus(heard.iter().map(|(_, event)| event.clone())).len(), 0, "down");
}
