//! The G3 receivers: any samples, not-a-number and clipping among them, any gaps; afterwards a clean frame is received. The
//! first octet chooses the band, what the receiver does beyond the standard one, and whether it blanks impulses and notches
//! tones, as `ReceiverOptions::BEST` does.
#![no_main]

use fuzz::line::{Receives, disturb};
use g3_phy::encoder::{DataFrame, FrameEncoder};
use g3_phy::options::Options;
use g3_phy::primitives::Event;
use g3_phy::{
    BandPlan, FrameWorkspace, Memory, Mitigation, Modulation, NoWorkspace, Receiver, ReceiverOptions,
    ToneMask, Transmitter,
};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;

fuzz_target!(|octets: &[u8]| {
    let Some((&first, octets)) = octets.split_first() else { return };
    let plan = PLANS[usize::from(first) % PLANS.len()];
    let passes = first / 16 % 4;
    let mitigation =
        if first / 64 % 2 == 1 { ReceiverOptions::BEST.mitigation } else { Mitigation::default() };
    if passes == 0 {
        let beyond = ReceiverOptions { mitigation, ..ReceiverOptions::STANDARD };
        let receiver = Receiver::with_workspace(&plan, ToneMask::ALL, &OPTIONS, &beyond, NoWorkspace);
        return disturb(G3::<NoWorkspace> { plan, receiver }, octets);
    }
    // Half a megabyte that is not made anew for every input; what a frame left in it must not matter.
    thread_local! {
        static MEMORY: RefCell<FrameWorkspace> = const { RefCell::new(FrameWorkspace::new()) };
    }
    MEMORY.with_borrow_mut(|memory| {
        let beyond = ReceiverOptions { mitigation, ..ReceiverOptions::iterative(passes) };
        let receiver = Receiver::with_workspace(&plan, ToneMask::ALL, &OPTIONS, &beyond, memory);
        disturb(G3 { plan, receiver }, octets);
    });
});

const PLANS: [BandPlan; 3] = [BandPlan::CENELEC_A, BandPlan::FCC_1, BandPlan::ARIB];
const OPTIONS: Options = Options::DEFAULT;
const MODULATIONS: [Modulation; 8] = [
    Modulation::Dbpsk,
    Modulation::Dqpsk,
    Modulation::D8psk,
    Modulation::Robust,
    Modulation::Bpsk,
    Modulation::Qpsk,
    Modulation::Psk8,
    Modulation::RobustCoherent,
];
/// Octets of a short frame, and of one that takes two Reed-Solomon blocks where the band has them.
const SIZES: [usize; 2] = [10, 300];

struct G3<W> {
    plan: BandPlan,
    receiver: Receiver<W>,
}

impl<W: Memory> Receives for G3<W> {
    /// The longest frames have 252 payload symbols in CENELEC-A and 511 in the others.
    fn quiet(&self) -> usize {
        if self.plan.carriers() == BandPlan::CENELEC_A.carriers() { 100_000 } else { 160_000 }
    }

    fn push(&mut self, from: u64, samples: &[f32]) -> Option<u8> {
        self.receiver.push(from, samples);
        let mut heard = None;
        while let Some(event) = self.receiver.poll() {
            if let Event::DataIndication(data) = event {
                assert!(!data.psdu.is_empty());
                heard = data.psdu.first().copied();
            }
        }
        heard
    }

    fn frame(&self, kind: u8, first: u8) -> Vec<f32> {
        let kind = usize::from(kind);
        let modulation = MODULATIONS[kind % MODULATIONS.len()];
        let mut psdu = [7; SIZES[1]];
        psdu[0] = first;
        let encoder = |octets: usize| {
            let psdu = &psdu[..octets];
            let tone_map = self.plan.full_tone_map();
            let data = DataFrame { psdu, modulation, tone_map, response_expected: false, pdc: 0 };
            FrameEncoder::data(&self.plan, ToneMask::ALL, &OPTIONS, &data)
        };
        let size = SIZES[kind / MODULATIONS.len() % SIZES.len()];
        let encoder = encoder(size).or_else(|_| encoder(SIZES[0])).expect("ten octets fit");
        let mut transmitter = Transmitter::new(&self.plan, &OPTIONS);
        let mut samples = vec![0.0; transmitter.load(encoder, 0.0)];
        let pulled = transmitter.pull(&mut samples);
        samples.truncate(pulled);
        samples
    }
}
