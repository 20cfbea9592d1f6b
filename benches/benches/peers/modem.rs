//! Transmitter and receiver of G3 in CENELEC-A against liquid-dsp's OFDM frames.
//!
//! A sample of ours is real, one of liquid-dsp's is complex and costs about twice as much; its payload has no code that
//! would have to be decoded, ours has both of G3's.

use crate::libraries::{LIQUID_PAYLOAD, Liquid};
use crate::{rounds::Group, support};
use dsp::Complex;
use g3_phy::encoder::{DataFrame, FrameEncoder};
use g3_phy::layout::PayloadLayout;
use g3_phy::options::Options;
use g3_phy::primitives::Event;
use g3_phy::{
    BandPlan, FrameWorkspace, Memory, Modulation, PreambleDetection, Receiver, ReceiverOptions, TX_RMS,
    ToneMask, Transmitter,
};
use std::hint::black_box;

const PLAN: BandPlan = BandPlan::CENELEC_A;
/// A modem's own rate, samples a microsecond.
const REAL_TIME: f64 = 0.4;
/// Samples that a receiver is fed at a time, 2.5 ms.
const BLOCK: usize = 1000;
/// Frames in a row on the line.
const FRAMES: usize = 4;
/// Samples of noise in a call.
const NOISE: usize = 20 * BLOCK;

pub(crate) fn transmitter() -> Group {
    let mut group = Group::new(1.0, "Msamples/s");
    if let Some(mut liquid) = Liquid::new() {
        let payload = payload();
        let mut out = vec![Complex::default(); 1 << 17];
        let samples = liquid.transmit(&payload, &mut out);
        group.add_of("liquid-dsp, complex, no code", samples as f64, move || {
            assert_eq!(liquid.transmit(black_box(&payload), &mut out), samples);
        });
    }
    for (name, modulation) in [
        ("ours, Robust", Modulation::Robust),
        ("ours, DBPSK", Modulation::Dbpsk),
        ("ours, D8PSK", Modulation::D8psk),
    ] {
        let (mut transmitter, psdu) = (Transmitter::new(&PLAN, &Options::default()), psdu(modulation));
        let mut out = frame(modulation, &psdu);
        let expected = out.clone();
        group.add_of(name, out.len() as f64, move || {
            transmitter.load(encoder(modulation, black_box(&psdu)), 0.0);
            assert_eq!(transmitter.pull(&mut out), out.len());
            assert_eq!(out.last(), expected.last());
        });
        group.goal_rate(name, Some(200.0), REAL_TIME);
    }
    group.goal("ours, DBPSK", "liquid-dsp, complex, no code", 1.0);
    group
}

/// The longest DBPSK frames without a gap between them, 30 dB above the noise.
pub(crate) fn decoding() -> Group {
    let mut group = Group::new(1.0, "Msamples/s");
    if let Some(mut liquid) = Liquid::new() {
        let mut out = vec![Complex::default(); 1 << 17];
        let samples = liquid.transmit(&payload(), &mut out);
        let mut line = out[..samples].repeat(FRAMES);
        let noise = noise(2 * line.len(), 0.003 / 2_f32.sqrt());
        line.iter_mut()
            .zip(noise.chunks(2))
            .for_each(|(sample, noise)| *sample += Complex::new(noise[0], noise[1]));
        let mut received = 0;
        group.add_of("liquid-dsp, complex, no code", line.len() as f64, move || {
            let before = std::mem::replace(&mut received, liquid.receive(black_box(&mut line)));
            assert_eq!(received - before, FRAMES);
        });
    }
    let mut line = frame(Modulation::Dbpsk, &psdu(Modulation::Dbpsk)).repeat(FRAMES);
    // The last frame's end is seen a symbol later.
    line.extend([0.0; BLOCK]);
    let noise = noise(line.len(), 0.003);
    line.iter_mut().zip(noise).for_each(|(sample, noise)| *sample += noise);
    let best = ReceiverOptions::iterative(8);
    let memory = Box::new(FrameWorkspace::new());
    let options = Options::default();
    receive(&mut group, "ours", Receiver::new(&PLAN, ToneMask::ALL, &options), &line, FRAMES);
    let receiver = Receiver::with_workspace(&PLAN, ToneMask::ALL, &options, &best, memory);
    receive(&mut group, "ours, 8 passes where needed", receiver, &line, FRAMES);
    group.goal_rate("ours", Some(100.0), REAL_TIME);
    group.goal("ours", "liquid-dsp, complex, no code", 1.0);
    group
}

