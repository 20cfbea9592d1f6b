//! The G3 receiver: any samples, not-a-number and clipping among them, any gaps; afterwards a clean frame is received.
#![no_main]

use fuzz::line::{Receives, disturb};
use g3_phy::encoder::{DataFrame, FrameEncoder};
use g3_phy::options::Options;
use g3_phy::primitives::Event;
use g3_phy::{BandPlan, Modulation, Receiver, ToneMap, ToneMask, Transmitter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| disturb(G3(Receiver::new(&PLAN, ToneMask::ALL, &OPTIONS)), octets));

const PLAN: BandPlan = BandPlan::CENELEC_A;
const OPTIONS: Options = Options::DEFAULT;

struct G3(Receiver);

impl Receives for G3 {
    const QUIET: usize = 100_000;

    fn push(&mut self, from: u64, samples: &[f32]) -> Option<u8> {
        self.0.push(from, samples);
        let mut heard = None;
        while let Some(event) = self.0.poll() {
            if let Event::DataIndication(data) = event {
                assert!(!data.psdu.is_empty());
                heard = data.psdu.first().copied();
            }
        }
        heard
    }

    fn frame(kind: u8, first: u8) -> Vec<f32> {
        let modulation = [Modulation::Dbpsk, Modulation::Dqpsk, Modulation::D8psk][usize::from(kind) % 3];
        let mut psdu = [7; 10];
        psdu[0] = first;
        let tone_map: ToneMap = PLAN.full_tone_map();
        let data = DataFrame { psdu: &psdu, modulation, tone_map, response_expected: false, pdc: 0 };
        let encoder = FrameEncoder::data(&PLAN, ToneMask::ALL, &OPTIONS, &data).expect("ten octets fit");
        let mut transmitter = Transmitter::new(&PLAN, &OPTIONS);
        let mut samples = vec![0.0; transmitter.load(encoder, 0.0)];
        let pulled = transmitter.pull(&mut samples);
        samples.truncate(pulled);
        samples
    }
}
