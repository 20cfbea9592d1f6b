//! A meter that is a PHY alone, and worlds of them.

use channel_sim::scenario::Scenario;
use channel_sim::world::{CoordinatorPort, Modem, PhyPort, World};
use g3_phy::layout::PayloadLayout;
use g3_phy::phy::PhyConfig;
use g3_phy::primitives::{Event, PdDataRequest, Psdu, Request};
use g3_phy::{BandPlan, Modulation, ToneMask};
use plc_core::time::{Instant, millis};
use std::sync::{Arc, Mutex};

/// A meter that is a PHY alone: sends a frame every now and then and notes what it hears.
pub(crate) struct TestModem {
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

pub(crate) fn frame(octets: &[u8], modulation: Modulation, start: u64) -> Request {
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

pub(crate) type Heard = Arc<Mutex<Vec<(usize, Event)>>>;

/// A world whose meters are PHYs; meter `i` sends what `sends` says.
pub(crate) fn world(
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

pub(crate) fn at_ms(ms: u64) -> Instant {
    Instant::from_ticks(0) + millis(ms)
}

pub(crate) fn psdus(events: impl IntoIterator<Item = Event>) -> Vec<Vec<u8>> {
    let psdu = |event| match event {
        Event::DataIndication(data) => Some(data.psdu.to_vec()),
        _ => None,
    };
    events.into_iter().filter_map(psdu).collect()
}
