//! The world with PHYs as its modems: frames pass, collide, and repeat bit for bit.

#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test: figures for --nocapture, helpers may fail"
)]

use channel_sim::line::Line;
use channel_sim::line::filter::FilterPlan;
use channel_sim::line::load::Appliance;
use channel_sim::noise::Preset;
use channel_sim::scenario::{ClockError, Scenario};
use channel_sim::world::{Attachment, CoordinatorPort, Modem, PhyPort, World};
use g3_phy::layout::PayloadLayout;
use g3_phy::phy::PhyConfig;
use g3_phy::primitives::{Event, PdDataRequest, Psdu, Request};
use g3_phy::{BandPlan, Modulation, ToneMask};
use plc_core::time::{Instant, TICKS_PER_SECOND, millis};
use std::sync::{Arc, Mutex};

/// A meter that is a PHY alone: sends a frame every now and then and notes what it hears.
struct TestModem {
    phy: CoordinatorPort,
    send_at: Vec<(u64, Request)>,
    heard: Arc<Mutex<Vec<(usize, Event)>>>,
    samples: Arc<Mutex<Vec<f32>>>,
    index: usize,
}

impl Modem for TestModem {
    fn transmit(&mut self, from: u64, out: &mut [f32]) -> bool {
        let end = from + out.len() as u64;
        while let Some((at, request)) = self.send_at.first().cloned() {
            if at >= end {
                break;
            }
            self.phy.request(Instant::from_ticks(from * 15), request);
            self.send_at.remove(0);
        }
        self.phy.transmit(from, out)
    }

    fn receive(&mut self, from: u64, samples: &[f32]) {
        self.phy.receive(from, samples);
        self.samples.lock().unwrap().extend(samples);
        while let Some(event) = self.phy.poll() {
            self.heard.lock().unwrap().push((self.index, event));
        }
    }
}

fn frame(octets: &[u8], modulation: Modulation, start: u64) -> Request {
    let plan = BandPlan::CENELEC_A;
    let tone_map = plan.full_tone_map();
    let layout = PayloadLayout::for_psdu(&plan, ToneMask::ALL, tone_map, modulation, octets.len()).unwrap();
    let mut psdu = Psdu::from_slice(octets).unwrap();
    psdu.resize(usize::from(layout.psdu_capacity), 0).unwrap();
    Request::Data(PdDataRequest {
        start: Instant::from_ticks(start * 15),
        psdu,
        modulation,
        tone_map,
        response_expected: false,
    })
}

type Heard = Arc<Mutex<Vec<(usize, Event)>>>;

/// A world whose meters are PHYs; meter `i` sends what `sends` says.
fn world(
    scenario: Scenario,
    sends: impl Fn(usize) -> Vec<(u64, Request)>,
) -> (World, Heard, Vec<Arc<Mutex<Vec<f32>>>>) {
    let heard: Heard = Arc::default();
    let samples: Vec<_> = (0..scenario.feeder.loads.len()).map(|_| Arc::default()).collect();
    let modem = |index: usize| -> Box<dyn Modem> {
        Box::new(TestModem {
            phy: CoordinatorPort::new(PhyConfig::default()),
            send_at: sends(index),
            heard: heard.clone(),
            samples: Arc::clone(&samples[index]),
            index,
        })
    };
    let meters = (0..scenario.feeder.loads.len()).map(modem).collect();
    let coordinator = Box::new(CoordinatorPort::new(PhyConfig::default()));
    (World::with_modems(scenario, coordinator, meters).unwrap(), heard, samples)
}

fn at_ms(ms: u64) -> Instant {
    Instant::from_ticks(0) + millis(ms)
}

fn psdus(events: impl IntoIterator<Item = Event>) -> Vec<Vec<u8>> {
    let psdu = |event| match event {
        Event::DataIndication(data) => Some(data.psdu.to_vec()),
        _ => None,
    };
    events.into_iter().filter_map(psdu).collect()
}

#[test]
fn a_frame_of_the_coordinator_reaches_every_meter_of_the_village() {
    let (mut world, heard, _) = world(Scenario::village(1), |_| Vec::new());
    let mut requests = vec![frame(b"to all of you", Modulation::Robust, 4_000)];
    let mut until = at_ms(0);
    while until < at_ms(160) {
        until = world.exchange(std::mem::take(&mut requests), at_ms(160)).now;
    }
    let heard = heard.lock().unwrap();
    for meter in 0..12 {
        let mine = heard.iter().filter(|(index, _)| *index == meter).map(|(_, event)| event.clone());
        let psdus = psdus(mine);
        assert_eq!(psdus.len(), 1, "meter {meter}");
        assert!(psdus[0].starts_with(b"to all of you"));
    }
}

