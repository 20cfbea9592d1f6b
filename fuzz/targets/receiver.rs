//! The receiver: any samples, not-a-number and clipping among them, any gaps; afterwards a clean frame is received.
//!
//! The input is a list of stretches: raw floats, noise, silence, a gap, a frame of a true transmitter with a gain.
#![no_main]

use fuzz::Input;
use g3_phy::encoder::{DataFrame, FrameEncoder};
use g3_phy::options::Options;
use g3_phy::primitives::Event;
use g3_phy::{BandPlan, Modulation, Receiver, ToneMap, ToneMask, Transmitter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let mut input = Input::new(octets);
    let mut line =
        Line { receiver: Receiver::new(&PLAN, ToneMask::ALL, &OPTIONS), at: 0, block: 64, heard: None };
    let mut longest = 0;
    for _ in 0..12 {
        if input.is_empty() {
            break;
        }
        let kind = input.u8();
        match kind % 6 {
            0 => {
                let floats = input.field();
                let samples: Vec<f32> =
                    floats.as_chunks::<4>().0.iter().map(|octets| f32::from_le_bytes(*octets)).collect();
                line.push(&samples);
            }
            1 => {
                let amplitude = f32::from_bits(input.u32());
                let mut state = u64::from(input.u8()) + 1;
                let samples: Vec<f32> = (0..2000).map(|_| amplitude * noise(&mut state)).collect();
                line.push(&samples);
            }
            2 => line.push(&vec![f32::from_bits(input.u32()); usize::from(input.u16()) % 4000]),
            3 => line.at += u64::from(input.u16()),
            4 => line.block = usize::from(input.u16()) % 700 + 1,
            _ => {
                let modulation =
                    [Modulation::Dbpsk, Modulation::Dqpsk, Modulation::D8psk][usize::from(kind) / 6 % 3];
                let mut samples = frame(modulation, input.u8());
                let gain = f32::from_bits(input.u32());
                let cut = samples.len().min(usize::from(input.u16()));
                samples.truncate(cut);
                longest = longest.max(cut);
                samples.iter_mut().for_each(|sample| *sample = (*sample * gain).clamp(-1.0, 1.0));
                line.push(&samples);
            }
        }
    }
    // Nothing may deafen it for good: after silence of the longest frame there is, the next frame comes through.
    line.push(&vec![0.0; 100_000]);
    line.heard = None;
    line.push(&frame(Modulation::Dbpsk, 42));
    line.push(&[0.0; 4000]);
    assert_eq!(line.heard, Some(42), "deaf");
});

const PLAN: BandPlan = BandPlan::CENELEC_A;
const OPTIONS: Options = Options {
    interleaving: g3_phy::options::Interleaving::Legacy,
    fccs_order: g3_phy::options::FccsOrder::LowNibbleFirst,
    fch_modulation: None,
    preamble_boost_db: 3.0103,
    tail: g3_phy::options::Tail::Complementary,
};

struct Line {
    receiver: Receiver,
    at: u64,
    block: usize,
    /// First octet of the last frame.
    heard: Option<u8>,
}

impl Line {
    fn push(&mut self, samples: &[f32]) {
        for block in samples.chunks(self.block) {
            self.receiver.push(self.at, block);
            self.at += block.len() as u64;
            while let Some(event) = self.receiver.poll() {
                if let Event::DataIndication(data) = event {
                    assert!(!data.psdu.is_empty());
                    self.heard = data.psdu.first().copied();
                }
            }
        }
    }
}

/// Samples of a frame of 10 octets that begin with `first`.
fn frame(modulation: Modulation, first: u8) -> Vec<f32> {
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

/// Uniform over -1..1.
fn noise(state: &mut u64) -> f32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
}
