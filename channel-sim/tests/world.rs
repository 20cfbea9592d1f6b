//! The world with PHYs as its modems: frames pass, collide, and repeat bit for bit.

#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test: figures for --nocapture, helpers may fail"
)]

use channel_sim::scenario::{ClockError, Scenario};
use channel_sim::world::{CoordinatorPort, Modem, PhyPort, World};
use g3_phy::layout::PayloadLayout;
use g3_phy::phy::PhyConfig;
use g3_phy::primitives::{Event, PdDataRequest, Psdu, Request};
use g3_phy::{BandPlan, Modulation, ToneMask};
use plc_core::time::{Instant, millis};
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