#[test]
fn meters_reach_the_coordinator_with_clocks_fifty_ppm_apart() {
    let mut scenario = Scenario::village(2);
    scenario.clock_error = ClockError::Fixed { ppm: 50.0 };
    let send = |meter: usize| {
        let start = 2_000 + 40_000 * meter as u64;
        vec![(start, frame(&[meter as u8; 20], Modulation::Dbpsk, start))]
    };
    let (mut world, ..) = world(scenario, send);
    let mut events = Vec::new();
    while world.now() < at_ms(1_300) {
        events.extend(world.exchange(Vec::new(), at_ms(1_300)).events);
    }
    let first: Vec<u8> = psdus(events).iter().map(|psdu| psdu[0]).collect();
    assert_eq!(first, (0..12).collect::<Vec<u8>>());
}

#[test]
fn two_at_once_add_up_and_spoil_each_other() {
    // Meters 0 and 1 hang on the same joint; equal frames at the same time from both reach no one in one piece,
    // or only the stronger does.
    let send = |meter: usize| match meter {
        0 | 1 => vec![(2_000, frame(&[meter as u8 + 1; 60], Modulation::D8psk, 2_000))],
        _ => Vec::new(),
    };
    let (mut world, heard, _) = world(Scenario::village(3), send);
    world.run_blocks(200);
    let both = (2..12)
        .filter(|meter| {
            let heard = heard.lock().unwrap();
            let mine = heard.iter().filter(|(index, _)| index == meter).map(|(_, event)| event.clone());
            psdus(mine).len() == 2
        })
        .count();
    assert_eq!(both, 0, "nobody can decode two frames at once");
}

#[test]
fn a_run_repeats_bit_for_bit_on_one_thread_and_on_two() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let send = |meter: usize| {
                let start = 3_000 + 9_000 * meter as u64;
                vec![(start, frame(&[meter as u8; 30], Modulation::Dqpsk, start))]
            };
            let (mut world, heard, samples) = world(Scenario::village(4), send);
            let mut requests = vec![frame(b"first", Modulation::Robust, 100)];
            let mut events = Vec::new();
            while world.now() < at_ms(400) {
                events.extend(world.exchange(std::mem::take(&mut requests), at_ms(400)).events);
            }
            let heard = heard.lock().unwrap();
            let per_meter: Vec<Vec<Event>> = (0..12)
                .map(|meter| {
                    heard.iter().filter(|(i, _)| *i == meter).map(|(_, event)| event.clone()).collect()
                })
                .collect();
            let bits: Vec<Vec<u32>> = samples
                .iter()
                .map(|samples| samples.lock().unwrap().iter().map(|sample| sample.to_bits()).collect())
                .collect();
            (events, per_meter, bits)
        })
    };
    let one = run(1);
    assert!(!one.0.is_empty() && one.2[0].len() > 150_000);
    assert!(one == run(2), "two threads gave another run");
}

#[test]
fn exchange_ends_with_an_event_or_at_its_time() {
    let (mut world, ..) = world(Scenario::village(5), |_| Vec::new());
    let exchange = world.exchange(Vec::new(), at_ms(20));
    assert!(exchange.events.is_empty());
    assert!(exchange.now >= at_ms(20) && exchange.now < at_ms(21));
    let exchange = world.exchange(vec![frame(b"x", Modulation::Dbpsk, 0)], at_ms(2_000));
    assert!(matches!(exchange.events[..], [Event::TransmitConfirm(_)]), "{:?}", exchange.events);
    assert!(exchange.now < at_ms(120));
}

#[test]
fn the_village_is_all_in_reach() {
    let (world, ..) = world(Scenario::village(6), |_| Vec::new());
    let links = world.links();
    assert_eq!(links.len(), 12);
    for link in &links {
        eprintln!("{link:?}");
        assert!(link.in_reach, "{link:?}");
        assert!(link.down.worst_carrier_db <= link.down.snr_db);
    }
}

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

/// A G3 modem of any band, or a PRIME modem, that sends one frame at its beginning or listens.
enum Kind {
    G3(Box<g3_phy::phy::Phy>, Attachment),
    Prime(Box<prime_phy::phy::Phy>),
}