/// White noise as strong as a signal.
pub(crate) fn listening() -> Group {
    let mut group = Group::new(NOISE as f64, "Msamples/s");
    if let Some(mut liquid) = Liquid::new() {
        let noise = noise(2 * NOISE, TX_RMS / 2_f32.sqrt());
        let mut line: Vec<Complex> = noise.chunks(2).map(|pair| Complex::new(pair[0], pair[1])).collect();
        group.add("liquid-dsp, complex", move || {
            assert_eq!(liquid.receive(black_box(&mut line)), 0);
        });
    }
    let (line, options) = (noise(NOISE, TX_RMS), Options::default());
    receive(&mut group, "ours", Receiver::new(&PLAN, ToneMask::ALL, &options), &line, 0);
    let matched = ReceiverOptions { preamble: PreambleDetection::Matched, ..ReceiverOptions::STANDARD };
    let memory = Box::new(FrameWorkspace::new());
    let receiver = Receiver::with_workspace(&PLAN, ToneMask::ALL, &options, &matched, memory);
    receive(&mut group, "ours, matched detector", receiver, &line, 0);
    group.goal_rate("ours", Some(200.0), REAL_TIME);
    group.goal_rate("ours, matched detector", None, REAL_TIME);
    group.goal("ours", "liquid-dsp, complex", 1.0);
    group
}

fn receive<W: Memory + 'static>(
    group: &mut Group,
    name: &str,
    mut receiver: Receiver<W>,
    line: &[f32],
    frames: usize,
) {
    let (line, mut at) = (line.to_vec(), 0);
    group.add_of(name, line.len() as f64, move || {
        let mut received = 0;
        for block in black_box(&line).chunks(BLOCK) {
            receiver.push(at, block);
            at += block.len() as u64;
            while let Some(event) = receiver.poll() {
                received += usize::from(matches!(event, Event::DataIndication(_)));
            }
        }
        assert_eq!(received, frames);
    });
}

/// As many octets as one Reed-Solomon block takes.
fn psdu(modulation: Modulation) -> Vec<u8> {
    let layout = PayloadLayout::largest(&PLAN, ToneMask::ALL, PLAN.full_tone_map(), modulation).unwrap();
    support::octets(usize::from(layout.psdu_capacity))
}

fn encoder(modulation: Modulation, psdu: &[u8]) -> FrameEncoder {
    let tone_map = PLAN.full_tone_map();
    let frame = DataFrame { psdu, modulation, tone_map, response_expected: false, pdc: 0 };
    FrameEncoder::data(&PLAN, ToneMask::ALL, &Options::default(), &frame).unwrap()
}

fn frame(modulation: Modulation, psdu: &[u8]) -> Vec<f32> {
    let mut transmitter = Transmitter::new(&PLAN, &Options::default());
    let mut samples = vec![0.0; transmitter.load(encoder(modulation, psdu), 0.0)];
    let count = transmitter.pull(&mut samples);
    samples.truncate(count);
    samples
}

fn payload() -> [u8; LIQUID_PAYLOAD] {
    support::octets(LIQUID_PAYLOAD).try_into().unwrap()
}

/// Uniform noise of the rms given.
fn noise(count: usize, rms: f32) -> Vec<f32> {
    support::octets(count)
        .into_iter()
        .map(|octet| (f32::from(octet) / 127.5 - 1.0) * rms * 3_f32.sqrt())
        .collect()
}
