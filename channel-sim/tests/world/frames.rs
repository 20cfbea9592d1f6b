//! PHYs as modems: frames pass, collide, and repeat bit for bit, of every standard on one line.

use super::kit::{at_ms, frame, psdus, world};
use channel_sim::line::filter::FilterPlan;
use channel_sim::noise::Preset;
use channel_sim::scenario::{ClockError, Scenario};
use channel_sim::world::{Attachment, CoordinatorPort, Modem, World};
use g3_phy::layout::PayloadLayout;
use g3_phy::phy::PhyConfig;
use g3_phy::primitives::{Event, PdDataRequest, Psdu, Request};
use g3_phy::{BandPlan, Modulation, ToneMask};
use std::sync::{Arc, Mutex};

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