struct OneFrame {
    kind: Kind,
    octets: Option<Vec<u8>>,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Modem for OneFrame {
    fn attachment(&self) -> Attachment {
        match &self.kind {
            Kind::G3(_, attachment) => *attachment,
            Kind::Prime(_) => Attachment::PRIME,
        }
    }

    fn transmit(&mut self, from: u64, out: &mut [f32]) -> bool {
        let octets = self.octets.take();
        match &mut self.kind {
            Kind::G3(phy, attachment) => {
                if let Some(octets) = octets {
                    let plan =
                        if *attachment == Attachment::FCC { BandPlan::FCC_1 } else { BandPlan::CENELEC_A };
                    let tone_map = plan.full_tone_map();
                    let modulation = Modulation::Robust;
                    let layout =
                        PayloadLayout::for_psdu(&plan, ToneMask::ALL, tone_map, modulation, octets.len())
                            .unwrap();
                    let mut psdu = Psdu::from_slice(&octets).unwrap();
                    psdu.resize(usize::from(layout.psdu_capacity), 0).unwrap();
                    let request = PdDataRequest {
                        start: at_ms(5),
                        psdu,
                        modulation,
                        tone_map,
                        response_expected: false,
                    };
                    phy.request(at_ms(0), Request::Data(request));
                }
                phy.transmit(from, out)
            }
            Kind::Prime(phy) => {
                if let Some(octets) = octets {
                    let mpdu = prime_phy::primitives::Mpdu::from_slice(&octets).unwrap();
                    let request = prime_phy::primitives::PhyDataRequest {
                        time: at_ms(5),
                        mpdu,
                        scheme: prime_phy::Scheme::DbpskC,
                        level: 0,
                        frame_type: prime_phy::FrameType::A,
                        senses: None,
                    };
                    phy.request(at_ms(0), prime_phy::primitives::Request::Data(request));
                }
                phy.transmit(from, out)
            }
        }
    }

    fn receive(&mut self, from: u64, samples: &[f32]) {
        let mut heard = self.heard.lock().unwrap();
        match &mut self.kind {
            Kind::G3(phy, _) => {
                phy.receive(from, samples);
                heard.extend(psdus(std::iter::from_fn(|| phy.poll())));
            }
            Kind::Prime(phy) => {
                phy.receive(from, samples);
                while let Some(event) = phy.poll() {
                    if let prime_phy::primitives::Event::DataIndication(data) = event {
                        heard.push(data.mpdu.to_vec());
                    }
                }
            }
        }
    }
}

/// G3 in the FCC's band at 1.2 MHz, PRIME at 250 kHz and G3 in CENELEC-A at 400 kHz on one line, at either of its
/// rates, with clocks of their own: each pair hears its own. FCC and PRIME send at the same time.
#[test]
fn standards_of_different_sample_rates_share_a_line() {
    for plan in [FilterPlan::WIDE, FilterPlan::MIXED] {
        let heard: Vec<Arc<Mutex<Vec<Vec<u8>>>>> = (0..4).map(|_| Arc::default()).collect();
        let modem = |index: usize| -> Box<dyn Modem> {
            let octets = vec![0x10 + index as u8; 20];
            let config = PhyConfig { plan: BandPlan::FCC_1, ..PhyConfig::default() };
            let kind = match index / 2 {
                0 => Kind::G3(Box::new(g3_phy::phy::Phy::new(config)), Attachment::of(&BandPlan::FCC_1)),
                _ => Kind::Prime(Box::new(prime_phy::phy::Phy::new(prime_phy::phy::PhyConfig::default()))),
            };
            Box::new(OneFrame {
                kind,
                octets: index.is_multiple_of(2).then_some(octets),
                heard: heard[index].clone(),
            })
        };
        let mut scenario = Scenario::village(7);
        scenario.plan = plan;
        scenario.noise = vec![Preset::parse("n0=-100").unwrap()];
        let coordinator = Box::new(CoordinatorPort::new(PhyConfig::default()));
        let mut world = World::with_modems(scenario, coordinator, (0..4).map(modem).collect()).unwrap();
        // CENELEC-A waits until PRIME, in the same band, has finished.
        world.run_blocks(300);
        let by_cenelec = world.exchange(vec![frame(b"cenelec", Modulation::Robust, 90_000)], at_ms(350));
        assert!(matches!(by_cenelec.events[..], [Event::TransmitConfirm(_)]), "{:?}", by_cenelec.events);
        let first = |index: usize| heard[index].lock().unwrap().first().cloned().unwrap_or_default();
        assert!(first(1).starts_with(&[0x10; 20]), "{} kHz: FCC heard {:?}", plan.rate_hz / 1e3, first(1));
        assert!(first(3).starts_with(&[0x12; 20]), "{} kHz: PRIME heard {:?}", plan.rate_hz / 1e3, first(3));
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
